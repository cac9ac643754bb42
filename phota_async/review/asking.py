"""Ask for further variations: within a budget, by the ledger of the run, so that none is paid twice or lost.

Each ask is a purchase of its own in the ledger, under a name that its id gives it: killed at any instant and begun
again, it finds what it bought. What earlier reviews of the same run bought counts against the budget too.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

import anyio
import msgspec

from ..batch import Batch, BatchItem, Budget, Outcome
from ..batch.budget import account_of
from ..client import PhotaClient
from ..errors import JobFailedError, LedgerError, PhotaError
from ..ledger import Ledger
from ..ledger.records import from_micros
from ..media.formats import KNOWN_SUFFIXES
from ..requests import AnyRequest
from ..runs import ItemRecord, RunFolder, record_of, request_of
from ..runs.translate import error_record
from .events import Event, event_of
from .picks import Ask

LEDGER = ".phota/ledger.sqlite"  # below the output, where runs keep theirs


class Teller(Protocol):
    """Whoever wants to know how asks end."""

    async def note(self, event: Event) -> object:
        """Write an event down."""
        ...

    def trouble(self, ask: Ask, sentence: str) -> None:
        """Hear why an ask is not made yet; it stays open."""
        ...


class Asking:
    """Buys what is asked for.

    Args:
        client: Makes the calls.
        budget: The cap on everything that is asked for about the run, with the prices that are known.
        options: Further arguments of `Batch`, as the run had them: ``metadata``, ``gps``, ``mark``, ``prepare``.
    """

    def __init__(self, client: PhotaClient, budget: Budget, *, options: Mapping[str, Any] | None = None) -> None:
        self.client = client
        self.budget = budget
        self.options = dict(options or {})
        self._waiting: deque[tuple[Ask, ItemRecord, bool]] = deque()
        self._running = 0
        self._changed = anyio.Event()

    def price(self, record: ItemRecord) -> Decimal:
        """Return what a further variation of an item costs at most, in US dollars.

        Raises:
            InputError: It cannot be asked for again.
            ConfigError: Its price is not known.
        """
        return self.budget.upper_price(single_request(record))

    def put(self, ask: Ask, record: ItemRecord, *, is_new: bool) -> None:
        """Have an ask bought, or what an earlier review asked for finished."""
        self._waiting.append((ask, record, is_new))
        self._wake()

    async def work(self, folder: RunFolder, teller: Teller, earlier: Iterable[Ask]) -> None:
        """Buy until cancelled. The ledger is held only while something is under way: runs need it too.

        Args:
            folder: The run.
            teller: Is told how each ask ends.
            earlier: What was asked for before: it counts against the budget.
        """
        names = [name_of(folder, ask) for ask in earlier]
        while True:
            while not self._waiting:
                await self._changed.wait()
            try:
                async with Ledger(folder.output / LEDGER) as ledger:
                    await self._count(ledger, names)
                    await self._buy_all(_Purchases(self, ledger, folder, teller))
            except LedgerError as error:  # another process has it, or it is damaged
                await self._give_up(error, teller)

    async def _count(self, ledger: Ledger, names: Iterable[str]) -> None:
        """Let what was spent before count, once."""
        for name in names:
            self.budget.open_account(account_of(ledger, name), from_micros(await ledger.committed(name)))

    async def _buy_all(self, purchases: "_Purchases") -> None:
        async with anyio.create_task_group() as group:
            while self._waiting or self._running:
                while self._waiting:
                    self._running += 1
                    ask, record, _ = self._waiting.popleft()
                    group.start_soon(self._buy_one, purchases, ask, record)
                await self._changed.wait()

    async def _buy_one(self, purchases: "_Purchases", ask: Ask, record: ItemRecord) -> None:
        try:
            await purchases.buy(ask, record)
        finally:
            self._running -= 1
            self._wake()

    async def _give_up(self, error: PhotaError, teller: Teller) -> None:
        while self._waiting:
            ask, _, is_new = self._waiting.popleft()
            await fail(teller, ask, error, is_final=is_new)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def __repr__(self) -> str:
        return f"<Asking {self._running} running, {len(self._waiting)} waiting, {self.budget!r}>"


class _Purchases:
    """Buys on an open ledger."""

    def __init__(self, asking: Asking, ledger: Ledger, folder: RunFolder, teller: Teller) -> None:
        self._asking, self._ledger, self._folder, self._teller = asking, ledger, folder, teller

    async def buy(self, ask: Ask, record: ItemRecord) -> None:
        """Buy an ask, or finish or find what an earlier review bought for it; it never raises for one."""
        try:
            batch = self._batch(ask, record)
            async with batch as outcomes:
                async for outcome in outcomes:
                    await self._tell(ask, outcome)
        except PhotaError as error:  # before anything was sent
            await self._tell_error(ask, error)

    def _batch(self, ask: Ask, record: ItemRecord) -> Batch:
        return Batch(
            self._asking.client,
            [BatchItem(key_of(ask), single_request(record))],
            output=self._folder.output,
            ledger=self._ledger,
            name=name_of(self._folder, ask),
            budget=self._asking.budget,
            **self._asking.options,
        )

    async def _tell(self, ask: Ask, outcome: Outcome) -> None:
        if outcome.error is not None:
            await self._tell_error(ask, outcome.error)
            return
        record = record_of(outcome, output=self._folder.output, run=self._folder.run)
        bare = msgspec.structs.replace(record, request={}, sources=())
        await self._teller.note(event_of("made", ask.item, ask=ask.id, record=bare))

    async def _tell_error(self, ask: Ask, error: PhotaError) -> None:
        """Tell why an ask is not made. The ledger knows whether it may be paid for: then it stays open."""
        try:
            is_paid = bool(await self._ledger.committed(name_of(self._folder, ask)))
        except LedgerError:  # it broke, on a full disk for example
            is_paid = True
        await fail(self._teller, ask, error, is_final=isinstance(error, JobFailedError) or not is_paid)


async def fail(teller: Teller, ask: Ask, error: PhotaError, *, is_final: bool) -> None:
    """Tell that an ask failed, or why it is not made yet."""
    if is_final:
        try:
            await teller.note(event_of("failed", ask.item, ask=ask.id, error=error_record(error)))
        except PhotaError as unwritten:
            error = unwritten
        else:
            return
    teller.trouble(ask, f"{error}; the next review looks for it again")


def single_request(record: ItemRecord) -> AnyRequest:
    """Return an item's request, for one picture.

    Raises:
        InputError: A photo was only in memory or behind a signed link.
    """
    return msgspec.structs.replace(request_of(record), num_output_images=1)


def name_of(folder: RunFolder, ask: Ask) -> str:
    """Return the name of an ask's batch in the ledger."""
    return f"review {folder.run} {ask.id}"


def key_of(ask: Ask) -> str:
    """Return the key of an ask: ``sub/12.png`` gives ``sub/12.again-1.png``, and so the picture's place."""
    stem, dot, suffix = ask.item.rpartition(".")
    if not dot or f".{suffix.lower()}" not in KNOWN_SUFFIXES:
        return f"{ask.item}.again-{ask.number}"
    return f"{stem}.again-{ask.number}.{suffix}"
