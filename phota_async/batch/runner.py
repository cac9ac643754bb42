"""The batch: workers that pull items, and a reader that gets outcomes as they finish."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from anyio.abc import TaskGroup

from ..config import Mode
from ..errors import (
    AuthenticationError,
    BudgetExceededError,
    ConfigError,
    InputError,
    InsufficientCreditsError,
    PhotaError,
    ResponseLostError,
)
from ..media.files import Exists
from ..pricing import PUBLISHED, named_subjects
from ..results import ImageResult, StrPath, to_path
from .budget import Budget, cost_of
from .items import BatchItem, BatchStatistics, Outcome, OutcomeStatus
from .names import check_not_original, existing, target_of

if TYPE_CHECKING:
    from ..client import PhotaClient

Items = Iterable[BatchItem] | AsyncIterable[BatchItem]
FATAL = (AuthenticationError, InsufficientCreditsError)  # every further item would fail the same way


class Batch:
    """Send many requests, a bounded number at once, and yield outcomes as they finish.

    Usage::

        batch = Batch(client, items, max_concurrency=8, output="results", budget=Budget(usd=20))
        async with batch as outcomes:
            async for outcome in outcomes:
                print(outcome.key, outcome.status, outcome.paths)

    Items are pulled as places become free, so the iterable may be endless and memory follows concurrency. It
    never raises for an item. Leaving the block stops it cleanly. A refused key or an empty balance begins no
    further item, lets those under way finish, and shows in ``statistics().stopped``.

    Args:
        client: Makes the calls; its `Limiter` bounds calls at once, beside this batch's bound on items.
        items: `BatchItem` values, from an iterable (pulled on the event loop) or an asynchronous one.
        max_concurrency: Items begun and not final.
        mode: ``"job"`` submits, polls and downloads, holding nothing open; ``"sync"`` holds requests open.
        output: A directory for the pictures, which mirrors the items' keys; an item whose file exists is
            skipped and costs nothing. ``None`` keeps results in memory.
        ledger: Not offered yet: anything but ``None`` is a `ConfigError`.
        budget: A spending cap.
        retry_missed: How often to ask again when a named profile was not recognised; each is billed.
        exists: ``"error"`` skips items whose file exists; ``"number"`` and ``"replace"`` buy them again.
    """

    def __init__(
        self,
        client: "PhotaClient",
        items: Items,
        *,
        max_concurrency: int = 16,
        mode: Mode = "job",
        output: StrPath | None = None,
        ledger: object = None,
        budget: Budget | None = None,
        retry_missed: int = 0,
        exists: Exists = "error",
    ) -> None:
        if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int) or max_concurrency < 1:
            raise InputError(f"max_concurrency: expected 1 or more, got {max_concurrency!r}")
        if isinstance(retry_missed, bool) or not isinstance(retry_missed, int) or retry_missed < 0:
            raise InputError(f"retry_missed: expected 0 or more, got {retry_missed!r}")
        if ledger is not None:
            raise ConfigError("ledger: this version keeps no ledger; output= skips what is already there")
        self._client = client
        self._items = items
        self._max_concurrency = max_concurrency
        self._mode: Mode = mode
        self._output = None if output is None else to_path(output)
        self._budget = budget
        self._retry_missed = retry_missed
        self._exists: Exists = exists
        self._targets: set[str] = set()
        self._counts: Counter[OutcomeStatus] = Counter()
        self._spent = Decimal(0)
        self._running = 0
        self._stopped: PhotaError | None = None
        self._outcomes: deque[Outcome] = deque()
        self._group: TaskGroup | None = None

    async def __aenter__(self) -> AsyncIterator[Outcome]:
        if self._group is not None:
            raise InputError("batch: expected to be entered once, got a second time")
        self._pull = _puller(self._items)
        self._changed = asyncio.Event()
        self._read = asyncio.Event()
        self._workers = self._max_concurrency
        self._group = await anyio.create_task_group().__aenter__()
        for _ in range(self._max_concurrency):
            self._group.start_soon(self._work)
        return _Outcomes(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._group is not None  # noqa: S101 - entered
        self._group.cancel_scope.cancel()
        return await self._group.__aexit__(kind, error, trace)

    def statistics(self) -> BatchStatistics:
        """Return a snapshot of the counters."""
        return BatchStatistics(
            running=self._running,
            waiting=len(self._outcomes),
            done=self._counts["done"],
            failed=self._counts["failed"],
            skipped=self._counts["skipped"],
            unknown=self._counts["unknown"],
            over_budget=self._counts["budget"],
            spent=self._spent,
            stopped=self._stopped,
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self._counts.items())
        return f"<Batch {self._running}/{self._max_concurrency} running{', ' + counts if counts else ''}>"

    async def _work(self) -> None:
        """Pull and finish items until there are none, or there is a reason to stop."""
        try:
            while self._stopped is None:
                item = await self._next_item()
                if item is None:
                    return
                self._running += 1
                try:
                    outcome = await self._finish(item)
                finally:
                    self._running -= 1
                await self._deliver(outcome)
        finally:
            self._workers -= 1
            self._changed.set()

    async def _next_item(self) -> BatchItem | None:
        try:
            return await self._pull()
        except PhotaError as error:
            self._stopped = error
        return None

    async def _finish(self, item: BatchItem) -> Outcome:
        """Carry out one item; whatever happens becomes its outcome."""
        try:
            return await self._carry_out(item)
        except BudgetExceededError as error:
            return _outcome(item, "budget", error=error)
        except ResponseLostError as error:
            return _outcome(item, "unknown", error=error, spent=None)
        except PhotaError as error:
            if isinstance(error, FATAL):
                self._stopped = error
            unknown = error.charged == "unknown"
            return _outcome(item, "failed", error=error, spent=None if unknown else Decimal(0))

    async def _carry_out(self, item: BatchItem) -> Outcome:
        target = None if self._output is None else target_of(self._output, item.key, item.request)
        if target is not None:
            check_not_original(target, item.request)
            found = existing(target) if self._exists == "error" else []
            if found:
                return _outcome(item, "skipped", paths=tuple(found))
            self._claim(target)
        spent: Decimal | None = Decimal(0)
        paths = []
        for take in range(1, self._retry_missed + 2):
            where = None if self._output is None else target_of(self._output, item.key, item.request, take)
            try:
                result, cost = await self._buy(item, where)
            except PhotaError:
                if take == 1:
                    raise
                break  # what was bought before stays the item's result
            spent = None if cost is None or spent is None else spent + cost
            paths += [image.path for image in result.images if image.path is not None]
            last = result
            if not result.missing():
                break
        self._spent += spent or 0
        return _outcome(item, "done", result=last, paths=tuple(paths), missing=last.missing(), spent=spent)

    async def _buy(self, item: BatchItem, target: object) -> tuple[ImageResult, Decimal | None]:
        """Make one call within the budget; what it may have cost stays reserved when that is not known."""
        budget = self._budget
        reserved = budget.reserve(item.request) if budget else Decimal(0)
        cost: Decimal | None = reserved  # until the service has said otherwise, it may have cost that much
        try:
            send = self._client.send
            if target is None:
                result = await send(item.request, mode=self._mode)
            else:
                path = to_path(target)
                result = await send(
                    item.request,
                    mode=self._mode,
                    save_to=path.with_name(path.name + ".jpg"),
                    exists=self._exists,
                )
            cost = cost_of(item.request, result, budget.prices if budget else PUBLISHED)
        except PhotaError as error:
            cost = reserved if error.charged == "unknown" else Decimal(0)
            raise
        finally:
            if budget:
                budget.settle(reserved, reserved if cost is None else cost)
        return result, cost

    def _claim(self, target: object) -> None:
        """Make sure that no two items of this batch want the same name, on systems that ignore case too."""
        name = str(target).casefold()
        if name in self._targets:
            raise InputError(f"key: {target} is the place of another item of this batch")
        self._targets.add(name)

    async def _deliver(self, outcome: Outcome) -> None:
        """Hand an outcome to the reader, waiting while it has plenty."""
        self._counts[outcome.status] += 1
        while len(self._outcomes) >= self._max_concurrency:
            self._read.clear()
            await self._read.wait()
        self._outcomes.append(outcome)
        self._changed.set()

    async def _next_outcome(self) -> Outcome:
        while not self._outcomes:
            if not self._workers:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        self._read.set()
        return self._outcomes.popleft()


class _Outcomes:
    """The reader's end of a batch."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        return await self._batch._next_outcome()  # noqa: SLF001 - one class in two


