"""Look at a picture as a person who sorts photos does: is it sharp, and was it not here before? Needs Pillow."""

import itertools
from typing import NamedTuple

from PIL import Image, ImageFilter, ImageStat

from .embedded import Embedded
from .pixels import embedded_in, in_colours_we_write, opened, translated, upright

SIDE = 1024  # pixels of the longest side at which sharpness is measured: a camera's noise is averaged away
TILES = 4  # in each direction; the sharpest quarter of them counts, since a portrait's background may be blurred
HASH_SIDE = 8  # pixels; each is compared with its right neighbour: 64 bits
EDGES = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)  # the Laplacian


class Look(NamedTuple):
    """What one look tells."""

    size: tuple[int, int]
    sharpness: float
    likeness: int


def look_at(data: bytes, image_format: str, embedded: Embedded | None) -> Look:
    """Decode a picture, a large JPEG at a fraction of its size, and look at it.

    Raises:
        BrokenImageError: It cannot be decoded, or has too many pixels.
        ConfigError: It is HEIC, and pi-heif is missing.
    """
    with translated(), opened(data, image_format) as image:
        embedded = embedded or embedded_in(image, data, image_format)
        width, height = image.size
        image.draft("L", (SIDE, SIDE))
        turned = upright(image, embedded, image_format)
        is_on_its_side = (turned.width < turned.height) != (width < height)
        grey = in_colours_we_write(turned).convert("L")
        grey.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        size = (height, width) if is_on_its_side else (width, height)
        return Look(size, _sharpness(grey), _likeness(grey))


def _sharpness(grey: Image.Image) -> float:
    """Return the mean variance of the Laplacian in the sharpest quarter of the tiles."""
    edges = grey.filter(EDGES)
    variances = sorted((_variance(edges, column, row) for column in range(TILES) for row in range(TILES)), reverse=True)
    best = variances[: TILES * TILES // 4]
    return round(sum(best) / len(best), 1)


def _variance(edges: Image.Image, column: int, row: int) -> float:
    """Return the variance of a tile without its rim: the filter leaves the picture's border as it was."""
    width, height = edges.size
    left, right = width * column // TILES + 1, width * (column + 1) // TILES - 1
    top, bottom = height * row // TILES + 1, height * (row + 1) // TILES - 1
    if right <= left or bottom <= top:
        return 0.0
    return float(ImageStat.Stat(edges.crop((left, top, right, bottom))).var[0])


def _likeness(grey: Image.Image) -> int:
    """Return the difference hash: where brightness falls from left to right."""
    pixels = grey.resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(HASH_SIDE):
        line = pixels[row * (HASH_SIDE + 1) : (row + 1) * (HASH_SIDE + 1)]
        for left, right in itertools.pairwise(line):
            bits = bits << 1 | (left > right)
    return bits
