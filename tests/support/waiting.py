"""Wait for what other processes write into a database, which tells nobody."""

import asyncio
from collections.abc import Awaitable, Callable

LOOK = 0.03  # seconds


async def until(is_so: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(seconds):
        while not await is_so():  # noqa: ASYNC110 - no event comes out of another process
            await asyncio.sleep(LOOK)
