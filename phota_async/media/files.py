"""Write files so that nobody ever sees a half-written one, and no existing one is overwritten unless told.

A file is written beside its final name, fsynced, and linked into place: linking refuses an existing name in
one step, which checking first cannot. Everything here blocks and is run in threads.
"""

import contextlib
import errno
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from ..errors import DownloadError, InputError, PhotaError

Exists = Literal["error", "number", "replace"]
EXISTS = ("error", "number", "replace")
MAX_PIECES = 512  # writev takes at most IOV_MAX pieces: 1024 on Linux, less elsewhere
MAX_NUMBER = 10_000
PART = ".part"
MARK_BYTES = 6  # of randomness in the name of an unfinished file
MARK_LENGTH = len(".") + 2 * MARK_BYTES + len(PART)
MAX_PART_NAME = 59  # characters of the final name in it; each may take 4 of a name's 255 bytes
FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class PartFile:
    """A file in the making, ``.NAME.RANDOM.part`` beside its final place.

    The lock is for cancellation: a task that is cut off while a thread writes calls `discard`, on the event loop.
    It must neither close the file under that thread nor wait for a slow disk, so it leaves the rest to the thread.

    Args:
        directory: Made when it is not there.
        name: The final one.
        root: The directory must lie below it, links followed, when the file is made and when it gets its name.
    """

    def __init__(self, directory: Path, name: str, *, root: Path | None = None) -> None:
        check_inside(directory, root)
        self._root = root
        self._lock = threading.Lock()
        self._path = path_in(directory, f".{name[:MAX_PART_NAME]}.{secrets.token_hex(MARK_BYTES)}{PART}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with translated(path_in(directory, name)):
            _make_directory(directory)
            self._descriptor = os.open(self._path, flags, 0o666)
        self._open = True
        self._is_unwanted = False
        self.size = 0

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append pieces without joining them."""
        with self._held(self._path):
            if self._open:
                _write_all(self._descriptor, pieces)
                self.size += sum(map(len, pieces))

    def read(self) -> bytes:
        """Return what was written so far."""
        with self._lock, translated(self._path):
            if not self._open:
                raise ValueError("it was discarded")
            with open(self._path, "rb") as file:  # noqa: PTH123 - a str
                return file.read()

    def truncate(self) -> None:
        """Begin again from nothing."""
        with self._held(self._path):
            if self._open:
                os.ftruncate(self._descriptor, 0)
                os.lseek(self._descriptor, 0, os.SEEK_SET)
                self.size = 0

    def publish(self, target: Path, exists: Exists) -> Path:
        """Make the file durable and give it its name; returns the name it got."""
        with self._held(target):
            if not self._open:  # its number may be another file's by now
                raise ValueError("it was discarded")
            os.fsync(self._descriptor)
            self._close()
            try:
                check_inside(target.parent, self._root)
                return _put_in_place(self._path, target, exists)
            finally:
                self._remove()

    def discard(self) -> None:
        """Close and remove the file unless it was published; never waits, and is safe to call at any time."""
        self._is_unwanted = True
        if self._lock.acquire(blocking=False):  # else its holder looks at the mark when it is done
            try:
                if self._open:
                    self._close()
                    self._remove()
            finally:
                self._lock.release()

    @contextlib.contextmanager
    def _held(self, path: str | Path) -> Iterator[None]:
        """Keep others out; afterwards remove what became unwanted meanwhile."""
        try:
            with self._lock, translated(path):
                yield
        finally:
            if self._is_unwanted:
                self.discard()

    def _close(self) -> None:
        self._open = False
        os.close(self._descriptor)

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._path)  # noqa: PTH108 - a str


def write_file(target: Path, pieces: Sequence[bytes], exists: Exists) -> Path:
    """Write a whole file and return its path."""
    part = PartFile(target.parent, target.name)
    try:
        part.write(pieces)
        return part.publish(target, exists)
    finally:
        part.discard()


def path_in(directory: Path, name: str) -> str:
    """Return a file's path, for threads.

    No ``Path``: pathlib interns every name, and each thread that happens to let the table of interned names grow
    anew keeps a megabyte for itself.
    """
    return os.path.join(directory, name)  # noqa: PTH118


def check_inside(directory: Path, root: Path | None) -> None:
    """Raise `InputError` when a link leads from below ``root`` to outside of it. ``root`` itself may be one. Blocks.

    It looks and then leaves the rest to the system: who may change the tree at that very moment could write there.
    """
    if root is None or directory == root:
        return
    with translated(directory):
        real, real_root = os.path.realpath(directory), os.path.realpath(root)
        is_inside = real == real_root or real.startswith(os.path.join(real_root, ""))  # noqa: PTH118 - a str
    if not is_inside:
        raise InputError(f"cannot write {directory}: expected a place below {root}, got a link that leads out of it")


def check_name(target: str | Path, exists: Exists) -> None:
    """Raise `InputError` when a file could not get its name: what is found out later is found out after paying."""
    with translated(target), contextlib.suppress(FileNotFoundError):
        os.lstat(f"{target}-{MAX_NUMBER}.webp")  # room for a number and another suffix
    if exists == "error" and os.path.lexists(target):
        hint = 'exists="number" or exists="replace" changes this'
        raise InputError(f"save_to: {target} exists").with_context(hint=hint)
    if exists == "replace" and os.path.isdir(target):  # noqa: PTH112 - it may be a str
        raise InputError(f"save_to: {target} is a directory")


def check_exists(exists: str) -> None:
    """Raise `InputError` when ``exists`` is not one of its words."""
    if exists not in EXISTS:
        raise InputError(f"exists: expected {' or '.join(EXISTS)}, got {exists!r}")


class translated:  # noqa: N801 - reads as a word: with translated(path)
    """Turn an ``OSError`` about a path into an error of ours."""

    def __init__(self, path: str | Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (OSError, ValueError)) and not isinstance(error, PhotaError):
            raise storage_error(self._path, error) from None


def storage_error(path: str | Path, error: OSError | ValueError) -> PhotaError:
    """Return our error for a file that cannot be written."""
    reason = getattr(error, "strerror", None) or str(error)
    number = getattr(error, "errno", None)
    if number in FULL_DISK:
        return DownloadError(str(path), reason).with_context(
            charged="unknown",
            is_full=number != errno.EIO,
            hint="free some space; links live 24 hours and jobs can be asked for again",
        )
    hint = 'exists="number" or exists="replace" changes this' if number == errno.EEXIST else ""
    return InputError(f"cannot write {path}: {reason}").with_context(hint=hint)


def _make_directory(directory: Path) -> None:
    """Make a directory and those above it, and make their names durable: a file is no safer than its directory."""
    try:
        directory.mkdir()
    except FileExistsError:
        if not directory.is_dir():  # a file has its name: exists= would not change that
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
        return
    except FileNotFoundError:
        if directory.parent == directory:  # a drive that is not there
            raise
        _make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
    _sync_directory(directory.parent)


def _write_all(descriptor: int, pieces: Sequence[bytes]) -> None:
    for start in range(0, len(pieces), MAX_PIECES):
        views = [memoryview(piece) for piece in pieces[start : start + MAX_PIECES] if piece]
        while views:
            written = os.writev(descriptor, views) if hasattr(os, "writev") else os.write(descriptor, views[0])
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if views and written:
                views[0] = views[0][written:]


def _put_in_place(part: str, target: Path, exists: Exists) -> Path:
    if exists == "replace":
        os.replace(part, target)  # noqa: PTH105 - the pathlib twin hides which call is atomic
    elif exists == "number":
        target = _first_free(part, target)
    else:
        _link(part, target)
    _sync_directory(target.parent)
    return target


def _first_free(part: str, target: Path) -> Path:
    for number in range(1, MAX_NUMBER):
        candidate = target if number == 1 else target.with_name(f"{target.stem}-{number}{target.suffix}")
        with contextlib.suppress(FileExistsError):
            _link(part, candidate)
            return candidate
    raise FileExistsError(errno.EEXIST, f"{MAX_NUMBER} files of this name exist")


def _link(part: str, target: Path) -> None:
    """Give a file its name, failing when the name is taken."""
    try:
        os.link(part, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # no hard links here (FAT, some shares): check, then rename
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "File exists") from None
        os.replace(part, target)  # noqa: PTH105


def _sync_directory(directory: Path) -> None:
    """Make the name durable too; Windows cannot open directories, and has no need to."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
