"""Look into the ledger that machines share: its server is told to write nothing, and no table is made."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ..errors import LedgerError
from ..results import StrPath
from . import shared_rows
from .database import Connection, Database, is_address
from .looking import View
from .records import Record, Wish
from .tables import version_of
from .view import LedgerView

T = TypeVar("T")


class PostgresView(View):
    """Says what a batch would have to do for a wish, as a `PostgresLedger` does, and keeps it to itself.

    What others have under way now would be waited for; it is told as what they were seen to do with it.

    Args:
        database: An address, as of `PostgresLedger`, or another one's database; it gets connections of its own. A
            database without tables is an empty ledger.
        clock: Unix time; ``None`` takes the server's.
    """

    def __init__(self, database: str | Database, *, clock: Callable[[], float] | None = None) -> None:
        self._database = (Database(database, patience=0.0) if isinstance(database, str) else database).to_read()
        super().__init__(clock or self._database.clock)
        self.path = self._database.name
        self._is_open, self._is_empty = False, True

    async def open(self) -> None:
        """Look whether there is a ledger.

        Raises:
            LedgerError: The server cannot be reached, or a newer client made the tables.
        """

        async def operation(connection: Connection) -> int | None:
            return await version_of(connection, self._database.name)

        self._is_empty = not await self._database.run(operation)
        self._is_open = True

    async def aclose(self) -> None:
        """Close the connections; safe to call again."""
        self._is_open = False
        self._taken.close()
        await self._database.aclose()

    async def committed(self, batch: str) -> int:
        """Return what a batch's purchases have cost or may still cost, in millionths of a dollar."""
        return await self._read(lambda connection: shared_rows.committed(connection, batch), 0)

    def __repr__(self) -> str:
        return f"<PostgresView {self.path} {'open' if self._is_open else 'closed'}>"

    async def _find_all(self, purchase: str, item: str) -> Sequence[Record]:
        return await self._read(lambda connection: shared_rows.find_all(connection, purchase, item), [])

    async def _find_jobs(self, wish: Wish) -> Sequence[Record]:
        return await self._read(lambda connection: shared_rows.look_for_jobs(connection, wish), [])

    async def _page(self, batch: str | None, after: tuple[str, int], count: int) -> list[Record]:
        return await self._read(lambda connection: shared_rows.page(connection, batch, after, count), [])

    async def _read(self, operation: Callable[[Connection], Awaitable[T]], nothing: T) -> T:
        if not self._is_open:
            raise LedgerError(f"{self.path} is closed")
        return nothing if self._is_empty else await self._database.run(operation)


def view_at(place: StrPath) -> View:
    """Return a look into the ledger at a place: a file's path, or ``postgresql://...``."""
    return PostgresView(str(place)) if is_address(place) else LedgerView(place)
