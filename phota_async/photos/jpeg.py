"""Walk a JPEG's segments, to read what it carries and to put other things in. The picture is not touched. No I/O.

Source: ITU-T T.81, annex B; CIPA DC-008; Adobe XMP Part 3; ICC.1:2022, annex B.
"""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from . import iptc as iptc_records
from .embedded import MAX_PROFILE, BrokenImageError, Embedded

SOI, EOI, SOS, DNL, APP0, APP1, APP2, APP13, APP14, COM = 0xD8, 0xD9, 0xDA, 0xDC, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
_ALONE = {0x01, SOI, *range(0xD0, 0xD8)}  # markers without a segment
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PICTURE = {*range(0xC0, 0xD0), *range(0xDA, 0xE0)}  # frames, tables and scans
_EXIF = b"Exif\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PROFILE = b"ICC_PROFILE\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_JFIF = b"JFIF\0"
_ADOBE = b"Adobe"
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_WINDOW = 2**20  # bytes searched at once: between two windows other threads may run
_ROOM = 65_533  # bytes a segment holds
_FRAME = struct.Struct(">HHB")  # height, width and channels, behind the precision


class Segment(NamedTuple):
    """A marker and what belongs to it; a scan includes its coded data."""

    marker: int
    start: int
    payload: int
    end: int

    def holds(self, data: bytes, mark: bytes) -> bool:
        """Whether the payload begins with ``mark``."""
        return data.startswith(mark, self.payload, self.end)


def segments(data: bytes, *, scans: bool = True) -> Iterator[Segment]:
    """Yield the segments up to and with the end of the picture, or only those before its first scan.

    Raises:
        BrokenImageError: It is no JPEG, or it ends before its picture does.
    """
    if not data.startswith(b"\xff\xd8"):
        raise BrokenImageError("expected a JPEG, got something else")
    at, marker, has_scan = 2, SOI, False
    while marker != EOI:
        start, marker = _next_marker(data, at)
        at = start + 2
        if marker in _ALONE:
            continue
        if marker == SOS and not scans:
            return
        has_scan |= marker == SOS
        if marker != EOI:
            at = _end(data, start, marker)
        elif not has_scan:
            raise BrokenImageError("expected a picture, got a JPEG without one")
        yield Segment(marker, start, min(start + 4, at), at)


_CUT = "expected a whole JPEG, got one that ends in the middle"


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    """Find the next marker, passing over rubbish and fill bytes as libjpeg does."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] not in (0x00, 0xFF):
            return at, data[at + 1]
        at += 1
    raise BrokenImageError(_CUT)


def _end(data: bytes, start: int, marker: int) -> int:
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    if end < start + 4 or end > len(data):
        raise BrokenImageError(_CUT)
    return _end_of_scan(data, end) if marker == SOS else end


def _end_of_scan(data: bytes, at: int) -> int:
    while at < len(data) - 1:
        match = _END_OF_SCAN.search(data, at, at + _WINDOW)
        if match:
            return match.start()
        at += _WINDOW - 1  # a marker may lie across the edge
    raise BrokenImageError(_CUT)


def read(data: bytes) -> Embedded:
    """Return what the file carries, from the segments before its picture."""
    heads = list(segments(data, scans=False))
    frame = next((head for head in heads if head.marker in _FRAMES and head.end - head.payload > _FRAME.size), None)
    if frame is None:
        raise BrokenImageError("expected a picture, got a JPEG without one")
    height, width, channels = _FRAME.unpack_from(data, frame.payload + 1)
    return Embedded(
        size=(width, height),
        channels=channels,
        exif=_contents(data, heads, APP1, _EXIF)[0][1:],  # behind a byte of padding
        xmp=_contents(data, heads, APP1, _XMP)[0],
        iptc=iptc_records.in_photoshop(b"".join(_contents(data, heads, APP13, _PHOTOSHOP))),
        profile=_joined(_contents(data, heads, APP2, _PROFILE)),
    )


def _contents(data: bytes, heads: list[Segment], marker: int, mark: bytes) -> list[bytes]:
    """Return what is in the segments of a kind; one empty one when there are none."""
    found = [head for head in heads if head.marker == marker and head.holds(data, mark)]
    return [data[head.payload + len(mark) : head.end] for head in found] or [b""]


def _joined(parts: list[bytes]) -> bytes:
    """Put a colour profile together; empty unless all its parts are there, each with its number and their count."""
    parts = sorted(part for part in parts if len(part) > 2)  # noqa: PLR2004
    if not parts or [part[0] for part in parts] != list(range(1, parts[0][1] + 1)):
        return b""
    profile = b"".join(part[2:] for part in parts)
    return profile if len(profile) <= MAX_PROFILE else b""


def write(data: bytes, *, exif: bytes = b"", xmp: bytes = b"", profile: bytes = b"", bare: bool = False) -> bytes:
    """Return the file with these put in, its picture untouched. See `Container.write`."""
    new = [
        *_segments(APP1, _EXIF + b"\0", exif),
        *_segments(APP1, _XMP, xmp),
        *(piece for part in _profile_parts(profile) for piece in _segments(APP2, _PROFILE, part)),
    ]
    pieces: list[bytes | memoryview] = [b"\xff\xd8"]
    view, end = memoryview(data), 0
    for segment in segments(data):
        end = segment.end
        is_first = segment.marker == APP0 and segment.holds(data, _JFIF)
        if not is_first:  # behind JFIF, which wants to be first, and before all else
            pieces += new
            new = []
        if bare:
            pieces.append(_bare(data, segment))
        elif not _is_replaced(segment, data, exif, xmp, profile):
            pieces.append(view[segment.start : end])
    return b"".join(pieces if bare else (*pieces, view[end:]))


def _segments(marker: int, mark: bytes, content: bytes) -> list[bytes]:
    if not content:
        return []
    if len(mark) + len(content) > _ROOM:
        raise ValueError(f"expected at most {_ROOM} bytes for a segment, got {len(mark) + len(content)}")
    return [struct.pack(">BBH", 0xFF, marker, len(mark) + len(content) + 2), mark, content]


def _profile_parts(profile: bytes) -> list[bytes]:
    room = _ROOM - len(_PROFILE) - 2
    parts = [profile[at : at + room] for at in range(0, len(profile), room)]
    return [bytes((number, len(parts))) + part for number, part in enumerate(parts, 1)]


def _bare(data: bytes, segment: Segment) -> bytes | memoryview:
    """Return of a segment what is needed to show the picture: nothing of most."""
    if segment.marker in _PICTURE or segment.marker == EOI:
        return memoryview(data)[segment.start : segment.end]
    if segment.marker == APP0 and segment.holds(data, _JFIF):
        return b"".join(_segments(APP0, b"", data[segment.payload : segment.end][:12].ljust(12, b"\0") + b"\0\0"))
    if segment.marker == APP14 and segment.holds(data, _ADOBE):  # says whether the colours are transformed
        return b"".join(_segments(APP14, b"", data[segment.payload : segment.end][:12]))
    return b""


def _is_replaced(segment: Segment, data: bytes, exif: bytes, xmp: bytes, profile: bytes) -> bool:
    return (
        (segment.marker == APP1 and bool(exif) and segment.holds(data, _EXIF))
        or (segment.marker == APP1 and bool(xmp) and segment.holds(data, _XMP))
        or (segment.marker == APP2 and bool(profile) and segment.holds(data, _PROFILE))
    )
