"""Read what a HEIC or AVIF file carries. Its picture is left to decoders. No I/O.

We read the boxes ourselves, since pi-heif 1.4.0 ends the process (a segmentation fault) when their names are damaged,
and carrying metadata over happens in the host's own process. Reading never fails: what is broken is not there.

Source: ISO/IEC 14496-12 (boxes), 23008-12 (HEIF): 8.11.3 iloc, 8.11.6 iinf, A.2.1 Exif, A.3 XMP.
"""

from collections.abc import Iterator
from typing import NamedTuple

from .embedded import MAX_PROFILE, MAX_XMP, Embedded

MAX_BOXES = 10_000  # of one level; a large photo in tiles has hundreds
_RDF = b"application/rdf+xml"


class Place(NamedTuple):
    """Where an item's bytes lie."""

    inside: bool
    """In the ``idat`` box, rather than in the file."""
    offset: int
    size: int


class Reader:
    """Takes numbers and strings off a span of bytes; past its end they are 0 and empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, size: int) -> int:
        """Take a number of so many bytes."""
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at], "big")

    def string(self) -> bytes:
        """Take what stands before the next zero byte."""
        found, _, _ = self._data[self._at :].partition(b"\0")
        self._at += len(found) + 1
        return found

    def skip(self, size: int) -> None:
        """Pass over so many bytes."""
        self._at += size

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._data)


def boxes(data: bytes, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Yield the boxes' names and contents, as far as they are whole."""
    for _ in range(MAX_BOXES):
        size, head = int.from_bytes(data[start : start + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        if size == 0:
            size = len(data) - start  # up to the end
        if size < head or start + size > len(data):
            return
        yield data[start + 4 : start + 8], data[start + head : start + size]
        start += size


def read(data: bytes) -> Embedded:
    """Return what the file carries; its size and orientation are the decoder's to tell."""
    meta = dict(boxes(next((content for name, content in boxes(data) if name == b"meta"), b""), 4))
    kinds = dict(_kinds(meta.get(b"iinf", b"")))
    places = dict(_places(meta.get(b"iloc", b"")))
    idat = meta.get(b"idat", b"")
    found: dict[bytes, bytes] = {}
    for item, kind in kinds.items():
        place = places.get(item)
        if place is not None and place.size <= MAX_XMP:
            source = idat if place.inside else data
            found.setdefault(kind, source[place.offset : place.offset + place.size])
    exif = found.get(b"Exif", b"")
    return Embedded(
        exif=exif[4 + int.from_bytes(exif[:4], "big") :],  # a number says where the TIFF header is
        xmp=found.get(_RDF, b""),
        profile=_profile(meta.get(b"iprp", b"")),
    )


def _kinds(iinf: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield items and what they are: a type, or what a MIME item contains."""
    for name, content in boxes(iinf, 6 if iinf[:1] == b"\0" else 8):
        reader = Reader(content)
        version = reader.number(1)
        reader.skip(3)
        item = reader.number(2 if version == 2 else 4)  # noqa: PLR2004
        reader.skip(2)
        kind = reader.number(4).to_bytes(4, "big")
        reader.string()
        if name == b"infe" and version in {2, 3}:
            yield item, reader.string() if kind == b"mime" else kind


def _places(iloc: bytes) -> Iterator[tuple[int, Place]]:
    """Yield items and where they lie; those in several pieces are left out, since metadata is in one."""
    reader = Reader(iloc)
    version = reader.number(1)
    reader.skip(3)
    sizes, more = reader.number(1), reader.number(1)
    wide = 4 if version == 2 else 2  # noqa: PLR2004
    number, offset, size, base = (more & 15 if version else 0), sizes >> 4, sizes & 15, more >> 4
    for _ in range(reader.number(wide)):
        item = reader.number(wide)
        method = reader.number(2) & 15 if version else 0
        reader.skip(2)  # which file: this one
        start, count = reader.number(base), reader.number(2)
        if count == 1 and method in {0, 1}:
            reader.skip(number)
            yield item, Place(method == 1, start + reader.number(offset), reader.number(size))
        else:
            reader.skip(count * (number + offset + size))
        if reader.is_at_end:
            return


def _profile(iprp: bytes) -> bytes:
    """Return the first ICC profile; the pictures of a file share one."""
    properties = dict(boxes(iprp)).get(b"ipco", b"")
    for name, content in boxes(properties):
        if name == b"colr" and content[:4] in {b"prof", b"rICC"} and len(content) <= MAX_PROFILE:
            return content[4:]
    return b""
