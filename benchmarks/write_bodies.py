"""Send photos from files. The floor posts a body that was made beforehand, and counts without it."""

from .bodies import picture_bytes
from .contenders import Contender, opener
from .measure import Work
from .scenario import OURS, Case, Scenario, Setup, Target, ratio, typical

NAME = "4x8 MB from files"


async def once(contender: Contender, setup: Setup) -> Work:
    return Work(1, await contender.write(setup.photos()))


SCENARIO = Scenario(
    "write_bodies",
    "send photos from files",
    opener(once),
    (
        Case(
            NAME,
            ("aiohttp", "json + base64", "msgspec", "httpx", "openai", "fal-client", OURS),
            9,
            photos="4x8",
            pictures=picture_bytes("4x8"),
        ),
    ),
    (
        Target("4x8 MB from files / aiohttp with ready bytes", 0.6, ratio(NAME, OURS, "aiohttp")),
        Target("stall", 2, typical(NAME, OURS, "stall", 1e-3), "ms"),
        Target("memory", 8, typical(NAME, OURS, "peak", 2**20), "MB"),
    ),
)
