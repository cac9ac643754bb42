"""Records as rows: whatever is written is read again, in the order that was asked for."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from phota_async.ledger import File, Record, State, Wish, rows, schema

FULL = Record(
    purchase="p",
    copy=2,
    batch="b",
    item="i.jpg",
    operation="edit",
    take=3,
    mode="sync",
    state=State.SUBMITTED,
    generation=4,
    run=5,
    intent_run=6,
    first_intent_at=7.5,
    reserved=8,
    cost=9,
    lost=10,
    job_id="j",
    files=(File("a.jpg", 11, "ab" * 32), File("ü.jpg", 12, "cd" * 32)),
    counts={"anna": 13},
    error="StatusError 500",
)
WISH = Wish(purchase="", batch="b", item="i.jpg", operation="edit", take=3, run=6)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(schema.connect(tmp_path / "ledger.sqlite")) as opened:
        yield opened


def put(connection: sqlite3.Connection, *records: Record) -> None:
    for record in records:
        rows.put(connection, record)


@pytest.mark.parametrize("record", [FULL, Record(purchase="p", copy=2), replace(FULL, counts=None)])
def test_what_is_written_is_read_again(connection: sqlite3.Connection, record: Record) -> None:
    put(connection, record)
    assert rows.get(connection, Record(purchase="p", copy=2)) == record
    assert rows.find_all(connection, "p") == [record]


def test_what_is_written_again_replaces_what_was_there(connection: sqlite3.Connection) -> None:
    put(connection, Record(purchase="p", copy=2), Record(purchase="p", copy=1), FULL)
    assert rows.find_all(connection, "p") == [Record(purchase="p", copy=1), FULL]


def test_what_is_not_there_is_returned_as_given(connection: sqlite3.Connection) -> None:
    put(connection, replace(FULL, copy=1))
    assert rows.get(connection, FULL) is FULL


def test_the_one_that_was_made_for_an_item_comes_first(connection: sqlite3.Connection) -> None:
    one, two, three = (replace(FULL, copy=number, item=f"{number}.jpg") for number in (1, 2, 3))
    put(connection, three, two, one, replace(FULL, purchase="q", copy=0))
    assert rows.find(connection, "p", run=6, item="2.jpg") == two
    assert rows.find(connection, "p", run=6, item="none.jpg") == one
    assert rows.find(connection, "p", run=5, item="2.jpg") is None
    assert rows.find_all(connection, "p", item="3.jpg") == [three, one, two]
    assert rows.find_all(connection, "p") == [one, two, three]
    assert rows.last(connection, "p") == three
    assert rows.last(connection, "r") is None


def test_of_an_item_with_no_name_nothing_comes_first(connection: sqlite3.Connection) -> None:
    one, two = replace(FULL, copy=1, item="1.jpg"), replace(FULL, copy=2, item="XXXX")
    put(connection, one, two)
    assert rows.find_all(connection, "p") == [one, two]


@pytest.mark.parametrize(
    "other",
    [
        {"batch": "c"},
        {"item": "other.jpg"},
        {"operation": "enhance"},
        {"take": 1},
        {"run": 6},
        *({"state": state} for state in State if state is not State.SUBMITTED),
    ],
    ids=str,
)
def test_jobs_are_found_by_what_they_are_for(connection: sqlite3.Connection, other: dict[str, Any]) -> None:
    put(connection, FULL, replace(FULL, copy=1, **other))
    assert rows.find_jobs(connection, WISH) == [FULL]


def test_pages_follow_each_other(connection: sqlite3.Connection) -> None:
    records = [Record(purchase=name, copy=number, batch=name) for name in "pq" for number in (1, 2)]
    put(connection, *records)
    assert rows.page(connection, None, ("", 0), 3) == records[:3]
    assert rows.page(connection, None, ("q", 1), 3) == records[3:]
    assert rows.page(connection, "q", ("p", 1), 3) == records[2:]


def test_what_a_batch_has_cost(connection: sqlite3.Connection) -> None:
    fields: list[dict[str, Any]] = [{}, {"reserved": 150}, {"reserved": 150, "cost": 120}, {"cost": 0, "lost": 5}]
    records = [Record(purchase="p", copy=copy, batch="b", **each) for copy, each in enumerate(fields)]
    put(connection, *records, Record(purchase="q", batch="c", lost=7))
    assert rows.committed(connection) == {"b": sum(each.committed for each in records), "c": 7}


def test_runs_are_numbered(connection: sqlite3.Connection) -> None:
    assert [rows.next_run(connection) for _ in range(3)] == [1, 2, 3]


def test_older_ledgers_know_no_photos(connection: sqlite3.Connection) -> None:
    assert rows.has_photos(connection)
    connection.execute("DROP TABLE photo")
    assert not rows.has_photos(connection)


@pytest.mark.parametrize(
    ("column", "value"),
    [("files", "[[3]]"), ("files", "{"), ("counts", "3"), ("state", "paid"), ("mode", "later"), ("reserved", "much")],
)
def test_a_row_that_is_no_record(connection: sqlite3.Connection, column: str, value: str) -> None:
    put(connection, FULL)
    connection.execute(f"UPDATE purchase SET {column} = ?", (value,))
    with pytest.raises((ValueError, TypeError)):
        rows.get(connection, FULL)
