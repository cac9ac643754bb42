"""Records as rows of ``phota.purchase`` in a PostgreSQL; see `rows` for the columns.

Order of locks, so that nobody waits in a ring: the batch's cap, a purchase's rows, the batch's sums.
"""

import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from .database import NOW, Connection
from .presence import JOIN
from .records import Record, Wish
from .rows import COLUMNS, check_same, to_record, to_row
from .sums import Sums

PARTS = 16  # of a batch's sums, so that changes of records wait less for each other
STALE = 10.0  # seconds after which what was seen is no ground for a decision: a process may have stood still
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
# The time, the number of a new record among equal purchases, and the record that this run may take up. No lock is
# taken: whoever decides by it writes only what is still as it was seen.
LOOK = f"""WITH joined AS ({JOIN})
    SELECT {NOW}, (SELECT coalesce(max(copy), 0) + 1 FROM phota.purchase WHERE purchase = %s), found.*
    FROM (SELECT 1) AS always LEFT JOIN LATERAL (
        SELECT {_CLAIMED}, {_ROW} FROM phota.purchase p
        WHERE purchase = %s AND run <> %s AND (item = %s OR NOT (%s OR {_CLAIMED}))
        ORDER BY item = %s DESC, copy LIMIT 1
    ) AS found ON true"""  # noqa: S608
FIND_JOB = f"""SELECT {_CLAIMED}, {_ROW} FROM phota.purchase p
    WHERE batch = %s AND state = 'submitted' AND state NOT IN ('done', 'failed')
    AND item = %s AND operation = %s AND take = %s AND run <> %s ORDER BY purchase, copy LIMIT 1 FOR UPDATE OF p"""  # noqa: S608
FIND_ALL = f"""SELECT {_NAMES} FROM phota.purchase WHERE purchase = %s ORDER BY item = %s DESC, copy"""  # noqa: S608
LOOK_FOR_JOBS = f"""SELECT {_NAMES} FROM phota.purchase
    WHERE batch = %s AND state = 'submitted' AND state NOT IN ('done', 'failed')
    AND item = %s AND operation = %s AND take = %s AND run <> %s ORDER BY purchase, copy"""  # noqa: S608
AFTER = f"""SELECT {_NAMES} FROM phota.purchase WHERE (purchase, copy) > (%s, %s)
    AND (%s::text IS NULL OR batch = %s) ORDER BY purchase, copy LIMIT %s"""  # noqa: S608
TAKE_ACCOUNT = "SELECT committed, seen_at FROM phota.take_account(%s)"
COMMITTED = "SELECT coalesce(sum(committed), 0) FROM phota.account WHERE batch = %s"
_SUMS = "INSERT INTO phota.account AS a (batch, part, committed, done, failed, spent)"
_ADDED = """ON CONFLICT (batch, part) DO UPDATE SET committed = a.committed + excluded.committed,
        done = a.done + excluded.done, failed = a.failed + excluded.failed, spent = a.spent + excluded.spent"""
ADD = f"{_SUMS} VALUES (%s, %s, %s, %s, %s, %s) {_ADDED}"
_IN_TIME = f"{NOW} < %s"
_NEW = f"""INSERT INTO phota.purchase ({_NAMES}, ticket) SELECT {_MARKS}, %s WHERE {_IN_TIME}
        ON CONFLICT (purchase, copy) DO NOTHING RETURNING batch"""
# All columns as they were seen: whoever changed one of them since is heard first.
_UNCHANGED = f"AND ROW ({_NAMES}) IS NOT DISTINCT FROM ROW ({_MARKS})"
_CHANGED = f"{UPDATE} {_UNCHANGED} RETURNING batch"
_BEGUN = f"{UPDATE.replace(' WHERE', ', ticket = %s WHERE')} {_UNCHANGED} AND {_IN_TIME} RETURNING batch"


def _counted(statement: str) -> tuple[str, str]:
    """Return a statement that changes a record, and the same with what it adds to the sums."""
    changed = f"WITH changed AS ({statement})"
    added = f"{_SUMS} SELECT batch, %s::int, %s::bigint, %s::bigint, %s::bigint, %s::bigint FROM changed {_ADDED}"  # noqa: S608
    return f"{changed} SELECT batch FROM changed", f"{changed}, counted AS ({added}) SELECT batch FROM changed"  # noqa: S608


