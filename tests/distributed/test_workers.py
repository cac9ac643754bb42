"""Workers of a queue, as processes: killed, told to end, with a PostgreSQL that goes away; each item is bought once."""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import support
from procrastinate import App, PsycopgConnector
from support.fleet import check_each_once, misbehave, worker_process
from support.postgres import Server, running_server
from support.waiting import until

from phota_async import BatchItem, GenerateRequest, PostgresLedger
from phota_async.distributed import enqueue
from phota_async.ledger import State
from phota_async.sandbox import Sandbox

pytestmark = pytest.mark.system

CAP = 24
WORKER = Path(support.__file__ or "").parent / "queue_worker.py"
LEFT = """SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND task_name = 'phota.item'"""


class Fleet:
    """Workers, the service they buy from, and the queue between."""

    def __init__(self, sandbox: Sandbox, dsn: str, folder: Path) -> None:
        self.sandbox, self.dsn, self.folder = sandbox, dsn, folder
        self.count = 0

    async def enqueue(self, count: int) -> int:
        self.count = count
        app = App(connector=PsycopgConnector(conninfo=self.dsn))
        async with app.open_async():
            items = (BatchItem(f"{number:04}", GenerateRequest(prompt=f"boat {number}")) for number in range(count))
            return await enqueue(app, items, batch="boats")

    @asynccontextmanager
    async def worker(self, **options: Any) -> AsyncIterator[Process]:
        told = {
            "dsn": self.dsn,
            "base_url": self.sandbox.base_url,
            "folder": str(self.folder),
            "cap": CAP,
            "concurrency": 10,
            "heartbeat": 0.5,
            "stalled_after": 1.5,
            **options,
        }
        async with worker_process(WORKER, told, is_begun=True) as process:
            yield process

    async def bought(self, count: int) -> None:
        """Wait until so many were bought."""
        while len(self.sandbox.charges) < count:
            await self.sandbox.wait_for_requests(len(self.sandbox.requests) + 1)

    async def workers(self, count: int) -> set[int]:
        """Wait until so many workers have begun, and return their numbers."""
        found = set[int]()

        async def are_there() -> bool:
            found.update(number for (number,) in await self.ask_about("procrastinate_workers", "id"))
            return len(found) >= count

        await until(are_there)
        return found

    async def carried_out_by(self, worker: int) -> int:
        return len(await self.ask(f"SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = {worker}"))

    async def is_relieved(self, worker: int) -> bool:
        """Whether nothing is left of what a worker had."""
        return await self.carried_out_by(worker) == 0

    async def ask_about(self, table: str, what: str) -> list[tuple[Any, ...]]:
        is_there = await self.ask(f"SELECT to_regclass('{table}') IS NOT NULL")
        return await self.ask(f"SELECT {what} FROM {table}") if is_there == [(True,)] else []

    async def drained(self) -> None:
        """Wait until nothing is left in the queue."""

        async def is_empty() -> bool:
            return await self.ask(LEFT) == [(0,)]

        await until(is_empty)

    async def ask(self, statement: str) -> list[tuple[Any, ...]]:
        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as connection:
            return await (await connection.execute(statement.encode())).fetchall()

    async def audit(self) -> None:
        """Every item was bought once and lies there once, and the ledger and the service agree."""
        check_each_once(self.sandbox, self.folder, self.count)
        async with PostgresLedger(self.dsn) as ledger:
            assert [record.state async for record in ledger.records("boats")] == [State.DONE] * self.count
        assert await self.ask("SELECT * FROM procrastinate_jobs WHERE task_name = 'phota.item'") == []


@pytest.fixture
async def service() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=0.25, picture_scale=0.03, id_memory=1e9, link_lifetime=1e9) as started:
        yield started


@pytest.fixture
def fleet(service: Sandbox, dsn: str, tmp_path: Path) -> Fleet:
    return Fleet(service, dsn, tmp_path / "out")


async def test_what_a_killed_worker_had_is_done_by_the_others(fleet: Fleet) -> None:
    misbehave(fleet.sandbox)
    told = {"heartbeat": 5.0, "stalled_after": 7.0}
    async with AsyncExitStack() as scope:
        victim = await scope.enter_async_context(fleet.worker(**told))
        (number,) = await fleet.workers(1)
        others = [await scope.enter_async_context(fleet.worker(**told)) for _ in range(2)]
        await fleet.workers(3)
        assert await fleet.enqueue(200) == 200
        await fleet.bought(80)
        victim.kill()
        killed = time.monotonic()
        assert await fleet.carried_out_by(number) > 0
        await until(lambda: fleet.is_relieved(number))
        assert time.monotonic() - killed < 10
        await fleet.drained()
        assert [other.returncode for other in others] == [None, None]
    await fleet.audit()


async def test_a_worker_that_is_told_to_end_finishes_what_it_began(fleet: Fleet) -> None:
    fleet.sandbox.fail("GET /cdn/{name}", times=None, delay=0.3)
    async with fleet.worker(grace=30) as worker:
        await fleet.enqueue(60)
        await fleet.bought(20)
        worker.send_signal(signal.SIGTERM)
        assert await worker.wait() == 0
        begun = len(fleet.sandbox.charges)
        files = [path for path in fleet.folder.rglob("*") if path.is_file()]
        assert begun == len(files) < 60
        assert await fleet.ask(LEFT) == [(60 - begun,)]
        assert (
            await fleet.ask("SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND task_name LIKE 'phota%'")
            == []
        )
    async with fleet.worker():
        await fleet.drained()
    await fleet.audit()


@pytest.fixture
async def slow() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=3600, picture_scale=0.03, id_memory=1e9, link_lifetime=1e9) as started:
        yield started


async def test_what_takes_too_long_at_the_end_is_given_back(slow: Sandbox, dsn: str, tmp_path: Path) -> None:
    fleet = Fleet(slow, dsn, tmp_path / "out")
    async with fleet.worker(grace=0.2) as worker:
        await fleet.enqueue(8)
        await fleet.bought(8)
        worker.send_signal(signal.SIGTERM)
        assert await worker.wait() == 0
    assert await fleet.ask("SELECT DISTINCT status::text FROM procrastinate_jobs WHERE task_name = 'phota.item'") == [
        ("todo",)
    ]
    fleet.sandbox.clock.advance(3600)
    async with fleet.worker():
        await fleet.drained()
    await fleet.audit()


@pytest.fixture
def restartable() -> Iterator[Server]:
    with running_server(careless=False) as server:
        yield server


async def test_workers_go_on_by_themselves_when_the_server_returns(
    service: Sandbox, restartable: Server, tmp_path: Path
) -> None:
    fleet = Fleet(service, restartable.create(), tmp_path / "out")
    async with fleet.worker() as one, fleet.worker() as other:
        await fleet.enqueue(100)
        await fleet.bought(30)
        await asyncio.to_thread(restartable.stop, "immediate")
        await asyncio.sleep(3.0)  # the outage itself: longer than others wait before they take over
        assert len(fleet.sandbox.charges) < 100
        await asyncio.to_thread(restartable.start)
        await fleet.drained()
        assert one.returncode is other.returncode is None
    await fleet.audit()
