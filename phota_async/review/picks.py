"""What events come to: which picture of which item, what can be undone, what was asked for. No I/O."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from ..runs import ErrorRecord, ItemRecord
from .events import DECISIONS, Event

NOTHING = Decimal(0)
MOST = Decimal(10) ** 9  # US dollars: what is more was not written by us


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about an item."""

    kind: Literal["picked", "rejected"]
    output: str = ""
    """The picked picture, as the run's records name it."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A further variation that somebody asked for."""

    id: str
    item: str
    number: int
    """Which ask of its item it is, from 1."""
    price: Decimal
    """US dollars that it may cost at most."""
    state: Literal["open", "made", "failed"] = "open"
    record: ItemRecord | None = None
    error: ErrorRecord | None = None

    @property
    def committed(self) -> Decimal:
        """US dollars that it cost, or may still cost."""
        if self.state == "failed" and (self.error is None or self.error.charged != "unknown"):
            return NOTHING
        settled = self.record.cost.settled if self.record else None
        return self.price if settled is None else _amount(settled)


class Picks:
    """The state of a review: what remains when its events are read in their order.

    Args:
        events: What was written so far.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._choices: dict[str, Choice] = {}
        self._before: list[tuple[str, Choice | None]] = []
        self._asks: dict[str, Ask] = {}
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> str | None:
        """Take an event and return the key of the item that it changed."""
        if event.kind in DECISIONS:
            return self._decide(event)
        if event.kind == "undo":
            return self._undo()
        if event.kind in ("ask", "made", "failed"):
            return self._note_ask(event)
        return None

    def choice(self, item: str) -> Choice | None:
        """Return what was decided about an item; ``None`` while it is undecided."""
        return self._choices.get(item)

    @property
    def undoable(self) -> str | None:
        """The key of the item that an undo would change."""
        return self._before[-1][0] if self._before else None

    def asks(self, item: str | None = None) -> list[Ask]:
        """Return what was asked for, in order: for an item, or for all."""
        return [ask for ask in self._asks.values() if item in (None, ask.item)]

    def ask(self, ask_id: str) -> Ask | None:
        """Return an ask by its id."""
        return self._asks.get(ask_id)

    @property
    def committed(self) -> Decimal:
        """US dollars that asking again cost, or may still cost."""
        return sum((ask.committed for ask in self._asks.values()), NOTHING)

    def __repr__(self) -> str:
        picked = sum(choice.kind == "picked" for choice in self._choices.values())
        return f"<Picks {picked} picked, {len(self._choices) - picked} rejected>"

    def _decide(self, event: Event) -> str:
        self._before.append((event.item, self._choices.get(event.item)))
        choice = None
        if event.kind != "clear":
            choice = Choice(kind="picked" if event.kind == "pick" else "rejected", output=event.output)
        self._set(event.item, choice)
        return event.item

    def _undo(self) -> str | None:
        if not self._before:
            return None
        item, choice = self._before.pop()
        self._set(item, choice)
        return item

    def _set(self, item: str, choice: Choice | None) -> None:
        if choice is None:
            self._choices.pop(item, None)
        else:
            self._choices[item] = choice

    def _note_ask(self, event: Event) -> str | None:
        known = self._asks.get(event.ask)
        if event.kind == "ask":
            number = len(self.asks(event.item)) + 1
            self._asks[event.ask] = Ask(id=event.ask, item=event.item, number=number, price=_amount(event.price))
        elif known is not None:
            state: Literal["made", "failed"] = "made" if event.kind == "made" else "failed"
            changes = {"state": state, "record": event.record, "error": event.error}
            self._asks[event.ask] = msgspec.structs.replace(known, **changes)
        else:
            return None
        return event.item


def _amount(price: Decimal | None) -> Decimal:
    """Return a price, nothing for what is none: less than nothing would lift the cap."""
    return price if price is not None and price.is_finite() and 0 <= price < MOST else NOTHING
