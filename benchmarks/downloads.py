"""Fetch files to disk, eight at once. The floor writes on the event loop."""

from .bodies import picture_bytes
from .contenders import Contender, opener
from .measure import Work
from .scenario import OURS, Case, Scenario, Setup, Target, ratio, typical

NAME = "8x25 MB to disk"


async def once(contender: Contender, setup: Setup) -> Work:
    return Work(1, await contender.download(8, setup.out()))


SCENARIO = Scenario(
    "downloads",
    "fetch files to disk",
    opener(once),
    (Case(NAME, ("aiohttp", "json + base64", "httpx", OURS), 9, body="8x25", pictures=picture_bytes("8x25")),),
    (
        Target("8x25 MB to disk / aiohttp", 1.05, ratio(NAME, OURS, "aiohttp")),
        Target("stall", 5, typical(NAME, OURS, "stall", 1e-3), "ms"),
    ),
)
