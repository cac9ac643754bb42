"""The batch: workers that pull items, and a reader that gets outcomes as they finish."""

import datetime as dt
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import anyio
from anyio.abc import TaskGroup

from ..config import Mode
from ..errors import ConfigError, InputError, PhotaError
from ..media.files import Exists
from ..pricing import PriceTable
from ..results import StrPath, to_path
from .admission import Admission
from .budget import Budget
from .buyers import Buyer, buyer_of
from .collisions import check_places
from .counting import count_parts
from .feed import Feed
from .finishing import Finisher
from .gate import Gate
from .halt import Halt
from .items import BatchStatistics, Outcome
from .options import Metadata, Options, check_numbers, name_of_take
from .outbox import OrderedOutbox, Outbox
from .parts import Part
from .puller import Items
from .telling_items import ItemTelling
from .templates import Names

if TYPE_CHECKING:
    from ..client import PhotaClient
    from ..ledger.records import Store


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
        max_concurrency: Items begun and not final, at most. A batch begins with 16 and finds out by itself how
            many the service takes: more while it answers well, half as many when it says 429 or 503.
        mode: ``"job"`` submits, polls and downloads, holding nothing open; ``"sync"`` holds requests open.
        output: A directory for the pictures, or a link to one, which mirrors the items' keys. A link in it that leads
            out of it is not followed: its items fail unsent. An item whose file exists is skipped and costs nothing.
            ``None`` keeps results in memory. Two items never share a place: a list, or another collection, is looked
            through when the block is entered, which raises `InputError` before anything is sent; of what can be
            read only once, the later item fails in its turn, before it is sent.
        ledger: A `Ledger`, the path of one, or, where other machines may carry out the same batch at the same time,
            an open `PostgresLedger` or the ``postgresql://...`` of one, which is opened and closed with the batch:
            what is bought is written down before it is sent, so that the
            same batch, killed at any instant and run again, finishes what was begun and pays for nothing twice.
            ``True`` keeps it in ``output/.phota/ledger.sqlite``. An item is then known by its photos' content and
            its parameters, never by a file's name. ``None`` keeps none.
        name: The batch's name in the ledger: the same item in two batches is bought twice.
        resend_unknown: Whether to buy anew what may have been bought already; the service may charge it twice.
        budget: A spending cap; with a ledger over all runs of the batch.
        retry_missed: How often to ask again when a named profile was not recognised; each is billed. Where the
            service did not tell who was recognised, nothing is asked again.
        exists: ``"error"`` skips items whose file exists; ``"number"`` and ``"replace"`` buy them again. With a
            ledger it only settles the names of what is new: ``"error"`` is then as ``"number"``, and ``"skip"``
            besides leaves an item alone whose name is that of a file which the ledger does not know.
        names: A template for the files' names; ``None`` is ``{dir}/{stem}.{op}-{k}.{ext}``. Fields are ``dir``,
            ``stem``, ``name`` and ``ext`` of the key, ``op``, ``model``, ``take``, ``date``, ``k`` for the picture's
            number, and ``row.<column>`` for the item's ``fields``. It ends in ``-{k}.{ext}``, or in ``.{ext}`` where
            no item has several pictures. An item whose names cannot be made fails before anything is sent.
        take: 2 and more ask anew for what an earlier take brought: with a ledger another purchase, with a budget of
            its own, and ``-take2`` in names.
        day: What ``{date}`` says; ``None`` is today.
        prices: By which costs are told; ``None`` takes the budget's, or the published ones.
        prepare: Whether photos are made fit to leave before they are sent, links excepted: upright, at most 4096
            pixels on the longest side, without place, serial numbers, owner, captions and all that is unknown; HEIC
            (extra ``heic``) becomes JPEG. A photo that cannot be prepared fails its item and is not sent.
            Decoding needs the extra ``images``; taking metadata out of an upright JPEG, PNG or WebP does not.
            ``False`` sends them as they are. What is bought is known by the originals in both cases. Photos and
            results in the works take some 256 MB at most, or one item's if that is more; calls that
            ``mode="sync"`` holds open keep their prepared photos besides.
        metadata: What files below ``output`` get of their original, which is the first photo of edit, the photo of
            enhance, the ``input_image`` of remix: ``"copy"`` date, camera, colour profile, author, captions,
            keywords, rating and serial numbers; ``"basic"`` date, camera and colour profile; ``"none"`` nothing.
            See ``Outcome.uncarried`` for where that failed.
        gps: Whether ``metadata="copy"`` gives these files the place too. It concerns the files here only: with
            ``prepare`` no place leaves this machine.
        mark: Whether these files say that AI made them (IPTC digital source type), whatever ``metadata`` is.
            ``metadata="none", mark=False`` leaves them byte for byte as they came.
        ordered: Whether outcomes come in the items' order. At most twice ``max_concurrency`` of them wait behind
            an item that takes long; then no further one is begun until it is done.
        on_begin: Is told the key of each item as it begins; it must not raise.
        one_request: Whether an item is sent as one request in any case. By default an item that names profiles and
            asks for several variations is sent as a request for each, since the service tells who was recognised
            for all pictures of an answer together: each takes a place among ``max_concurrency``, is reserved,
            bought and accounted for by itself, and ``retry_missed`` asks only for those that missed somebody. They
            end in one outcome; see ``Outcome.variations``. An item whose photo is a stream that cannot be set back
            is sent as one request too. What the ledger knows as sent in one request stays that, in the first of the
            variations; with ``one_request``, what was bought as variations is not known, and is bought again.
        dry_run: Whether everything is only said and nothing done: the same loop gives outcomes that are ``planned``,
            or end as they would before anything is sent, each with its ``estimate`` and ``paths``. Nothing is
            sent, written or locked; photos are read, though not prepared, and so is a ledger of this package's,
            even while another process has it; what it knows of photos that stayed as they are is believed. A budget
            stays as it is, upper prices are counted against it, and items are looked at one by one, so that what is
            planned fits into it in any case.
    """

    def __init__(
        self,
        client: "PhotaClient",
        items: Items,
        *,
        max_concurrency: int = 16,
        mode: Mode = "job",
        output: StrPath | None = None,
        ledger: "StrPath | Store | bool | None" = None,
        name: str = "",
        resend_unknown: bool = False,
        budget: Budget | None = None,
        retry_missed: int = 0,
        exists: Exists | Literal["skip"] = "error",
        names: str | None = None,
        take: int = 1,
        day: dt.date | None = None,
        prices: PriceTable | None = None,
        # Photos
        prepare: bool = True,
        metadata: Metadata = "copy",
        gps: bool = True,
        mark: bool = True,
        # How outcomes come
        ordered: bool = False,
        on_begin: Callable[[str], None] | None = None,
        one_request: bool = False,
        dry_run: bool = False,
    ) -> None:
        check_numbers(max_concurrency=max_concurrency, retry_missed=retry_missed, take=take)
        if not isinstance(name, str):
            raise InputError(f"name: expected a str, got {type(name).__name__}")
        if ledger not in (None, False) and output is None and (ledger is True or mode == "sync"):
            raise ConfigError("ledger: expected an output= with it, got none")
        self._options = Options(
            client=client,
            mode=mode,
            output=None if output is None else to_path(output),
            exists="error" if exists == "skip" else exists,
            skips_foreign=exists == "skip",
            budget=budget,
            table=prices,
            retry_missed=retry_missed,
            names=Names(names, take=take, day=day),
            prepare=prepare,
            metadata=metadata,
            gps=gps,
            mark=mark,
        )
        self._items = items
        self._max_concurrency = max_concurrency
        self._one_request = one_request
        self._dry_run = dry_run
        self._workers = 1 if dry_run and budget is not None else max_concurrency
        self._new_buyer: Callable[[], Buyer] = partial(
            buyer_of,
            self._options,
            ledger,
            name=name_of_take(name, take),
            resend_unknown=resend_unknown,
            dry_run=dry_run,
            count=partial(count_parts, items, one_request=one_request),
        )
        self._halt = Halt()
        telling = None if dry_run else ItemTelling.of(client, name_of_take(name, take))
        self._finisher = Finisher(self._halt, on_begin, dry_run=dry_run, telling=telling)
        self._outbox = (OrderedOutbox if ordered else Outbox)(max_concurrency, self._workers)
        self._group: TaskGroup | None = None
        self._refusals = client._transport.refusal_listeners  # noqa: SLF001 - one package

    async def __aenter__(self) -> AsyncIterator[Outcome]:
        if self._group is not None:
            raise InputError("batch: expected to be entered once, got a second time")
        self._buyer = self._make_buyer()
        self._admission = self._make_admission()
        self._feed = Feed(self._items, self._admission.admit, one_request=self._one_request)
        if not self._dry_run:  # which says it of each item
            await check_places(self._items, self._options.output, self._options.names)
        await self._buyer.open()
        self._gate = Gate(self._max_concurrency)
        self._refusals.append(self._gate.refused)
        self._group = await anyio.create_task_group().__aenter__()
        for _ in range(self._workers):
            self._group.start_soon(self._work)
        return self._outbox

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._group is not None  # noqa: S101 - entered
        self._group.cancel_scope.cancel()
        self._refusals.remove(self._gate.refused)
        try:
            await self._group.__aexit__(None, None, None)  # the block's own error leaves as it is, in no group
        finally:
            self._finisher.leave()
            self._admission.close()
            with anyio.CancelScope(shield=True):
                await self._buyer.aclose()

    def statistics(self) -> BatchStatistics:
        """Return a snapshot of the counters."""
        tally = self._finisher.tally
        return BatchStatistics(
            running=self._finisher.running,
            limit=self._gate.limit if self._group else self._max_concurrency,
            waiting=len(self._outbox),
            done=tally.counts["done"],
            failed=tally.counts["failed"],
            skipped=tally.counts["skipped"],
            unknown=tally.counts["unknown"],
            over_budget=tally.counts["budget"],
            spent=tally.spent,
            planned=tally.counts["planned"],
            estimated_low=tally.estimated_low,
            estimated_high=tally.estimated_high,
            unpriced=tally.unpriced,
            stopped=self._halt.error,
        )

    def stop(self, *, within: float | None = None, grace: float = 1.0) -> None:
        """Begin no further item. Those under way go on to their end, and outcomes end with theirs.

        Args:
            within: Seconds after which nothing goes on: outcomes end, and what was not final has none. With a
                ledger the same batch finishes it later, as after a crash; ``None`` waits as long as it takes.
            grace: Seconds that steps which must not be cut get on top, when the block is left after that.

        May be called again, to be less patient, and before the block is entered.
        """
        self._halt.begin_no_more()
        if within is not None and self._group is not None:
            self._group.start_soon(self._cut_after, within, grace)

    def __repr__(self) -> str:
        counts = repr(self._finisher.tally)
        return f"<Batch {self._finisher.running}/{self._max_concurrency} running{', ' + counts if counts else ''}>"

    def _make_buyer(self) -> Buyer:
        return self._new_buyer()

    def _make_admission(self) -> Admission:
        return Admission(self._options.output, self._options.names, takes=self._options.retry_missed + 1)

    async def _cut_after(self, within: float, grace: float) -> None:
        await anyio.sleep(within)
        self._buyer.hurry(grace)
        self._halt.cut()

    async def _work(self) -> None:
        """Pull and finish parts until there are none, or there is a reason to begin no further item."""
        try:
            with self._halt.working():
                while await self._carry_out_next():
                    pass
        finally:
            self._outbox.leave()

    async def _carry_out_next(self) -> bool:
        """Pull one part once the gate admits it, and finish it; says whether there was one."""
        # Where nothing waits, nothing is awaited: a coroutine for each step would double an item's cost.
        mark, end = self._gate.enter_nowait() or await self._gate.enter(), None
        try:
            part = self._next_nowait() if self._feed.is_plain else await self._next()
            if part is None:
                return False
            begun = time.monotonic()
            end = await self._finisher.finish(part, self._buyer)
        finally:
            self._gate.leave(mark, well=end is not None and end.status == "done")
        outcome = self._finisher.join(part, end, begun)
        if outcome is not None and not self._outbox.put_nowait(part.number, outcome):
            await self._outbox.put(part.number, outcome)
        return True

    def _next_nowait(self) -> Part | None:
        if self._halt.is_set:
            return self._feed.next_begun()
        try:
            return self._feed.next_nowait()
        except PhotaError as error:
            self._halt.begin_no_more(error)
        return None

    async def _next(self) -> Part | None:
        if self._halt.is_set:
            return self._feed.next_begun()
        try:
            with self._halt.pulling():  # who waits for a slow iterator must hear that no further item is begun
                return await self._feed.next()
        except PhotaError as error:
            self._halt.begin_no_more(error)
        return self._feed.next_begun()
