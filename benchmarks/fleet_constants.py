"""What does an item of a fleet cost? ``python -m benchmarks.fleet_constants [--json FILE]``, less than a minute.

A real PostgreSQL with durable commits, the shop on loopback, and one worker of items as jobs: what the ledger, the
places and the queue ask of the database, the CPU of the worker and of the database, bytes on disk and on the wire.
What matters most is what cannot happen side by side: commits that change one row, or that notify, wait for each
other's write to the disk. The numbers are those of `fleet_model`, which asks what 200 workers would meet.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import procrastinate
from psycopg import AsyncConnection

from phota_async import (
    BatchItem,
    ClientConfig,
    GenerateRequest,
    ItemRunner,
    ItemSettings,
    PhotaClient,
    PostgresLeases,
    PostgresLedger,
)

from .fleet_meter import Meter
from .fleet_shop import Account, serve
from .runner import spawn

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.postgres import Server, running_server  # noqa: E402 - found beside the benchmarks

AT_ONCE = 20
ITEMS, FIRST = 200, 40  # measured, and before them
JOB_SECONDS = 0.2
LOOK = 0.23  # seconds: one look a job, as at most jobs of a minute that are told by a callback
CAP = 5_000
BACKLOGS = (10_000, 100_000, 200_000)
ROWS = 100_000  # of the ledger
CLIENTS = 16  # connections that commit side by side
PERIOD = 1.5  # seconds for which they do
TRIES = 60
Step = Callable[[AsyncConnection[Any], int], Awaitable[Any]]


class Constants(msgspec.Struct, kw_only=True):
    """Costs; seconds, bytes and counts are those of one item where nothing else is said."""

    # The disk, and what waits for it
    commit: float = 0.0
    """Seconds of one commit, alone."""
    commits_apart: float = 0.0
    """Commits a second of different rows."""
    commits_of_one_row: float = 0.0
    commits_that_notify: float = 0.0

    # The worker
    worker_cpu: float = 0.0
    worker_cpu_without_places: float = 0.0
    received: float = 0.0
    """Bytes that the service got."""
    connections: float = 0.0
    """To PostgreSQL, of one busy worker without its queue."""

    # The database: ledger and places
    transactions: float = 0.0
    transactions_without_places: float = 0.0
    database_cpu: float = 0.0
    database_cpu_without_places: float = 0.0
    log: float = 0.0
    row: float = 0.0
    """Of the ledger, its indexes included."""
    acquire: float = 0.0
    """With a cap of 5,000 of which nearly all are held."""
    acquire_of_few: float = 0.0
    """With a cap of 5,000 of which nearly none are held."""
    confirm: float = 0.0
    release: float = 0.0

    # The queue
    insert: float = 0.0
    fetch: dict[str, float] = {}
    """By how many wait."""
    fetch_blindly: float = 0.0
    """The same with the most, before ANALYZE."""
    finish: float = 0.0
    queue_cpu: float = 0.0
    """Of the database, for a fetch and a finish."""
    queue_log: float = 0.0
    queued: float = 0.0
    """Bytes of a task that waits."""
    finished: float = 0.0
    """Bytes that a task leaves which is done and kept."""


async def measure(server: Server, pipe: Connection) -> Constants:
    """Measure everything, one after the other."""
    found = Constants()
    await measure_commits(server, found)
    await measure_items(server, pipe, found, places=False)
    await measure_items(server, pipe, found, places=True)
    await measure_rows(server, found)
    await measure_places(server, found)
    await measure_queue(server, found)
    return found


# Commits


async def measure_commits(server: Server, found: Constants) -> None:
    """Find out how many commits there can be in a second, of each kind."""
    dsn = server.create()
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("CREATE TABLE t AS SELECT n, 0 AS v FROM generate_series(1, 64) AS n")
        await connection.execute("CREATE UNIQUE INDEX ON t (n)")
        found.commit = await _seconds(lambda: _change(connection, 1))
    found.commits_apart = await _rate(dsn, _change)
    found.commits_of_one_row = await _rate(dsn, lambda connection, _: _change(connection, 1))
    found.commits_that_notify = await _rate(dsn, _change_and_notify)


async def _change(connection: AsyncConnection[Any], number: int) -> None:
    await connection.execute("UPDATE t SET v = v + 1 WHERE n = %s", (number,))


async def _change_and_notify(connection: AsyncConnection[Any], number: int) -> None:
    await connection.execute(
        "WITH done AS (UPDATE t SET v = v + 1 WHERE n = %s RETURNING n) SELECT pg_notify('t', 'n') FROM done", (number,)
    )


async def _rate(dsn: str, step: Step) -> float:
    """Return how often a second connections together can do something."""
    done, until = 0, time.perf_counter() + PERIOD

    async def client(number: int) -> None:
        nonlocal done
        async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
            while time.perf_counter() < until:
                await step(connection, number)
                done += 1

    await asyncio.gather(*(client(number) for number in range(1, CLIENTS + 1)))
    return done / PERIOD


# Items


@asynccontextmanager
async def runner_of(dsn: str, shop: tuple[str, str], cap: int | None) -> AsyncIterator[ItemRunner]:
    """Open all that a worker has, and its folder."""
    async with AsyncExitStack() as scope:
        folder = scope.enter_context(tempfile.TemporaryDirectory(prefix="phota-benchmark-"))
        config = ClientConfig(job_interval=LOOK, max_job_interval=LOOK)
        client = await scope.enter_async_context(PhotaClient(shop[1], shop[0], config=config))
        ledger = await scope.enter_async_context(PostgresLedger(dsn))
        leases = None if cap is None else await scope.enter_async_context(PostgresLeases(dsn, cap))
        settings = ItemSettings(max_concurrency=AT_ONCE)
        yield await scope.enter_async_context(
            ItemRunner(client, folder, store=ledger, limiter=leases, settings=settings)
        )


async def carry_out(runner: ItemRunner, items: int, words: str, at_once: int = AT_ONCE) -> None:
    """Carry out items, so many at once."""
    places = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with places:
            outcome = await runner.run(BatchItem(f"{words}/{number}", GenerateRequest(prompt=f"{words} {number}")))
        if outcome.status != "done":
            raise AssertionError(f"expected an item that is done, got {outcome.status}: {outcome.error}")

    await asyncio.gather(*map(one, range(items)))


async def measure_items(server: Server, pipe: Connection, found: Constants, *, places: bool) -> None:
    """Carry out items, and look at what everybody used."""
    dsn = server.create()
    meter = Meter(server.data, dsn)
    async with runner_of(dsn, _address_of(pipe), CAP if places else None) as runner:
        await carry_out(runner, FIRST, f"warm {dsn[-12:]}")
        await asyncio.sleep(1.2)  # what connections did is told when they are idle
        sold, before, cpu = _account(pipe), meter.read(), time.process_time()
        await carry_out(runner, ITEMS, dsn[-12:])
        cpu = (time.process_time() - cpu) / ITEMS
        await asyncio.sleep(1.2)
        used, shop = meter.read() - before, _account(pipe)
        connections = meter.connections()
    if not places:
        found.worker_cpu_without_places, found.database_cpu_without_places = cpu, used.cpu / ITEMS
        found.transactions_without_places = used.transactions / ITEMS
        return
    found.worker_cpu, found.database_cpu, found.log = cpu, used.cpu / ITEMS, used.log / ITEMS
    found.transactions, found.connections = used.transactions / ITEMS, connections
    found.received = (shop.received - sold.received) / ITEMS


def _account(pipe: Connection) -> Account:
    pipe.send(None)
    account: Account = pipe.recv()
    return account


_addresses: dict[int, tuple[str, str]] = {}


def _address_of(pipe: Connection) -> tuple[str, str]:
    """Return where the shop is, which says it once."""
    if id(pipe) not in _addresses:
        _addresses[id(pipe)] = pipe.recv()
    return _addresses[id(pipe)]


# Rows


async def measure_rows(server: Server, found: Constants) -> None:
    """Multiply a real row of the ledger, and look how much room it takes."""
    dsn = server.create()
    meter = Meter(server.data, dsn)
    async with PostgresLedger(dsn) as ledger:
        await ledger.join("")
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(FILL_LEDGER.encode(), (ROWS,))
    (size,) = meter.one("SELECT pg_total_relation_size('phota.purchase')")
    found.row = size / ROWS


FILL_LEDGER = """INSERT INTO phota.purchase
    SELECT encode(sha256(n::text::bytea), 'hex'), 1, '2026-summer', 'album/' || lpad(n::text, 9, '0') || '.jpg',
        'enhance', 1, 'job', 'done', 1, n, n, 1.8e9 + n, 130000, 130000, 0, md5(n::text)::uuid::text,
        '[{"path":"album/' || lpad(n::text, 9, '0') || '.enhance-1.jpg","size":2345678,"sha256":"'
            || encode(sha256(n::text::bytea), 'hex') || '"}]',
        '{"' || md5(n::text)::uuid::text || '":1}', NULL, md5((-n)::text)
    FROM generate_series(1, %s) AS n ORDER BY md5(n::text)"""


# Places


async def measure_places(server: Server, found: Constants) -> None:
    """Take, confirm and give back a place when all workers together have thousands."""
    dsn = server.create()
    async with PostgresLeases(dsn, CAP) as leases, await AsyncConnection.connect(dsn, autocommit=True) as connection:
        found.acquire_of_few, _, _ = await _place(leases)
        await connection.execute(
            """UPDATE phota.lease SET key = slot, token = slot, alive_until = now() + interval '1 hour',
            expires_at = now() + interval '1 hour' WHERE slot < %s""",
            (CAP - AT_ONCE,),
        )
        await connection.execute("VACUUM ANALYZE phota.lease")
        found.acquire, found.confirm, found.release = await _place(leases)


async def _place(leases: PostgresLeases) -> tuple[float, float, float]:
    """Return the seconds of each of the three, medians."""
    times: list[list[float]] = []
    for number in range(TRIES):
        clock = [time.perf_counter()]
        lease = await leases.acquire(f"k{number}")
        clock.append(time.perf_counter())
        await lease.confirm()
        clock.append(time.perf_counter())
        await lease.release()
        clock.append(time.perf_counter())
        times.append([after - before for before, after in zip(clock, clock[1:], strict=False)])
    one, two, three = (_median(each) for each in zip(*times, strict=True))
    return one, two, three


# The queue


async def measure_queue(server: Server, found: Constants) -> None:
    """Fetch and finish tasks while ever more of them wait."""
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    dsn = server.create()
    app, meter, inserted = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn)), None, 0
    async with app.open_async(), await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await app.schema_manager.apply_schema_async()
        worker = await app.job_manager.register_worker()
        for backlog in BACKLOGS:
            begun = time.perf_counter()
            await _enqueue(app, connection, inserted, backlog)
            found.insert = (time.perf_counter() - begun) / (backlog - inserted)
            inserted = backlog
            if backlog == BACKLOGS[-1]:
                found.fetch_blindly = (await _tasks(app, worker, 10))[0]
            await connection.execute("ANALYZE procrastinate_jobs")
            found.fetch[str(backlog)], found.finish = await _tasks(app, worker, TRIES)
        meter = Meter(server.data, dsn)
        await asyncio.sleep(1.2)
        before = meter.read()
        await _tasks(app, worker, ITEMS)
        await asyncio.sleep(1.2)
        used = meter.read() - before
        found.queue_cpu, found.queue_log = used.cpu / ITEMS, used.log / ITEMS
        found.queued = await _size(connection) / inserted
        found.finished = found.queued + 2 * await _event(connection)


async def _enqueue(app: procrastinate.App, connection: AsyncConnection[Any], first: int, last: int) -> None:
    """Let tasks wait; their rows are what the library itself writes, in one statement for speed."""
    await connection.execute(
        """SELECT procrastinate_defer_jobs_v1(array_agg(ROW('phota', 'phota.item', 0, NULL, md5(n::text),
        jsonb_build_object('batch', '2026-summer', 'item', jsonb_build_object('key', 'album/' || n || '.jpg',
            'request', jsonb_build_object('type', 'enhance', 'image', '/photos/album/' || n || '.jpg'))),
        NULL)::procrastinate_job_to_defer_v1)) FROM generate_series(%s::int, %s) AS n""",
        (first + 1, last),
    )


async def _tasks(app: procrastinate.App, worker: int, tasks: int) -> tuple[float, float]:
    """Return the seconds of a fetch and of a finish, medians."""
    fetches, finishes = [], []
    for _ in range(tasks):
        begun = time.perf_counter()
        job = await app.job_manager.fetch_job(["phota"], worker)
        fetched = time.perf_counter()
        if job is None:
            raise AssertionError("expected a task, got none")
        await app.job_manager.finish_job(job, procrastinate.jobs.Status.SUCCEEDED, delete_job=False)
        fetches.append(fetched - begun)
        finishes.append(time.perf_counter() - fetched)
    return _median(fetches), _median(finishes)


async def _size(connection: AsyncConnection[Any]) -> float:
    tables = "pg_total_relation_size('procrastinate_jobs') + pg_total_relation_size('procrastinate_events')"
    row = await (await connection.execute(f"SELECT {tables}".encode())).fetchone()
    return float(row[0]) if row else 0.0


async def _event(connection: AsyncConnection[Any]) -> float:
    row = await (
        await connection.execute(
            "SELECT pg_total_relation_size('procrastinate_events')::float8 / count(*) FROM procrastinate_events"
        )
    ).fetchone()
    return float(row[0]) if row else 0.0


# Everything


async def _seconds(action: Callable[[], Awaitable[object]]) -> float:
    """Return what an action takes, the median of some."""
    times = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        await action()
        times.append(time.perf_counter() - begun)
    return _median(times)


def _median(values: Any) -> float:
    return float(sorted(values)[len(values) // 2])


def show(found: Constants) -> str:
    """Return the numbers as lines."""
    lines = []
    for name in found.__struct_fields__:
        value = getattr(found, name)
        pairs = value.items() if isinstance(value, dict) else [("", value)]
        lines += [f"  {f'{name} {which}'.strip():<30}{_number(name, number)}" for which, number in pairs]
    return "\n".join(lines)


COUNTS = ("commits", "transactions", "connections", "received", "log", "row", "queue_log", "queued", "finished")


def _number(name: str, value: float) -> str:
    return f"{value:>10,.1f}" if name.startswith(COUNTS) else f"{value * 1e3:>10.2f} ms"


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.fleet_constants")
    parser.add_argument("--json", type=Path, metavar="FILE", help="for fleet_model")
    chosen = parser.parse_args()
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, JOB_SECONDS), daemon=True)
    process.start()
    theirs.close()
    begun = time.monotonic()
    try:
        with running_server(careless=False) as server:
            found = asyncio.run(measure(server, ours))
    finally:
        ours.close()
        process.terminate()
        process.join()
    print(show(found))
    print(f"{time.monotonic() - begun:.0f} s")
    if chosen.json:
        chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
