"""Records as rows of ``phota.purchase`` in a PostgreSQL; see `rows` for the columns.

Order of locks, so that nobody waits in a ring: the batch's cap, a purchase's turn, its rows, the batch's sums.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from .database import NOW, Connection
from .presence import CLAIMS, JOIN
from .records import Record, Wish
from .rows import COLUMNS, check_same, to_record, to_row
from .sums import Sums

PARTS = 16  # of a batch's sums, so that changes of records wait less for each other
STALE = 10.0  # seconds after which what was seen is no ground for a decision: a process may have stood still
_NAMES = ", ".join(COLUMNS)
_MARKS = ", ".join(["%s"] * len(COLUMNS))
# Whether another run is at it: what it took up is its own as long as it lives and has not ended it.
_CLAIMED = f"""(p.state IN ({", ".join(f"'{state}'" for state in CLAIMS)})
    AND EXISTS (SELECT 1 FROM phota.run r WHERE r.run = p.run AND r.expires_at > clock_timestamp()))"""  # noqa: S608
_ROW = ", ".join(f"p.{name}" for name in COLUMNS)
_SET = f"UPDATE phota.purchase AS p SET ({_NAMES}) = ROW ({_MARKS})"  # noqa: S608 - names of ours
_PLACE = "WHERE p.purchase = %s AND p.copy = %s"
UPDATE = f"{_SET} {_PLACE}"
GET = f"SELECT {_NAMES} FROM phota.purchase WHERE purchase = %s AND copy = %s FOR UPDATE"  # noqa: S608
_IS_OWN = "coalesce(p.ticket = %(ticket)s, false)"
# The time, the number of a new record among equal purchases, and the record that this run may take up; what an earlier
# try of the very same call wrote, whose answer was lost, comes first. No lock is taken: whoever decides by it writes
# only what is still as it was seen.
LOOK = f"""SELECT {NOW}, (SELECT coalesce(max(copy), 0) + 1 FROM phota.purchase WHERE purchase = %(purchase)s), found.*
    FROM (SELECT 1) AS always LEFT JOIN LATERAL (
        SELECT {_IS_OWN}, {_CLAIMED}, {_ROW} FROM phota.purchase p
        WHERE p.purchase = %(purchase)s AND ({_IS_OWN} OR abs(p.run) <> %(run)s
            AND (p.item = %(item)s OR NOT (%(by_item)s OR {_CLAIMED})))
        ORDER BY {_IS_OWN} DESC, p.item = %(item)s DESC, p.copy LIMIT 1
    ) AS found ON true"""  # noqa: S608 - names of ours
JOIN_AND_LOOK = f"WITH joined AS ({JOIN}) {LOOK}"
TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
FIND_JOB = f"""SELECT {_CLAIMED}, {_ROW} FROM phota.purchase p
    WHERE batch = %s AND state = 'submitted' AND state NOT IN ('done', 'failed')
    AND item = %s AND operation = %s AND take = %s AND abs(run) <> %s ORDER BY purchase, copy LIMIT 1 FOR UPDATE OF p"""  # noqa: S608
FIND_ALL = f"""SELECT {_NAMES} FROM phota.purchase WHERE purchase = %s ORDER BY item = %s DESC, copy"""  # noqa: S608
LOOK_FOR_JOBS = f"""SELECT {_NAMES} FROM phota.purchase
    WHERE batch = %s AND state = 'submitted' AND state NOT IN ('done', 'failed')
    AND item = %s AND operation = %s AND take = %s AND abs(run) <> %s ORDER BY purchase, copy"""  # noqa: S608
# A run that goes on lets others take up what it will not touch again: they see a run that there is none of.
GIVE_BACK = "UPDATE phota.purchase SET run = -run WHERE purchase = %s AND copy = %s AND run = %s"
AFTER = f"""SELECT {_NAMES} FROM phota.purchase WHERE (purchase, copy) > (%s, %s)
    AND (%s::text IS NULL OR batch = %s) ORDER BY purchase, copy LIMIT %s"""  # noqa: S608
TAKE_ACCOUNT = "SELECT committed, seen_at FROM phota.take_account(%s)"
COMMITTED = "SELECT coalesce(sum(committed), 0) FROM phota.account WHERE batch = %s"
_SUMS = "INSERT INTO phota.account AS a (batch, part, committed, done, failed, spent)"
_ADDED = """ON CONFLICT (batch, part) DO UPDATE SET committed = a.committed + excluded.committed,
        done = a.done + excluded.done, failed = a.failed + excluded.failed, spent = a.spent + excluded.spent"""
ADD = f"{_SUMS} VALUES (%s, %s, %s, %s, %s, %s) {_ADDED}"
_NEW = f"""INSERT INTO phota.purchase ({_NAMES}, ticket) SELECT {_MARKS}, %s
        ON CONFLICT (purchase, copy) DO NOTHING RETURNING batch"""
# All columns as they were seen: whoever changed one of them since is heard first.
_UNCHANGED = f"ROW ({_ROW}) IS NOT DISTINCT FROM ROW ({_MARKS})"
_CHANGED = f"{_SET} {_PLACE} AND {_UNCHANGED} RETURNING batch"
# Nor may it be another run's by now, or what was seen be so old that the service may have forgotten an id meanwhile.
_BEGUN = f"""{_SET}, ticket = %s {_PLACE} AND {_UNCHANGED} AND NOT {_CLAIMED} AND {NOW} < %s RETURNING batch"""


class _Writing(NamedTuple):
    """A statement that changes a record if it can, and gives a row if it did."""

    alone: str
    counted: str
    """The same, with what that adds to the sums."""

    @classmethod
    def of(cls, statement: str) -> Self:
        changed = f"WITH changed AS ({statement})"
        added = f"{_SUMS} SELECT batch, %s::int, %s::bigint, %s::bigint, %s::bigint, %s::bigint FROM changed {_ADDED}"  # noqa: S608
        counted = f"{changed}, counted AS ({added}) SELECT batch FROM changed"  # noqa: S608
        return cls(f"{changed} SELECT batch FROM changed", counted)  # noqa: S608

    def values(self, given: Iterable[Any], before: Record | None, after: Record) -> tuple[str, *tuple[Any, ...]]:
        """Return the statement for a record that becomes another one, and its values."""
        added = Sums.of(after).since(Sums.of(before))
        return (self.counted, *given, part_of(after), *added) if any(added) else (self.alone, *given)


NEW, CHANGED, BEGUN = _Writing.of(_NEW), _Writing.of(_CHANGED), _Writing.of(_BEGUN)


class Seen(NamedTuple):
    """What there is for a wish."""

    now: float
    """The server's Unix time."""
    copy: int
    """The number that a new record would get among equal purchases."""
    is_own: bool
    """Whether an earlier try of the same call wrote the record."""
    is_taken: bool
    """Whether another run has it."""
    record: Record | None
    """The one that this run may take up."""
    row: tuple[Any, ...]
    """It, as it is stored."""


