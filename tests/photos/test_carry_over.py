"""On the way out: the result has what the original had, says that AI made it, and shows the same pixels."""

import hashlib
import io
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.dom import minidom

import pytest
from PIL import Image

from phota_async.errors import InputError
from phota_async.photos import CarriedOver, carry_over
from phota_async.photos import jpeg as jpeg_container
from phota_async.photos import xmp as packets
from phota_async.photos.embedded import Embedded
from phota_async.photos.loading import identified
from phota_async.photos.merging import tags_of
from phota_async.photos.preparing import CONTAINERS

from . import samples

Make = Callable[..., bytes]
ORIGINALS = {"jpg": samples.jpeg, "png": samples.png, "webp": samples.webp}
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
EVERYTHING = {"date", "camera", "place", "profile", "keywords", "rating", "mark"}
MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def result(folder: Path, image_format: str = "jpg", **options: Any) -> Path:
    """Write what a service might answer, and return its path."""
    path = folder / f"result.{image_format}"
    path.write_bytes(samples.encoded(samples.picture((80, 60)), FORMATS[image_format], **options))
    return path


def embedded(path: Path) -> Embedded:
    data = path.read_bytes()
    return CONTAINERS[identified(data, "result").format].read(data)


def xmp_of(path: Path) -> minidom.Document:
    return minidom.parseString(embedded(path).xmp)


def texts(path: Path, name: str) -> list[str]:
    """Return the texts of a property, read with another parser than ours."""
    found = xmp_of(path).getElementsByTagName(name)
    items = [item for each in found for item in each.getElementsByTagName("rdf:li")] or list(found)
    return [item.firstChild.data for item in items if isinstance(item.firstChild, minidom.Text)]


@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize("make", ORIGINALS.values(), ids=ORIGINALS)
def test_everything_is_carried_and_no_pixel_changes(make: Make, image_format: str, tmp_path: Path) -> None:
    path = result(tmp_path, image_format)
    before = samples.opened(path.read_bytes())
    told = carry_over(make(6), path)
    data = path.read_bytes()
    after = samples.opened(data)
    assert told == CarriedOver(
        path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest(), carried=frozenset(EVERYTHING)
    )
    assert (after.format, after.mode, after.tobytes()) == (before.format, before.mode, before.tobytes())
    assert after.info["icc_profile"] == samples.PROFILE
    exif = after.getexif()
    camera = exif.get_ifd(0x8769)
    assert (exif[0x0112], exif[0x010F], exif[0x013B]) == (1, samples.CAMERA, samples.OWNER.decode())
    assert (camera[0x9003], camera[0x9011], camera[0xA431]) == (samples.DATE, samples.OFFSET, samples.SERIAL.decode())
    assert (camera[0xA002], camera[0xA003]) == (80, 60)
    assert exif.get_ifd(0x8825)[2][:2] == (48, 51)
    assert 0x927C not in camera
    assert samples.THUMBNAIL not in data
    assert samples.MAKER not in data
    assert texts(path, "dc:subject") == ["family", "René & Zoë"]
    assert texts(path, "xmp:Rating") == ["4"]
    assert texts(path, "photoshop:City") == [samples.TOWN.decode()]
    assert texts(path, "Iptc4xmpExt:DigitalSourceType") == [MADE + "compositeWithTrainedAlgorithmicMedia"]


def test_a_heic_original(tmp_path: Path) -> None:
    path = result(tmp_path)
    assert carry_over(samples.HEIC, path).carried == {"date", "camera", "place", "rating", "mark"}
    exif = samples.opened(path.read_bytes()).getexif()
    assert exif[0x0112] == 1
    assert exif.get_ifd(0x8825)[1] == "N"


@pytest.mark.parametrize("image_format", ["TIFF", samples.AVIF])
def test_other_originals(image_format: str, tmp_path: Path) -> None:
    path = result(tmp_path)
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + samples.exif(6))
    options: dict[str, Any] = {"exif": exif.tobytes(), "xmp": samples.XMP}
    if image_format == "TIFF":
        exif[700] = samples.XMP
        options = {"exif": exif}
    original = samples.encoded(samples.stored(6), image_format, icc_profile=samples.PROFILE, **options)
    assert carry_over(original, path).carried == EVERYTHING
    assert samples.opened(path.read_bytes()).info["icc_profile"] == samples.PROFILE
    assert texts(path, "xmp:Rating") == ["4"]


