"""Read an answer with pictures, into memory and into files. The floor reads bytes and understands nothing."""

from .bodies import picture_bytes
from .contenders import Contender, opener
from .measure import Work
from .scenario import OURS, Case, Scenario, Setup, Target, ratio, typical

ALL = ("aiohttp", "json + base64", "msgspec", "httpx", "openai", "fal-client", OURS)
FILES = ("aiohttp", "json + base64", "openai", OURS)


async def once(contender: Contender, setup: Setup) -> Work:
    case = setup.case
    if case.name.endswith("files"):
        return Work(case.calls, [await contender.read_to_files(setup.out()) for _ in range(case.calls)])
    for _ in range(case.calls):
        kept = await contender.read()
    return Work(case.calls, kept)


def _case(body: str, where: str, seconds: float, contenders: tuple[str, ...], calls: int = 1) -> Case:
    name = f"{body} MB into {where}"
    return Case(name, contenders, seconds, body=body, calls=calls, pictures=picture_bytes(body))


SCENARIO = Scenario(
    "read_bodies",
    "read an answer with pictures",
    opener(once),
    (
        _case("1x1", "memory", 4, ALL, calls=20),
        _case("4x8", "memory", 9, ALL),
        _case("4x25", "memory", 12, ("aiohttp", "msgspec", "openai", OURS)),
        _case("4x8", "files", 6, FILES),
        _case("4x25", "files", 8, ("aiohttp", "openai", OURS)),
    ),
    (
        Target("1x1 MB into memory / aiohttp", 1.25, ratio("1x1 MB into memory", OURS, "aiohttp")),
        Target("4x8 MB into memory / aiohttp", 0.8, ratio("4x8 MB into memory", OURS, "aiohttp")),
        Target("4x25 MB into memory / aiohttp", 0.7, ratio("4x25 MB into memory", OURS, "aiohttp")),
        Target("stall, 4x8 MB into memory", 5, typical("4x8 MB into memory", OURS, "stall", 1e-3), "ms"),
        Target("stall, 4x25 MB into memory", 5, typical("4x25 MB into memory", OURS, "stall", 1e-3), "ms"),
        Target("stall, 4x8 MB into files", 5, typical("4x8 MB into files", OURS, "stall", 1e-3), "ms"),
        Target("stall, 4x25 MB into files", 5, typical("4x25 MB into files", OURS, "stall", 1e-3), "ms"),
        Target(
            "memory / pictures, 4x8 MB",
            1.1,
            typical("4x8 MB into memory", OURS, "peak", picture_bytes("4x8")),
        ),
        Target(
            "memory / pictures, 4x25 MB",
            1.1,
            typical("4x25 MB into memory", OURS, "peak", picture_bytes("4x25")),
        ),
        Target("memory, 4x8 MB into files", 16, typical("4x8 MB into files", OURS, "peak", 2**20), "MB"),
        Target("memory, 4x25 MB into files", 16, typical("4x25 MB into files", OURS, "peak", 2**20), "MB"),
    ),
)
