"""When to look again: paces, their jitter, and how many that begin at once are scattered. No I/O."""

import random

from ..errors import InputError

EARLIEST, LATEST = 0.91, 0.98  # shares of an interval after which a look comes: never late, its own time included
GROWTH = 1.5  # a job's interval grows by half with each look
FEW = 8  # looks that may begin at once; of more, the rest is scattered
SCATTER = 0.01  # seconds by which each further one widens the time in which they begin


class Pace:
    """Seconds to wait after the n-th look, from 1.

    Usage::

        pace = growing(2, 15)
        pace.interval(3)   # 4.5, the interval as it was asked for
        pace(3)            # a little less, and never twice the same, so that many watchers spread out

    Args:
        first: Seconds after the first look.
        longest: Seconds that no interval is above.
    """

    __slots__ = ("_first", "_longest")

    def __init__(self, first: float, longest: float) -> None:
        check_interval(first)
        self._first, self._longest = first, longest

    def interval(self, look: int) -> float:
        """Return the interval after a look, without jitter."""
        if self._first >= self._longest:
            return self._longest
        return min(self._first * GROWTH ** min(look - 1, 64), self._longest)

    def __call__(self, look: int) -> float:
        """Return the seconds to wait after a look."""
        return self.interval(look) * random.uniform(EARLIEST, LATEST)  # noqa: S311 - no secret

    def __repr__(self) -> str:
        return f"<Pace {self._first:g} to {self._longest:g} s>"


def steady(interval: float) -> Pace:
    """Return a pace of equal intervals."""
    return Pace(interval, interval)


def growing(first: float, longest: float) -> Pace:
    """Return a pace that begins quickly and slows down: 2, 3, 4.5, ... 15 s."""
    return Pace(first, longest)


def scattered(place: int, interval: float) -> float:
    """Return the seconds that the n-th of many looks, from 1, waits so that they do not all begin at once."""
    window = min((place - FEW) * SCATTER, interval * EARLIEST)
    return random.uniform(0.0, window) if window > 0 else 0.0  # noqa: S311 - no secret


def check_interval(interval: object) -> None:
    """Raise `InputError` for what is no positive number of seconds."""
    if isinstance(interval, bool) or not isinstance(interval, (int, float)) or not 0 < interval < float("inf"):
        shown = repr(interval) if isinstance(interval, (int, float, str)) else type(interval).__name__
        raise InputError(f"interval: expected more than 0 seconds, got {shown}")
