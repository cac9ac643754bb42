"""What PostgreSQL can do for a fleet: commits of each kind, places among thousands, tasks among many that wait."""

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import procrastinate
from psycopg import AsyncConnection

from phota_async import PostgresLeases
from phota_async.distributed.engine import open_app
from phota_async.ledger.database import SOON_DURABLE

from .fleet_items import AT_ONCE, CAP, IDLE, ITEMS
from .fleet_meter import Meter, Server
from .fleet_plan import Constants

BACKLOGS = (10_000, 100_000, 200_000)
CLIENTS = 16  # connections that commit side by side
PERIOD = 1.5  # seconds for which they do
TRIES = 60
Step = Callable[[AsyncConnection[Any], int], Awaitable[Any]]


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
    found.notices = await _rate(dsn, _change_and_notify_soon)


async def _change(connection: AsyncConnection[Any], number: int) -> None:
    await connection.execute("UPDATE t SET v = v + 1 WHERE n = %s", (number,))


NOTIFY = "WITH done AS (UPDATE t SET v = v + 1 WHERE n = %s{} RETURNING n) SELECT pg_notify('t', 'n') FROM done"


async def _change_and_notify(connection: AsyncConnection[Any], number: int) -> None:
    await connection.execute(NOTIFY.format("").encode(), (number,))


async def _change_and_notify_soon(connection: AsyncConnection[Any], number: int) -> None:
    await connection.execute(NOTIFY.format(f" AND {SOON_DURABLE}").encode(), (number,))


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
        times.append([after - before for before, after in itertools.pairwise(clock)])
    one, two, three = (_median(each) for each in zip(*times, strict=True))
    return one, two, three


# The queue


async def measure_queue(server: Server, found: Constants) -> None:
    """Fetch and finish tasks while ever more of them wait."""
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    dsn = server.create()
    inserted = 0
    async with open_app(dsn) as app, await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await app.schema_manager.apply_schema_async()
        worker = await app.job_manager.register_worker()
        for backlog in BACKLOGS:
            begun = time.perf_counter()
            await _enqueue(connection, inserted, backlog)
            found.insert = (time.perf_counter() - begun) / (backlog - inserted)
            inserted = backlog
            if backlog == BACKLOGS[-1]:
                found.fetch_blindly = (await _tasks(app, worker, 10))[0]
            await connection.execute("ANALYZE procrastinate_jobs")
            found.fetch[str(backlog)], found.finish = await _tasks(app, worker, TRIES)
        meter = Meter(server.data, dsn)
        await asyncio.sleep(IDLE)
        before, cpu = meter.read(), time.process_time()
        await _tasks(app, worker, ITEMS)
        found.queue_worker_cpu = (time.process_time() - cpu) / ITEMS
        await asyncio.sleep(IDLE)
        used = meter.read() - before
        found.queue_cpu, found.queue_log = used.cpu / ITEMS, used.log / ITEMS
        found.queued = await _size(connection) / inserted
        found.finished = found.queued + 2 * await _event(connection)


async def _enqueue(connection: AsyncConnection[Any], first: int, last: int) -> None:
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
