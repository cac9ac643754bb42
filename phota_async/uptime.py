"""Clocks that no setting of the wall clock moves, and that go on while the machine sleeps."""

import asyncio
import time


def since_boot() -> float:
    """Return seconds since the machine was started; where that cannot be told, without those that it slept.

    The event loop's clock stands still while a laptop is closed, and the service forgets meanwhile what it remembers
    for an hour.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux has it
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Stopwatch:
    """Tells the seconds since it was made, by the event loop's clock or the machine's: by the one that says more."""

    __slots__ = ("_begun", "_clock", "_since_boot")

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._begun, self._since_boot = self._clock(), since_boot()

    @property
    def seconds(self) -> float:
        """Those that have passed."""
        return max(self._clock() - self._begun, since_boot() - self._since_boot)

    def __repr__(self) -> str:
        return f"<Stopwatch {self.seconds:.3f} s>"
