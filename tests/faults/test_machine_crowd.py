"""A hundred thousand tasks at once: in turn, in bounded time and memory, and nothing is left when they are cut off."""

import asyncio
import gc
import itertools
import os
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, quick
from support.leftovers import check_nothing_left
from support.peer import Peer, silence, until
from support.till import Till
from support.virtual_time import virtual_time

from phota_async import GenerateRequest, Limiter, PhotaClient
from phota_async.turns import FREE, MOST_IN_A_ROW, PAID

from .trial import Trial

CROWD = 100_000
SEA = GenerateRequest(prompt="a sea")
EACH = 12_000  # bytes of memory that a task may take: an empty one takes some 1,500
SECONDS = 60.0  # that anything here may take on a busy machine; alone it takes two or three


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    """Look at the clock, and keep the collector from looking at a hundred thousand tasks again and again."""
    gc.collect()
    gc.freeze()
    gc.disable()
    begun = time.perf_counter()
    yield
    gc.enable()
    gc.unfreeze()
    assert time.perf_counter() - begun < SECONDS


def memory() -> int:
    """Return the bytes of memory that this process takes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@virtual_time
async def test_a_crowd_gets_its_turns_in_order_paid_calls_first_and_free_ones_all_the_same(fault: Trial) -> None:
    limiter, order = Limiter(64), list[tuple[int, int]]()

    async def call(number: int) -> None:
        priority = FREE if number % 2 else PAID
        await limiter.acquire(priority)
        try:
            assert limiter.statistics().running <= 64 if number % 1000 == 0 else True
            order.append((priority, number))
            await asyncio.sleep(0)
        finally:
            limiter.release()

    async with asyncio.TaskGroup() as group:
        for number in range(CROWD):
            group.create_task(call(number))
    fault.tried()
    for priority in (PAID, FREE):
        turns = [number for each, number in order if each == priority]
        assert turns == sorted(turns)
    free = [place for place, (priority, _) in enumerate(order) if priority == FREE]
    waits = [after - before for before, after in itertools.pairwise(free)]
    assert max(waits) <= MOST_IN_A_ROW + 1
    assert (limiter.statistics().running, limiter.statistics().waiting) == (0, 0)


async def test_a_crowd_of_calls_waits_in_little_memory_and_leaves_nothing(fault: Trial) -> None:
    async with Peer(silence) as peer, PhotaClient(KEY, peer.url, config=quick(timeout=600)) as client:
        before = memory()
        calls = [asyncio.ensure_future(client.send(SEA)) for _ in range(CROWD)]
        await until_waiting(client, CROWD - 64)
        assert (memory() - before) / CROWD < EACH
        assert client.limiter.statistics().running == 64
        await until(lambda: len(peer.requests) == 64)
        for call in calls:
            call.cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(end) for end in ends} == {asyncio.CancelledError}
        check_nothing_left(client)
        assert len(peer.requests) == 64
        assert await still_serves(client)
    fault.tried()


async def until_waiting(client: PhotaClient, count: int) -> None:
    """Let all of them begin: counting those who wait takes as long as many of them begin."""
    async with asyncio.timeout(SECONDS):
        while client.limiter.statistics().waiting < count:  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.1)


async def still_serves(client: PhotaClient) -> bool:
    """Whether the limiter still has all of its places."""
    async with asyncio.TaskGroup() as group:
        for _ in range(64):
            group.create_task(client.limiter.acquire())
    return client.limiter.statistics().running == 64


async def test_a_crowd_that_waits_for_jobs_costs_a_look_for_each_job(fault: Trial) -> None:
    """Each of them is told, and the service is asked no more than one waiter for each job would ask it."""
    jobs, crowd = 100, CROWD // 5

    async def wait(client: PhotaClient, number: int) -> str | None:
        return (await client.jobs.wait(f"job-{number % jobs}", timeout=600)).job_id

    async with Till(looks=2) as till, PhotaClient(KEY, till.peer.url, config=quick()) as client:
        before = memory()
        waits: list[Coroutine[Any, Any, str | None]] = [wait(client, number) for number in range(crowd)]
        ends = await asyncio.gather(*waits)
        assert (memory() - before) / crowd < EACH
        assert ends == [f"job-{number % jobs}" for number in range(crowd)]
        assert len(till.peer.requests) <= 3 * jobs
        check_nothing_left(client)
    fault.tried()
