"""Choose what an original says and lay it into a result's file. Pure: bytes in, bytes out.

Where the original says something, it wins over the result; what belongs together (date and offset, camera and
exposure) is never mixed from both.
"""

from typing import Literal

import msgspec

from ..hidden import rich_repr
from . import exif as tiff
from . import heif, iptc, xmp
from .embedded import MAX_XMP, Embedded, fits, naming
from .exif import Exif
from .loading import Photo
from .preparing import CONTAINERS
from .tags import CAMERA_TAGS, DATE_TAGS, DATES, KNOWN_TAGS, PERSONAL_TAGS, RESULT_TAGS, Tag

Mode = Literal["copy", "basic", "none"]
Operation = Literal["edit", "enhance", "remix", "generate"]

_MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES = {  # Source: IPTC NewsCodes, digital source type
    **dict.fromkeys(("edit", "enhance", "remix"), f"{_MADE}compositeWithTrainedAlgorithmicMedia"),
    "generate": f"{_MADE}trainedAlgorithmicMedia",
}


class Tags(msgspec.Struct, frozen=True, kw_only=True):
    """What an original says."""

    exif: Exif = msgspec.field(default_factory=Exif)
    properties: xmp.Properties = msgspec.field(default_factory=dict)
    profile: bytes = b""

    def __repr__(self) -> str:
        return f"<Tags {self.exif!r} {len(self.properties)} properties>"

    __rich_repr__ = rich_repr


def tags_of(photo: Photo) -> Tags:
    """Read what a photo says.

    Raises:
        InputError: It is broken; broken metadata in a whole photo is just not there.
    """
    with naming(photo.label):
        embedded = _embedded(photo)
    properties = dict(xmp.parse(embedded.xmp))
    keywords = iptc.keywords(embedded.iptc)
    if keywords:
        properties.setdefault(xmp.KEYWORDS, xmp.bag(xmp.KEYWORDS, keywords))
    return Tags(exif=tiff.parse(embedded.exif), properties=properties, profile=embedded.profile)


def _embedded(photo: Photo) -> Embedded:
    if photo.format in CONTAINERS:
        return CONTAINERS[photo.format].read(photo.data)
    if photo.format == "tiff":
        return _in_tiff(photo.data)
    if photo.format in {"heic", "avif"}:
        return heif.read(photo.data)
    return Embedded()


def _in_tiff(data: bytes) -> Embedded:
    """Read a TIFF file, which is its own EXIF."""
    main = tiff.parse(data, max_value=MAX_XMP).main
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
    numbers, names = DATE_TAGS | CAMERA_TAGS, xmp.DATE_PROPERTIES
    if mode == "copy":
        numbers |= PERSONAL_TAGS
        names |= xmp.PERSONAL_PROPERTIES
    place = gps and mode == "copy"
    if place:
        names |= xmp.PLACE_PROPERTIES
    properties = {key: element for key, element in tags.properties.items() if key in names}
    return Tags(exif=tiff.select(tags.exif, numbers, place=place), properties=properties, profile=tags.profile)


def merged(result: Photo, tags: Tags, operation: Operation | None) -> tuple[bytes, frozenset[str]]:
    """Return a result's file with an original's tags in it, and the words for what was put in.

    Args:
        result: The file; a format that takes nothing comes back as it is.
        tags: What is to be carried.
        operation: What made the result, for the mark; ``None`` leaves the mark out.
    """
    container = CONTAINERS.get(result.format)
    if container is None:
        return result.data, frozenset()
    with naming(result.label):
        own = container.read(result.data)
        profile = tags.profile if _takes(own, tags.profile) else b""
        exif = _exif(own, tags.exif, has_its_colours=bool(profile) or not own.profile)
        packet = _packet(own, tags, operation)
        data = container.write(result.data, exif=exif, xmp=packet, profile=profile, bare=False)
    return data, _words(tags, profile, operation)


def _takes(own: Embedded, profile: bytes) -> bool:
    names_others = own.declares_colour or own.profile not in {b"", profile}
    return not names_others and fits(profile, own.channels)


def _exif(own: Embedded, exif: Exif, *, has_its_colours: bool) -> bytes:
    """Return the EXIF to put in; empty when the result may keep its own as it is."""
    if not exif:
        return b""
    before = tiff.parse(own.exif)
    if not has_its_colours:
        exif = tiff.select(exif, KNOWN_TAGS - {Tag.COLOUR_SPACE}, place=True)
    both = tiff.merge(tiff.select(before, RESULT_TAGS, place=False), exif)
    return tiff.encode(tiff.for_picture(both, own.size, tiff.orientation(before)))


def _packet(own: Embedded, tags: Tags, operation: Operation | None) -> bytes:
    """Return the XMP to put in; empty when the result may keep its own as it is.

    What does not fit is left out: first what the result says itself, then what is carried, never the mark.
    """
    mark = {xmp.SOURCE_TYPE: xmp.simple(xmp.SOURCE_TYPE, SOURCE_TYPES[operation])} if operation else {}
    carried = {**tags.properties, **mark}
    if not carried:
        return b""
    stale = xmp.PLACE_PROPERTIES | (xmp.DATE_PROPERTIES if _has_date(tags) else frozenset())  # a place is ours only
    before = {key: element for key, element in xmp.parse(own.xmp).items() if key not in stale}
    written = (xmp.encode(properties) for properties in ({**before, **carried}, carried, mark))
    return next(packet for packet in written if len(packet) <= xmp.MAX_PACKET)


def _has_date(tags: Tags) -> bool:
    dates = {date for _, date, _ in DATES}
    has_tag = any(not dates.isdisjoint(directory) for directory in (tags.exif.main, tags.exif.photo))
    return has_tag or not xmp.DATE_PROPERTIES.isdisjoint(tags.properties)


def _words(tags: Tags, profile: bytes, operation: Operation | None) -> frozenset[str]:
    main, properties = tags.exif.main, tags.properties
    found = {
        "date": _has_date(tags),
        "camera": not CAMERA_TAGS.isdisjoint(main),
        "place": bool(tags.exif.place) or not xmp.PLACE_PROPERTIES.isdisjoint(properties),
        "profile": bool(profile),
        "keywords": xmp.KEYWORDS in properties or Tag.KEYWORDS in main,
        "rating": xmp.RATING in properties or Tag.RATING in main,
        "mark": operation is not None,
    }
    return frozenset(word for word, is_there in found.items() if is_there)
