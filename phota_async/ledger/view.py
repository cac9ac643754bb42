"""Look into a ledger's file: nothing is written, no lock is taken, its owner is not disturbed."""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from .. import threads
from ..errors import LedgerError
from ..results import StrPath, to_path
from . import rows
from .digests import KnownDigests
from .looking import View
from .records import Record, Wish
from .schema import DAMAGED, connect_to_read

T = TypeVar("T")


class LedgerView(View):
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
        super().__init__(clock)
        self.path = to_path(path)
        self._turn = threading.Lock()  # of the connection, which threads share
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file.

        Raises:
            LedgerError: It is no ledger, is damaged, or was written by a newer client.
        """
        self._connection = await threads.run(connect_to_read, self.path)
        if self._connection is not None and await self.run(rows.has_photos):
            self.digests = KnownDigests(self, self.clock)

    async def committed(self, batch: str) -> int:
        """Return what a batch's purchases have cost or may still cost, in millionths of a dollar."""
        return 0 if self._connection is None else (await self.run(rows.committed)).get(batch, 0)

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run an operation that reads.

        Raises:
            LedgerError: The file cannot be read, or is closed.
        """
        return await threads.run(self._read, operation)

    async def aclose(self) -> None:
        """Close the file; safe to call again."""
        self.close()

    def close(self) -> None:
        """Do as `aclose`."""
        with self._turn:  # a thread may be reading for somebody who was cancelled
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
        self._taken.close()

    def __repr__(self) -> str:
        return f"<LedgerView {self.path} {'closed' if self._connection is None else 'open'}>"

    async def _find_all(self, purchase: str, item: str) -> Sequence[Record]:
        return await self._records(lambda connection: rows.find_all(connection, purchase, item=item))

    async def _find_jobs(self, wish: Wish) -> Sequence[Record]:
        return await self._records(lambda connection: rows.find_jobs(connection, wish))

    async def _page(self, batch: str | None, after: tuple[str, int], count: int) -> list[Record]:
        return await self._records(lambda connection: rows.page(connection, batch, after, count))

    async def _records(self, find: Callable[[sqlite3.Connection], list[Record]]) -> list[Record]:
        return [] if self._connection is None else await self.run(find)

    def _read(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        with self._turn:
            if self._connection is None:
                raise LedgerError(f"{self.path} is closed")
            try:
                return operation(self._connection)
            except (sqlite3.Error, *DAMAGED) as error:
                raise LedgerError(f"{self.path} cannot be read: {error}") from None
