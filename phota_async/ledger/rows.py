"""Records as rows of the table ``purchase``: the only place that knows its columns."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from ..errors import LedgerError
from .records import File, Record, Wish

COLUMNS = Record.__struct_fields__
FILES, COUNTS, STATE = (COLUMNS.index(name) for name in ("files", "counts", "state"))
_NAMES = ", ".join(COLUMNS)
_MARKS = ", ".join("?" * len(COLUMNS))
_decode_files = msgspec.json.Decoder(tuple[File, ...]).decode
_decode_counts = msgspec.json.Decoder(dict[str, int] | None).decode

_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in ("purchase", "copy"))
PUT = f"""INSERT INTO purchase ({_NAMES}) VALUES ({_MARKS})
    ON CONFLICT (purchase, copy) DO UPDATE SET {_CHANGES}"""  # noqa: S608 - names of ours
GET = f"SELECT {_NAMES} FROM purchase WHERE purchase = ? AND copy = ?"  # noqa: S608
# Among equal purchases the one that was made for this very item comes first.
FIND = f"SELECT {_NAMES} FROM purchase WHERE purchase = ? AND run <> ? ORDER BY item = ? DESC, copy LIMIT 1"  # noqa: S608
# The index of what is open is used by whoever says its condition word by word.
FIND_JOBS = f"""SELECT {_NAMES} FROM purchase
    WHERE batch = ? AND state = 'submitted' AND state NOT IN ('done', 'failed')
    AND item = ? AND operation = ? AND take = ? AND run <> ?"""  # noqa: S608
LAST = f"SELECT {_NAMES} FROM purchase WHERE purchase = ? ORDER BY copy DESC LIMIT 1"  # noqa: S608
FIND_ALL = f"SELECT {_NAMES} FROM purchase WHERE purchase = ? ORDER BY item = ? DESC, copy"  # noqa: S608
AFTER = f"""SELECT {_NAMES} FROM purchase
    WHERE (purchase, copy) > (?, ?) AND (? IS NULL OR batch = ?) ORDER BY purchase, copy LIMIT ?"""  # noqa: S608
RAISE = "UPDATE counter SET value = max(value, ?) WHERE name = 'run'"  # no run may have a number again
# What is less than nothing was not written by us, and would lift a cap.
COMMITTED = "SELECT batch, sum(max(0, lost + coalesce(cost, reserved, 0))) FROM purchase GROUP BY batch"


def put(connection: sqlite3.Connection, record: Record) -> None:
    """Write a record."""
    connection.execute(PUT, to_row(record))


def get(connection: sqlite3.Connection, record: Record) -> Record:
    """Return a record as it is stored; one that is not is returned as given."""
    row = connection.execute(GET, (record.purchase, record.copy)).fetchone()
    return record if row is None else to_record(row)


def find(connection: sqlite3.Connection, purchase: str, *, run: int, item: str) -> Record | None:
    """Return a purchase's record that this run has not taken up yet."""
    row = connection.execute(FIND, (purchase, run, item)).fetchone()
    return None if row is None else to_record(row)


def find_jobs(connection: sqlite3.Connection, wish: Wish) -> list[Record]:
    """Return the records of an item's submitted jobs that this run has not taken up yet."""
    place = (wish.batch, wish.item, wish.operation, wish.take, wish.run)
    return [to_record(row) for row in connection.execute(FIND_JOBS, place)]


def last(connection: sqlite3.Connection, purchase: str) -> Record | None:
    """Return the record with the highest number among equal purchases."""
    row = connection.execute(LAST, (purchase,)).fetchone()
    return None if row is None else to_record(row)


def find_all(connection: sqlite3.Connection, purchase: str, *, item: str = "") -> list[Record]:
    """Return all records of a purchase, in the order in which `find` gives them."""
    return [to_record(row) for row in connection.execute(FIND_ALL, (purchase, item))]


def page(connection: sqlite3.Connection, batch: str | None, after: tuple[str, int], count: int) -> list[Record]:
    """Return the records behind a place, in the order of their ids."""
    return [to_record(row) for row in connection.execute(AFTER, (*after, batch, batch, count))]


def has_photos(connection: sqlite3.Connection) -> bool:
    """Whether there is a table of photos' digests; older ledgers have none."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'photo'").fetchone() is not None


def committed(connection: sqlite3.Connection) -> dict[str, int]:
    """Return what each batch has cost or may still cost, in millionths of a dollar."""
    return {batch: int(amount) for batch, amount in connection.execute(COMMITTED)}


def next_run(connection: sqlite3.Connection) -> int:
    """Return a number that no run had before."""
    connection.execute("UPDATE counter SET value = value + 1 WHERE name = 'run'")
    return int(connection.execute("SELECT value FROM counter WHERE name = 'run'").fetchone()[0])


def load(connection: sqlite3.Connection, record: Record, name: str) -> bool:
    """Write a record as another ledger had it, unless one is there that says otherwise; says whether it is new."""
    row = connection.execute(GET, (record.purchase, record.copy)).fetchone()
    check_same(None if row is None else to_record(row), record, name)
    if row is None:
        put(connection, record)
    connection.execute(RAISE, (max(record.run, record.intent_run),))
    return row is None


def check_same(stored: Record | None, record: Record, name: str) -> None:
    """Raise `LedgerError` when a record that is there says something else than another one of its id."""
    if stored is not None and stored != record:
        raise LedgerError(f"{name}: expected to know nothing of {record!r}, or the same, got {stored!r}").with_context(
            hint="both ledgers bought for it: keep them apart, each with its own batches"
        )


def to_row(record: Record) -> list[Any]:
    """Return a record as a row."""
    row = list(msgspec.structs.astuple(record))
    row[FILES] = msgspec.json.encode(record.files).decode()
    row[COUNTS] = msgspec.json.encode(record.counts).decode()
    row[STATE] = str(record.state)
    return row


def to_record(row: Iterable[Any]) -> Record:
    """Return a row as a record; a `ValueError` or `TypeError` where it is none: damaged, or a stranger's."""
    values = dict(zip(COLUMNS, row, strict=True))
    values["files"] = _decode_files(values["files"])
    values["counts"] = _decode_counts(values["counts"])
    return msgspec.convert(values, Record)
