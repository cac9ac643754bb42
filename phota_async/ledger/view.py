"""Look into a ledger without leaving a trace: nothing is written, no lock is taken, its owner is not disturbed."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

from .. import threads
from ..errors import LedgerError
from ..marks import Marks
from ..results import StrPath, to_path
from . import rows, rules
from .digests import KnownDigests
from .records import Begun, Record, Wish
from .schema import DAMAGED, connect_to_read

T = TypeVar("T")
PAGE = 1000  # records read at once


class LedgerView:
    """Says what a batch would have to do for a wish, as a `Ledger` does, and keeps it to itself.

    Usage::

        view = LedgerView("photos.sqlite")
        await view.open()
        begun = await view.look(wish)

    Args:
        path: The ledger's file; one that is not there is an empty ledger.
        clock: Unix time.
    """

    def __init__(self, path: StrPath, *, clock: Callable[[], float] = time.time) -> None:
        self.path = to_path(path)
        self.clock = clock
        self._turn = threading.Lock()  # of the connection, which threads share
        self._in_order = asyncio.Lock()  # the first of several equal items has the first record
        self._connection: sqlite3.Connection | None = None
        self._taken = Marks()  # what this run has taken up
        self.digests: KnownDigests | None = None
        """What photos hashed to before; ``None`` where nothing is known of that."""

    async def open(self) -> None:
        """Open the file.

        Raises:
            LedgerError: It is no ledger, is damaged, or was written by a newer client.
        """
        self._connection = await threads.run(connect_to_read, self.path)
        if self._connection is not None and await self.run(rows.has_photos):
            self.digests = KnownDigests(self, self.clock)

    async def was_sent(self, purchase: str) -> bool:
        """Whether a purchase may have been bought already; takes nothing up."""
        return any(
            map(rules.may_be_bought, await self._records(lambda connection: rows.find_all(connection, purchase)))
        )

    async def look(self, wish: Wish) -> Begun:
        """Find the record of a wish and say what is to be done for it (`rules.begin`), whatever the cap."""
        async with self._in_order:
            records = await self._records(lambda connection: rows.find_all(connection, wish.purchase, item=wish.item))
            record = self._first_free(records)
        return rules.begin(record, wish, copy=len(records) + 1)

    async def take_up(self, wish: Wish) -> Begun | None:
        """Find a job that an earlier run submitted for an item whose photo is gone, as `Store.take_up` does."""
        record = self._first_free(await self._records(lambda connection: rows.find_jobs(connection, wish)))
        return None if record is None else rules.begin(record, wish)

    async def committed(self, batch: str) -> int:
        """Return what a batch's purchases have cost or may still cost, in millionths of a dollar."""
        return 0 if self._connection is None else (await self.run(rows.committed)).get(batch, 0)

    async def records(self) -> AsyncIterator[Record]:
        """Yield all records, in the order of their ids, as `Store.records` does."""
        found = await self._page(("", 0))
        while found:
            for record in found:
                yield record
            found = await self._page((found[-1].purchase, found[-1].copy)) if len(found) == PAGE else []

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run an operation that reads.

        Raises:
            LedgerError: The file cannot be read, or is closed.
        """
        return await threads.run(self._read, operation)

    def close(self) -> None:
        """Close the file; safe to call again."""
        with self._turn:  # a thread may be reading for somebody who was cancelled
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
        self._taken.close()

    def __repr__(self) -> str:
        return f"<LedgerView {self.path} {'closed' if self._connection is None else 'open'}>"

    async def _page(self, after: tuple[str, int]) -> list[Record]:
        return await self._records(lambda connection: rows.page(connection, None, after, PAGE))

    async def _records(self, find: Callable[[sqlite3.Connection], list[Record]]) -> list[Record]:
        return [] if self._connection is None else await self.run(find)

    def _first_free(self, records: Iterable[Record]) -> Record | None:
        """Take the first record that this run has not taken yet: equal purchases of one batch have one each."""
        return next((each for each in records if self._taken.add(f"{each.purchase}/{each.copy}".encode())), None)

    def _read(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        with self._turn:
            if self._connection is None:
                raise LedgerError(f"{self.path} is closed")
            try:
                return operation(self._connection)
            except (sqlite3.Error, *DAMAGED) as error:
                raise LedgerError(f"{self.path} cannot be read: {error}") from None
