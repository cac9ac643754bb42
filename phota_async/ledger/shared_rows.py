"""Records as rows of ``phota.purchase`` in a PostgreSQL; see `rows` for the columns.

Order of locks, so that nobody waits in a ring: a purchase's turn, its rows, the batch's account.
"""

from collections.abc import Iterable
from typing import Any

from .database import Connection
from .records import Record, Wish
from .rows import COLUMNS, check_same, to_record, to_row
from .sums import Sums

_NAMES = ", ".join(COLUMNS)
_MARKS = ", ".join(["%s"] * len(COLUMNS))
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in (*COLUMNS, "ticket") if name not in ("purchase", "copy"))
# Whether another run is at it: what it took up is its own as long as it lives and has not ended it.
_CLAIMED = """(p.state IN ('planned', 'intent', 'submitted')
    AND EXISTS (SELECT 1 FROM phota.run r WHERE r.run = p.run AND r.expires_at > clock_timestamp()))"""
_ROW = ", ".join(f"p.{name}" for name in COLUMNS)
PUT = f"""INSERT INTO phota.purchase ({_NAMES}, ticket) VALUES ({_MARKS}, %s)
    ON CONFLICT (purchase, copy) DO UPDATE SET {_CHANGES}"""  # noqa: S608 - names of ours
UPDATE = f"""UPDATE phota.purchase SET ({_NAMES}) = ROW ({_MARKS}) WHERE purchase = %s AND copy = %s"""  # noqa: S608
GET = f"SELECT {_NAMES} FROM phota.purchase WHERE purchase = %s AND copy = %s FOR UPDATE"  # noqa: S608
BY_TICKET = f"SELECT {_NAMES} FROM phota.purchase WHERE purchase = %s AND ticket = %s"  # noqa: S608
FIND = f"""SELECT {_CLAIMED}, {_ROW} FROM phota.purchase p
    WHERE purchase = %s AND run <> %s AND (item = %s OR NOT (%s OR {_CLAIMED}))
    ORDER BY item = %s DESC, copy LIMIT 1 FOR UPDATE OF p"""  # noqa: S608
FIND_JOB = f"""SELECT {_CLAIMED}, {_ROW} FROM phota.purchase p
    WHERE batch = %s AND state = 'submitted' AND state NOT IN ('done', 'failed')
    AND item = %s AND operation = %s AND take = %s AND run <> %s ORDER BY purchase, copy LIMIT 1 FOR UPDATE OF p"""  # noqa: S608
FIND_ALL = f"""SELECT {_NAMES} FROM phota.purchase WHERE purchase = %s ORDER BY item = %s DESC, copy"""  # noqa: S608
LOOK_FOR_JOBS = f"""SELECT {_NAMES} FROM phota.purchase
    WHERE batch = %s AND state = 'submitted' AND state NOT IN ('done', 'failed')
    AND item = %s AND operation = %s AND take = %s AND run <> %s ORDER BY purchase, copy"""  # noqa: S608
AFTER = f"""SELECT {_NAMES} FROM phota.purchase WHERE (purchase, copy) > (%s, %s)
    AND (%s::text IS NULL OR batch = %s) ORDER BY purchase, copy LIMIT %s"""  # noqa: S608
TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_SUMS = "INSERT INTO phota.account AS a (batch, committed, done, failed, spent)"
_ADDED = """ON CONFLICT (batch) DO UPDATE SET committed = a.committed + excluded.committed,
        done = a.done + excluded.done, failed = a.failed + excluded.failed, spent = a.spent + excluded.spent"""
ADD = f"{_SUMS} VALUES (%s, %s, %s, %s, %s) {_ADDED}"
# All columns as they were seen: whoever changed one of them since is heard first.
_UNCHANGED = f"""WITH changed AS (
        {UPDATE} AND ROW ({_NAMES}) IS NOT DISTINCT FROM ROW ({_MARKS}) RETURNING batch
    )"""
UPDATE_UNCHANGED = f"{_UNCHANGED} SELECT batch FROM changed"  # noqa: S608 - names of ours
COUNT_UNCHANGED = f"""{_UNCHANGED}, counted AS (
        {_SUMS} SELECT batch, %s::bigint, %s::bigint, %s::bigint, %s::bigint FROM changed {_ADDED}
    ) SELECT batch FROM changed"""  # noqa: S608


