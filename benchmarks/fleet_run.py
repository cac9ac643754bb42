"""A fleet of worker processes on one queue, and what came of its run: files, ledger and charges are compared."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import psycopg

from phota_async import BatchItem, GenerateRequest, PostgresLedger
from phota_async.distributed import enqueue, prepare
from phota_async.distributed.engine import open_app
from phota_async.ledger import State

from .fleet_meter import Server
from .fleet_worker import READY, Settings
from .service import Service

T = TypeVar("T")
CAP = 30  # jobs unfinished at once
RECOVERED = 10.0  # seconds after a kill, at most
LOOK = 0.1  # seconds
ROUNDS = 6  # in which what the service failed at is enqueued again
OPEN = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND task_name = 'phota.item'"
TASKS = "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = %s"
KEPT = "SELECT count(*) FROM procrastinate_jobs WHERE id = ANY(%s) AND status = 'doing' AND worker_id = %s"
UNTAKEN = "SELECT count(*) FROM procrastinate_jobs WHERE id = ANY(%s) AND status = 'todo' AND attempts <= %s"


async def until(condition: Callable[[], Awaitable[T]], every: float = LOOK) -> T:
    """Look until a condition holds, and return what it gave."""
    while not (value := await condition()):  # noqa: ASYNC110 - what is waited for happens in other processes
        await asyncio.sleep(every)
    return value


class Audit(NamedTuple):
    """What came of a run."""

    items: int
    missing: int
    """Without a whole picture under its name, or not done in the ledger."""
    twice: int
    """Items that were charged more than once."""
    strays: int
    """Files too many."""
    again: int
    """Items that were enqueued again, as their job had failed."""
    most: int
    """Jobs unfinished at once."""
    recovery: float | None
    """Seconds after a kill until all that the dead worker had was given back to the queue."""
    taken: float | None
    """Seconds until somebody else was at all of that, which depends on how much everybody has to do."""
    seconds: float

    def holds(self) -> bool:
        """Whether nothing is missed."""
        is_in_time = self.recovery is None or self.recovery <= RECOVERED
        return not (self.missing or self.twice or self.strays) and self.most <= CAP and is_in_time


class Fleet:
    """Workers on one queue.

    Args:
        server: Where the queue and the ledger are.
        service: Where they buy.
        folder: Where pictures go.
        settings: Of each worker, where they differ from the usual ones.
    """

    def __init__(self, server: Server, service: Service, folder: Path, **settings: Any) -> None:
        self.server, self.service, self.folder = server, service, folder
        self.dsn = server.create()
        self.settings = Settings(
            dsn=self.dsn, base_url=service.base_url, api_key=service.api_key, folder=str(folder), **settings
        )
        self.again = 0
        self._numbers: dict[int, int] = {}  # of workers in the queue, by process

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run a worker; at the end it is told to end, and must."""
        told, others = msgspec.json.encode(self.settings).decode(), await self._workers()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.fleet_worker", told, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            line = await process.stdout.readline()
            if line.decode() != READY:
                raise AssertionError(f"expected a worker that is ready, got {line!r}")
            (self._numbers[process.pid],) = await until(partial(self._workers, others))
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()

    def items(self, count: int) -> list[BatchItem]:
        """Return items, each with a prompt of its own."""
        return [
            BatchItem(f"{number:06}", GenerateRequest(prompt=f"{self.dsn[-8:]} {number}")) for number in range(count)
        ]

    async def enqueue(self, items: list[BatchItem]) -> None:
        """Let items wait in the queue."""
        async with open_app(self.dsn) as app:
            await prepare(app)
            await enqueue(app, items)

    async def sold(self, count: int) -> None:
        """Wait until the service took so many jobs."""

        async def is_sold() -> bool:
            return bool((await self.service.account()).jobs >= count)

        await until(is_sold)

    async def finished(self, left: int = 0) -> int:
        """Wait until no more than so many tasks are left, and return how many are."""
        found = 0

        async def are_few() -> bool:
            nonlocal found
            found = int(await self.ask(OPEN))
            return found <= left

        await until(are_few)
        return found

    async def drained(self, items: list[BatchItem]) -> None:
        """Wait until all is done; what the service failed at is enqueued again, as people do."""
        for _ in range(ROUNDS):
            await self.finished()
            left = [item for item in items if not self.path(item).exists()]
            if not left:
                return
            self.again += len(left)
            await self.enqueue(left)

    def path(self, item: BatchItem) -> Path:
        """Return where an item's picture belongs."""
        return self.folder / f"{item.key}.generate-1.jpg"

    async def ask(self, statement: str, values: tuple[Any, ...] = ()) -> Any:
        """Return the first value of an answer, as soon as the server gives one."""
        while True:
            try:
                return (await self.rows(statement, values))[0][0]
            except psycopg.OperationalError:
                await asyncio.sleep(LOOK)

    async def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return an answer."""
        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as connection:
            return await (await connection.execute(statement.encode(), values)).fetchall()

    async def kill(self, process: asyncio.subprocess.Process) -> tuple[float, float]:
        """Kill a worker; return the seconds until all that it had is given back, and until it is in other hands."""
        process.kill()
        await process.wait()
        killed, dead = time.monotonic(), self._numbers[process.pid]
        had = [task for (task,) in await self.rows(TASKS, (dead,))]
        if not had:
            raise AssertionError("expected a worker that had something to do, got an idle one")
        await until(partial(self._is_none, KEPT, had, dead))
        recovery = time.monotonic() - killed
        await until(partial(self._is_none, UNTAKEN, had, 1))  # a first delivery that was cut off counts as one
        return recovery, time.monotonic() - killed

    async def _is_none(self, statement: str, *values: Any) -> bool:
        return not await self.ask(statement, values)

    async def _workers(self, others: Collection[int] = ()) -> set[int]:
        """Return the numbers of all workers but some."""
        return {int(worker) for (worker,) in await self.rows("SELECT id FROM procrastinate_workers")}.difference(others)

    async def audit(
        self, items: list[BatchItem], begun: float, recovery: float | None = None, taken: float | None = None
    ) -> Audit:
        """Look at files, ledger and charges."""
        account = await self.service.account()
        async with PostgresLedger(self.dsn) as ledger:
            done = {record.item async for record in ledger.records() if record.state is State.DONE}
        charged = {item.key: account.charges[_prompt(item)] for item in items}
        files = {path for path in self.folder.rglob("*") if path.is_file()}
        whole = {item.key for item in items if self.path(item) in files}
        return Audit(
            items=len(items),
            missing=sum(not (item.key in whole and item.key in done and charged[item.key]) for item in items),
            twice=sum(count > 1 for count in charged.values()),
            strays=len(files) - len(whole),
            again=self.again,
            most=account.most,
            recovery=recovery,
            taken=taken,
            seconds=time.monotonic() - begun,
        )


def _prompt(item: BatchItem) -> str:
    return str(item.request.prompt)
