"""Carry out items one by one, as the workers of a queue do: idempotent, by the very code that batches run.

    async with ItemRunner(client, "results", store=store, limiter=leases) as runner:
        outcome = await runner.run(item)

Whoever calls may call again: after a crash, a timeout, a redelivery, on another machine, or while another worker is
at it. The store knows what was bought, and a service that remembers an id answers for free.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakValueDictionary

import msgspec
from msgspec.structs import replace

from ..config import Mode
from ..errors import ConfigError, InputError, PhotaError
from ..leases import Leases
from ..media.files import Exists
from ..pricing import PriceTable
from ..results import StrPath
from ..validation import check_request
from .accounted import LedgerBuyer
from .budget import Budget
from .finishing import FATAL, Finisher
from .gate import Gate
from .halt import Halt
from .items import BatchItem, Outcome
from .names import check_not_original
from .options import Metadata, Options, check_numbers, name_of_take
from .parts import Part, parts_of
from .sinks import DirectorySink, Sink
from .templates import Names

if TYPE_CHECKING:
    from ..client import PhotaClient
    from ..ledger.records import Store


class ItemSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How items are carried out; the fields are arguments of `Batch`, equal for all workers of a batch."""

    name: str = ""
    """The batch's name in the store: the same item in two batches is bought twice."""
    take: int = 1
    mode: Mode = "job"
    exists: Exists = "number"
    """What to do with a name that is taken by other content: ``"number"`` or ``"replace"``."""
    budget: Budget | None = None
    retry_missed: int = 0
    resend_unknown: bool = False
    names: str | None = None
    prices: PriceTable | None = None
    prepare: bool = True
    metadata: Metadata = "copy"
    gps: bool = True
    mark: bool = True
    one_request: bool = False
    max_concurrency: int = 50
    """Parts of items under way in this process, at most; it finds out by itself how many the service takes."""

    def __post_init__(self) -> None:
        check_numbers(max_concurrency=self.max_concurrency, retry_missed=self.retry_missed, take=self.take)
        if not isinstance(self.name, str):
            raise InputError(f"name: expected a str, got {type(self.name).__name__}")
        if self.exists == "error":
            raise InputError("exists: expected 'number' or 'replace', got 'error': a file never stands for a purchase")


