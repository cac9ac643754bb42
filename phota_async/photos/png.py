"""Walk a PNG's chunks, to read what it carries and to put other things in. The picture is not touched. No I/O.

Source: W3C PNG Specification, third edition; Adobe XMP Part 3, 1.1.5.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from .embedded import MAX_PROFILE, MAX_XMP, BrokenImageError, Embedded

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp\0"
_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 1, 6: 3}  # by colour type
_PICTURE = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"sBIT"}
    | {b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT"}
)
_COLOURS = {b"sRGB", b"cICP"}  # they and a profile exclude each other
_CUT = "expected a whole PNG, got one that ends in the middle"


class Chunk(NamedTuple):
    """A chunk's name and where it lies, its length and checksum included."""

    kind: bytes
    start: int
    end: int


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks up to and with the last.

    Raises:
        BrokenImageError: It is no PNG, or it is cut off.
    """
    if data[:16] != SIGNATURE + b"\0\0\0\x0dIHDR":
        raise BrokenImageError("expected a PNG, got something else")
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if end > len(data):
            raise BrokenImageError(_CUT)
        yield Chunk(kind, at, end)
        at = end


def _checked(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks, looking at the checksums of those that a decoder needs; one has to hold the picture."""
    view, has_picture = memoryview(data), False
    for chunk in chunks(data):
        has_picture |= chunk.kind == b"IDAT"
        if chunk.kind in _PICTURE:
            told = int.from_bytes(data[chunk.end - 4 : chunk.end], "big")
            if zlib.crc32(view[chunk.start + 4 : chunk.end - 4]) != told:
                raise BrokenImageError(f"expected a whole PNG, got a wrong checksum of its {chunk.kind.decode()}")
        elif chunk.kind[:1].isupper():
            raise BrokenImageError(f"expected a PNG of the standard, got an unknown part {chunk.kind!r}")
        yield chunk
    if not has_picture:
        raise BrokenImageError("expected a picture, got a PNG without one")


def read(data: bytes) -> Embedded:
    """Return what the file carries, also behind its picture."""
    found: dict[bytes, bytes] = {}
    for chunk in chunks(data):
        content = b"" if chunk.kind == b"IDAT" else data[chunk.start + 8 : chunk.end - 4]
        is_xmp = chunk.kind == b"iTXt" and content.startswith(_XMP)
        found.setdefault(b"XMP" if is_xmp else chunk.kind, content)
    width, height, _, colour = struct.unpack_from(">IIBB", found[b"IHDR"])
    return Embedded(
        size=(width, height),
        channels=_CHANNELS.get(colour, 3),
        exif=found.get(b"eXIf", b"").removeprefix(b"Exif\0\0"),
        xmp=_xmp(found.get(b"XMP", b"")),
        profile=_profile(found.get(b"iCCP", b"")),
        declares_colour=not _COLOURS.isdisjoint(found),
    )


def _xmp(content: bytes) -> bytes:
    """Return the packet of an iTXt chunk: flags, language and translated keyword stand before it."""
    flags, rest = content[len(_XMP) : len(_XMP) + 2], content[len(_XMP) + 2 :].split(b"\0", 2)
    if len(rest) < 3:  # noqa: PLR2004
        return b""
    return _inflate(rest[2], MAX_XMP) if flags[:1] == b"\x01" else rest[2]


def _profile(content: bytes) -> bytes:
    return _inflate(content.partition(b"\0")[2][1:], MAX_PROFILE)


def _inflate(packed: bytes, limit: int) -> bytes:
    """Unpack; empty when it is broken or larger than ``limit``: a few bytes may become gigabytes."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(packed, limit)
    except zlib.error:
        return b""
    return plain if unpacker.eof else b""


def write(data: bytes, *, exif: bytes = b"", xmp: bytes = b"", profile: bytes = b"", bare: bool = False) -> bytes:
    """Return the file with these put in, its picture untouched. See `Container.write`."""
    new = [
        _chunk(b"iCCP", profile and b"ICC Profile\0\0" + zlib.compress(profile)),
        _chunk(b"eXIf", exif),
        _chunk(b"iTXt", xmp and _XMP + bytes(4) + xmp),
    ]
    dropped = {b"iCCP": profile, b"eXIf": exif, **dict.fromkeys(_COLOURS, profile)}
    pieces: list[bytes | memoryview] = [SIGNATURE]
    view, end = memoryview(data), 0
    for chunk in _checked(data):
        end = chunk.end
        is_xmp = bool(xmp) and chunk.kind == b"iTXt" and data.startswith(_XMP, chunk.start + 8)
        if chunk.kind in _PICTURE if bare else not (is_xmp or dropped.get(chunk.kind)):
            pieces.append(view[chunk.start : end])
        if chunk.kind == b"IHDR":
            pieces += new
    return b"".join(pieces if bare else (*pieces, view[end:]))


def _chunk(kind: bytes, content: bytes) -> bytes:
    if not content:
        return b""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
