"""How fast it goes and how long it takes yet. No I/O; time is passed in."""

from collections import deque

WINDOW = 60.0  # seconds that a rate looks back: long enough for slow jobs, short enough to follow a change
SAMPLES = 120  # at most, so that looking costs the same after a million items


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
