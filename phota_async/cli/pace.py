"""How fast it goes and how long it takes yet, and how people read that. No I/O; time is passed in."""

from collections import deque

WINDOW = 60.0  # seconds that a rate looks back: long enough for slow jobs, short enough to follow a change
SAMPLES = 120  # at most, so that looking costs the same after a million items
SECONDS_A_MINUTE, MINUTES_AN_HOUR, HOURS_A_DAY = 60, 60, 24
MANY = 10  # from here on, decimals say nothing


class Pace:
    """The rate of the last minute.

    Usage::

        pace = Pace(now)
        pace.see(count, now)  # as often as somebody looks
        pace.rate  # a second, None while nothing is known
    """

    def __init__(self, now: float) -> None:
        self._last = (now, 0)
        self._seen: deque[tuple[float, int]] = deque([self._last], maxlen=SAMPLES)

    def see(self, count: int, now: float) -> None:
        """Note how many there are at a moment."""
        self._last = (now, count)  # the newest counts, however soon it came
        if now - self._seen[-1][0] >= WINDOW / SAMPLES:
            self._seen.append(self._last)
        while len(self._seen) > 2 and now - self._seen[1][0] > WINDOW:  # noqa: PLR2004 - a rate needs two
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Items a second, ``None`` while nobody knows."""
        (begin, first), (end, last) = self._seen[0], self._last
        return (last - first) / (end - begin) if last > first and end > begin else None

    def left(self, count: int) -> float | None:
        """Return the seconds that so many more will take, ``None`` while nobody knows."""
        rate = self.rate
        return None if rate is None else count / rate


def duration(seconds: float) -> str:
    """Return a time as people read it: ``4:10``, ``1:02:03``, ``2 d 3 h``."""
    minutes, rest = divmod(max(0, int(seconds)), SECONDS_A_MINUTE)
    hours, minutes = divmod(minutes, MINUTES_AN_HOUR)
    if hours >= HOURS_A_DAY:
        return f"{hours // HOURS_A_DAY} d {hours % HOURS_A_DAY} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def speed(rate: float) -> str:
    """Return a rate as people read it: in a second, a minute or an hour."""
    for unit, factor in (("s", 1), ("min", SECONDS_A_MINUTE)):
        if rate * factor >= 1:
            return f"{_number(rate * factor)}/{unit}"
    return f"{_number(rate * SECONDS_A_MINUTE * MINUTES_AN_HOUR)}/h"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= MANY else f"{value:.1f}"
