"""The samples tell what they claim to, or the other tests prove nothing."""

import struct

import pytest
from PIL import ExifTags, ImageOps

from . import samples


@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("make", [samples.jpeg, samples.png, samples.webp])
def test_stored_and_turned_is_the_picture(make: "object", turned: int) -> None:
    assert callable(make)
    image = samples.opened(make(turned))
    assert image.getexif().get(0x0112) == turned
    upright = ImageOps.exif_transpose(image)
    assert upright.size == (64, 48)
    assert samples.corners(upright) == samples.CORNERS


@pytest.mark.parametrize("order", ["<", ">"])
def test_pillow_reads_all_of_it(order: str) -> None:
    plain = samples.encoded(samples.picture(), exif=b"Exif\0\0" + samples.exif(6, order))
    found = samples.opened(plain).getexif()
    assert found[0x0112] == 6
    assert found.get_ifd(0x8769)[0xA431] == samples.SERIAL.decode()
    assert found.get_ifd(0x8769)[0x927C] == samples.MAKER
    assert found.get_ifd(0x8825)[2][:2] == (48, 51)
    assert found.get_ifd(ExifTags.IFD.IFD1)[0x0202] > 10  # the thumbnail


def test_the_jpeg_tells_everything() -> None:
    data = samples.jpeg()
    assert set(samples.leaks(data)) == set(samples.PRIVATE) - {struct.pack(">I", samples.LATITUDE)}
    image = samples.opened(data)
    assert image.info["icc_profile"] == samples.PROFILE
    assert image.info["xmp"] == samples.XMP
