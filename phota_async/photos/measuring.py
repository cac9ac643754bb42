"""Measure a photo: its size, how sharp it is, and what tells it from others. Blocks, and decodes it."""

import hashlib

import msgspec

from .embedded import naming
from .extras import looks
from .loading import Photo, PhotoInput, load
from .preparing import bare, check_pixels


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of one photo."""

    size: tuple[int, int]
    """Pixels, (width, height), upright."""
    format: str
    """``"jpg"``, ``"png"``, ``"webp"``, ``"heic"``, ``"avif"``, ``"tiff"``, ``"gif"`` or ``"bmp"``."""
    sharpness: float
    """Variance of the Laplacian in the sharpest quarter of the picture, at 1024 pixels: below 20 where it is
    blurred by two pixels or more, hundreds where it is sharp."""
    likeness: int
    """A hash of 64 bits of what can be seen; similar pictures differ in few bits."""
    digest: str
    """SHA-256 of the file, in hexadecimal digits."""

    def distance(self, other: "Measures") -> int:
        """Return in how many of 64 bits two pictures differ: copies in up to 4, strangers in some 30."""
        return (self.likeness ^ other.likeness).bit_count()


def measure(image: PhotoInput, *, name: str = "image") -> Measures:
    """Look at a photo closely.

    A damaged HEIC photo may crash its decoder, and this process with it: `PhotoWorkers` decodes in other processes.

    Args:
        image: A path or bytes: JPEG, PNG, WebP, HEIC (extra ``heic``), AVIF, TIFF, GIF or BMP.
        name: What errors call bytes; a path speaks for itself.

    Raises:
        InputError: The photo cannot be read, is broken, or has more than 178,956,970 pixels; it names the file.
        ConfigError: Pillow or pi-heif is missing; it names the extra.
    """
    return measured(load(image, name))


def measured(photo: Photo) -> Measures:
    """Look closely at a photo that is in memory."""
    decoder = looks()
    with naming(photo.label):
        data, embedded = bare(photo)
        if embedded is not None:
            check_pixels(embedded.size)
        look = decoder.look_at(data, photo.format, embedded)
    digest = hashlib.sha256(photo.data).hexdigest()
    return Measures(
        size=look.size, format=photo.format, sharpness=look.sharpness, likeness=look.likeness, digest=digest
    )
