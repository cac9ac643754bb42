"""Ledgers that were damaged, or written by a stranger: a `LedgerError`, never another exception, never a purchase."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from phota_async.errors import LedgerError
from phota_async.ledger import Ledger
from phota_async.ledger.records import Wish
from phota_async.ledger.view import LedgerView

VALUES: dict[str, list[Any]] = {
    "state": ["paid", 7, b"\xff", "x'; DROP TABLE purchase; --"],
    "files": ["{", "[[3]]", b"\xff", 3],
    "counts": ["3", '{"anna": "many"}', '{"anna":'],
    "mode": ["later", 1.5],
    "reserved": ["much", b"\0", 0.5],
    "cost": ["nothing"],
    "lost": ["all", 1e300, float("inf")],
    "first_intent_at": ["yesterday"],
    "job_id": [b"\xff\xfe"],
    "error": [b"\xff"],
}
CASES = [(column, value) for column, values in VALUES.items() for value in values]
WISH = Wish(purchase="a" * 32, batch="summer", item="a.jpg", operation="edit")


async def damaged(path: Path, column: str, value: Any) -> None:
    async with Ledger(path) as ledger:
        run = await ledger.enter("summer")
        await ledger.begin(Wish(purchase=WISH.purchase, batch="summer", item="a.jpg", operation="edit", run=run))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE purchase SET {column} = ?", (value,))


@pytest.mark.parametrize(("column", "value"), CASES)
async def test_a_record_that_is_none_is_said_when_it_is_looked_at(tmp_path: Path, column: str, value: Any) -> None:
    path = tmp_path / "ledger.sqlite"
    await damaged(path, column, value)
    view = LedgerView(path)
    await view.open()
    with pytest.raises(LedgerError, match=r"ledger\.sqlite cannot be read"):
        await view.look(WISH)
    view.close()


@pytest.mark.parametrize(("column", "value"), CASES)
async def test_nothing_is_begun_on_a_record_that_is_none(tmp_path: Path, column: str, value: Any) -> None:
    path = tmp_path / "ledger.sqlite"
    await damaged(path, column, value)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite (cannot be written|is damaged)"):
        await begin_again(path)


async def begin_again(path: Path) -> None:
    async with Ledger(path) as ledger:
        run = await ledger.enter("summer")
        await ledger.begin(Wish(purchase=WISH.purchase, batch="summer", item="a.jpg", operation="edit", run=run))
