"""The file of a run's picks: every line is on the disk before anybody is told that it counts.

A crash may cut the last line, which then counts for nothing; what follows begins on a line of its own.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import InputError, LedgerError
from ..ledger.lock import OwnerLock
from ..media.files import translated
from ..media.reading import open_file, open_to_append
from ..runs import RunFolder
from ..runs.folder import NO_RECORD
from .events import Event, decode_event, encode
from .picks import Picks

PICKS = "picks.jsonl"
PRIVATE = 0o600
MAX_LINE = 4 * 2**20  # bytes: a longer one was not written by us


class Journal:
    """A run's picks, to write: one process at a time.

    Usage::

        with Journal(folder) as journal:
            journal.append(event_of("reject", "a.jpg"))

    Args:
        folder: The run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.path = folder.path / PICKS
        self._lock = OwnerLock(self.path)
        self._descriptor = -1
        self._is_cut = False

    def open(self) -> None:
        """Take the file for this process. Blocks.

        Raises:
            InputError: Another process has it, or it cannot be written.
        """
        try:
            self._lock.acquire()
        except LedgerError as error:
            raise InputError(error.sentence()).with_context(
                hint="another review of this run is open: use its page, or end it first"
            ) from None
        try:
            with translated(self.path):
                self._open()
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Give the file back; safe to call again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        self._lock.release()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, event: Event) -> None:
        """Write an event; it is durable when this returns. Blocks for a write to the disk.

        Raises:
            DownloadError: The disk is full.
            InputError: The file cannot be written.
        """
        line = (b"\n" if self._is_cut else b"") + encode(event) + b"\n"
        with translated(self.path):
            before = os.fstat(self._descriptor).st_size
            try:
                _write_all(self._descriptor, line)
            except OSError:
                with contextlib.suppress(OSError):  # what was said to have failed must not count later
                    os.ftruncate(self._descriptor, before)
                raise
        self._is_cut = False

    def _open(self) -> None:
        """Open it, and look whether a crash cut its last line."""
        is_new = not self.path.exists()
        self._descriptor = open_to_append(self.path, PRIVATE)
        size = os.fstat(self._descriptor).st_size
        if size:
            os.lseek(self._descriptor, size - 1, os.SEEK_SET)
            self._is_cut = os.read(self._descriptor, 1) != b"\n"
        if is_new:
            _sync_folder(self.path.parent)

    def __repr__(self) -> str:
        return f"<Journal {self.path} {'open' if self._descriptor >= 0 else 'closed'}>"


def read_picks(folder: RunFolder) -> Picks:
    """Return what was decided about a run so far; also while a review of it is open. Blocks."""
    return Picks(_events(folder.path / PICKS))


def _events(path: Path) -> Iterator[Event]:
    try:
        with open_file(path) as file:
            while line := file.readline(MAX_LINE):
                with contextlib.suppress(*NO_RECORD):  # cut by a crash, or not ours
                    yield decode_event(line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def _write_all(descriptor: int, line: bytes) -> None:
    """Write a line and see it on the disk."""
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the file's name durable; Windows cannot open directories, and has no need to."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