async def one(connection: Connection, statement: str, values: Iterable[Any]) -> tuple[Any, ...] | None:
    """Return the first row of a statement's answer."""
    return await (await connection.execute(statement.encode(), tuple(values))).fetchone()


async def update(connection: Connection, record: Record) -> None:
    """Write a record that is there."""
    await connection.execute(UPDATE.encode(), (*to_row(record), record.purchase, record.copy))


def change_unchanged(seen: Record, changed: Record) -> tuple[str, *tuple[Any, ...]]:
    """Return the one statement that writes a record, if it is as seen, and the sums; a row says that it did."""
    values = (*to_row(changed), seen.purchase, seen.copy, *to_row(seen))
    return CHANGED.values(values, seen, changed)


def begin_unchanged(seen: Seen, begun: Record, ticket: str) -> tuple[str, *tuple[Any, ...]]:
    """Return the one statement that writes what is begun, if all is as seen; a row says that it did."""
    if seen.record is None:
        return insert(begun, ticket)
    values = (*to_row(begun), ticket, begun.purchase, begun.copy, *seen.row, seen.now + STALE)
    return BEGUN.values(values, seen.record, begun)


def insert(record: Record, ticket: str) -> tuple[str, *tuple[Any, ...]]:
    """Return the one statement that writes a record, unless there is one in its place; a row says that it did."""
    return NEW.values((*to_row(record), ticket), None, record)


def part_of(record: Record) -> int:
    """Return to which part of its batch's sums a record belongs; part 0 is whose who checks the cap."""
    return 1 + zlib.crc32(record.purchase.encode()) % PARTS


async def get(connection: Connection, record: Record) -> Record | None:
    """Return a record as it is stored, and keep others from it."""
    row = await one(connection, GET, (record.purchase, record.copy))
    return None if row is None else to_record(row)


async def look(connection: Connection, wish: Wish, ticket: str, joining: Mapping[str, Any] | None = None) -> Seen:
    """Return what there is for a wish.

    Args:
        connection: To look by.
        wish: What is wanted.
        ticket: Of the call.
        joining: Values of `JOIN`, where the wish's run is to be seen by others from now on.
    """
    values = {"purchase": wish.purchase, "run": wish.run, "item": wish.item, "by_item": wish.by_item, "ticket": ticket}
    statement = JOIN_AND_LOOK if joining else LOOK
    row = await (await connection.execute(statement.encode(), {**values, **(joining or {})})).fetchone()
    assert row is not None  # noqa: S101 - it gives one
    now, copy, is_own, is_taken, *stored = row
    found = None if is_own is None else to_record(stored)
    return Seen(now, copy, bool(is_own), bool(is_taken), found, tuple(stored))


def is_by_itself(seen: Seen, wish: Wish) -> bool:
    """Whether nobody can take up, or make, another record for the item than the one that is looked at.

    What others do to that one is noticed as it is written; what they do to others, only in the purchase's turn.
    """
    return seen.copy == 1 if seen.record is None else seen.record.item == wish.item


async def find_job(connection: Connection, wish: Wish) -> tuple[bool, Record] | None:
    """Return the record of an item's submitted job, and whether another run has it now."""
    row = await one(connection, FIND_JOB, (wish.batch, wish.item, wish.operation, wish.take, wish.run))
    return None if row is None else (bool(row[0]), to_record(row[1:]))


async def find_all(connection: Connection, purchase: str, item: str) -> list[Record]:
    """Return all records of a purchase, in the order in which `look` takes them; keeps nobody from them."""
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
        statement, *values = insert(record, "")
        if await one(connection, statement, values) is None:
            check_same(await get(connection, record), record, name)
