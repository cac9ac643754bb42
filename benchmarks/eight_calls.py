"""Eight calls at once, each of four pictures of 8 MB, into memory: a web service at work."""

import asyncio

from .bodies import picture_bytes
from .contenders import Contender, opener
from .measure import Work
from .scenario import OURS, Case, Scenario, Setup, Target, ratio, typical

PLAIN, TLS = "8 calls of 4x8 MB", "8 calls of 4x8 MB over TLS"
PICTURES = 8 * picture_bytes("4x8")


async def once(contender: Contender, setup: Setup) -> Work:
    return Work(1, await asyncio.gather(*(contender.read() for _ in range(setup.case.at_once))))


SCENARIO = Scenario(
    "eight_calls",
    "eight calls at once of 4x8 MB each",
    opener(once),
    (
        Case(PLAIN, ("aiohttp", "openai", OURS), 14, body="4x8", at_once=8, pictures=PICTURES),
        Case(TLS, ("aiohttp", "openai", OURS), 14, body="4x8", at_once=8, pictures=PICTURES, tls=True),
    ),
    (
        Target("times faster than openai", 7, ratio(PLAIN, "openai", OURS), at_least=True),
        Target("stall", 25, typical(PLAIN, OURS, "stall", 1e-3), "ms"),
        Target("times faster than openai over TLS", 4, ratio(TLS, "openai", OURS), at_least=True),
    ),
)
