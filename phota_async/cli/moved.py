"""Whether what was bought into a folder is known to the database of workers, who would buy it again otherwise."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from phota_async import threads
from phota_async.errors import InputError
from phota_async.ledger import rules
from phota_async.ledger.database import Database
from phota_async.ledger.records import Record
from phota_async.ledger.view import LedgerView

LEDGER = Path(".phota") / "ledger.sqlite"
PAGE = 500  # purchases asked for at once
KNOWN = "SELECT count(DISTINCT purchase) FROM phota.purchase WHERE purchase = ANY(%s::text[])"


async def check_moved(folder: Path, database: Database, batch: str) -> None:
    """Raise `InputError` when a folder has a ledger of its own with purchases that the batch would not find.

    Args:
        folder: Where results go.
        database: Its tables are there.
        batch: The batch's name, under which a moved ledger's purchases must stand.
    """
    path = folder / LEDGER
    if not await threads.run(path.is_file):
        return
    page: list[Record] = []
    with closing(LedgerView(path)) as view:
        await view.open()
        async for record in view.records():
            if rules.may_be_bought(record):
                page.append(record)
            if len(page) == PAGE:
                await _check(page, folder, database, batch)
                page = []
    await _check(page, folder, database, batch)


async def _check(page: Sequence[Record], folder: Path, database: Database, batch: str) -> None:
    purchases = list({record.purchase for record in page})
    are_its = all(record.batch == batch or record.batch.startswith(f"{batch}#take-") for record in page)
    if are_its and await database.one(KNOWN, (purchases,)) == (len(purchases),):
        return
    raise InputError(
        f"{folder} has a ledger of its own, and workers would buy what it knows again: expected it in the database"
    ).with_context(hint="phota ledger migrate OUT DSN moves it; then add --batch '' (or let -o be another folder)")
