"""Give a result what its original had: date, camera, keywords, place and colours; and say that AI made it. Blocks.

The result's coded picture is copied as it is. The file is replaced in one step, so that a crash leaves the old one
or the new one; doing it again changes nothing.
"""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import get_args

import msgspec

from ..errors import InputError
from ..media.files import write_file
from .exif import taken
from .loading import PhotoInput, load
from .merging import SOURCE_TYPES, Mode, Operation, Tags, chosen, merged, tags_of


class CarriedOver(msgspec.Struct, frozen=True, kw_only=True):
    """What a result was given."""

    path: Path
    size: int
    """Bytes of the file as it is now."""
    sha256: str
    """Of the file as it is now, in hexadecimal."""
    carried: frozenset[str]
    """Of ``date camera place profile keywords rating mark`` what was put in; nothing when the file's format
    takes nothing."""


def carry_over(
    original: PhotoInput | None,
    result_path: str | os.PathLike[str],
    *,
    operation: Operation = "edit",
    # What
    mode: Mode = "copy",
    gps: bool = True,
    mark: bool = True,
    # The file
    mtime: bool = False,
    name: str = "original",
) -> CarriedOver:
    """Put an original's metadata into a result, without touching the result's pixels.

    Args:
        original: A path or bytes; ``None`` when there is none, as with generate.
        result_path: A JPEG, PNG or WebP, which is replaced in one step. Another format is left as it is.
        operation: What made the result, which the mark says.
        mode: ``"copy"`` carries date, camera, colour profile, author, captions, keywords, rating and serial
            numbers; ``"basic"`` date, camera and colour profile; ``"none"`` nothing. Thumbnail, MakerNote and
            orientation are never carried, the profile only if the result names no colours.
        gps: Whether ``"copy"`` carries the place too.
        mark: Whether to say, as IPTC's DigitalSourceType, that AI made it.
        mtime: Whether the file's time becomes the moment the photo was taken, or else the original file's time.
        name: What errors call an original given as bytes.

    Returns:
        What was put in, and the size and hash of the file as it is now.

    Raises:
        InputError: A file cannot be read or written, or both are the same file; the result is as it was.
    """
    _check(operation, mode)
    target = Path(os.fsdecode(result_path))
    result = load(target, "result")
    _check_other_file(original, target)
    tags = Tags() if original is None else tags_of(load(original, name))
    data, carried = merged(result, chosen(tags, mode, gps=gps), operation if mark else None)
    if data != result.data:
        write_file(target, [data], "replace")
    if mtime:
        _set_time(target, tags, original)
    return CarriedOver(path=target, size=len(data), sha256=hashlib.sha256(data).hexdigest(), carried=carried)


def _check(operation: str, mode: str) -> None:
    if operation not in SOURCE_TYPES:
        raise InputError(f"operation: expected {' or '.join(SOURCE_TYPES)}, got {operation!r}")
    if mode not in get_args(Mode):
        raise InputError(f"mode: expected {' or '.join(get_args(Mode))}, got {mode!r}")


def _check_other_file(original: PhotoInput | None, target: Path) -> None:
    """An original is never written."""
    if isinstance(original, (str, os.PathLike)):
        path = Path(os.fsdecode(original))
        if path.exists() and path.samefile(target):
            raise InputError(f"{target}: expected a result, got the original itself")


def _set_time(target: Path, tags: Tags, original: PhotoInput | None) -> None:
    moment = taken(tags.exif)
    with contextlib.suppress(OSError):  # the picture is whole, whatever its time
        if moment is None and isinstance(original, (str, os.PathLike)):
            moment = Path(os.fsdecode(original)).stat().st_mtime
        if moment is not None:
            os.utime(target, (moment, moment))
