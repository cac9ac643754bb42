"""Show how what is waited for stands: lines on standard error, or a small moving table on a terminal."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from types import TracebackType
from typing import Protocol, Self

from .pace import duration
from .plain_text import clean
from .progress import may_draw
from .streams import say

TRAINING = 1200.0  # seconds that a training takes, about: https://docs.photalabs.com/guides/profiles
MOST_ROWS = 12  # of the table; the rest is counted
NEW = "..."  # the state before the first look


class States(Protocol):
    """What is told while profiles or jobs are waited for. Used as ``with states:``."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def change(self, name: str, status: str, *, is_end: bool) -> None:
        """Tell that something is now in another state, and whether it will stay there."""


class PlainStates:
    """A line a change.

    Args:
        quiet: Whether to say nothing: somebody else tells the changes.
        clock: Seconds.
    """

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet, self._clock, self._begun = quiet, clock, clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing to undo."""

    def change(self, name: str, status: str, *, is_end: bool) -> None:  # noqa: ARG002 - the word says it
        """Write a line."""
        if not self._quiet:
            say(clean(f"{name}: {status} after {duration(self._clock() - self._begun)}"))


class Standing:
    """Where each of many stands; costs the same to look at, however many there are."""

    def __init__(self, names: Iterable[str], begun: float) -> None:
        self._turn = threading.Lock()  # one thread draws what another one changes
        self._open = dict.fromkeys(names, NEW)
        self._counts = Counter({NEW: len(self._open)})
        self._begun = begun

    def change(self, name: str, status: str, *, is_end: bool) -> None:
        """Note a change."""
        with self._turn:
            self._counts[self._open.pop(name, status)] -= 1
            self._counts[status] += 1
            if not is_end:
                self._open[name] = status

    def lines(self, now: float, expected: float | None) -> list[str]:
        """Return the table's lines."""
        with self._turn:
            counts, rows = dict(self._counts), [*islice(self._open.items(), MOST_ROWS)]
            more = len(self._open) - len(rows)
        about = f" of about {duration(expected)}" if expected else ""
        words = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count > 0)
        lines = [f"  {duration(now - self._begun)}{about}  {words}", *(f"  {name}  {status}" for name, status in rows)]
        return [*lines, f"  and {more:,} more"] if more else lines


def choose_states(
    names: Iterable[str],
    *,
    expected: float | None = None,
    quiet: bool = False,
    no_progress: bool = False,
    is_told: bool = False,
) -> States:
    """Return what suits standard error and the flags.

    Args:
        names: What is waited for.
        expected: Seconds that it takes, about; ``None`` where nobody knows.
        quiet: Whether lines are not wanted.
        no_progress: Whether nothing may move.
        is_told: Whether changes are written elsewhere, so that lines would say them twice.
    """
    if not may_draw(quiet=quiet, no_progress=no_progress):
        return PlainStates(quiet=quiet or is_told)
    from .live_states import LiveStates  # noqa: PLC0415 - rich takes a tenth of a second

    return LiveStates(names, expected=expected)
