"""Run file work in threads of our own allowance, so that a web framework's threads are never starved."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread

T = TypeVar("T")
FILE_THREADS = 8  # disks do not get faster with more

_limiters: WeakKeyDictionary[asyncio.AbstractEventLoop, anyio.CapacityLimiter] = WeakKeyDictionary()


async def run(function: Callable[..., T], *args: object, **kwargs: object) -> T:
    """Call a blocking function in a thread and return what it returns.

    A cancelled caller leaves at once while the function goes on to its end: functions given here own what
    they touch, or guard it with a lock.
    """
    loop = asyncio.get_running_loop()
    limiter = _limiters.get(loop)
    if limiter is None:
        limiter = _limiters[loop] = anyio.CapacityLimiter(FILE_THREADS)
    return await anyio.to_thread.run_sync(partial(function, *args, **kwargs), limiter=limiter)