class ItemRunner:
    """Carries out items, many at once if they come so.

    Args:
        client: Makes the calls.
        sink: A directory, or a `Sink`.
        store: Knows what was bought; it is open, and stays so.
        limiter: Places for jobs that all workers share; ``None`` for no other limit than the client's.
        settings: How.
    """

    def __init__(
        self,
        client: "PhotaClient",
        sink: StrPath | Sink,
        *,
        store: "Store",
        limiter: Leases | None = None,
        settings: ItemSettings | None = None,
    ) -> None:
        if not hasattr(store, "join"):
            raise InputError(f"store: expected an open Ledger or PostgresLedger, got {type(store).__name__}")
        self._client, self._store, self._leases = client, store, limiter
        self._sink: Sink = DirectorySink(sink) if isinstance(sink, (str, PathLike)) else sink
        self._settings = settings or ItemSettings()
        self._name = name_of_take(self._settings.name, self._settings.take)
        self._gate = Gate(self._settings.max_concurrency)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._scope = AsyncExitStack()
        self._options: Options

    @property
    def name(self) -> str:
        """The batch's name in the store."""
        return self._settings.name

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as scope:
            self._options = self._make_options(scope.enter_context(self._sink.folder()))
            self._buyer = LedgerBuyer(
                self._options,
                self._store,
                name=self._name,
                resend_unknown=self._settings.resend_unknown,
                by_item=True,
                sink=self._sink,
                leases=self._leases,
            )
            await self._buyer.open()
            scope.push_async_callback(self._buyer.aclose)
            listeners = self._client._transport.refusal_listeners  # noqa: SLF001 - one package
            listeners.append(self._gate.refused)
            scope.callback(listeners.remove, self._gate.refused)
            self._scope = scope.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._scope.aclose()

    def hurry(self, grace: float) -> None:
        """Give the steps under way that many seconds when the block is left."""
        self._buyer.hurry(grace)

    async def run(self, item: BatchItem) -> Outcome:
        """Carry out one item; whatever happens is its outcome.

        Raises:
            InputError: It is no `BatchItem`.
            LedgerError: The store cannot be read: nothing was sent.
        """
        if not isinstance(item, BatchItem):
            raise InputError(f"item: expected a BatchItem, got {type(item).__name__}")
        finisher = Finisher(Halt(), None, dry_run=False)
        parts = self._parts_of(item)
        async with self._turns.setdefault(item.key, asyncio.Lock()):  # delivered twice, the second finds it done
            run = await self._store.join(self._name)
            try:
                return await self._finish(parts, _Run(self._buyer, run), finisher)
            finally:
                await self._store.leave(self._name, run)

    async def _finish(self, parts: list[Part], buyer: "_Run", finisher: Finisher) -> Outcome:
        outcome = None
        for part in parts:
            mark, end, begun = await self._gate.enter(), None, time.monotonic()
            try:
                end = await finisher.finish(part, buyer)
            finally:
                self._gate.leave(mark, well=end is not None and end.status == "done")
            outcome = finisher.join(part, end, begun)
        assert outcome is not None  # noqa: S101 - the last part ends the item
        return outcome

    def _make_options(self, output: Path) -> Options:
        given = self._settings
        return Options(
            client=self._client,
            mode=given.mode,
            output=output,
            exists=given.exists,
            budget=given.budget,
            retry_missed=given.retry_missed,
            names=Names(given.names, take=given.take),
            table=given.prices,
            prepare=given.prepare,
            metadata=given.metadata,
            gps=given.gps,
            mark=given.mark,
        )

    def _parts_of(self, item: BatchItem) -> list[Part]:
        try:
            self._check(item)
        except PhotaError as error:
            return [Part(item, 0, refusal=error)]
        return parts_of(item, 0, one_request=self._settings.one_request)

    def _check(self, item: BatchItem) -> None:
        """Check an item as a batch does, which besides knows the places of others."""
        options = self._options
        check_request(item.request)
        assert options.output is not None  # noqa: S101 - a sink gives one
        options.names.check_numbers(item, options.retry_missed + 1)
        is_numbered = options.names.is_numbered(item)
        check_not_original(options.names.target(options.output, item), item.request, is_numbered=is_numbered)

    def __repr__(self) -> str:
        return f"<ItemRunner to {self._sink!r}, {self._gate!r}>"


class _Run:
    """A buyer's one run: what `Finisher` hands parts to."""

    def __init__(self, buyer: LedgerBuyer, run: int) -> None:
        self._buyer, self._run = buyer, run

    async def carry_out(self, part: Part) -> Outcome:
        """Finish one part; errors are raised."""
        return await self._buyer.buy(part, self._run)


async def run_item(
    client: "PhotaClient",
    item: BatchItem,
    sink: StrPath | Sink,
    limiter: Leases | None,
    store: "Store",
    *,
    settings: ItemSettings | None = None,
    **options: Any,
) -> Outcome:
    """Carry out one item, wherever and however often it is asked for: it is bought once.

    A worker that carries out many keeps an `ItemRunner` instead, which shares what they need.

    Args:
        client: Makes the calls.
        item: The key names it among all items of the batch's name.
        sink: A directory, or a `Sink`.
        limiter: Places for jobs that all workers share; ``None`` for none.
        store: Knows what was bought: an open `Ledger`, or a `PostgresLedger` for many machines.
        settings: How.
        options: Fields of `ItemSettings`, which go before those of ``settings``.

    Returns:
        The outcome; ``skipped`` when it was all there. `is_worth_repeating` says whether another call may help.

    Raises:
        ConfigError: An option is none.
    """
    unknown = options.keys() - set(ItemSettings.__struct_fields__)
    if unknown:
        raise ConfigError(f"expected options among those of ItemSettings, got {min(unknown)}")
    chosen = replace(settings or ItemSettings(), **options)
    async with ItemRunner(client, sink, store=store, limiter=limiter, settings=chosen) as runner:
        return await runner.run(item)


def is_worth_repeating(outcome: Outcome) -> bool:
    """Whether an engine should deliver the item again: the service or the machine failed, not the item.

    What may have been charged is repeated with its own id, which is free; what is unknown for good is not.
    """
    error = outcome.error
    if error is None or outcome.status not in ("failed", "unknown"):
        return False
    return error.retryable or isinstance(error, FATAL)
