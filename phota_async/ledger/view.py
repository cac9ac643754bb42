"""Look into a ledger without leaving a trace: nothing is written, no lock is taken, its owner is not disturbed."""

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from .. import threads
from ..errors import LedgerError
from ..results import StrPath, to_path
from . import rows, rules
from .records import Begun, Record, Wish
from .schema import connect_to_read

T = TypeVar("T")


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
        self._connection: sqlite3.Connection | None = None
        self._taken: set[int] = set()  # hashes of (purchase, copy): what this run has taken up

    async def open(self) -> None:
        """Open the file.

        Raises:
            LedgerError: It is no ledger, is damaged, or was written by a newer client.
        """
        self._connection = await threads.run(connect_to_read, self.path)

    async def look(self, wish: Wish) -> Begun:
        """Find the record of a wish and say what is to be done for it (`rules.begin`), whatever the cap."""
        records = await threads.run(self._find, wish)
        for record in records:
            mark = hash((record.purchase, record.copy))
            if mark not in self._taken:  # equal purchases of one batch have a record each
                self._taken.add(mark)
                return rules.begin(record, wish)
        return rules.begin(None, wish, copy=len(records) + 1)

    async def committed(self, batch: str) -> int:
        """Return what a batch's purchases have cost or may still cost, in millionths of a dollar."""
        return (await threads.run(self._sums)).get(batch, 0)

    def close(self) -> None:
        """Close the file; safe to call again."""
        with self._turn:  # a thread may be reading for somebody who was cancelled
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def __repr__(self) -> str:
        return f"<LedgerView {self.path} {'closed' if self._connection is None else 'open'}>"

    def _find(self, wish: Wish) -> list[Record]:
        return self._read(lambda connection: rows.find_all(connection, wish.purchase, item=wish.item), [])

    def _sums(self) -> dict[str, int]:
        return self._read(rows.committed, {})

    def _read(self, function: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        with self._turn:
            if self._connection is None:
                return nothing
            try:
                return function(self._connection)
            except sqlite3.Error as error:
                raise LedgerError(f"{self.path} cannot be read: {error}") from None
