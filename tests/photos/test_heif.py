"""What HEIC and AVIF files carry, read without their decoders."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phota_async.photos import exif, heif, xmp
from phota_async.photos.embedded import Embedded

from . import samples

PHONE = samples.HEIC.read_bytes()


def test_a_phones_photo() -> None:
    found = heif.read(PHONE)
    told = exif.parse(found.exif)
    assert told.photo[0x9003].value == samples.DATE.encode() + b"\0"
    assert told.place[1].value == b"N\0"
    assert xmp.items_of(xmp.parse(found.xmp)[xmp.RATING]) == ("4",)


@pytest.mark.parametrize("image_format", [samples.AVIF])
def test_an_avif(image_format: str) -> None:
    data = samples.encoded(
        samples.picture(), image_format, exif=b"Exif\0\0" + samples.exif(), xmp=samples.XMP, icc_profile=samples.PROFILE
    )
    found = heif.read(data)
    assert (found.xmp, found.profile) == (samples.XMP, samples.PROFILE)
    assert exif.parse(found.exif).photo == {**exif.parse(samples.exif()).photo, **exif.parse(found.exif).photo}


@given(st.data())
def test_damaged_ones_can_be_read(data: st.DataObject) -> None:
    damaged = bytearray(PHONE)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    heif.read(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


@given(st.binary(max_size=100), st.sampled_from([b"iloc", b"iinf", b"iprp", b"idat"]))
def test_any_boxes_can_be_read(content: bytes, name: bytes) -> None:
    heif.read(box(b"meta", bytes(4) + box(name, content)))


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def test_every_way_to_say_where_something_lies() -> None:
    packet, tiff = samples.XMP, samples.exif()
    wide = box(b"infe", b"\3\0\0\0" + struct.pack(">IH", 70_000, 0) + b"mime\0application/rdf+xml\0")
    slim = box(b"infe", b"\2\0\0\0" + struct.pack(">HH", 2, 0) + b"Exif\0")
    items = box(b"iinf", b"\1\0\0\0" + struct.pack(">I", 2) + wide + slim)
    places = b"\2\0\0\0\x44\x00" + struct.pack(">I", 3)
    places += struct.pack(">IHHHIIII", 9, 0, 0, 2, 0, 1, 1, 1)  # in two pieces: passed over
    places += struct.pack(">IHHHII", 70_000, 1, 0, 1, 0, len(packet))
    places += struct.pack(">IHHHII", 2, 1, 0, 1, len(packet), 4 + len(tiff))
    idat = box(b"idat", packet + bytes(4) + tiff)
    meta = bytes(4) + items + box(b"iloc", places) + idat
    large = struct.pack(">I", 1) + b"meta" + struct.pack(">Q", 16 + len(meta)) + meta
    last = struct.pack(">I", 0) + b"meta" + meta
    for data in (large, box(b"ftyp", b"heic") + last):
        assert heif.read(data) == Embedded(exif=tiff, xmp=packet)


def test_a_list_without_end_ends() -> None:
    places = b"\0\0\0\0\0\0" + struct.pack(">H", 65535) + struct.pack(">HHH", 1, 0, 65535) * 10_000
    assert heif.read(box(b"meta", bytes(4) + box(b"iloc", places))) == Embedded()
