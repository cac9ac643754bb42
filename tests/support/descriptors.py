"""How many files, sockets and pipes this process has open."""

import os


def descriptors() -> int:
    """Return their number."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only the number counts