async def one(connection: Connection, statement: str, values: Iterable[Any]) -> tuple[Any, ...] | None:
    """Return the first row of a statement's answer."""
    return await (await connection.execute(statement.encode(), tuple(values))).fetchone()


async def put(connection: Connection, record: Record, ticket: str) -> None:
    """Write a record, and by which call."""
    await connection.execute(PUT.encode(), (*to_row(record), ticket))


async def update(connection: Connection, record: Record) -> None:
    """Write a record that is there."""
    await connection.execute(UPDATE.encode(), (*to_row(record), record.purchase, record.copy))


def update_unchanged(seen: Record, changed: Record) -> tuple[str, *tuple[Any, ...]]:
    """Return the one statement that writes a record, if it is as seen, and the sums; a row says that it did."""
    values = (*to_row(changed), seen.purchase, seen.copy, *to_row(seen))
    added = Sums.of(changed).since(Sums.of(seen))
    return (COUNT_UNCHANGED, *values, *added) if any(added) else (UPDATE_UNCHANGED, *values)


async def get(connection: Connection, record: Record) -> Record | None:
    """Return a record as it is stored, and keep others from it."""
    row = await one(connection, GET, (record.purchase, record.copy))
    return None if row is None else to_record(row)


async def by_ticket(connection: Connection, purchase: str, ticket: str) -> Record | None:
    """Return the record that a call wrote, if it came so far."""
    row = await one(connection, BY_TICKET, (purchase, ticket))
    return None if row is None else to_record(row)


async def find(connection: Connection, wish: Wish) -> tuple[bool, Record] | None:
    """Return a record that this run may take up, and whether another one has it now."""
    row = await one(connection, FIND, (wish.purchase, wish.run, wish.item, wish.by_item, wish.item))
    return None if row is None else (bool(row[0]), to_record(row[1:]))


async def find_job(connection: Connection, wish: Wish) -> tuple[bool, Record] | None:
    """Return the record of an item's submitted job, and whether another run has it now."""
    row = await one(connection, FIND_JOB, (wish.batch, wish.item, wish.operation, wish.take, wish.run))
    return None if row is None else (bool(row[0]), to_record(row[1:]))


async def find_all(connection: Connection, purchase: str, item: str) -> list[Record]:
    """Return all records of a purchase, in the order in which `find` gives them; keeps nobody from them."""
    answer = await connection.execute(FIND_ALL.encode(), (purchase, item))
    return [to_record(row) for row in await answer.fetchall()]


async def look_for_jobs(connection: Connection, wish: Wish) -> list[Record]:
    """Return the records of an item's submitted jobs, as `find_job` does; keeps nobody from them."""
    place = (wish.batch, wish.item, wish.operation, wish.take, wish.run)
    return [to_record(row) for row in await (await connection.execute(LOOK_FOR_JOBS.encode(), place)).fetchall()]


async def next_copy(connection: Connection, purchase: str) -> int:
    """Return the number that a new record gets among equal purchases."""
    row = await one(connection, "SELECT coalesce(max(copy), 0) + 1 FROM phota.purchase WHERE purchase = %s", [purchase])
    return int(row[0]) if row else 1


async def committed(connection: Connection, batch: str, *, lock: bool = False) -> int:
    """Return what a batch has cost or may still cost; with a lock, nobody changes it meanwhile."""
    if lock:
        await connection.execute(ADD.encode(), (batch, *Sums()))
    row = await one(connection, "SELECT committed FROM phota.account WHERE batch = %s", [batch])
    return int(row[0]) if row else 0


async def count(connection: Connection, before: Record | None, after: Record) -> None:
    """Keep the sums of a batch in step with a record that became another one."""
    added = Sums.of(after).since(Sums.of(before))
    if any(added):
        await connection.execute(ADD.encode(), (after.batch, *added))


async def page(connection: Connection, batch: str | None, after: tuple[str, int], count: int) -> list[Record]:
    """Return the records behind a place, in the order of their ids."""
    answer = await connection.execute(AFTER.encode(), (*after, batch, batch, count))
    return [to_record(row) for row in await answer.fetchall()]


async def load(connection: Connection, records: Iterable[Record], name: str) -> None:
    """Write records as another ledger had them, unless one is there that says otherwise."""
    for record in records:
        stored = await get(connection, record)
        check_same(stored, record, name)
        if stored is None:
            await put(connection, record, "")
            await count(connection, None, record)
