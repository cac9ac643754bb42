"""Make a photo fit to leave: upright, not larger than it need be, and without the place it was taken at. Blocks.

When only metadata must go, the picture's own bytes are copied and nothing is decoded; that needs no Pillow.
"""

import math
from typing import Literal, get_args

import msgspec

from ..errors import InputError
from ..hidden import rich_repr
from . import exif as tiff
from . import jpeg, png, webp, xmp
from .embedded import BrokenImageError, Container, Embedded, Picture, naming
from .extras import pixels
from .loading import Photo, PhotoInput, load
from .tags import CAMERA_TAGS, DATE_TAGS, KNOWN_TAGS

Strip = Literal["gps", "all", "none"]

MAX_SIDE = 4096  # pixels; the service reduces what is larger
MAX_PIXELS = 178_956_970  # twice Pillow's MAX_IMAGE_PIXELS, where Pillow refuses
HARMLESS = DATE_TAGS | CAMERA_TAGS
CONTAINERS: dict[str, Container] = {
    "jpg": jpeg,
    "png": png,
    "webp": webp,
}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done to a photo."""

    max_side: int | None = MAX_SIDE
    strip: Strip = "gps"

    def __post_init__(self) -> None:
        if self.max_side is not None and (not isinstance(self.max_side, int) or self.max_side < 1):
            raise InputError(f"max_side: expected pixels from 1 or None, got {self.max_side!r}")
        if self.strip not in get_args(Strip):
            raise InputError(f"strip: expected {' or '.join(get_args(Strip))}, got {self.strip!r}")


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A photo that is fit to leave."""

    data: bytes
    """The file. The same input gives the same bytes, as long as Pillow and its codecs stay the same."""
    format: str
    """``"jpg"``, ``"png"`` or ``"webp"``."""
    size: tuple[int, int]
    """Pixels, (width, height), upright."""
    reencoded: bool
    """Whether the picture was decoded and encoded again; otherwise its coded pixels are the original's."""

    def __repr__(self) -> str:
        how = "encoded again" if self.reencoded else "as it was"
        return f"<Prepared {self.format} {self.size[0]}x{self.size[1]}, {len(self.data)} bytes, {how}>"

    __rich_repr__ = rich_repr


def prepare(
    image: PhotoInput, *, max_side: int | None = MAX_SIDE, strip: Strip = "gps", name: str = "image"
) -> Prepared:
    """Turn a photo upright, reduce it, and remove what tells where and by whom it was taken.

    A picture that is upright and small enough keeps its coded pixels. Any other becomes a JPEG of quality 95,
    or a PNG when it can be seen through: the service makes JPEGs of what it gets anyway.

    A damaged HEIC photo may crash its decoder, and this process with it: `PhotoWorkers` decodes in other processes.

    Args:
        image: A path or bytes: JPEG, PNG, WebP, HEIC (extra ``heic``), AVIF, TIFF, GIF or BMP.
        max_side: Pixels of the longest side at most; ``None`` reduces nothing.
        strip: ``"gps"`` leaves dates and camera settings only: place, serial numbers, owner, author, captions,
            keywords, thumbnails, MakerNotes and all that is unknown go. ``"all"`` leaves nothing. ``"none"``
            leaves all that can be kept. The colour profile always stays.
        name: What errors call bytes; a path speaks for itself.

    Returns:
        The file that is to be sent.

    Raises:
        InputError: The photo cannot be read, is broken, or has more than 178,956,970 pixels (Pillow's limit); it
            names the file.
        ConfigError: It must be decoded, and Pillow or pi-heif is missing; it names the extra.
    """
    options = Options(max_side=max_side, strip=strip)
    photo = load(image, name)
    return without_decoding(photo, options) or by_decoding(photo, options)


def without_decoding(photo: Photo, options: Options) -> Prepared | None:
    """Prepare a photo by copying its coded picture; ``None`` when it has to be decoded."""
    container = CONTAINERS.get(photo.format)
    if container is None:
        return None
    with naming(photo.label):
        embedded = container.read(photo.data)
        check_pixels(embedded.size)
        exif = tiff.parse(embedded.exif)
        if tiff.orientation(exif) != tiff.UPRIGHT or is_too_large(embedded.size, options):
            return None
        data = _without_metadata(photo.data, container, embedded, options)
    return Prepared(data=data, format=photo.format, size=embedded.size, reencoded=False)


def pixels_of(photo: Photo) -> float:
    """Return how many pixels a photo has; infinity where only a decoder knows."""
    container = CONTAINERS.get(photo.format)
    if container is None:
        return math.inf
    width, height = container.read(photo.data).size
    return width * height


def _without_metadata(data: bytes, container: Container, embedded: Embedded, options: Options) -> bytes:
    if options.strip == "none":
        container.write(data, exif=b"", xmp=b"", profile=b"", bare=False)  # is it whole?
        return data
    exif, _ = kept(embedded, embedded.size, options)
    return container.write(data, exif=exif, xmp=b"", profile=embedded.profile, bare=True)


def by_decoding(photo: Photo, options: Options) -> Prepared:
    """Prepare a photo by decoding its picture and encoding it again."""
    decoder = pixels()
    with naming(photo.label):
        data, embedded = bare(photo)
        picture: Picture = decoder.encode_again(data, photo.format, embedded, options.max_side)
        exif, packet = kept(picture.embedded, picture.size, options)
        container, profile = CONTAINERS[picture.format], picture.embedded.profile
        data = container.write(picture.data, exif=exif, xmp=packet, profile=profile, bare=True)
    return Prepared(data=data, format=picture.format, size=picture.size, reencoded=True)


def bare(photo: Photo) -> tuple[bytes, Embedded | None]:
    """Return a file without metadata and the metadata, where we can do that ourselves: decoders get no more."""
    container = CONTAINERS.get(photo.format)
    if container is None:
        return photo.data, None
    return container.write(photo.data, exif=b"", xmp=b"", profile=b"", bare=True), container.read(photo.data)


def kept(embedded: Embedded, size: tuple[int, int], options: Options) -> tuple[bytes, bytes]:
    """Return the EXIF and the XMP that a picture of this size, upright, may carry."""
    exif = tiff.parse(embedded.exif)
    if options.strip == "none":
        chosen, packet = tiff.select(exif, KNOWN_TAGS, place=True), xmp.of_another_size(embedded.xmp)
    else:
        tags = HARMLESS if options.strip == "gps" else frozenset[int]()
        chosen, packet = tiff.trimmed(tiff.select(exif, tags, place=False)), b""
    return tiff.encode(tiff.for_picture(chosen, size)) if chosen else b"", packet


def is_too_large(size: tuple[int, int], options: Options) -> bool:
    """Whether a picture is to be reduced."""
    return options.max_side is not None and max(size) > options.max_side


def check_pixels(size: tuple[int, int]) -> None:
    """Refuse an image bomb, and a picture of nothing, before anything is decoded."""
    if not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise BrokenImageError(f"expected 1 to {MAX_PIXELS} pixels, got {size[0]}x{size[1]}")