@pytest.mark.parametrize("image_format", ["GIF", "BMP"])
def test_originals_that_say_nothing(image_format: str, tmp_path: Path) -> None:
    original = samples.encoded(samples.picture(), image_format)
    assert carry_over(original, result(tmp_path)).carried == {"mark"}


@pytest.mark.parametrize(
    ("operation", "word"),
    [
        ("edit", "compositeWithTrainedAlgorithmicMedia"),
        ("enhance", "compositeWithTrainedAlgorithmicMedia"),
        ("remix", "compositeWithTrainedAlgorithmicMedia"),
        ("generate", "trainedAlgorithmicMedia"),
    ],
)
@pytest.mark.parametrize("image_format", FORMATS)
def test_the_mark(operation: Any, word: str, image_format: str, tmp_path: Path) -> None:
    path = result(tmp_path, image_format)
    assert carry_over(None, path, operation=operation).carried == {"mark"}
    assert texts(path, "Iptc4xmpExt:DigitalSourceType") == [MADE + word]
    assert not samples.opened(path.read_bytes()).getexif()


@pytest.mark.parametrize("image_format", FORMATS)
def test_basic_is_date_camera_and_colours(image_format: str, tmp_path: Path) -> None:
    path = result(tmp_path, image_format)
    assert carry_over(samples.jpeg(), path, mode="basic").carried == {"date", "camera", "profile", "mark"}
    assert samples.leaks(path.read_bytes()) == [b"ns.adobe.com"] * (b"ns.adobe.com" in path.read_bytes())


@pytest.mark.parametrize("image_format", FORMATS)
def test_none_carries_nothing_and_without_the_mark_the_file_stays(image_format: str, tmp_path: Path) -> None:
    path = result(tmp_path, image_format)
    before, inode = path.read_bytes(), path.stat().st_ino
    assert carry_over(samples.jpeg(), path, mode="none", mark=False).carried == frozenset()
    assert (path.read_bytes(), path.stat().st_ino) == (before, inode)
    assert carry_over(samples.jpeg(), path, mode="none").carried == {"mark"}


@pytest.mark.parametrize("make", ORIGINALS.values(), ids=ORIGINALS)
@pytest.mark.parametrize("image_format", FORMATS)
def test_the_place_stays_away_when_told(make: Make, image_format: str, tmp_path: Path) -> None:
    path = result(tmp_path, image_format)
    assert carry_over(make(), path, gps=False).carried == EVERYTHING - {"place"}
    data = path.read_bytes()
    assert not samples.opened(data).getexif().get_ifd(0x8825)
    for trace in (samples.TOWN, b"GPSLatitude", struct.pack("<I", samples.LATITUDE)):
        assert trace not in data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("image_format", FORMATS)
def test_doing_it_again_changes_nothing(image_format: str, order: str, tmp_path: Path) -> None:
    path = result(tmp_path, image_format, exif=b"Exif\0\0" + samples.exif(1, order))
    first = carry_over(samples.jpeg(6), path)
    inode = path.stat().st_ino
    assert carry_over(samples.jpeg(6), path) == first
    assert path.stat().st_ino == inode  # not even written


def test_a_place_that_was_carried_goes_when_told_later(tmp_path: Path) -> None:
    path = result(tmp_path)
    carry_over(samples.jpeg(), path)
    first = path.read_bytes()
    carry_over(samples.jpeg(), path, gps=False)
    assert samples.TOWN in first
    for trace in (samples.TOWN, b"GPSLatitude", struct.pack("<I", samples.LATITUDE)):
        assert trace not in path.read_bytes()
    carry_over(samples.jpeg(), path)
    assert path.read_bytes() == first


# What the result says itself


