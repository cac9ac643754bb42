"""Walk a WebP's chunks, to read what it carries and to put other things in. The picture is not touched. No I/O.

Source: RFC 9649 (WebP Image Format).
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from .embedded import MAX_PROFILE, BrokenImageError, Embedded

_PROFILE, _ALPHA, _EXIF, _XMP = 0x20, 0x10, 0x08, 0x04  # the extended header's flags
_PICTURE = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_PIXELS = frozenset({b"VP8 ", b"VP8L", b"ANMF"})  # of a picture, or of one of a film
_CUT = "expected a whole WebP, got one that ends in the middle"


class Chunk(NamedTuple):
    """A chunk's name and where its content lies."""

    kind: bytes
    start: int
    end: int


def chunks(data: bytes) -> list[Chunk]:
    """Return the chunks in their order.

    Raises:
        BrokenImageError: It is no WebP, or it is cut off.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise BrokenImageError("expected a WebP, got something else")
    return list(_chunks(data))


def _chunks(data: bytes) -> Iterator[Chunk]:
    at, last = 12, 8 + int.from_bytes(data[4:8], "little")
    if last > len(data) + 1:  # some writers forget the last byte of padding
        raise BrokenImageError(_CUT)
    while at + 8 <= last:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > min(last, len(data)):
            raise BrokenImageError(_CUT)
        yield Chunk(data[at : at + 4], at + 8, at + 8 + size)
        at += 8 + size + size % 2


def read(data: bytes) -> Embedded:
    """Return what the file carries, also behind its picture."""
    parts = chunks(data)
    width, height, _ = _head(data, parts)
    found: dict[bytes, bytes] = {}
    for part in parts:
        if part.kind not in _PICTURE:
            found.setdefault(part.kind, data[part.start : part.end])
    profile = found.get(b"ICCP", b"")
    return Embedded(
        size=(width, height),
        exif=found.get(b"EXIF", b"").removeprefix(b"Exif\0\0"),  # which some writers put there
        xmp=found.get(b"XMP ", b""),
        profile=profile if len(profile) <= MAX_PROFILE else b"",
    )


def _head(data: bytes, parts: list[Chunk]) -> tuple[int, int, int]:
    """Return the width, the height and the flags as an extended header has them."""
    first = next((part for part in parts if part.kind in {b"VP8X", b"VP8L", b"VP8 "}), None)
    content = data[first.start : first.start + 10] if first else b""
    has_pixels = any(part.kind in _PIXELS for part in parts)
    if first is None or not has_pixels or len(content) < {b"VP8X": 10, b"VP8L": 5, b"VP8 ": 10}[first.kind]:
        raise BrokenImageError("expected a picture, got a WebP without one")
    if first.kind == b"VP8X":
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (4, 7))
        return width, height, content[0]
    if first.kind == b"VP8L":
        bits = int.from_bytes(content[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, _ALPHA if bits >> 28 & 1 else 0
    width, height = struct.unpack_from("<HH", content, 6)
    return width & 0x3FFF, height & 0x3FFF, 0


def write(data: bytes, *, exif: bytes = b"", xmp: bytes = b"", profile: bytes = b"", bare: bool = False) -> bytes:
    """Return the file with these put in, its picture untouched. See `Container.write`."""
    parts = chunks(data)
    width, height, flags = _head(data, parts)
    new = {b"ICCP": profile, b"EXIF": exif, b"XMP ": xmp}
    stays = {kind: b"" if bare else _content(data, parts, kind) for kind in new}
    carried = {kind: content or stays[kind] for kind, content in new.items()}
    flags &= ~(_PROFILE | _EXIF | _XMP)
    for kind, flag in ((b"ICCP", _PROFILE), (b"EXIF", _EXIF), (b"XMP ", _XMP)):
        flags |= flag if carried[kind] else 0
    view = memoryview(data)
    pieces: list[bytes | memoryview] = []
    if flags:  # only the extended form has them
        pieces += _chunk(b"VP8X", struct.pack("<I", flags) + _three(width - 1) + _three(height - 1))
    pieces += _chunk(b"ICCP", carried[b"ICCP"])
    for part in parts:
        if part.kind in _PICTURE or not (bare or part.kind == b"VP8X" or part.kind in new):
            pieces += _chunk(part.kind, view[part.start : part.end])
    pieces += [*_chunk(b"EXIF", carried[b"EXIF"]), *_chunk(b"XMP ", carried[b"XMP "])]
    return b"".join((b"RIFF", struct.pack("<I", 4 + sum(map(len, pieces))), b"WEBP", *pieces))


def _content(data: bytes, parts: list[Chunk], kind: bytes) -> bytes:
    return next((data[part.start : part.end] for part in parts if part.kind == kind), b"")


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _chunk(kind: bytes, content: bytes | memoryview) -> list[bytes | memoryview]:
    if not content:
        return []
    return [kind, struct.pack("<I", len(content)), content, bytes(len(content) % 2)]
