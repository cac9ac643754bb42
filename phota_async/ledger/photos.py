"""Identify photos by their content: SHA-256 of their bytes, computed in threads and piece by piece."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import threads
from ..errors import InputError
from ..media.sources import is_link, raw_pieces
from ..requests import AnyRequest, images_of

if TYPE_CHECKING:
    from .digests import Digests, Key

QUICK = 64 * 1024  # bytes: hashing them takes 0.1 ms or less, as much as a hop to a thread


class Seen(NamedTuple):
    """A photo that was looked at."""

    mark: str
    """What identifies it; ``""`` when it was not read, since its digest may be known."""
    key: "Key | None" = None
    """What its file is known by."""


async def identify_photos(request: AnyRequest, digests: "Digests | None" = None) -> tuple[str, ...]:
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
        return tuple(_identify(image) for image in images)
    seen = await threads.run(_look_at, images, digests)
    if digests is not None and any(each.key for each in seen):
        seen = await _complete(images, seen, digests)
    return tuple(each.mark for each in seen)


def sha256_of(pieces: Iterator[bytes | memoryview]) -> str:
    """Return the digest of some pieces in hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


async def _complete(images: Sequence[Any], seen: Sequence[Seen], digests: "Digests") -> list[Seen]:
    """Look up the digests that may be known, and read the photos whose are not."""
    keys = [each.key for each in seen if each.key]
    known = dict(zip(keys, await digests.find(keys), strict=True))
    unknown = [image for image, each in zip(images, seen, strict=True) if each.key and known[each.key] is None]
    read = iter(await threads.run(_read_all, unknown, digests) if unknown else ())
    marks = []
    for each in seen:
        digest = known[each.key] if each.key else None
        marks.append(each if not each.key else Seen(f"sha256:{digest}") if digest else next(read))
    return marks


def _look_at(images: Sequence[Any], digests: "Digests | None") -> list[Seen]:
    return [_look(image, digests) for image in images]


def _look(image: Any, digests: "Digests | None") -> Seen:
    """Identify a photo, or say what its file is known by."""
    if not _is_path(image):
        return Seen(_identify(image))
    try:
        with Path(os.fsdecode(image)).open("rb", buffering=0) as file:
            details = os.fstat(file.fileno())
            if not stat.S_ISREG(details.st_mode):
                return Seen(_identify(image))
            key = None if digests is None or details.st_size <= QUICK else digests.key_of(image, details)
            return Seen("", key) if key else Seen(f"sha256:{_digest_of(file, details)}")
    except (OSError, ValueError):
        return Seen(_identify(image))  # it knows what to say
