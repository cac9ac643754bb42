"""Send 48 photos of 8 MB and write the 48 that come back, sixteen at once: a night's work in small."""

from .bodies import picture_bytes
from .contenders import Contender, opener
from .measure import Work
from .scenario import OURS, Case, Scenario, Setup, Target, ratio, typical

PLAIN, TLS = "48 photos of 8 MB", "48 photos of 8 MB over TLS"
PICTURES = picture_bytes("48x8")


async def once(contender: Contender, setup: Setup) -> Work:
    return Work(1, await contender.photos(setup.photos(), setup.out(), setup.case.at_once))


def _case(name: str, contenders: tuple[str, ...], *, tls: bool = False) -> Case:
    size = {"body": "1x8", "photos": "48x8", "pictures": PICTURES}
    return Case(name, contenders, 22, at_once=16, tls=tls, **size)  # type: ignore[arg-type]  # by name


SCENARIO = Scenario(
    "photo_run",
    "48 photos of 8 MB up, and back to disk",
    opener(once),
    (
        _case(PLAIN, ("aiohttp", "openai", OURS)),
        _case(TLS, ("aiohttp", "openai", OURS), tls=True),
    ),
    (
        Target("times faster than openai", 7, ratio(PLAIN, "openai", OURS), at_least=True),
        Target("memory", 80, typical(PLAIN, OURS, "peak", 2**20), "MB"),
        Target("times faster than openai over TLS", 4, ratio(TLS, "openai", OURS), at_least=True),
    ),
)
