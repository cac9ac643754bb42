"""Put items in the queue: in bulk, each once while it waits, and never more than a few thousand at a time."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from ..batch.items import BatchItem
from ..errors import ConfigError, InputError
from ..ledger.database import Connection
from .encoding import TASK, check_batch, lock_of, to_arguments
from .preparing import ANALYSE, prepare, run

if TYPE_CHECKING:
    from procrastinate import App
else:
    App = Any  # the engine belongs to an extra

QUEUE = "phota"
OUTSTANDING = 10_000  # tasks
CHUNK = 500  # tasks of one statement; encoding them holds the loop for some milliseconds
BULK = 100  # tasks after which the table's statistics are made anew
LOOK = 0.5  # seconds between looks whether there is room for more
FEEDER = 0x50686F66  # names the lock under which one feeder at a time counts and fills a queue
TAKE_TURN = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
STANDING = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = %s AND status IN ('todo', 'doing')"
# The engine's own bulk insert fails as a whole, and a caller's transaction with it, when one of the tasks waits
# already; so its table is filled directly.
INSERT = """INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args)
    SELECT %s, %s, task.lock, task.args
    FROM unnest(%s::text[], %s::jsonb[]) WITH ORDINALITY AS task (lock, args, place)
    WHERE NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs AS job WHERE job.queueing_lock = task.lock AND job.status = 'doing'
    )
    ORDER BY task.place
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING"""
# What failed before is no failure any more.
BY_STATE = """SELECT status::text, count(*) FROM procrastinate_jobs
    WHERE task_name = %s AND args->>'batch' = %s GROUP BY status"""
FORGET = """DELETE FROM procrastinate_jobs
    WHERE status = 'failed' AND task_name = %s AND queueing_lock = ANY(%s::text[])"""
Items: TypeAlias = Iterable[BatchItem] | AsyncIterable[BatchItem]
Task: TypeAlias = tuple[str, str]  # its lock and its arguments


async def enqueue(
    app: App, items: Items, *, batch: str = "", queue: str = QUEUE, outstanding: int = OUTSTANDING
) -> int:
    """Put items in the queue, and wait while enough of them stand there.

    A million items need not lie in the queue at once: the rest comes as workers finish. An item that waits already,
    or is being carried out, is not put there again; one with the same key that asks for something else is. One that
    is finished is, and is found so, at no charge.

    Args:
        app: An open app of procrastinate's with a `PsycopgConnector`; the engine's tables are made if need be.
        items: Also an (async) generator. What is wrong with a list is said before anything is enqueued; what is
            wrong with an item of a generator, when it comes.
        batch: The batch's name in the ledger.
        queue: The queue.
        outstanding: Tasks of the queue that may stand at once, of whatever batch.

    Returns:
        How many tasks were made.

    Raises:
        InputError: A photo is no path and no link that opens by itself.
        LedgerError: PostgreSQL stayed away. Whoever begins again loses and doubles nothing.
    """
    check_batch(batch)
    check_queue(queue)
    if isinstance(outstanding, bool) or not isinstance(outstanding, int) or outstanding < 1:
        raise ConfigError(f"outstanding: expected 1 or more tasks, got {outstanding!r}")
    if isinstance(items, Sequence):
        await _check_all(items, batch)
    await prepare(app)
    made = 0
    async for tasks in _in_chunks(items, batch):
        made += await _feed(app, tasks, queue, outstanding)
    return made


async def count_tasks(app: App, batch: str) -> dict[str, int]:
    """Return how many tasks of a batch there are, by the engine's words: ``todo``, ``doing``, ``failed``."""

    async def operation(connection: Connection) -> dict[str, int]:
        rows = await (await connection.execute(BY_STATE, (TASK, batch))).fetchall()
        return {str(state): int(count) for state, count in rows}

    return await run(app, operation)


async def enqueue_in(connection: Connection, items: Items, *, batch: str = "", queue: str = QUEUE) -> int:
    """Put items in the queue within the caller's transaction: they stand there once it is committed.

    For a web service, which writes its own order row in the same transaction. There is no limit to how many stand
    in the queue, and its tables are not made: see `enqueue` and `prepare`.

    Args:
        connection: Of psycopg, async, in a transaction (unless it commits by itself).
        items: As of `enqueue`; all are checked before the first is enqueued.
        batch: The batch's name in the ledger.
        queue: The queue.

    Returns:
        How many tasks were made.

    Raises:
        InputError: A photo is no path and no link that opens by itself.
        psycopg.Error: As the caller's own statements do.
    """
    check_batch(batch)
    check_queue(queue)
    chunks = [tasks async for tasks in _in_chunks(items, batch)]
    return sum([await _insert(connection, tasks, queue) for tasks in chunks])


def check_queue(queue: str) -> None:
    """Raise `ConfigError` when this is no name of a queue."""
    if not isinstance(queue, str) or not queue or "\0" in queue:
        raise ConfigError(f"queue: expected a name, got {queue!r}")


async def _check_all(items: Sequence[BatchItem], batch: str) -> None:
    async for _ in _in_chunks(items, batch):
        await asyncio.sleep(0)


async def _in_chunks(items: Items, batch: str) -> AsyncIterator[list[Task]]:
    tasks: list[Task] = []
    async for item in _each(items):
        arguments = to_arguments(item, batch)
        tasks.append((lock_of(arguments), arguments))
        if len(tasks) == CHUNK:
            yield tasks
            tasks = []
    if tasks:
        yield tasks


async def _each(items: Items) -> AsyncIterator[BatchItem]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
        return
    if not isinstance(items, Iterable) or isinstance(items, BatchItem):
        raise InputError(f"items: expected BatchItems, got {type(items).__name__}")
    for item in items:
        yield item


async def _feed(app: App, tasks: list[Task], queue: str, outstanding: int) -> int:
    """Insert tasks as room for them comes, and return how many were made."""
    made = 0
    while True:
        taken, new = await run(app, partial(_fill, tasks=tasks, queue=queue, outstanding=outstanding))
        made, tasks = made + new, tasks[taken:]
        if new >= BULK:
            await run(app, _analyse)
        if not tasks:
            return made
        await asyncio.sleep(LOOK)


async def _fill(connection: Connection, tasks: list[Task], queue: str, outstanding: int) -> tuple[int, int]:
    """Insert as many tasks as there is room for; return how many were taken of the list, and how many were made."""
    await connection.execute(TAKE_TURN, (FEEDER, queue))
    row = await (await connection.execute(STANDING, (queue,))).fetchone()
    room = outstanding - (int(row[0]) if row else 0)
    if room <= 0:
        return 0, 0
    await connection.execute(FORGET, (TASK, [lock for lock, _ in tasks[:room]]))
    return min(room, len(tasks)), await _insert(connection, tasks[:room], queue)


async def _insert(connection: Connection, tasks: list[Task], queue: str) -> int:
    locks, arguments = zip(*tasks, strict=True)
    return (await connection.execute(INSERT, (queue, TASK, list(locks), list(arguments)))).rowcount


async def _analyse(connection: Connection) -> None:
    await connection.execute(ANALYSE)
