"""Give a result what its original had: its date, camera, keywords, place and colours; and say that AI made it. Blocks.

The result's coded picture is copied as it is. The file is replaced in one step, so that a crash leaves the old one or
the new one; doing it again changes nothing.
"""

import hashlib
import os
from pathlib import Path
from typing import Literal, get_args

import msgspec

from ..errors import InputError
from ..media.files import write_file
from . import exif as tiff
from . import iptc, xmp
from .embedded import Embedded, fits, naming
from .exif import Exif
from .loading import Photo, PhotoInput, load
from .preparing import CONTAINERS, pillow
from .tags import CAMERA_TAGS, DATE_TAGS, DATES, PERSONAL_TAGS, RESULT_TAGS, Tag

Mode = Literal["copy", "basic", "none"]
Operation = Literal["edit", "enhance", "remix", "generate"]

MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES = {  # Source: IPTC NewsCodes, digital source type, 2024-10
    "edit": MADE + "compositeWithTrainedAlgorithmicMedia",
    "enhance": MADE + "compositeWithTrainedAlgorithmicMedia",
    "remix": MADE + "compositeWithTrainedAlgorithmicMedia",
    "generate": MADE + "trainedAlgorithmicMedia",
}


class CarriedOver(msgspec.Struct, frozen=True, kw_only=True):
    """What a result was given."""

    path: Path
    size: int
    """Bytes of the file as it is now."""
    sha256: str
    """Of the file as it is now, in hexadecimal."""
    carried: frozenset[str]
    """Of ``date camera place profile keywords rating mark``, what was put in; empty when the file's format
    takes nothing."""


class Tags(msgspec.Struct, frozen=True, kw_only=True):
    """What an original says, as far as it is to be carried."""

    exif: Exif = msgspec.field(default_factory=Exif)
    properties: xmp.Properties = msgspec.field(default_factory=dict)
    profile: bytes = b""


def carry_over(
    original: PhotoInput | None,
    result_path: str | os.PathLike[str],
    *,
    operation: Operation = "edit",
    # What
    mode: Mode = "copy",
    gps: bool = True,
    mark: bool = True,
    # File
    mtime: bool = False,
    name: str = "original",
) -> CarriedOver:
    """Put an original's metadata into a result, without touching the result's pixels.

    Args:
        original: A path or bytes; ``None`` when there is none, as with generate.
        result_path: A JPEG, PNG or WebP, which is replaced in one step. Another format is left as it is.
        operation: What made the result; it decides the mark.
        mode: ``"copy"`` carries date, camera, colour profile, author, captions, keywords, rating, serial numbers;
            ``"basic"`` date, camera and colour profile; ``"none"`` nothing. The orientation is upright; thumbnail
            and MakerNote are never carried. The profile is carried only if the result names no colours.
        gps: Whether ``"copy"`` carries the place too.
        mark: Whether to say, as IPTC's DigitalSourceType, that AI made it.
        mtime: Whether the file's time is set to when the photo was taken; the original file's time otherwise.
        name: What errors call an original given as bytes.

    Returns:
        What was carried, and the size and hash of the file as it is now.

    Raises:
        InputError: A file cannot be read or written, or both are the same file; the result is as it was.
        ConfigError: The original is HEIC or AVIF, and pi-heif or Pillow is missing; it names the extra.
    """
    _check(operation, mode)
    target = Path(os.fsdecode(result_path))
    result = load(target, "result")
    _check_other_file(original, target)
    photo = None if original is None else load(original, name)
    tags = Tags() if photo is None else tags_of(photo)
    data, carried = merged(result, chosen(tags, mode, gps=gps), operation if mark else None)
    if data != result.data:
        write_file(target, [data], "replace")
    if mtime:
        _set_time(target, tags.exif, original)
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


def tags_of(photo: Photo) -> Tags:
    """Read what a photo says; what is broken is not there."""
    embedded = _embedded(photo)
    properties = dict(xmp.parse(embedded.xmp))
    keywords = iptc.keywords(embedded.iptc)
    if keywords:
        properties.setdefault(xmp.KEYWORDS, xmp.bag(xmp.KEYWORDS, keywords))
    return Tags(exif=tiff.parse(embedded.exif), properties=properties, profile=embedded.profile)


def _embedded(photo: Photo) -> Embedded:
    with naming(photo.label):
        if photo.format in CONTAINERS:
            return CONTAINERS[photo.format].read(photo.data)
        if photo.format == "tiff":
            return _in_tiff(photo.data)
        if photo.format in {"heic", "avif"}:
            found: Embedded = pillow().read(photo.data, photo.format)
            return found
    return Embedded()


def _in_tiff(data: bytes) -> Embedded:
    """Read a TIFF file, which is its own EXIF."""
    main = tiff.parse(data, max_value=2**20).main
    values = {tag: main[tag].value for tag in (Tag.TIFF_XMP, Tag.TIFF_IPTC, Tag.TIFF_PROFILE) if tag in main}
    return Embedded(
        exif=data,
        xmp=values.get(Tag.TIFF_XMP, b""),
        iptc=values.get(Tag.TIFF_IPTC, b""),
        profile=values.get(Tag.TIFF_PROFILE, b""),
    )


def chosen(tags: Tags, mode: Mode, *, gps: bool) -> Tags:
    """Return of an original's tags what is to be carried."""
    if mode == "none":
        return Tags()
    if mode == "basic":
        numbers, names, place = DATE_TAGS | CAMERA_TAGS, xmp.DATE_PROPERTIES, False
    else:
        numbers, place = DATE_TAGS | CAMERA_TAGS | PERSONAL_TAGS, gps
        names = xmp.DATE_PROPERTIES | xmp.PERSONAL_PROPERTIES | (xmp.PLACE_PROPERTIES if gps else frozenset())
    properties = {key: element for key, element in tags.properties.items() if key in names}
    return Tags(exif=tiff.select(tags.exif, numbers, place=place), properties=properties, profile=tags.profile)


def merged(result: Photo, tags: Tags, operation: Operation | None) -> tuple[bytes, frozenset[str]]:
    """Return the result's file with an original's tags and the mark in it, and the words for what was put in."""
    container = CONTAINERS.get(result.format)
    if container is None:
        return result.data, frozenset()
    with naming(result.label):
        embedded = container.read(result.data)
        own = tiff.parse(embedded.exif)
        exif = _exif(own, tags.exif, embedded)
        profile = tags.profile if _takes_profile(embedded, tags.profile) else b""
        if profile or not embedded.profile:
            pass
        mark = _mark(operation)
        packet = _packet(xmp.parse(embedded.xmp), tags.properties, mark)
        data = container.write(result.data, exif=exif, xmp=packet, profile=profile, bare=False)
    return data, _words(tags, profile, mark)
