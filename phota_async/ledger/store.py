"""The ledger on this machine: SQLite, one process, one writer thread."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Self

import anyio

from .. import threads
from ..errors import LedgerError
from ..results import StrPath, to_path
from . import rows, rules
from .digests import Digests
from .lock import OwnerLock
from .records import Begun, Change, Record, State, Wish
from .schema import DAMAGED, connect
from .writer import Writer

PAGE = 500  # records read at once
MOST_LIVE = 4096  # records under way that are kept in memory


class Ledger:
    """A durable account of batches, in one file.

    Usage::

        async with Ledger("photos.sqlite") as ledger:
            batch = Batch(client, items, ledger=ledger, name="summer", output="results")

    A path given as ``Batch(ledger=...)`` opens and closes one for the batch. It may serve several batches, one
    after the other or, under different names, at once. It also remembers what photos hash to; see `digests`.

    Args:
        path: The file; it is made when it is not there. ``PATH.lock`` beside it names the process that has it.
        clock: Unix time.
    """

    is_shared = False

    def __init__(self, path: StrPath, *, clock: Callable[[], float] = time.time) -> None:
        self.path = to_path(path)
        self.clock = clock
        self._lock = OwnerLock(self.path)
        self._turn = threading.Lock()  # of the two next ones: a thread opens it for somebody who may be cancelled
        self._writer: Writer | None = None
        self._is_given_up = False
        self._committed: dict[str, int] = {}  # belongs, as the next one, to the writer's thread once that runs
        self._live: dict[tuple[str, int], Record] = {}  # what is under way, as it is stored: nobody else writes
        self._running: dict[str, int] = {}  # batch: run

    async def __aenter__(self) -> Self:
        if self._writer is not None or self._is_given_up:
            raise LedgerError(f"{self.path}: expected to be entered once, got a second time")
        opening = asyncio.ensure_future(threads.run(self._open))
        try:
            await asyncio.shield(opening)  # which looks at what comes of it when nobody waits any more
        except asyncio.CancelledError:
            await self._give_up(opening)
            raise
        self._digests = Digests(self._get_writer(), self.clock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Write what is waiting, close the file and give the lock back. Safe to call again."""
        try:
            if self._writer is not None:
                self._writer.end()
                await threads.run(self._writer.close)
        finally:
            self.close()  # who is cut short waits for it here: nobody shall find the lock held when this returns

    def close(self) -> None:
        """As `aclose`; blocks for as long as one commit takes."""
        if self._writer is not None:
            self._writer.close()
        self._lock.release()

    async def enter(self, batch: str) -> int:
        """Begin a run of a batch and return its number.

        Raises:
            LedgerError: A batch of this name is running on this ledger.
        """
        if batch in self._running:
            raise LedgerError(f"{self.path}: a batch named {batch!r} is running on it already")
        self._running[batch] = 0
        try:
            run = self._running[batch] = await self._get_writer().run(rows.next_run)
        except BaseException:
            self._running.pop(batch, None)
            raise
        return run

    async def join(self, batch: str) -> int:  # noqa: ARG002 - nobody else is there who would have to know
        """Begin a run of one item beside all others and return its number."""
        return await self._get_writer().run(rows.next_run)

    async def leave(self, batch: str, run: int | None = None) -> None:
        """End a run of a batch."""
        if run is None or self._running.get(batch) == run:
            self._running.pop(batch, None)

    def attend(self, batch: str) -> None:
        """Say nothing: no other process looks."""

    async def expect(self, batch: str, total: int) -> None:
        """Write nothing: no other process looks."""

    async def was_sent(self, purchase: str) -> bool:
        """Whether a purchase may have been bought already; takes nothing up."""
        return await self._get_writer().run(
            lambda connection: any(map(rules.may_be_bought, rows.find_all(connection, purchase)))
        )

    async def begin(self, wish: Wish) -> Begun:
        """Find or make the record of a wish, check the cap and write the intent; durable when it returns."""
        return await self._get_writer().run(lambda connection: self._begin(connection, wish))

    async def take_up(self, wish: Wish) -> Begun | None:
        """Find a job that an earlier run submitted for an item whose photo is gone; durable when it returns."""
        return await self._get_writer().run(lambda connection: self._take_up(connection, wish))

    async def change(self, record: Record, change: Change) -> Record:
        """Write what happened to a record and return it as it now is; durable when it returns."""
        return await self._get_writer().run(lambda connection: self._change(connection, record, change))

    async def give_back(self, record: Record) -> None:
        """Do nothing: no other run is there."""

    async def committed(self, batch: str) -> int:
        """Return what a batch's purchases have cost or may still cost, in millionths of a dollar."""
        return await self._get_writer().run(lambda _: self._committed.get(batch, 0))

    async def records(self, batch: str | None = None) -> AsyncIterator[Record]:
        """Yield the records, of one batch or of all, in the order of their ids."""
        after = ("", 0)
        while True:
            place = after
            found = await self._get_writer().run(
                lambda connection, place=place: rows.page(connection, batch, place, PAGE)  # type: ignore[misc]
            )
            for record in found:
                yield record
            if len(found) < PAGE:
                return
            after = (found[-1].purchase, found[-1].copy)

    async def is_running(self) -> bool:
        """Whether a run is alive on it; other processes cannot have one while this one has the ledger."""
        return bool(self._running)

    async def load(self, records: Sequence[Record]) -> None:
        """Write records as another ledger had them; see `moving`."""
        pages = tuple(records)
        await self._get_writer().run(lambda connection: self._load(connection, pages))

    @property
    def digests(self) -> Digests:
        """What photos hashed to before; see `Digests`."""
        self._get_writer()
        return self._digests

    def __repr__(self) -> str:
        return f"<Ledger {self.path} {'closed' if self._writer is None else 'open'}>"

    def _open(self) -> None:
        if self._is_given_up:
            return
        self._lock.acquire()
        try:
            connection = connect(self.path)
            self._committed = rows.committed(connection)
        except BaseException as error:
            self._lock.release()
            if isinstance(error, (sqlite3.Error, *DAMAGED)):
                raise LedgerError(f"{self.path} is damaged: {error}") from None
            raise
        writer = Writer(connection, str(self.path), self._is_there)
        with self._turn:
            if not self._is_given_up:
                self._writer = writer
                return
        writer.close()
        self._lock.release()

    def _is_there(self) -> bool:
        return self._lock.is_there() and os.path.lexists(self.path)

    async def _give_up(self, opening: "asyncio.Future[None]") -> None:
        """Let the thread close what it opens, and wait for it: nobody shall find the lock held when this returns.

        Who is cancelled once more leaves at once; the thread goes on all the same.
        """
        with self._turn:
            self._is_given_up = True
        if self._writer is not None:
            self.close()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([opening])

    def _get_writer(self) -> Writer:
        if self._writer is None:
            raise LedgerError(f"{self.path} is not open: async with Ledger(path) as ledger")
        return self._writer

    def _begin(self, connection: sqlite3.Connection, wish: Wish) -> Begun:
        self._digests.write(connection)
        record, copy = _find(connection, wish)
        before = record.committed if record else 0
        begun = rules.begin(record, wish, copy=copy, committed=self._committed.get(wish.batch, 0))
        self._put(connection, begun.record, before)
        return begun

    def _take_up(self, connection: sqlite3.Connection, wish: Wish) -> Begun | None:
        jobs = rows.find_jobs(connection, wish)
        if not jobs:
            return None
        record = jobs[0]
        begun = rules.begin(record, wish)
        self._put(connection, begun.record, record.committed)
        return begun

    def _change(self, connection: sqlite3.Connection, record: Record, change: Change) -> Record:
        stored = self._live.get((record.purchase, record.copy)) or rows.get(connection, record)
        if not rules.hears(stored, record, change):
            return stored
        changed = rules.apply(stored, change)
        self._put(connection, changed, stored.committed)
        return changed

    def _load(self, connection: sqlite3.Connection, records: Sequence[Record]) -> None:
        for record in records:
            if rows.load(connection, record, str(self.path)):
                self._committed[record.batch] = self._committed.get(record.batch, 0) + record.committed

    def _put(self, connection: sqlite3.Connection, record: Record, before: int) -> None:
        """Write a record, and keep the sums and what is under way in memory.

        A transaction that fails ends the writer, so that memory never runs ahead of the file.
        """
        rows.put(connection, record)
        self._committed[record.batch] = self._committed.get(record.batch, 0) + record.committed - before
        if record.state in (State.INTENT, State.SUBMITTED):
            if len(self._live) >= MOST_LIVE:  # some items end without a word: what is missing is read again
                self._live.clear()
            self._live[record.purchase, record.copy] = record
        else:
            self._live.pop((record.purchase, record.copy), None)


def _find(connection: sqlite3.Connection, wish: Wish) -> tuple[Record | None, int]:
    """Return the record that this run has not taken up yet, and the number that a new one would get."""
    last = rows.last(connection, wish.purchase)
    if last is None:
        return None, 1
    if last.copy == 1:  # the only one
        found = None if last.run == wish.run else last
    else:
        found = rows.find(connection, wish.purchase, run=wish.run, item=wish.item)
    if found is not None and wish.by_item and found.item != wish.item:
        found = None
    return found, last.copy + 1
