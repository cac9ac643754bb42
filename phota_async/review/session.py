"""A review under way: what is decided is written, then counts, then is told to every open page."""

import asyncio
import contextlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .. import threads
from ..errors import ConfigError, InputError, PhotaError
from ..runs import ItemRecord, RunFolder
from .arrivals import INTERVAL, Arrivals
from .asking import Asking
from .changes import Changes
from .events import Event, event_of
from .items import ReviewItem, items_of, with_pictures
from .journal import Journal, read_picks
from .picks import Ask
from .pictures import Pictures
from .views import Price, Views, money

NO_ASKING = "asking again is off: start the review with --max-spend USD"
MAX_ID = 64  # characters of an ask's id


class Session:
    """Everything a review knows, and all that can be done to it. Making one blocks: it reads the run.

    Args:
        folder: The run.
        journal: Its picks, open.
        asking: Buys further variations; ``None`` when that is off.
        reason: Why it is off.
        names: Profile id to the name that people know it by.

    Raises:
        InputError: It is no run, or none of its items has a picture.
    """

    def __init__(
        self,
        folder: RunFolder,
        journal: Journal,
        *,
        asking: Asking | None = None,
        reason: str = NO_ASKING,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._arrivals = Arrivals(folder)
        news = self._arrivals.read()
        assert news is not None  # noqa: S101 - the first time
        self.run, records = news.run, news.records
        self.picks = read_picks(folder)
        self.pictures = Pictures(folder)
        self.changes = Changes()
        self.items = items_of(records, self.pictures)
        if not self.items:
            hint = "" if self.run.ended else "start the review when the first is done"
            raise InputError(f"run {folder.run}: expected items with pictures, got none").with_context(hint=hint)
        self._pictureless = len(records) - len(self.items)
        self._journal, self._asking, self._reason = journal, asking, reason
        self._views = Views(self.pictures, names)
        self._by_key = {item.key: item for item in self.items}
        self._troubles: dict[str, str] = {}
        self._turn = asyncio.Lock()
        for ask in self.picks.asks():
            self._add_made(ask)

    # What people decide

    async def pick(self, number: int, picture: int, tab: str) -> None:
        """Take a picture of an item.

        Raises:
            InputError: The item or the picture does not exist.
        """
        item = self._item(number)
        output = item.output_of(picture)
        if output is None:
            raise InputError(f"{item.key}: expected one of its variations, got picture {picture}")
        await self.note(event_of("pick", item.key, output=output), tab)

    async def reject(self, number: int, tab: str) -> None:
        """Take none of an item's pictures."""
        await self.note(event_of("reject", self._item(number).key), tab)

    async def clear(self, number: int, tab: str) -> None:
        """Make an item undecided again."""
        await self.note(event_of("clear", self._item(number).key), tab)

    async def undo(self, tab: str) -> int | None:
        """Take the last decision back, whoever made it; returns its item's number, ``None`` when there is none."""
        if self.picks.undoable is None:
            return None
        item = self._by_key.get(await self.note(event_of("undo"), tab) or "")
        return item.number if item else None

    async def ask(self, number: int, ask_id: str, price: Decimal, tab: str) -> None:
        """Ask for a further variation.

        Args:
            number: The item's.
            ask_id: Made by the page: the same id again changes nothing, so that no click is paid twice.
            price: US dollars that the page showed; another price by now is refused.
            tab: The page.

        Raises:
            ConfigError: Asking is off, or the price is not known.
            InputError: It cannot be asked for, costs something else, or the budget does not allow it.
        """
        item = self._item(number)
        if not 0 < len(ask_id) <= MAX_ID or not (ask_id.isascii() and ask_id.isalnum()):
            raise InputError(f"id: expected 1 to {MAX_ID} letters and digits, got something else")
        async with self._turn:
            if self.picks.ask(ask_id) is not None:
                return
            asking = self._check_price(item, price)
            await self._write(event_of("ask", item.key, ask=ask_id, price=price), tab)
        ask = self.picks.ask(ask_id)
        if ask is not None:
            asking.put(ask, item.record, is_new=True)

    def finish(self) -> None:
        """End the review; pages that wait are told."""
        self.changes.end()

    # How asks go

    async def work(self) -> None:
        """Buy what is asked for, and what an earlier review asked for and did not get; until cancelled."""
        if self._asking is None:
            return
        asks = self.picks.asks()
        for ask in asks:
            item = self._by_key.get(ask.item)
            if ask.state == "open" and item is not None:
                self._asking.put(ask, item.record, is_new=False)
        await self._asking.work(self.folder, self, asks)

    async def follow(self, interval: float = INTERVAL) -> None:
        """Look again and again whether the run went on; until cancelled."""
        while True:
            await asyncio.sleep(interval)
            with contextlib.suppress(PhotaError):  # its folder is gone: what is here stays
                await self.refresh()

    async def refresh(self) -> None:
        """Take what the run has added since; open pages are told."""
        async with self._turn:
            news = await threads.run(self._arrivals.read)
            if news is None:
                return
            self.run = news.run
            for record in with_pictures(news.records):
                self._take(record)
            self._pictureless = len(news.records) - len(self.items)

    async def note(self, event: Event, tab: str = "") -> str | None:
        """Write an event and return the key of the item it changed; by then it is on the disk, and counts."""
        async with self._turn:
            return await self._write(event, tab)

    def trouble(self, ask: Ask, sentence: str) -> None:
        """Hear why an ask is not made yet."""
        self._troubles[ask.id] = sentence
        self._tell(ask.item, "")

    # What pages are told

    def state(self) -> dict[str, Any]:
        """Return everything that a page shows."""
        return {
            "run": self.run.run,
            "operation": self.run.operation,
            "folder": self.folder.output.resolve().name,
            "items": [self._view(item) for item in self.items],
            **self._common(),
        }

    def changed(self, version: int) -> dict[str, Any]:
        """Return what changed behind a version: each item once, as it is now, and the page that changed it last."""
        items = [{**self._view(self.items[number]), "tab": tab} for number, tab in self.changes.since(version).items()]
        return {"items": items, **self._common()}

    def counts(self) -> dict[str, int]:
        """Return how many items are picked, rejected and undecided."""
        choices = [self.picks.choice(item.key) for item in self.items]
        kinds = [choice.kind if choice else "undecided" for choice in choices]
        return {kind: kinds.count(kind) for kind in ("picked", "rejected", "undecided")}

    @property
    def open_asks(self) -> int:
        """How many pictures were asked for and are not there yet."""
        return sum(ask.state == "open" for ask in self.picks.asks())

    def _common(self) -> dict[str, Any]:
        undoable = self._by_key.get(self.picks.undoable or "")
        return {
            "version": self.changes.version,
            "undoable": undoable.number if undoable else None,
            "finished": self.changes.is_over,
            "pictureless": self._pictureless,
            "ended": self.run.ended is not None,
            "budget": self._budget(),
        }

    def _budget(self) -> dict[str, Any]:
        if self._asking is None:
            return {"reason": self._reason, "cap": "", "left": "", "exact": "0"}
        left = self._left(self._asking)
        return {"reason": "", "cap": money(self._asking.budget.usd), "left": money(left), "exact": str(left)}

    def _left(self, asking: Asking) -> Decimal:
        return max(Decimal(0), asking.budget.usd - self.picks.committed)

    def _price(self, item: ReviewItem) -> Price:
        """Return what a further variation costs, or why there is none."""
        if self._asking is None:
            return Price(reason=self._reason)
        try:
            return Price(self._asking.price(item.record))
        except PhotaError as error:
            return Price(reason=str(error))

    def _check_price(self, item: ReviewItem, price: Decimal) -> Asking:
        """Return who buys, if that is what it costs and the budget has it."""
        current = self._price(item)
        if self._asking is None or current.dollars is None:
            raise ConfigError(current.reason)
        if current.dollars != price:
            raise InputError(f"expected a price of {current.dollars}, got {price}: look at it again")
        left = self._left(self._asking)
        if price > left:
            raise InputError(f"expected at most {money(left)} left of the budget, got up to {money(price)}")
        return self._asking

    def _view(self, item: ReviewItem) -> dict[str, Any]:
        return self._views.item(item, self.picks, self._troubles, self._price(item))

    # Writing

    async def _write(self, event: Event, tab: str) -> str | None:
        await threads.run(self._journal.append, event)
        key = self.picks.apply(event)
        if event.kind == "made" and (ask := self.picks.ask(event.ask)) is not None:
            self._add_made(ask)
        if key is not None:
            self._tell(key, tab)
        return key

    def _take(self, record: ItemRecord) -> None:
        item = self._by_key.get(record.key)
        if item is not None and item.record == record:
            return
        if item is None:
            item = ReviewItem(len(self.items), record, self.pictures)  # at the end: numbers stay
            self.items.append(item)
            self._by_key[record.key] = item
        else:
            item.update(record, self.pictures)
        self._tell(record.key, "")

    def _add_made(self, ask: Ask) -> None:
        item = self._by_key.get(ask.item)
        if item is not None and ask.record is not None:
            item.add(ask.record, self.pictures)

    def _tell(self, key: str, tab: str) -> None:
        item = self._by_key.get(key)
        if item is not None:
            self.changes.add(item.number, tab)

    def _item(self, number: int) -> ReviewItem:
        if not 0 <= number < len(self.items):
            raise InputError(f"expected an item from 0 to {len(self.items) - 1}, got {number}")
        return self.items[number]

    def __repr__(self) -> str:
        return f"<Session {self.folder.run} {self.picks!r}>"
