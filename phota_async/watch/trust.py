"""How far the listing is believed. No I/O, no clock."""

FAULT_PAUSE = 60.0  # seconds without the listing after two failures in a row, doubled with each further two
DOUBT_PAUSE = 900.0  # seconds without it after it was of no use, or behind the truth; doubled likewise
LONGEST_PAUSE = 14_400.0  # seconds
PATIENCE = 2  # failures in a row that are taken for the network's


class Trust:
    """Whether to ask the listing, as it has deserved.

    Usage::

        if trust.holds(now): ...
        trust.worked()
        trust.doubt(now)             # it told less than single calls do, or something older
        if trust.failed(now): ...    # once more, soon
    """

    def __init__(self) -> None:
        self.until = 0.0
        """The moment until which it is not asked."""
        self.floor = 0.0
        """The service, or a failure, asked for none before."""
        self._failures = 0  # in a row
        self._fault_pause = FAULT_PAUSE
        self._doubt_pause = DOUBT_PAUSE

    def holds(self, now: float) -> bool:
        """Whether it may be asked."""
        return now >= self.until

    def worked(self) -> None:
        """Note that it answered, which says nothing about whether that is true."""
        self._failures = 0
        self._fault_pause = FAULT_PAUSE

    def failed(self, now: float) -> bool:
        """Note that it did not answer; says whether to ask again soon."""
        self._failures += 1
        if self._failures < PATIENCE:
            return True
        self._failures = 0
        self.until = now + self._fault_pause
        self._fault_pause = min(self._fault_pause * 2, LONGEST_PAUSE)
        return False

    def doubt(self, now: float) -> None:
        """Leave it alone for a good while."""
        self.until = now + self._doubt_pause
        self._doubt_pause = min(self._doubt_pause * 2, LONGEST_PAUSE)

    def __repr__(self) -> str:
        return f"<Trust from {self.until:.0f} s on>"
