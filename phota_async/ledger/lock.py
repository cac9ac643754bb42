"""One process writes a ledger: a lock beside it, which dies with its owner and names it to the next."""

import contextlib
import errno
import os
import socket
import time
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ..errors import LedgerError

TAKEN = {errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN, errno.EDEADLK}  # what systems call a lock of another
FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)  # no link: it is written to
FAR = 2**30  # byte that Windows locks: beyond the text, which others must be able to read


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a ledger."""

    pid: int
    host: str
    since: float
    """Unix time."""

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"process {self.pid} on {self.host}, since {moment}"


class OwnerLock:
    """Holds ``PATH.lock`` until it is released, or its process ends in whatever way.

    Nothing has to be cleaned up after a crash: the system drops the lock, and the file that stays says nothing
    by its existence.
    """

    def __init__(self, ledger: Path) -> None:
        self.path = ledger.with_name(ledger.name + ".lock")
        self._descriptor = -1
        self._names = 0  # that the file had when it was locked; some systems do not count them
        _locks.add(self)

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            LedgerError: Somebody else has it; it says who.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, FLAGS, 0o666)
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be opened: {error.strerror or error}") from None
        try:
            _lock(descriptor)
        except OSError as error:
            owner = _read_owner(descriptor)
            os.close(descriptor)
            if error.errno not in TAKEN:
                raise LedgerError(f"{self.path} cannot be locked: {error.strerror or error}") from None
            raise LedgerError(f"{self.path} is held by {owner or 'another process'}").with_context(
                hint="one process writes a ledger at a time: wait for it, or give this batch a ledger of its own"
            ) from None
        self._descriptor, self._names = descriptor, os.fstat(descriptor).st_nlink
        _write_owner(descriptor)

    def release(self) -> None:
        """Give the lock back; safe to call again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def is_there(self) -> bool:
        """Whether the locked file still has its name; without it another process could lock a new one."""
        return not self._names or os.fstat(self._descriptor).st_nlink > 0

    def __repr__(self) -> str:
        return f"<OwnerLock {self.path} {'held' if self._descriptor >= 0 else 'free'}>"


_locks: "weakref.WeakSet[OwnerLock]" = weakref.WeakSet()


def _release_all() -> None:
    """In a forked child: it must not keep its parent's ledger locked when the parent dies."""
    for lock in _locks:
        lock.release()


def _lock(descriptor: int) -> None:
    try:
        import fcntl  # noqa: PLC0415 - POSIX
    except ImportError:  # pragma: no cover - Windows
        _lock_windows(descriptor)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_windows(descriptor: int) -> None:  # pragma: no cover - Windows
    import msvcrt  # noqa: PLC0415

    locking: Any = msvcrt
    os.lseek(descriptor, FAR, os.SEEK_SET)
    locking.locking(descriptor, locking.LK_NBLCK, 1)


def _read_owner(descriptor: int) -> Owner | None:
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        return msgspec.json.decode(os.read(descriptor, 4096), type=Owner)
    return None


def _write_owner(descriptor: int) -> None:
    """Say who holds it. That is for people: a full disk must not stand in the way."""
    text = msgspec.json.encode(Owner(pid=os.getpid(), host=socket.gethostname(), since=time.time()))
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, text + b"\n")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_all)
