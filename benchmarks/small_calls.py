"""Ask for a profile's status, in bursts of a fixed time. The floor is aiohttp with bytes, in the same process."""

import asyncio
import time

from .contenders import Contender, opener
from .measure import Work
from .scenario import OURS, Case, Scenario, Setup, Target, typical

BURST = 0.1  # seconds
FEW = ("aiohttp", "msgspec", "openai", OURS)
ALL = ("aiohttp", "json + base64", "msgspec", "httpx", "openai", "fal-client", OURS)


async def once(contender: Contender, setup: Setup) -> Work:
    end = time.perf_counter() + BURST

    async def worker() -> int:
        count = 0
        while time.perf_counter() < end:
            await contender.status()
            count += 1
        return count

    return Work(sum(await asyncio.gather(*(worker() for _ in range(setup.case.at_once)))))


SCENARIO = Scenario(
    "small_calls",
    "ask for a profile's status",
    opener(once),
    tuple(
        Case(f"{count} at once", contenders, 6, at_once=count)
        for count, contenders in ((1, ALL), (32, ALL), (256, FEW))
    ),
    tuple(
        Target(f"CPU / aiohttp, {count} at once", 1.2, typical(f"{count} at once", OURS, "paired"))
        for count in (1, 32, 256)
    ),
    paired=True,
)
