"""Folders that took a file a moment ago: making another one in each, before every item, would prove nothing new."""

import os
import time
from collections.abc import Callable
from pathlib import Path

LIFETIME = 1.0  # seconds; what was sent within it is as much at risk as everything that waits for its answer
MOST = 100  # folders that are remembered at once


class Proven:
    """Remembers where a file could be made, and how long its name was.

    Usage::

        if not proven.has(directory, name):
            check(directory / name)  # then proven.forget(directory) when it cannot be
            proven.add(directory, name)

    Args:
        clock: Seconds, as of any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._folders: dict[str, tuple[float, int]] = {}  # until when, and the name's bytes

    def has(self, directory: Path, name: str) -> bool:
        """Whether a file with a name of this length was possible there less than a second ago.

        When the second is over, one who asks is sent to look again, and the others go on meanwhile.
        """
        folder = str(directory)
        until, longest = self._folders.get(folder, (0.0, 0))
        if len(os.fsencode(name)) > longest:
            return False
        now = self._clock()
        if now >= until:
            self._folders[folder] = (now + LIFETIME, longest)
        return now < until

    def add(self, directory: Path, name: str) -> None:
        """Remember that this one was possible."""
        if len(self._folders) >= MOST:
            self._folders.clear()
        self._folders[str(directory)] = (self._clock() + LIFETIME, len(os.fsencode(name)))

    def forget(self, directory: Path) -> None:
        """Forget a folder that takes no file any more."""
        self._folders.pop(str(directory), None)

    def __repr__(self) -> str:
        return f"<Proven {len(self._folders)} folders>"
