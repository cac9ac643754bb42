"""Open files that somebody else may have put there: no pipe is waited for, and no link is written through. Blocks."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer would be waited for; files do not care
PLAIN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | NO_WAIT | PLAIN


def open_file(path: str | Path) -> BinaryIO:
    """Open a file to read; links are followed.

    Raises:
        OSError: It cannot be opened, or is a pipe, a device or a folder.
    """
    return os.fdopen(_checked(os.open(path, os.O_RDONLY | NO_WAIT | PLAIN), path), "rb")


def open_to_append(path: str | Path, mode: int) -> int:
    """Open a file to read and to append to, made where there is none, and return its descriptor.

    Raises:
        OSError: It cannot be opened, or is a link, a pipe, a device or a folder.
    """
    return _checked(os.open(path, APPEND, mode), path)


def read_file(path: str | Path, most: int) -> bytes:
    """Return a small file's bytes.

    Raises:
        OSError: It cannot be read, is none, or has more than ``most`` bytes.
    """
    with open_file(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data


def _checked(descriptor: int, path: str | Path) -> int:
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "expected a regular file, got something else", str(path))
