"""What one process does on batches, counted as its ledger hears of it. No I/O.

Purchases are counted, not items: an item's variations are purchases of their own. What is asked for again because
somebody was not recognised costs, and counts no second time as done or failed.
"""

import time
from collections.abc import Callable, Iterable

import msgspec

from ..pace import Pace
from .records import Begun, Change, Done, Lost, Record, Submitted, Wish

MOST = 64  # batches of one process that are told of: a service may have one for each order
Key = tuple[str, int]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a process tells of its work on one batch. Money in millionths of a US dollar."""

    batch: str
    running: int
    """Purchases that it has taken up and not ended."""
    done: int
    failed: int
    """As often as one failed: another try may have mended it."""
    unknown: int
    spent: int
    """What it cost by the price table that this process delivered."""
    cap: int | None
    """What all purchases of the batch may cost together, as this process was told last; ``None`` for no cap."""
    rate: float | None
    """Purchases that ended, a second, over the last minute; ``None`` while nobody knows."""


class _Count:
    """The figures of one batch."""

    def __init__(self, now: float) -> None:
        self.running = self.done = self.failed = self.unknown = self.spent = 0
        self.cap: int | None = None
        self.pace = Pace(now)

    def end(self, record: Record, change: Change) -> None:
        self.running -= 1
        if isinstance(change, Done):
            self.spent += change.cost or 0
        if is_first(record):
            name = "done" if isinstance(change, Done) else "unknown" if isinstance(change, Lost) else "failed"
            setattr(self, name, getattr(self, name) + 1)

    def told(self, batch: str, now: float) -> Told:
        self.pace.see(self.done + self.failed + self.unknown, now)
        names = ("running", "done", "failed", "unknown", "spent", "cap")
        return Told(batch=batch, rate=self.pace.rate, **{name: getattr(self, name) for name in names})


class Figures:
    """Counts what a process has under way, and how it ended.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[str, _Count] = {}  # the one that was touched last comes last
        self._open: dict[int, set[Key]] = {}  # by run

    def attend(self, batch: str) -> bool:
        """Note that the process is at work on a batch; says whether that is news."""
        is_new = batch not in self._counts
        self._touch(batch)
        return is_new

    def begun(self, begun: Begun, wish: Wish) -> None:
        """Note a purchase that is taken up, unless there is nothing to do for it."""
        count = self._touch(wish.batch)
        if begun.action in ("buy", "resend", "budget"):  # a job that is only followed is asked for without its cap
            count.cap = wish.cap
        if begun.action in ("buy", "resend", "poll"):
            self._open.setdefault(wish.run, set()).add(_key(begun.record))
            count.running += 1

    def changed(self, record: Record, change: Change) -> None:
        """Note what happened to a purchase; what is not open here, or is told twice, counts nothing."""
        mine = self._open.get(record.run, set())
        if isinstance(change, Submitted) or _key(record) not in mine:
            return
        mine.remove(_key(record))
        self._touch(record.batch).end(record, change)

    def left(self, batch: str, runs: Iterable[int]) -> None:
        """Note that runs of a batch ended: what they did not end is not under way here any more."""
        for run in runs:
            open_ones = self._open.pop(run, None)
            if open_ones:
                self._touch(batch).running -= len(open_ones)

    def told(self) -> list[Told]:
        """Return the figures of each batch, and note the time for the rates."""
        now = self._clock()
        return [count.told(batch, now) for batch, count in self._counts.items()]

    def _touch(self, batch: str) -> _Count:
        count = self._counts.pop(batch, None) or _Count(self._clock())
        self._counts[batch] = count
        if len(self._counts) > MOST:
            self._forget_one()
        return count

    def _forget_one(self) -> None:
        """Forget the batch that was quiet for longest; one with something under way is kept."""
        quiet = next((batch for batch, count in self._counts.items() if not count.running), None)
        if quiet is not None and quiet != next(reversed(self._counts)):
            del self._counts[quiet]

    def __repr__(self) -> str:
        return f"<Figures of {len(self._counts)} batches>"


def is_first(record: Record) -> bool:
    """Whether a purchase is an item's first try, and not the asking again for somebody who was missing."""
    return record.take == 1


def _key(record: Record) -> Key:
    return record.purchase, record.copy
