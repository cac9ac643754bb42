"""What a person decides, as lines of a file. No I/O.

One JSON object a line, in the order of time. Lines are only added: what was decided is what remains when all of them
are read, so that an undo is a line too.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from ..hidden import rich_repr
from ..runs import ErrorRecord, ItemRecord

PICK_SCHEMA = "phota.pick/1"
DECISIONS = frozenset({"pick", "reject", "clear"})


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line."""

    schema: str
    at: str
    """UTC, ISO 8601."""
    kind: str
    """``pick``, ``reject``, ``clear`` (undecided again), ``undo`` (of the last of these three); ``ask`` (a further
    variation), and how that ended: ``made`` or ``failed``. Other words are for newer readers."""
    item: str = ""
    """The item's key."""
    output: str = ""
    """Of a pick: the picture, as the run's records name it."""
    ask: str = ""
    """Of a further variation: its id."""
    price: Decimal | None = None
    """Of an ask: US dollars that it may cost at most."""
    record: ItemRecord | None = None
    """Of what was made: its record. It repeats no request."""
    error: ErrorRecord | None = None
    """Of what failed: why."""

    def __repr__(self) -> str:
        return f"<Event {self.kind} {self.item}>"

    __rich_repr__ = rich_repr


encode = msgspec.json.Encoder().encode
decode_event = msgspec.json.Decoder(Event).decode


def event_of(kind: str, item: str = "", *, now: datetime | None = None, **fields: Any) -> Event:
    """Return an event of this moment; further fields of `Event` by name."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return Event(schema=PICK_SCHEMA, at=moment.isoformat(timespec="milliseconds"), kind=kind, item=item, **fields)