class _puller:  # noqa: N801 - used as a function
    """Gives the next item, or ``None`` at the end, to one worker at a time."""

    def __init__(self, items: Items) -> None:
        if isinstance(items, AsyncIterable):
            self._asynchronous: AsyncIterator[BatchItem] | None = aiter(items)
            self._plain: Iterator[BatchItem] = iter(())
        elif isinstance(items, Iterable):
            self._asynchronous, self._plain = None, iter(items)
        else:
            raise InputError(f"items: expected an iterable of BatchItem, got {type(items).__name__}")
        self._turn = asyncio.Lock()
        self._ended = False

    async def __call__(self) -> BatchItem | None:
        async with self._turn:
            item = None if self._ended else await self._next()
        if item is None:
            self._ended = True
        elif not isinstance(item, BatchItem):
            self._ended = True
            raise InputError(f"items: expected BatchItem values, got {type(item).__name__}")
        return item

    async def _next(self) -> BatchItem | None:
        try:
            if self._asynchronous is None:
                return next(self._plain, None)
            return await anext(self._asynchronous, None)
        except PhotaError:
            self._ended = True
            raise
        except Exception as error:  # the user's iterator: what it raises must not cancel what is under way
            self._ended = True
            raise InputError(f"items: the iterator failed with {type(error).__name__}: {error}") from error


def _outcome(item: BatchItem, status: OutcomeStatus, **rest: object) -> Outcome:
    return Outcome(
        key=item.key,
        request=item.request,
        status=status,
        expected=named_subjects(item.request),
        **rest,  # type: ignore[arg-type]  # each caller gives fields of Outcome
    )
