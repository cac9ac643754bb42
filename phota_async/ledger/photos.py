"""Identify photos by their content: SHA-256 of their bytes, computed in threads and piece by piece."""

import hashlib
from collections.abc import Iterator
from typing import Any

from .. import threads
from ..errors import InputError
from ..media.sources import is_link, raw_pieces
from ..requests import AnyRequest, images_of

QUICK = 64 * 1024  # bytes: hashing them takes 0.1 ms or less, as much as a hop to a thread


async def identify_photos(request: AnyRequest) -> tuple[str, ...]:
    """Return what identifies each photo of a request: ``sha256:...``, or ``link:...`` with the whole link.

    Raises:
        InputError: A photo cannot be read, or only once.
    """
    images = images_of(request)
    if all(isinstance(image, str) and is_link(image) for image in images):
        return tuple(f"link:{image}" for image in images)
    if all(isinstance(image, bytes) for image in images) and sum(map(len, images)) <= QUICK:
        return tuple(identify_photo(image) for image in images)
    return await threads.run(lambda: tuple(identify_photo(image) for image in images))


def sha256_of(pieces: Iterator[bytes | memoryview]) -> str:
    """Return the digest of some pieces in hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


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
