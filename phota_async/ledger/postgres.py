"""The ledger that many machines share: PostgreSQL. Needs the extra `distributed`.

Many runs of one batch are at work at once. What a run has taken up is its own, until it ended it, left, or has not
been heard of for ``ttl`` seconds. Then another one takes it up, and sends it under the same id: should the first only
have stood still and go on sending, the service answers for free while it remembers the id, and nobody sends longer.
All times are the server's.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakValueDictionary

from ..errors import ConfigError, InputError, LedgerError
from . import rules, shared_rows
from .beginning import Beginning
from .database import PATIENCE, Connection, Database, end
from .presence import CLAIMS, FORGOTTEN, Presence
from .records import Begun, Change, Record, Wish
from .tables import ALIVE, migrate

T = TypeVar("T")
TTL = 30.0  # seconds without a sign of life after which what a run had is free
PAGE = 500  # records read at once
FIRST_LOOK, NEXT_LOOKS = 0.1, 1.0  # seconds between looks at what another run has
MOST_EXPECTED = 10**12  # purchases of a batch
EXPECT = """INSERT INTO phota.account AS a (batch, part, committed, total) VALUES (%s, 0, 0, %s)
    ON CONFLICT (batch, part) DO UPDATE SET total = excluded.total"""
WAS_SENT = "SELECT 1 FROM phota.purchase WHERE purchase = %s AND state NOT IN ('planned', 'failed') LIMIT 1"


class PostgresLedger:
    """A durable account of batches that many processes share.

    Usage::

        async with PostgresLedger("postgresql://studio@db/photos") as ledger:
            outcome = await run_item(client, item, "results", None, ledger)

    Its tables are made in the schema ``phota``. An event loop has its own.

    Args:
        dsn: ``postgresql://USER@HOST/NAME``, or words as of libpq; a password is better kept in a password file.
        ttl: Seconds without a sign of life after which what a run had taken up is another one's.
        patience: Seconds for which the server may be away: what is paid waits so long to be written down, and
            nothing new is sent meanwhile.
        clock: Unix time, for tests; ``None`` takes the server's.
        worker: What ``phota status`` calls this process; ``None`` is its host and process id.
    """

    is_shared = True

    def __init__(
        self,
        dsn: str,
        *,
        ttl: float = TTL,
        patience: float = PATIENCE,
        clock: Callable[[], float] | None = None,
        worker: str | None = None,
    ) -> None:
        if not 0 < ttl < FORGOTTEN:
            raise ConfigError(f"ttl: expected more than 0 and less than {FORGOTTEN:.0f} seconds, got {ttl!r}")
        self._database = Database(dsn, patience=patience)
        self._is_servers_time = clock is None
        self.clock: Callable[[], float] = clock or self._database.clock
        self._presence = Presence(self._database, ttl=ttl, worker=worker)
        self._entered: defaultdict[str, set[int]] = defaultdict(set)
        self._cap_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by batch
        self._scope: AsyncExitStack | None = None

    @property
    def path(self) -> str:
        """What a budget knows it by: host and database."""
        return self._database.name

    async def __aenter__(self) -> Self:
        if self._scope is not None:
            raise LedgerError(f"{self._database.name}: expected to be entered once, got a second time")
        async with AsyncExitStack() as scope:
            scope.push_async_callback(self._database.aclose)
            await migrate(self._database)
            await self._presence.clean()
            scope.push_async_callback(self._presence.end)
            for work in (self._presence.keep_telling(), self._presence.live()):
                scope.push_async_callback(end, asyncio.create_task(work))
            self._scope = scope.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. What runs had taken up and not ended is free after ``ttl``. Safe to call again."""
        if self._scope is not None:
            await self._scope.aclose()

    async def enter(self, batch: str) -> int:
        """Begin a run of a batch beside others and return its number."""
        self._check_open()
        run = await self._presence.enter(batch)
        self._entered[batch].add(run)
        return run

    async def join(self, batch: str) -> int:
        """Begin a run of one item beside all others and return its number."""
        self._check_open()
        return self._presence.join(batch)

    def attend(self, batch: str) -> None:
        """Say that this process is at work on a batch: it is seen from now on, also before it has anything to do."""
        self._presence.attend(batch)

    async def expect(self, batch: str, total: int) -> None:
        """Write how many purchases a batch will come to, for whoever asks how long it takes yet.

        Args:
            batch: Its name, which stands for one list of items.
            total: Purchases; what is asked for again because somebody was not recognised is none of them.

        Raises:
            InputError: The total is no number of purchases.
        """
        self._check_open()
        await expect(self._database, batch, total)

    async def leave(self, batch: str, run: int | None = None) -> None:
        """End a run of a batch: what it took up and did not end is free at once. Never raises: it would be later."""
        entered = self._entered.get(batch, set())
        runs = [run] if run is not None else list(entered)
        entered.difference_update(runs)
        if not entered:
            self._entered.pop(batch, None)
        if runs:
            await self._presence.leave(batch, runs)

    async def was_sent(self, purchase: str) -> bool:
        """Whether a purchase may have been bought already; takes nothing up."""
        return await self._one(WAS_SENT, purchase) is not None

    async def begin(self, wish: Wish) -> Begun:
        """Find or make the record of a wish, check the cap and write the intent; durable when it returns.

        Waits while another run that lives has the item's record.
        """
        beginning = Beginning(self._database, self._presence, wish, is_servers_time=self._is_servers_time)
        with self._presence.taking(wish.run, wish.purchase):
            begun = await self._when_free(partial(self._in_turn, wish, beginning.attempt))
        self._presence.begun(begun, wish)
        return begun

    async def take_up(self, wish: Wish) -> Begun | None:
        """Find a job that an earlier run submitted for an item whose photo is gone; durable when it returns."""
        await self._presence.write(wish.run)
        with self._presence.taking(wish.run, wish.purchase):
            (begun,) = await self._when_free(partial(self._run, partial(self._take_up, wish)))
        if begun is not None:
            self._presence.begun(begun, wish)
        return begun

    async def change(self, record: Record, change: Change) -> Record:
        """Write what happened to a record and return it as it now is; durable when it returns."""
        changed = rules.apply(record, change)
        if not await self._one(*shared_rows.change_unchanged(record, changed)):
            changed = await self._run(lambda connection: self._change(connection, record, change))
        self._presence.hold(record.run, changed)
        self._presence.figures.changed(record, change)
        return changed

    async def give_back(self, record: Record) -> None:
        """Let others take up a record, unfinished, which its run will not touch again. Never raises."""
        if record.state in CLAIMS:
            place = (record.purchase, record.copy, record.run)
            with suppress(LedgerError):  # then it is free when the run ends
                await self._database.one(shared_rows.GIVE_BACK, place, patience=0.0)

    async def committed(self, batch: str) -> int:
        """Return what a batch's purchases have cost or may still cost, in millionths of a dollar."""
        return await self._run(lambda connection: shared_rows.committed(connection, batch))

    async def records(self, batch: str | None = None) -> AsyncIterator[Record]:
        """Yield the records, of one batch or of all, in the order of their ids."""
        after = ("", 0)
        while True:
            found = await self._page(batch, after)
            for record in found:
                yield record
            if len(found) < PAGE:
                return
            after = (found[-1].purchase, found[-1].copy)

    async def is_running(self) -> bool:
        """Whether a run is alive, of whichever process."""
        return await self._one(ALIVE) is not None

    async def load(self, records: Sequence[Record]) -> None:
        """Write records as another ledger had them; see `moving`."""
        await self._run(lambda connection: shared_rows.load(connection, records, self._database.name))

    @property
    def database(self) -> Database:
        """Where the tables are."""
        return self._database

    def __repr__(self) -> str:
        return f"<PostgresLedger {self._database.name}, {self._presence.runs} runs>"

    async def _run(self, operation: Callable[[Connection], Awaitable[T]]) -> T:
        self._check_open()
        return await self._database.run(operation)

    def _check_open(self) -> None:
        if self._scope is None:
            raise LedgerError(f"{self._database.name} is not open: async with PostgresLedger(dsn) as ledger")

    async def _one(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        self._check_open()
        return await self._database.one(statement, values)

    async def _page(self, batch: str | None, after: tuple[str, int]) -> list[Record]:
        return await self._run(lambda connection: shared_rows.page(connection, batch, after, PAGE))

    async def _when_free(self, operation: Callable[[], Awaitable[T | None]]) -> T:
        """Run an operation until it has an answer, which it has not while another run has the record or changes it."""
        delay = FIRST_LOOK
        while (found := await operation()) is None:
            await asyncio.sleep(delay)
            delay = min(2 * delay, NEXT_LOOKS)
        return found

    async def _in_turn(self, wish: Wish, attempt: Callable[[Connection], Awaitable[Begun | None]]) -> Begun | None:
        """Make an attempt. Of those who may wait for a batch's cap, one of this process keeps a connection."""
        self._check_open()
        turn = None if wish.cap is None else self._cap_turns.setdefault(wish.batch, asyncio.Lock())
        return await self._database.run(attempt, is_single=True, turn=turn)

    async def _take_up(self, wish: Wish, connection: Connection) -> tuple[Begun | None] | None:
        found = await shared_rows.find_job(connection, wish)
        if found is None:
            return (None,)
        is_taken, record = found
        if is_taken:
            return None
        begun = rules.begin(record, wish)
        await shared_rows.update(connection, begun.record)
        return (begun,)

    async def _change(self, connection: Connection, record: Record, change: Change) -> Record:
        stored = await shared_rows.get(connection, record)
        if stored is None:
            raise LedgerError(f"{self._database.name}: expected the record that was begun, got none")
        if not rules.hears(stored, record, change):
            return stored
        changed = rules.apply(stored, change)
        await shared_rows.update(connection, changed)
        await shared_rows.count(connection, stored, changed)
        return changed


async def expect(database: Database, batch: str, total: int) -> None:
    """Do as `PostgresLedger.expect`, for whoever only enqueues."""
    if isinstance(total, bool) or not isinstance(total, int) or not 0 <= total <= MOST_EXPECTED:
        raise InputError(f"total: expected 0 to {MOST_EXPECTED} purchases, got {total!r}")
    await database.one(EXPECT, (batch, total))
