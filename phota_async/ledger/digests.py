"""Remember what photos hash to, so that a run that is resumed does not read a whole library again.

A wrong digest would be a wrong purchase, so that one is believed only where nothing can have changed unseen:

1. A file is known by its device, inode and size, and the times of its last modification and last change (ctime),
   to the nanosecond. Programs can set the first of them back, but not the second: an edit always shows. No path is
   part of it, and another machine's files do not match.
2. A file that changed within the last minute is not remembered: another change in the same tick of the clock would
   not show, and what a program writes through a mapping is dated anew only once the system has written it back,
   which it does within half a minute. Nor is one that changed while it was read.
3. Only Linux's own disk file systems are trusted with these times. Elsewhere (FAT, network shares, memory, other
   systems) photos are read each time.
"""

import os
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from .schema import file_system_of

T = TypeVar("T")
SETTLED = 60.0  # seconds since its last change after which a file is remembered
TRUSTED = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "overlay"})
FIND = "SELECT sha256 FROM photo WHERE file = ? AND version = ?"
KEEP = "INSERT OR REPLACE INTO photo (file, version, sha256) VALUES (?, ?, ?)"


class Key(NamedTuple):
    """A file as it is now."""

    file: str
    """Device and inode."""
    version: str
    """Size, modification and change."""


class Reader(Protocol):
    """Whoever has a ledger's connection."""

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run an operation on it."""
        ...


class KnownDigests:
    """The digests that a ledger has. It may forget; it must not be wrong.

    Args:
        reader: Looks into the ledger.
        clock: Unix time.
    """

    def __init__(self, reader: Reader, clock: Callable[[], float] = time.time) -> None:
        self._reader = reader
        self._clock = clock
        self._trusted: dict[int, bool] = {}  # by device

    def key_of(self, path: str | os.PathLike[str], details: os.stat_result) -> Key | None:
        """Return what a file is known by, or ``None`` when it must be read each time. Blocks."""
        changed = max(details.st_mtime_ns, details.st_ctime_ns) / 1e9
        if changed > self._clock() - SETTLED or not self._is_trusted(path, details.st_dev):
            return None
        return Key(
            f"{details.st_dev}:{details.st_ino}",
            f"{details.st_size}:{details.st_mtime_ns}:{details.st_ctime_ns}",
        )

    async def find(self, keys: Sequence[Key]) -> list[str | None]:
        """Return the digests of files; ``None`` for those that are not known as they are now."""
        return await self._reader.run(lambda connection: [_find(connection, key) for key in keys])

    def keep(self, key: Key, sha256: str) -> None:
        """Let a digest go: nothing is written here."""

    def _is_trusted(self, path: str | os.PathLike[str], device: int) -> bool:
        if device not in self._trusted:
            self._trusted[device] = has_honest_times(Path(os.path.realpath(os.fsdecode(path))))
        return self._trusted[device]


class Digests(KnownDigests):
    """The digests that a ledger has, and those that it gets."""

    def __init__(self, reader: Reader, clock: Callable[[], float] = time.time) -> None:
        super().__init__(reader, clock)
        self._new: deque[tuple[str, str, str]] = deque()

    def keep(self, key: Key, sha256: str) -> None:
        """Remember a digest with the next record that is written; nobody waits for it."""
        self._new.append((*key, sha256))

    def write(self, connection: sqlite3.Connection) -> None:
        """Write what is to be remembered, in the writer's thread."""
        while self._new:
            connection.execute(KEEP, self._new.popleft())

    def __repr__(self) -> str:
        return f"<Digests {len(self._new)} to be written>"


def has_honest_times(path: Path) -> bool:
    """Whether no file here can change without its change time showing it, as far as the system tells."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return False
    return file_system_of(path, mounts) in TRUSTED


def _find(connection: sqlite3.Connection, key: Key) -> str | None:
    row = connection.execute(FIND, key).fetchone()
    return None if row is None else str(row[0])