INSERT, CHANGE, BEGIN = _counted(_NEW), _counted(_CHANGED), _counted(_BEGUN)


class Seen(NamedTuple):
    """What there is for a wish."""

    now: float
    """The server's Unix time."""
    copy: int
    """The number of a new record among equal purchases."""
    is_taken: bool
    """Whether another run has the record."""
    record: Record | None
    """The one that this run may take up."""
    row: tuple[Any, ...]
    """It, as it is stored."""


async def one(connection: Connection, statement: str, values: Iterable[Any]) -> tuple[Any, ...] | None:
    """Return the first row of a statement's answer."""
    return await (await connection.execute(statement.encode(), tuple(values))).fetchone()


async def put(connection: Connection, record: Record, ticket: str) -> None:
    """Write a record, and by which call."""
    await connection.execute(PUT.encode(), (*to_row(record), ticket))


async def update(connection: Connection, record: Record) -> None:
    """Write a record that is there."""
    await connection.execute(UPDATE.encode(), (*to_row(record), record.purchase, record.copy))


def change_unchanged(seen: Record, changed: Record) -> tuple[str, *tuple[Any, ...]]:
    """Return the one statement that writes a record, if it is as seen, and the sums; a row says that it did."""
    values = (*to_row(changed), seen.purchase, seen.copy, *to_row(seen))
    return _with_sums(CHANGE, values, seen, changed)


def begin_unchanged(seen: Seen, begun: Record, ticket: str) -> tuple[str, *tuple[Any, ...]]:
    """Return the one statement that writes what is begun, if all is as seen and in time; a row says that it did."""
    until = seen.now + STALE
    if seen.record is None:
        return _with_sums(INSERT, (*to_row(begun), ticket, until), None, begun)
    place = (begun.purchase, begun.copy)
    return _with_sums(BEGIN, (*to_row(begun), ticket, *place, *seen.row, until), seen.record, begun)


def _with_sums(
    statements: tuple[str, str], values: tuple[Any, ...], before: Record | None, after: Record
) -> tuple[str, *tuple[Any, ...]]:
    alone, counted = statements
    added = Sums.of(after).since(Sums.of(before))
    return (counted, *values, part_of(after), *added) if any(added) else (alone, *values)


def part_of(record: Record) -> int:
    """Return to which part of its batch's sums a record belongs; part 0 is whose who checks the cap."""
    return 1 + zlib.crc32(record.purchase.encode()) % PARTS


async def get(connection: Connection, record: Record) -> Record | None:
    """Return a record as it is stored, and keep others from it."""
    row = await one(connection, GET, (record.purchase, record.copy))
    return None if row is None else to_record(row)


def look(wish: Wish, joining: tuple[Any, ...]) -> tuple[str, *tuple[Any, ...]]:
    """Return the one statement that tells what there is for a wish, and says that its run is alive.

    Args:
        wish: What is wanted.
        joining: Values of `JOIN`.
    """
    return (LOOK, *joining, wish.purchase, wish.purchase, wish.run, wish.item, wish.by_item, wish.item)


def to_seen(row: tuple[Any, ...]) -> Seen:
    """Return what `look` found."""
    now, copy, is_taken = row[:3]
    if is_taken is None:
        return Seen(now, copy, is_taken=False, record=None, row=())
    found = to_record(row[3:])
    return Seen(now, found.copy, is_taken, found, row[3:])


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


async def committed(connection: Connection, batch: str) -> int:
    """Return what a batch has cost or may still cost."""
    row = await one(connection, COMMITTED, [batch])
    return int(row[0]) if row else 0


async def take_account(connection: Connection, batch: str) -> tuple[int, float]:
    """Return the same and the time; until this transaction ends, nobody else begins anything of the batch's cap."""
    row = await one(connection, TAKE_ACCOUNT, [batch])
    assert row is not None  # noqa: S101 - it gives one
    return int(row[0]), float(row[1])


async def count(connection: Connection, before: Record | None, after: Record) -> None:
    """Keep the sums of a batch in step with a record that became another one."""
    added = Sums.of(after).since(Sums.of(before))
    if any(added):
        await connection.execute(ADD.encode(), (after.batch, part_of(after), *added))


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
