"""Bring a photo into memory and say what it is. Blocks."""

import os
import stat
from pathlib import Path

import msgspec

from ..errors import InputError
from ..hidden import rich_repr
from ..media.formats import HEAD, sniff

PhotoInput = str | os.PathLike[str] | bytes | bytearray | memoryview
"""A photo: a path or bytes. Links are not fetched here."""

MAX_FILE = 2**29  # bytes; 512 MB is more than any camera writes


class Photo(msgspec.Struct, frozen=True, kw_only=True):
    """A photo in memory."""

    data: bytes
    format: str
    """``"jpg"``, ``"png"``, ``"webp"``, ``"heic"``, ``"avif"``, ``"tiff"``, ``"gif"`` or ``"bmp"``."""
    label: str
    """What errors call it."""

    def __repr__(self) -> str:
        return f"<Photo {self.format}, {len(self.data)} bytes>"

    __rich_repr__ = rich_repr


def load(image: PhotoInput, name: str) -> Photo:
    """Read a photo.

    Args:
        image: A path or bytes.
        name: What errors call bytes; a path speaks for itself.

    Raises:
        InputError: It cannot be read, or is no picture; it names the file.
    """
    label = label_of(image, name)
    if isinstance(image, (str, os.PathLike)):
        return identified(read(Path(os.fsdecode(image)), label), label)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return identified(bytes(image), label)
    raise InputError(f"{label}: expected a path or bytes, got {type(image).__name__}")


def identified(data: bytes, label: str) -> Photo:
    """Say what a photo is; `InputError` when it is none."""
    image_format = sniff(data[:HEAD])
    if image_format is None:
        what = "something else" if data else "an empty file"
        raise InputError(f"{label}: expected a picture (JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP), got {what}")
    return Photo(data=data, format=image_format, label=label)


def label_of(image: PhotoInput, name: str) -> str:
    """Return what errors call a photo: its path where it has one."""
    return os.fsdecode(image) if isinstance(image, (str, os.PathLike)) else name


def read(path: Path, label: str) -> bytes:
    """Read a file; `InputError` when that cannot be done, or is no use."""
    try:
        details = path.stat()
        _check(details, label)
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{label}: expected a picture, got no such file") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # unreadable, too long a name, a NUL in it
        raise InputError(f"{label}: {getattr(error, 'strerror', None) or error}") from None


def _check(details: os.stat_result, label: str) -> None:
    if not stat.S_ISREG(details.st_mode):  # a pipe would never end
        what = "a directory" if stat.S_ISDIR(details.st_mode) else "no regular file"
        raise InputError(f"{label}: expected a picture, got {what}")
    if details.st_size > MAX_FILE:
        raise InputError(f"{label}: expected at most {MAX_FILE} bytes, got {details.st_size}")
