"""A clock that no setting of the wall clock moves, and that goes on while the machine sleeps."""

import time


def since_boot() -> float:
    """Return seconds since the machine was started; where that cannot be told, without those that it slept.

    The event loop's clock stands still while a laptop is closed, and the service forgets meanwhile what it remembers
    for an hour.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux has it
    return time.monotonic() if clock is None else time.clock_gettime(clock)
