"""Identify photos by their content: SHA-256 of their bytes, computed in threads and piece by piece."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import threads
from ..errors import InputError
from ..media.sources import is_link, is_path, raw_pieces
from ..requests import AnyRequest, images_of

if TYPE_CHECKING:
    from .digests import Key, KnownDigests

QUICK = 64 * 1024  # bytes: hashing them takes 0.1 ms or less, as much as a hop to a thread


class Seen(NamedTuple):
    """A photo that was looked at."""

    mark: str
    """What identifies it; ``""`` when it was not read, since its digest may be known."""
    key: "Key | None" = None
    """What its file is known by."""


async def identify_photos(request: AnyRequest, digests: "KnownDigests | None" = None) -> tuple[str, ...]:
    """Return what identifies each photo of a request: ``sha256:...``, or ``link:...`` with the whole link.

    Args:
        request: Its photos may be anything that can be sent.
        digests: Remembers what files of more than 64 KB hash to; ``None`` reads them all.

    Raises:
        InputError: A photo cannot be read, or only once.
    """
    images = images_of(request)
    if all(isinstance(image, str) and is_link(image) for image in images):
        return tuple(f"link:{image}" for image in images)
    if all(isinstance(image, bytes) for image in images) and sum(map(len, images)) <= QUICK:
        return tuple(identify_photo(image) for image in images)
    seen = await threads.run(_look_at, images, digests)
    if digests is None or all(each.mark for each in seen):
        return tuple(each.mark for each in seen)
    return tuple(await _complete(images, seen, digests))


def sha256_of(pieces: Iterator[bytes | memoryview]) -> str:
    """Return the digest of some pieces in hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


async def _complete(images: Sequence[Any], seen: Sequence[Seen], digests: "KnownDigests") -> list[str]:
    """Look up the digests that may be known, and read the photos whose are not."""
    keys = [each.key for each in seen if each.key]
    known = dict(zip(keys, await digests.find(keys), strict=True))
    marks = [f"sha256:{digest}" if each.key and (digest := known[each.key]) else each.mark for each in seen]
    return marks if all(marks) else await threads.run(_fill, images, marks, digests)


def _fill(images: Sequence[Any], marks: Sequence[str], digests: "KnownDigests") -> list[str]:
    return [mark or _read(image, digests) for image, mark in zip(images, marks, strict=True)]


def _look_at(images: Sequence[Any], digests: "KnownDigests | None") -> list[Seen]:
    return [_look(image, digests) for image in images]


def _look(image: Any, digests: "KnownDigests | None") -> Seen:
    """Identify a photo, or say what its file is known by."""
    details = _stat(image)
    if details is None:
        return Seen(identify_photo(image))
    key = None if digests is None or details.st_size <= QUICK else digests.key_of(image, details)
    return Seen("", key) if key else Seen(_identify_file(image, details) or identify_photo(image))


def _read(image: Any, digests: "KnownDigests") -> str:
    """Identify a file, and remember its digest if it stayed as it was while it was read."""
    before = _stat(image)
    if before is None:
        return identify_photo(image)
    mark = _identify_file(image, before) or identify_photo(image)
    key, after = digests.key_of(image, before), _stat(image)
    if key is not None and after is not None and key == digests.key_of(image, after):
        digests.keep(key, mark.removeprefix("sha256:"))
    return mark


def _stat(image: Any) -> os.stat_result | None:
    """Look at a photo's file; ``None`` where there is none, and whoever reads it knows what to say."""
    if not is_path(image):
        return None
    try:
        details = os.stat(image)  # noqa: PTH116 - a str is at hand
    except (OSError, ValueError):
        return None
    return details if stat.S_ISREG(details.st_mode) else None


def _identify_file(path: str | os.PathLike[str], details: os.stat_result) -> str | None:
    """Identify a file through one small buffer; ``None`` where anything is odd.

    Fresh memory for each piece would cost as much as the hashing.
    """
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a str is at hand
            digest = hashlib.sha256(file.read()) if details.st_size <= QUICK else hashlib.file_digest(file, "sha256")
            is_same = _version(os.fstat(file.fileno())) == _version(details)
    except OSError:
        return None
    return f"sha256:{digest.hexdigest()}" if is_same else None


def _version(details: os.stat_result) -> tuple[int, int, int]:
    return details.st_ino, details.st_size, details.st_mtime_ns


def identify_photo(image: Any) -> str:
    """Return what identifies a photo; see `identify_photos`. Blocks."""
    if isinstance(image, str) and is_link(image):
        return f"link:{image}"
    if hasattr(image, "save") and hasattr(image, "mode"):
        return f"sha256:{_pixels(image)}"
    return f"sha256:{sha256_of(raw_pieces(image, 'photo'))}"


def _pixels(image: Any) -> str:
    """Return the digest of a Pillow image's pixels as they are sent: another Pillow encodes them otherwise."""
    from PIL import ImageOps  # noqa: PLC0415 - the user has Pillow, or there would be no image

    try:
        upright = ImageOps.exif_transpose(image)
        plain = upright if upright.mode in ("RGB", "L") else upright.convert("RGBA")
        head = f"{plain.mode} {plain.width} {plain.height}:".encode()
        return sha256_of(iter((head, plain.tobytes())))
    except Exception as error:  # noqa: BLE001 - Pillow raises many kinds; whatever it is, this photo cannot be read
        raise InputError(f"photo: the Pillow image cannot be read: {error}") from None
