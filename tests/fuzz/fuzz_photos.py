"""What photos carry: readers of every container and of what lies in them, and the writers that put it elsewhere."""

import struct

import msgspec
from photos import samples

from phota_async.errors import InputError
from phota_async.photos import exif, heif, iptc, jpeg, png, webp, xmp
from phota_async.photos.embedded import BrokenImageError, Embedded
from phota_async.photos.loading import Photo
from phota_async.photos.merging import chosen, merged, tags_of

CONTAINERS = (jpeg, png, webp)
READERS = (*(each.read for each in CONTAINERS), heif.read)
HEIC = samples.HEIC.read_bytes()
SEEDS = (
    b"\x00" + samples.jpeg(6),
    b"\x01" + samples.png(),
    b"\x02" + samples.webp(),
    b"\x03" + HEIC[: HEIC.find(b"mdat") + 4],
    b"\x04" + samples.exif(3, ">"),
    b"\x04" + samples.exif(),
    b"\x05" + samples.XMP,
    b"\x06" + samples.photoshop(samples.iptc(b"family", b"\xe9t\xe9")),
)
WORDS = (
    *(
        b"Exif\0\0",
        b"II*\0",
        b"MM\0*",
        b"\xff\xd8",
        b"\xff\xd9",
        b"\xff\xe1",
        b"\xff\xda\x00\x02",
        b"RIFF",
        b"WEBPVP8X",
    ),
    *(b"IHDR", b"eXIf", b"iTXt", b"iCCP", b"zTXt", b"IDAT", b"meta", b"iinf", b"iloc", b"infe", b"iprp", b"colr"),
    *(struct.pack("<I", 8), struct.pack(">I", 8), b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"8BIM\x04\x04\0\0"),
    *(b"<rdf:Bag>", b"</rdf:Bag>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"<rdf:li>", b"xmlns:x=''", b"\x69\x87"),
)


def check(data: bytes) -> None:
    """Read a file or a part of one; the first byte says which."""
    kind, rest = data[0] % 7 if data else 0, data[1:]
    if kind < len(READERS):
        _container(kind, rest)
    elif kind == len(READERS):
        _exif(rest)
    elif kind == len(READERS) + 1:
        assert len(xmp.encode(xmp.parse(rest))) >= 0
        assert isinstance(xmp.of_another_size(rest), bytes)
    else:
        assert all(isinstance(each, str) for each in iptc.keywords(iptc.in_photoshop(rest)) + iptc.keywords(rest))


def _container(kind: int, data: bytes) -> None:
    try:
        found = READERS[kind](data)
    except BrokenImageError:
        return
    assert isinstance(found, Embedded)
    _exif(found.exif)
    if kind < len(CONTAINERS):
        _write(CONTAINERS[kind], data)
    photo = Photo(data=data, format=("jpg", "png", "webp", "heic")[kind], label="a photo")
    try:
        tags = chosen(tags_of(photo), "copy", gps=True)
        carried, _ = merged(Photo(data=samples.jpeg(), format="jpg", label="a result"), tags, "edit")
    except InputError:
        return
    assert jpeg.read(carried).size == (64, 48)


def _write(container: object, data: bytes) -> None:
    """What was written reads the same, and a bare file keeps nothing private."""
    try:
        bare = container.write(data, bare=True)  # type: ignore[attr-defined]  # a module
    except BrokenImageError:
        return
    left = container.read(bare)  # type: ignore[attr-defined]
    assert msgspec.structs.replace(left, size=(0, 0), channels=3, declares_colour=False) == Embedded()


def _exif(data: bytes) -> None:
    found = exif.parse(data)
    assert 1 <= exif.orientation(found) <= 8
    exif.taken(found)
    exif.trimmed(found)
    assert len(exif.encode(found)) <= exif.MAX_EXIF + 2**10
    place = exif.select(found, frozenset(), place=True)
    assert exif.parse(exif.encode(exif.for_picture(place, (64, 48)))).place == found.place
