"""Look into a ledger without leaving a trace: what a batch would have to do for a wish, by the rules of all stores."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from ..marks import Marks
from . import rules
from .digests import KnownDigests
from .records import Begun, Record, Wish

PAGE = 1000  # records read at once


class View(ABC):
    """Says what a batch would have to do for a wish, as its store does, and keeps it to itself.

    Args:
        clock: Unix time.
    """

    path: object
    """What a budget knows the ledger by."""
    digests: KnownDigests | None = None
    """What photos hashed to before; ``None`` where nothing is known of that."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._in_order = asyncio.Lock()  # the first of several equal items has the first record
        self._taken = Marks()  # what this run has taken up

    @abstractmethod
    async def open(self) -> None:
        """Open the ledger; one that is not there is an empty one.

        Raises:
            LedgerError: It cannot be read, or was written by a newer client.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close it; safe to call again."""

    async def was_sent(self, purchase: str) -> bool:
        """Whether a purchase may have been bought already; takes nothing up."""
        return any(map(rules.may_be_bought, await self._find_all(purchase, "")))

    async def look(self, wish: Wish) -> Begun:
        """Find the record of a wish and say what is to be done for it (`rules.begin`), whatever the cap."""
        async with self._in_order:
            records = await self._find_all(wish.purchase, wish.item)
            record = self._first_free(records)
        return rules.begin(record, wish, copy=len(records) + 1)

    async def take_up(self, wish: Wish) -> Begun | None:
        """Find a job that an earlier run submitted for an item whose photo is gone, as `Store.take_up` does."""
        record = self._first_free(await self._find_jobs(wish))
        return None if record is None else rules.begin(record, wish)

    @abstractmethod
    async def committed(self, batch: str) -> int:
        """Return what a batch's purchases have cost or may still cost, in millionths of a dollar."""

    async def records(self, batch: str | None = None) -> AsyncIterator[Record]:
        """Yield the records, of one batch or of all, in the order of their ids, as `Store.records` does."""
        found = await self._page(batch, ("", 0), PAGE)
        while found:
            for record in found:
                yield record
            last = (found[-1].purchase, found[-1].copy)
            found = await self._page(batch, last, PAGE) if len(found) == PAGE else []

    @abstractmethod
    async def _find_all(self, purchase: str, item: str) -> Sequence[Record]:
        """Return all records of a purchase, those of an item first."""

    @abstractmethod
    async def _find_jobs(self, wish: Wish) -> Sequence[Record]:
        """Return the records of an item's submitted jobs."""

    @abstractmethod
    async def _page(self, batch: str | None, after: tuple[str, int], count: int) -> list[Record]:
        """Return the records behind a place, in the order of their ids."""

    def _first_free(self, records: Iterable[Record]) -> Record | None:
        """Take the first record that this run has not taken yet: equal purchases of one batch have one each."""
        return next((each for each in records if self._taken.add(f"{each.purchase}/{each.copy}".encode())), None)
