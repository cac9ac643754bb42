"""Move what one ledger knows into another: from a file to a PostgreSQL that machines share, or back.

Nothing is taken away: a ledger that forgot would buy again. A second try goes on where the first one stopped.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import msgspec

from .. import threads
from ..errors import InputError, LedgerError
from .database import is_address
from .postgres import PostgresLedger
from .records import Record
from .store import Ledger

PAGE = 500  # records written at once


class Loadable(Protocol):
    """A ledger that records can be moved into and out of."""

    def records(self, batch: str | None = None) -> AsyncIterator[Record]:
        """Yield the records, of one batch or of all, in the order of their ids."""
        ...

    async def load(self, records: Sequence[Record]) -> None:
        """Write records as they are; one that is there and says otherwise is a `LedgerError`, and nothing written."""
        ...

    async def is_running(self) -> bool:
        """Whether a run is alive on it, of whichever process."""
        ...


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What was moved, as read back from where it is now."""

    records: int
    committed: int
    """What they have cost or may still cost, in millionths of a dollar."""
    states: dict[str, int]
    """Records by their state."""


async def move(source: str, target: str) -> Moved:
    """Move all records of a ledger into another one, and read them back.

    Args:
        source: A file, or ``postgresql://...``.
        target: The same; it may hold records of other batches.

    Raises:
        InputError: Both are one, or the source is no file.
        LedgerError: A run is open on one of them, they contradict each other, or what was read back differs.
    """
    if source == target:
        raise InputError("expected two ledgers, got one")
    if not is_address(source) and not await threads.run(Path(source).is_file):
        raise InputError(f"{source}: expected a ledger's file, got none")
    async with AsyncExitStack() as scope:
        old: Loadable = await scope.enter_async_context(open_ledger(source))
        new: Loadable = await scope.enter_async_context(open_ledger(target))
        await _check_quiet(old, new)
        async for page in _pages(old.records()):
            await new.load(page)
        await _check_quiet(old, new)
        return await _verify(old, new)


def open_ledger(place: str) -> Ledger | PostgresLedger:
    """Return the ledger at a place, to be entered: a file's path, or ``postgresql://...``."""
    return PostgresLedger(place) if is_address(place) else Ledger(place)


async def _check_quiet(*ledgers: Loadable) -> None:
    for ledger in ledgers:
        if await ledger.is_running():
            raise LedgerError(f"{ledger!r}: a run is open on it").with_context(hint="wait for it, or stop its workers")


async def _pages(records: AsyncIterator[Record]) -> AsyncIterator[list[Record]]:
    page: list[Record] = []
    async for record in records:
        page.append(record)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


async def _verify(old: Loadable, new: Loadable) -> Moved:
    """Hold every record against what is there now, and return counts and sums of that."""
    states, committed = Counter[str](), 0
    found = new.records()
    async for record in old.records():
        there = await _up_to(found, record)
        if there != record:
            raise LedgerError(f"{new!r}: expected {record!r} as it was, got {there!r}")
        states[str(there.state)] += 1
        committed += there.committed
    return Moved(records=states.total(), committed=committed, states=dict(states))


async def _up_to(found: AsyncIterator[Record], record: Record) -> Record | None:
    """Return the next record that is not before another one: both ledgers give them in the order of their ids."""
    async for each in found:
        if (each.purchase, each.copy) >= (record.purchase, record.copy):
            return each
    return None