@pytest.mark.parametrize("image_format", FORMATS)
def test_the_results_own_profile_stays(image_format: str, tmp_path: Path) -> None:
    own = samples.PROFILE[:-4] + b"OWN!"
    path = result(tmp_path, image_format, icc_profile=own)
    assert "profile" not in carry_over(samples.jpeg(), path).carried
    image = samples.opened(path.read_bytes())
    assert image.info["icc_profile"] == own
    assert 0xA001 not in image.getexif().get_ifd(0x8769)  # what the original said of its colours


def test_a_png_that_names_its_colours_keeps_them(tmp_path: Path) -> None:
    path = result(tmp_path, "png")
    data = path.read_bytes()
    srgb = struct.pack(">I", 1) + b"sRGB\0" + bytes.fromhex("aece1ce9")
    path.write_bytes(data[:33] + srgb + data[33:])
    assert "profile" not in carry_over(samples.jpeg(), path).carried
    assert samples.opened(path.read_bytes()).info["srgb"] == 0


def test_a_profile_for_other_channels_is_not_put_on(tmp_path: Path) -> None:
    path = result(tmp_path)
    path.write_bytes(samples.encoded(samples.picture(mode="L")))
    assert "profile" not in carry_over(samples.jpeg(), path).carried


def test_what_the_service_says_of_its_work_stays(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0131] = "Studio 9"
    exif[0x0132] = "2026:11:21 10:00:00"
    path = result(tmp_path, exif=exif, comment=b"made by a service")
    own = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <r:Description xmlns:p="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
        xmlns:own="urn:own" p:Credit="A &lt;service&gt;" xmp:CreateDate="2026-11-21" xmp:Rating="1">
        <own:model r:parseType="Resource"><own:name>nine</own:name></own:model></r:Description></r:RDF></x:xmpmeta>"""
    path.write_bytes(jpeg_container.write(path.read_bytes(), xmp=own))
    carry_over(samples.jpeg(), path)
    image = samples.opened(path.read_bytes())
    assert image.getexif()[0x0131] == "Studio 9"
    assert 0x0132 not in image.getexif()  # a date of the result beside one of the original would be a lie
    assert image.info["comment"] == b"made by a service"
    assert texts(path, "photoshop:Credit") == ["A <service>"]
    assert texts(path, "xmp:Rating") == ["4"]
    assert texts(path, "xmp:CreateDate") == []
    (model,) = packets.parse(embedded(path).xmp)["{urn:own}model"]
    assert (model.tag, model.text) == ("{urn:own}name", "nine")


def test_a_result_that_is_to_be_turned_is_still_turned(tmp_path: Path) -> None:
    path = tmp_path / "result.jpg"
    path.write_bytes(samples.encoded(samples.stored(8), exif=b"Exif\0\0" + samples.exif(8, ">")))
    carry_over(samples.jpeg(6), path)
    assert samples.opened(path.read_bytes()).getexif()[0x0112] == 8


def test_numbers_in_the_other_order_are_read(tmp_path: Path) -> None:
    for order, image_format in (("<", "jpg"), (">", "png"), (">", "webp")):
        path = result(tmp_path, image_format, exif=b"Exif\0\0" + samples.exif(1, "<"))
        carry_over(samples.encoded(samples.picture(), exif=b"Exif\0\0" + samples.exif(6, order)), path)
        exif = samples.opened(path.read_bytes()).getexif()
        assert (exif[0x4746], exif.get_ifd(0x8769)[0x829A], exif[0x0112]) == (4, 0.004, 1)


def test_behind_the_picture_all_stays(tmp_path: Path) -> None:
    for image_format in ("jpg", "png"):
        path = result(tmp_path, image_format)
        path.write_bytes(path.read_bytes() + b"more")
        carry_over(samples.jpeg(), path)
        assert path.read_bytes().endswith(b"more")


# Keywords


def test_keywords_from_iptc(tmp_path: Path) -> None:
    path = result(tmp_path)
    for is_utf8, word in ((True, "Zoë".encode()), (False, "Zoë".encode("latin-1"))):
        records = samples.iptc(word, b"family", word, is_utf8=is_utf8)
        original = samples.encoded(samples.picture())
        original = original[:20] + samples.segment(0xED, samples.photoshop(records)) + original[20:]
        assert "keywords" in carry_over(original, path).carried
        assert texts(path, "dc:subject") == ["Zoë", "family"]


def test_too_much_is_left_out_but_never_the_mark(tmp_path: Path) -> None:
    path = result(tmp_path)
    many = packets.encode({packets.KEYWORDS: packets.bag(packets.KEYWORDS, ("x" * 1000,) * 100)})
    info = samples.encoded(samples.picture(), "WEBP", xmp=many)
    carry_over(info, path)
    assert texts(path, "Iptc4xmpExt:DigitalSourceType") == [MADE + "compositeWithTrainedAlgorithmicMedia"]
    assert texts(path, "dc:subject") == []


# Files


def test_the_files_time(tmp_path: Path) -> None:
    path = result(tmp_path)
    carry_over(samples.jpeg(), path, mtime=True)
    assert path.stat().st_mtime == samples.TAKEN
    original = tmp_path / "plain.jpg"
    original.write_bytes(samples.encoded(samples.picture()))
    os.utime(original, (1000, 2000))
    carry_over(original, path, mtime=True)
    assert path.stat().st_mtime == 2000
    before = path.stat().st_mtime
    carry_over(None, path, mtime=True)
    carry_over(original.read_bytes(), path, mtime=True)
    assert path.stat().st_mtime == before


def test_an_original_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(samples.jpeg())
    os.link(path, tmp_path / "link.jpg")
    before = path.read_bytes()
    with pytest.raises(InputError, match="the original itself"):
        carry_over(path, tmp_path / "link.jpg")
    assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"no picture", samples.jpeg()[:300], samples.png()[:90], samples.webp()[:90]])
def test_a_broken_result_stays_as_it_is(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "result.jpg"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"result\.jpg"):
        carry_over(samples.jpeg(), path)
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_a_result_of_another_format_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "result.gif"
    data = samples.encoded(samples.picture(), "GIF")
    path.write_bytes(data)
    assert carry_over(samples.jpeg(), path).carried == frozenset()
    assert path.read_bytes() == data


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = result(tmp_path)
    before = path.read_bytes()
    for original, name in ((tmp_path / "absent.jpg", r"absent\.jpg"), (b"text", "my photo"), (5, "my photo")):
        with pytest.raises(InputError, match=name):
            carry_over(original, path, name="my photo")  # type: ignore[arg-type]  # a mistake among them
    with pytest.raises(InputError, match=r"away\.jpg"):
        carry_over(None, tmp_path / "away.jpg")
    assert path.read_bytes() == before


@pytest.mark.parametrize("keywords", [{"operation": "paint"}, {"mode": "all"}])
def test_wrong_words_are_named(keywords: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=next(iter(keywords))):
        carry_over(None, result(tmp_path), **keywords)


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = result(tmp_path)
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(Exception, match="No space left"):
        carry_over(samples.jpeg(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_broken_metadata_of_a_whole_photo_is_not_there(tmp_path: Path) -> None:
    plain = samples.encoded(samples.picture())
    broken = (
        samples.segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
        samples.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta"),
        samples.segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\xff\xff\xff\xff\x1c\x02\x19\x7f\xff"),
        samples.segment(0xE2, b"ICC_PROFILE\0\x01\x02half"),
    )
    original = plain[:20] + b"".join(broken) + plain[20:]
    assert tags_of(identified(original, "original")).profile == b""
    assert carry_over(original, result(tmp_path)).carried == {"mark"}


def test_pillow_writes_what_we_read() -> None:
    """Our readers against Pillow's writers, both ways of the bytes."""
    buffer = io.BytesIO()
    samples.picture().save(buffer, "PNG", icc_profile=samples.PROFILE, exif=b"Exif\0\0" + samples.exif())
    found = CONTAINERS["png"].read(buffer.getvalue())
    assert (found.size, found.profile, found.exif) == ((64, 48), samples.PROFILE, samples.exif())
