"""Carry out items with a ledger: what was bought once is finished, fetched or kept, and never bought twice."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from decimal import Decimal
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from .. import threads
from ..errors import BudgetExceededError, InputError, PhotaError
from ..leases import Leases
from ..ledger.database import is_address
from ..ledger.postgres import PostgresLedger
from ..ledger.records import Begun, Store, Wish, from_micros, to_micros
from ..ledger.store import Ledger
from ..media.files import check_inside
from ..results import ImageResult, StrPath
from ..telling import tell_operation
from .bought import Bought, summary_of, take_all
from .budget import BudgetAccount, account_of
from .foreign import ForeignFiles, files_of
from .items import Outcome, outcome_of
from .names import Leftovers
from .options import Options
from .owned import OwnedTasks
from .parts import Part
from .photos import PhotoDesk
from .proven import Proven
from .purchase import Purchase
from .sinks import DirectorySink, Sink
from .terms import Terms
from .wishes import Wishes, path_of


class LedgerBuyer:
    """Buys each purchase once, over all runs of a batch.

    Args:
        options: How. A file never stands for a purchase here: ``exists="error"`` numbers what is new.
        ledger: As in `Batch`.
        name: The batch's name, part of what is bought.
        resend_unknown: As in `Batch`.
        by_item: Whether items are carried out one by one, each in a run of its own: see `buy`.
        sink: Where pictures go from the options' ``output``; ``None`` leaves them there.
        leases: Places for jobs, where workers share a limit.
        count: Tells how many purchases there will be, where that is known; a ledger that others look at is told.
    """

    def __init__(
        self,
        options: Options,
        ledger: StrPath | Store | Literal[True],
        *,
        name: str,
        resend_unknown: bool,
        by_item: bool = False,
        sink: Sink | None = None,
        leases: Leases | None = None,
        count: Callable[[], Awaitable[int | None]] | None = None,
    ) -> None:
        if options.exists == "error":
            options = replace(options, exists="number")
        self._options = options
        self._store, self._own = _store_of(ledger, options.output)
        self._root = options.output if ledger is True else None  # a path is the user's to choose
        self._name = name
        self._by_item = by_item
        self._sink = DirectorySink(options.output) if sink is None else sink
        self._leases = leases
        self._count = count
        self._wishes = Wishes(options, name=name, resend_unknown=resend_unknown, by_item=by_item)
        store = self._store
        self._foreign = ForeignFiles(options, self._wishes, store.was_sent, lambda: files_of(store.records()))
        self._owned = OwnedTasks()
        self._desk = PhotoDesk(options)
        self._proven = Proven()
        self._run = 0
        self._leftovers: Leftovers | None = None
        self._account: BudgetAccount | None = None

    async def open(self) -> None:
        """Begin a run, and count what earlier ones spent."""
        if isinstance(self._own, Ledger):
            await threads.run(check_inside, self._own.path, self._root)
        if self._own is not None:
            await self._own.__aenter__()
        try:
            await self._enter()
        except BaseException:
            await self._close()
            raise

    async def _enter(self) -> None:
        self._wishes.digests = self._store.digests if isinstance(self._store, Ledger) else None
        if self._by_item:
            self._store.attend(self._name)
            await self._open_account()
            return
        if self._options.output is not None:
            self._leftovers = await threads.run(Leftovers, self._options.output)
        self._run = await self._store.enter(self._name)
        try:
            await self._open_account()
            await self._tell_count()
        except BaseException:
            await self._store.leave(self._name, self._run)
            raise

    async def _open_account(self) -> None:
        if (budget := self._options.budget) is not None:
            before = from_micros(await self._store.committed(self._name))
            self._account = budget.open_account(account_of(self._store, self._name), before)

    async def _tell_count(self) -> None:
        if self._count is not None and self._store.is_shared and (total := await self._count()) is not None:
            await self._store.expect(self._name, total)

    def hurry(self, grace: float) -> None:
        """Give the steps under way that many seconds when the batch is left."""
        self._owned.grace = grace

    async def aclose(self) -> None:
        """Let the steps under way come to their end, and end the run; what was not sent yet is not sent any more."""
        self._desk.is_left = True
        try:
            await self._desk.aclose()
        finally:
            await self._end()

    async def _end(self) -> None:
        try:
            await self._owned.aclose()
        finally:
            self._foreign.close()
            if not self._by_item:
                await self._store.leave(self._name, self._run)
            await self._close()

    async def _close(self) -> None:
        if self._own is not None:
            await self._own.aclose()

    async def carry_out(self, part: Part) -> Outcome:
        """Finish one part; errors are raised."""
        return await self.buy(part, self._run)

    async def buy(self, part: Part, run: int) -> Outcome:
        """Finish one part in a run, which began with `Store.enter` or `Store.join`; errors are raised."""
        if found := await self._foreign.in_place_of(part):
            return outcome_of(part.item, "skipped", paths=found)
        return await take_all(part.item, self._options.retry_missed + 1, partial(self._take, part, run))

    async def _take(self, part: Part, run: int, take: int) -> Bought:
        """Buy one take, or finish or find what an earlier run bought."""
        try:
            photos = await self._wishes.identify(part)
        except InputError as error:
            return await self._fetch(part, run, take, error)
        sent = await self._wishes.as_sent(part, photos, self._store.was_sent)
        if sent is None:
            return Bought(result=ImageResult(()), cost=Decimal(0), is_kept=True)
        purchase = self._purchase(sent, take, photos)
        wish = self._wishes.make(sent, take, photos, run=run)
        if self._leases is not None and not await self._store.was_sent(wish.purchase):
            await purchase.place.take()  # before the intent, whose time runs
        return await self._buy(purchase, self._start(purchase, wish))

    async def _fetch(self, part: Part, run: int, take: int, error: InputError) -> Bought:
        """Fetch what an earlier run bought for an item whose photo is gone; nothing can be bought any more."""
        begun = await self._store.take_up(self._wishes.make(part, take, None, run=run))
        if begun is None:
            raise error
        purchase = self._purchase(part, take, None)
        await self._remove_leftovers(purchase.target, begun)
        return await self._buy(purchase, purchase.start(begun, Decimal(0)))

    async def _buy(self, purchase: Purchase, beginning: Coroutine[Any, Any, None]) -> Bought:
        """Begin a purchase in a task that nobody cuts short, and finish it; hooks hear of both as of one call."""

        async def work() -> Bought:
            try:
                await self._owned.run(beginning)
                return await purchase.finish()
            except PhotaError:
                if not self._by_item:  # whose run ends now
                    await self._owned.run(purchase.give_back())
                raise
            finally:
                await self._owned.run(purchase.leave_place())

        operation, mode = purchase.request.operation, self._options.mode
        hooks = self._options.client._transport.hooks  # noqa: SLF001 - one package
        return await (work() if hooks is None else tell_operation(hooks, operation, mode, work(), summary_of))

    def _purchase(self, part: Part, take: int, photos: Sequence[str] | None) -> Purchase:
        output, request = self._options.output, part.item.request
        target = None if output is None else part.target(self._options.names, output, take)
        terms = Terms(
            options=self._options,
            store=self._store,
            sink=self._sink,
            owned=self._owned,
            account=self._account,
            proven=self._proven,
            leases=self._leases,
        )
        place = self._wishes.place_of(part, take)
        return Purchase(terms, request, target, self._desk.photos_of(request, photos), place)

    async def _start(self, purchase: Purchase, wish: Wish) -> None:
        """Write the intent, send it and write the job's id: one step, which nobody cuts short."""
        begun, held = await self._begin(purchase, wish)
        await self._remove_leftovers(purchase.target, begun)
        await purchase.start(begun, held)

    async def _remove_leftovers(self, target: Path | None, begun: Begun) -> None:
        """Remove what runs that died left of an item; whoever carries out single items looks where one did."""
        if target is None:
            return
        if self._leftovers is not None:
            self._leftovers.remove(target)
        elif begun.action in ("poll", "resend"):
            await threads.run(lambda: Leftovers(target.parent, deep=False).remove(target))

    async def _begin(self, purchase: Purchase, wish: Wish) -> tuple[Begun, Decimal]:
        """Write the intent within the budget; what is bought already needs none of it."""
        account, held = self._account, Decimal(0)
        if account is not None:
            held = account.hold(purchase.request)
            wish = replace(wish, cap=to_micros(account.cap))
        begun = None
        try:
            begun = await self._store.begin(replace(wish, now=self._store.clock()))
        finally:
            if account is not None and (begun is None or begun.action != "buy"):
                account.settle(held, Decimal(0))
                held = Decimal(0)
        if begun.action == "budget":
            price = from_micros(wish.price or 0)
            raise BudgetExceededError(f"expected a request that the budget can pay, got one of up to ${price}")
        return begun, held


def _store_of(
    ledger: StrPath | Store | Literal[True], output: Path | None
) -> tuple[Store, Ledger | PostgresLedger | None]:
    """Return the store, and the ledger that the batch itself has to open and close."""
    if not isinstance(ledger, (str, PathLike, bool)):
        if not hasattr(ledger, "begin"):
            raise InputError(f"ledger: expected a path, a Ledger or True, got {type(ledger).__name__}")
        return ledger, None
    own = PostgresLedger(str(ledger)) if is_address(ledger) else Ledger(path_of(ledger, output))
    return own, own
