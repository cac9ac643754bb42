"""Run file work in threads of our own, so that a web framework's threads are never starved.

Three pools, since three things are scarce. Work that waits for a disk (opening, syncing, naming) gains from many
threads. Moving bytes gains from few: each more of them takes the interpreter and the cache from the event loop. And
a library that waits for somebody else's server, for minutes perhaps, must keep neither of them waiting.
The pools are `concurrent.futures`', as a hop through anyio's costs 50 us where theirs costs 20.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

T = TypeVar("T")
FILE_THREADS = 8  # disks do not get faster with more
NETWORK_THREADS = 4  # as many uploads at once
COPY_THREADS = 2  # a gigabyte a second each, which is more than a network brings

_pools: dict[str, ThreadPoolExecutor] = {}


async def run(function: Callable[..., T], *args: object, **kwargs: object) -> T:
    """Call a function that may wait for a disk in a thread and return what it returns.

    A cancelled caller leaves at once. The function goes on to its end if it has begun, and is never called
    otherwise: functions given here own what they touch, or guard it with a lock.
    """
    return await _call("file", FILE_THREADS, partial(function, *args, **kwargs))


async def copy(function: Callable[..., T], *args: object) -> T:
    """Do as `run` does with a function that moves bytes between memory and a file."""
    return await _call("copy", COPY_THREADS, partial(function, *args))


async def network(function: Callable[..., T], *args: object) -> T:
    """Do as `run` does with a function that waits for another server."""
    return await _call("network", NETWORK_THREADS, partial(function, *args))


def _call(name: str, threads: int, function: Callable[[], T]) -> "asyncio.Future[T]":
    pool = _pools.get(name)
    if pool is None:  # threads start one by one, as they are needed
        pool = _pools[name] = ThreadPoolExecutor(threads, thread_name_prefix=f"phota-{name}")
    return asyncio.get_running_loop().run_in_executor(pool, function)


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pools.clear)
