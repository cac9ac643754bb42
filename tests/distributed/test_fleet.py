"""Several processes on the same items at once: killed, stopped, with a database that goes away; all is bought once."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import support
from support import redis_server
from support.fleet import check_each_once, misbehave, worker_process
from support.postgres import Server, running_server

from phota_async import PostgresLedger
from phota_async.ledger import State
from phota_async.sandbox import Sandbox

pytestmark = pytest.mark.system

COUNT, CAP = 42, 8
WORKER = Path(support.__file__ or "").parent / "fleet_worker.py"


class Fleet:
    """Workers, the service they buy from, and how many jobs were unfinished there at once."""

    def __init__(self, sandbox: Sandbox, dsn: str, folder: Path, redis: str = "") -> None:
        self.sandbox, self.dsn, self.folder, self.redis = sandbox, dsn, folder, redis
        self.unfinished = self.most = self.jobs = 0
        self._followers = set[asyncio.Task[None]]()
        add = sandbox._parts.jobs.add

        def note(job: Any) -> None:
            add(job)
            self.jobs += 1
            self.unfinished += 1
            self.most = max(self.most, self.unfinished)
            self._followers.add(asyncio.create_task(self._follow(job)))

        setattr(sandbox._parts.jobs, "add", note)  # noqa: B010 - in its place

    async def _follow(self, job: Any) -> None:
        await job.done.wait()
        self.unfinished -= 1

    @asynccontextmanager
    async def worker(self, number: int) -> AsyncIterator[Process]:
        told = {
            "dsn": self.dsn,
            "base_url": self.sandbox.base_url,
            "folder": str(self.folder),
            "count": COUNT,
            "start": number * COUNT // 3,
            "cap": CAP,
            "redis": self.redis,
        }
        async with worker_process(WORKER, told) as process:
            yield process

    async def begin(self, *workers: Process) -> None:
        """Let workers begin, all at once."""
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write(b"go\n")
            await worker.stdin.drain()

    async def sees(self, jobs: int) -> None:
        """Wait until so many jobs were taken."""
        while self.jobs < jobs:
            await self.sandbox.wait_for_requests(len(self.sandbox.requests) + 1)

    async def audit(self) -> None:
        """Every item was bought once and lies there once, and the ledger and the service agree."""
        check_each_once(self.sandbox, self.folder, COUNT)
        assert self.most <= CAP
        async with PostgresLedger(self.dsn) as ledger:
            assert [record.state async for record in ledger.records()] == [State.DONE] * COUNT


async def ended(process: Process) -> dict[str, int]:
    """Wait for a worker's end and return how its items ended."""
    out, _ = await process.communicate()
    assert process.returncode == 0
    counts: dict[str, int] = json.loads(out.split(b"\n")[-2])
    return counts


@pytest.fixture
async def service() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=0.25, picture_scale=0.03, id_memory=1e9, link_lifetime=1e9) as started:
        yield started


@pytest.fixture
def fleet(service: Sandbox, dsn: str, tmp_path: Path) -> Fleet:
    return Fleet(service, dsn, tmp_path / "out")


async def test_two_processes_that_race_for_the_same_items_buy_each_once(fleet: Fleet) -> None:
    async with fleet.worker(0) as one, fleet.worker(0) as other:
        await fleet.begin(one, other)
        ends = await asyncio.gather(ended(one), ended(other))
    assert [sum(counts.values()) for counts in ends] == [COUNT] * 2
    assert sum(counts.get("done", 0) for counts in ends) == COUNT
    await fleet.audit()


async def test_a_killed_worker_costs_nothing_and_loses_nothing(fleet: Fleet) -> None:
    misbehave(fleet.sandbox)
    async with AsyncExitStack() as scope:
        workers = [await scope.enter_async_context(fleet.worker(number)) for number in range(3)]
        await fleet.begin(*workers)
        await fleet.sees(20)
        workers[0].kill()
        for counts in await asyncio.gather(*map(ended, workers[1:])):
            assert counts.keys() <= {"done", "skipped"}
    await fleet.audit()


async def test_a_worker_that_stands_still_and_wakes_buys_nothing_twice(fleet: Fleet) -> None:
    async with fleet.worker(0) as frozen, fleet.worker(0) as other:
        await fleet.begin(frozen, other)
        await fleet.sees(10)
        frozen.send_signal(signal.SIGSTOP)
        await ended(other)
        frozen.send_signal(signal.SIGCONT)
        await ended(frozen)
    await fleet.audit()


@pytest.fixture
def restartable() -> Iterator[Server]:
    with running_server(careless=False) as server:
        yield server


async def test_a_database_that_goes_away_and_returns_stops_nobody(
    service: Sandbox, restartable: Server, tmp_path: Path
) -> None:
    fleet = Fleet(service, restartable.create(), tmp_path / "out")
    async with fleet.worker(0) as one, fleet.worker(1) as other:
        await fleet.begin(one, other)
        await fleet.sees(15)
        await asyncio.to_thread(restartable.stop, "immediate")
        await asyncio.sleep(3.5)  # the outage itself: longer than a worker's run lives for without a sign
        jobs = fleet.jobs
        await asyncio.sleep(0.5)
        assert fleet.jobs == jobs < COUNT  # nothing new is sent
        await asyncio.to_thread(restartable.start)
        for counts in await asyncio.gather(ended(one), ended(other)):
            assert counts.keys() <= {"done", "skipped"}
    await fleet.audit()


async def test_the_cap_holds_while_a_worker_and_the_redis_that_keeps_it_are_killed(
    service: Sandbox, dsn: str, tmp_path: Path
) -> None:
    with redis_server.running_server() as server:
        fleet = Fleet(service, dsn, tmp_path / "out", server.url)
        async with AsyncExitStack() as scope:
            workers = [await scope.enter_async_context(fleet.worker(number)) for number in range(3)]
            await fleet.begin(*workers)
            await fleet.sees(12)
            workers[0].kill()
            await fleet.sees(18)
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(1.5)  # the outage itself: longer than places live that are not renewed
            jobs = fleet.jobs
            await asyncio.sleep(0.5)
            assert fleet.jobs == jobs < COUNT  # nothing new is sent
            await asyncio.to_thread(server.start)
            for counts in await asyncio.gather(*map(ended, workers[1:])):
                assert counts.keys() <= {"done", "skipped"}
    await fleet.audit()
