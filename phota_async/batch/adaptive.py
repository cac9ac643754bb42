"""Find out how much a service takes at once, without being told. No I/O, no clock.

Additive increase, multiplicative decrease, as TCP does it: a refusal halves the limit, good answers raise it.
Refusals of one overload come in a bunch, so that only the first of them counts: those who were begun before the
last cut know nothing new. After a cut the limit doubles with every round of good answers until it is near where
it was refused, then grows by one a round, and by more the longer nothing is refused: the service's capacity may
have changed since.

Source: RFC 5681, 3.1 (slow start, congestion avoidance); RFC 9438, 4 (growth that gains speed with time)
"""

START = 16  # modest beside what a batch may be allowed, and enough for most
DECREASE = 0.5
NEAR = 0.95  # share of a refused limit up to which it is sought quickly again
GAIN = 1.0  # what each further round without a refusal adds to the growth of a round


class AdaptiveLimit:
    """How many items may be under way.

    Usage::

        mark = limit.begin()          # an item begins
        limit.succeeded(mark)         # it ended well
        limit.refused(mark)           # the service said 429 or 503 to it

    Args:
        highest: Never more than that.
        start: How many at first.
    """

    def __init__(self, highest: int, *, start: int = START) -> None:
        self.highest = highest
        self._set(min(start, highest))
        self._threshold = float(highest)  # below it the limit doubles in a round, above it grows slowly
        self._calm = 0.0  # rounds above the threshold without a refusal
        self._begun = 0
        self._cut_at = 0  # marks up to here belong to the time before the last cut

    def _set(self, limit: float) -> None:
        self._limit = float(limit)
        self.limit = int(limit)
        """How many may be under way now."""

    def begin(self) -> int:
        """Return the mark of an item that begins."""
        self._begun += 1
        return self._begun

    def succeeded(self, mark: int) -> None:
        """Grow: a round of good answers doubles a limit that is low, and adds a little to one that is not."""
        if self.limit == self.highest or mark <= self._cut_at:  # or it ran in the times that led to the cut
            return
        growth = 1.0
        if self._limit >= self._threshold:
            self._calm += 1.0 / self._limit
            growth = (1.0 + GAIN * self._calm) / self._limit
        self._set(min(self.highest, self._limit + growth))

    def refused(self, mark: int) -> bool:
        """Halve, once for each bunch of refusals; says whether it did."""
        if mark <= self._cut_at:
            return False
        self._threshold = max(1.0, self._limit * NEAR)
        self._set(max(1.0, self._limit * DECREASE))
        self._calm = 0.0
        self._cut_at = self._begun
        return True

    def __repr__(self) -> str:
        return f"<AdaptiveLimit {self.limit} of {self.highest}>"
