"""On the way in: upright, not too large, nothing private, and the picture itself as it was where it can be."""

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageFile

from phota_async.errors import InputError
from phota_async.photos import prepare
from phota_async.photos.exif import Entry, Exif, encode

from . import samples

Make = Callable[..., bytes]
MAKERS: dict[str, Make] = {"jpg": samples.jpeg, "png": samples.png, "webp": samples.webp}


def pixels(data: bytes) -> bytes:
    return samples.opened(data).tobytes()


@pytest.mark.parametrize("strip", ["gps", "all"])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_nothing_private_leaves_and_no_pixel_changes(make: Make, strip: Any) -> None:
    original = make()
    prepared = prepare(original, strip=strip)
    assert not prepared.reencoded
    assert samples.leaks(prepared.data) == []
    assert pixels(prepared.data) == pixels(original)
    image = samples.opened(prepared.data)
    assert image.info["icc_profile"] == samples.PROFILE
    assert not image.getexif().get_ifd(0x8825)
    assert len(prepared.data) < len(original)


@pytest.mark.parametrize("turned", range(2, 9))
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_turned_photo_becomes_upright(make: Make, turned: int) -> None:
    prepared = prepare(make(turned))
    image = samples.opened(prepared.data)
    assert prepared.reencoded
    assert (prepared.format, prepared.size, image.size) == ("jpg", (64, 48), (64, 48))
    assert samples.corners(image) == samples.CORNERS
    assert image.getexif().get(0x0112, 1) == 1
    assert image.info["icc_profile"] == samples.PROFILE
    assert samples.leaks(prepared.data) == []


@pytest.mark.parametrize("turned", [1, 6])
def test_dates_and_camera_may_stay(turned: int) -> None:
    exif = samples.opened(prepare(samples.jpeg(turned)).data).getexif()
    camera = exif.get_ifd(0x8769)
    assert (exif[0x010F], camera[0x9003], camera[0x9011]) == (samples.CAMERA, samples.DATE, samples.OFFSET)
    assert (camera[0xA002], camera[0xA003]) == (64, 48)
    assert camera[0x829A] == 0.004
    assert set(exif) == {0x010F, 0x0110, 0x0112, 0x8769}
    assert set(camera) == {0x9003, 0x9011, 0x829A, 0xA001, 0xA002, 0xA003}


def test_what_cameras_pad_their_texts_with_goes() -> None:
    plain = samples.encoded(samples.picture())
    padded = samples.exif().replace(b"Camera Co\0", b"Cam\0" + samples.SERIAL[:6])
    long = {0x0110: Entry(2, 200, samples.CAPTION + bytes(200 - len(samples.CAPTION)))}
    for exif in (padded, encode(Exif(main=long, photo={0xA434: Entry(7, 99, samples.SERIAL + bytes(88))}))):
        prepared = prepare(plain[:2] + samples.segment(0xE1, b"Exif\0\0" + exif) + plain[2:])
        assert samples.SERIAL[:6] not in prepared.data
    assert samples.opened(prepared.data).getexif()[0x0110] == samples.CAPTION.decode()


@pytest.mark.parametrize("turned", [1, 6])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_all_goes_when_all_is_to_go(make: Make, turned: int) -> None:
    image = samples.opened(prepare(make(turned), strip="all").data)
    assert not {"exif", "xmp", "comment", "Comment", "Author"} & set(image.info)
    assert not image.getexif()


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_nothing_goes_when_nothing_is_to_go(make: Make) -> None:
    original = make()
    assert prepare(original, strip="none").data == original


def test_what_is_turned_keeps_what_it_can() -> None:
    image = samples.opened(prepare(samples.jpeg(6), strip="none").data)
    exif = image.getexif()
    assert exif[0x0112] == 1
    assert exif.get_ifd(0x8825)[1] == "N"
    assert exif.get_ifd(0x8769)[0xA431] == samples.SERIAL.decode()
    assert 0x927C not in exif.get_ifd(0x8769)  # it speaks of places in the old file
    assert b"family" in image.info["xmp"]


def test_the_same_gives_the_same() -> None:
    for make in MAKERS.values():
        for turned in (1, 6):
            assert prepare(make(turned)) == prepare(make(turned))


def test_preparing_again_changes_nothing() -> None:
    for make in MAKERS.values():
        once = prepare(make())
        assert prepare(once.data) == once


def test_a_large_photo_is_reduced(tmp_path: Path) -> None:
    path = tmp_path / "wide.jpg"
    path.write_bytes(samples.jpeg(6, (40, 5000)))  # stored 5000 wide
    prepared = prepare(path)
    assert prepared.size == (33, 4096)
    assert samples.opened(prepared.data).size == (33, 4096)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_very_large_photo_is_halved_by_its_decoder(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415

    drafts: list[Any] = []
    draft = JpegImageFile.draft
    monkeypatch.setattr(JpegImageFile, "draft", lambda *args: drafts.append(draft(*args)))
    prepared = prepare(samples.jpeg(8, (90, 9000), **options))
    assert prepared.size == (41, 4096)
    assert samples.corners(samples.opened(prepared.data)) == samples.CORNERS
    assert drafts == [("RGB", (0, 0, 4500, 45))]


@pytest.mark.parametrize(
    ("size", "max_side", "expected"),
    [
        ((64, 48), 64, (64, 48)),
        ((64, 48), 63, (63, 47)),
        ((64, 48), 32, (32, 24)),
        ((64, 48), 7, (7, 5)),
        ((64, 1), 8, (8, 1)),
        ((64, 48), None, (64, 48)),
    ],
)
def test_sizes(size: tuple[int, int], max_side: int | None, expected: tuple[int, int]) -> None:
    for make in (samples.encoded(samples.picture(size)), samples.encoded(samples.picture(size), "PNG")):
        prepared = prepare(make, max_side=max_side)
        assert prepared.size == samples.opened(prepared.data).size == expected
        assert prepared.reencoded is (size != expected)


@pytest.mark.parametrize(("options", "sampling"), [({"subsampling": 0}, 0), ({"subsampling": 1}, 1), ({}, 2)])
def test_colours_stay_as_fine_as_they_were(options: dict[str, Any], sampling: int) -> None:
    from PIL.JpegImagePlugin import get_sampling  # noqa: PLC0415

    assert get_sampling(samples.opened(prepare(samples.jpeg(6, **options)).data)) == sampling


def test_what_can_be_seen_through_stays_so() -> None:
    clear = samples.picture(mode="RGBA")
    clear.putpixel((0, 0), (255, 0, 0, 0))
    prepared = prepare(samples.encoded(clear, "PNG"), max_side=32)
    image = samples.opened(prepared.data)
    assert (prepared.format, image.mode, image.size) == ("png", "RGBA", (32, 24))
    assert samples.corners(image)[1:] == samples.CORNERS[1:]


def test_an_alpha_channel_that_hides_nothing_is_no_reason_for_a_png() -> None:
    assert prepare(samples.encoded(samples.picture(mode="RGBA"), "PNG"), max_side=32).format == "jpg"


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK", "I;16"])
@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_every_kind_of_pixel(mode: str, image_format: str) -> None:
    if mode == "CMYK" and image_format == "PNG":
        image_format = "JPEG"
    if mode == "I;16":
        image = Image.frombytes("I;16", (64, 48), struct.pack("<H", 0x8000) * (64 * 48))
    else:
        image = samples.picture().convert(mode)
    prepared = prepare(samples.encoded(image, image_format), max_side=32)
    seen = samples.opened(prepared.data)
    assert seen.size == (32, 24)
    assert prepared.format == "jpg"
    if mode == "I;16":
        assert seen.getpixel((9, 9)) == 128
    elif mode in {"P", "CMYK"}:
        assert samples.corners(seen) == samples.CORNERS


def test_cmyk_keeps_its_pixels_and_its_mark() -> None:
    original = samples.encoded(samples.picture().convert("CMYK"), comment=samples.COMMENT)
    prepared = prepare(original)
    assert not prepared.reencoded
    assert pixels(prepared.data) == pixels(original)
    assert samples.leaks(prepared.data) == []


@pytest.mark.parametrize("image_format", ["TIFF", samples.AVIF])
@pytest.mark.parametrize("turned", [1, 6, 8])
def test_other_formats_become_jpeg(image_format: str, turned: int) -> None:
    exif = b"Exif\0\0" + samples.exif(turned)
    data = samples.encoded(samples.stored(turned), image_format, exif=exif, icc_profile=samples.PROFILE)
    prepared = prepare(data)
    image = samples.opened(prepared.data)
    assert (prepared.format, prepared.size) == ("jpg", (64, 48))
    assert samples.corners(image) == samples.CORNERS
    assert image.info["icc_profile"] == samples.PROFILE
    assert image.getexif().get_ifd(0x8769)[0x9003] == samples.DATE
    assert samples.leaks(prepared.data) == []


@pytest.mark.parametrize("image_format", ["GIF", "BMP"])
def test_simple_formats_become_jpeg(image_format: str) -> None:
    prepared = prepare(samples.encoded(samples.picture(), image_format))
    assert prepared.format == "jpg"
    assert samples.corners(samples.opened(prepared.data)) == samples.CORNERS


def test_a_heic_photo_is_turned_once() -> None:
    prepared = prepare(samples.HEIC)
    image = samples.opened(prepared.data)
    assert (prepared.format, prepared.size, image.size) == ("jpg", (48, 64), (48, 64))
    assert samples.corners(image) == ("white", "red", "blue", "white")  # as pi-heif and phones show it
    exif = image.getexif()
    assert exif[0x0112] == 1
    assert exif.get_ifd(0x8769)[0x9003] == samples.DATE
    assert not exif.get_ifd(0x8825)
    assert samples.leaks(prepared.data) == []


def test_a_profile_of_other_colours_is_not_put_on() -> None:
    lab = bytearray(samples.PROFILE)
    lab[16:20] = b"GRAY"
    data = samples.encoded(samples.stored(6), exif=b"Exif\0\0" + samples.exif(6), icc_profile=bytes(lab))
    assert "icc_profile" not in samples.opened(prepare(data).data).info


def test_a_profile_in_several_parts_stays_whole() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(samples.PROFILE)).tobytes() + os.urandom(150_000)
    data = samples.encoded(samples.picture(), icc_profile=profile)
    assert samples.opened(prepare(data).data).info["icc_profile"] == profile


def test_an_animation_keeps_its_frames() -> None:
    frames = [samples.picture(), samples.picture().transpose(Image.Transpose.ROTATE_180)]
    for image_format in ("PNG", "WEBP"):
        data = samples.encoded(
            frames[0], image_format, save_all=True, append_images=frames[1:], exif=b"Exif\0\0" + samples.exif()
        )
        prepared = prepare(data)
        image = samples.opened(prepared.data)
        assert isinstance(image, ImageFile.ImageFile)
        assert getattr(image, "n_frames", 1) == 2
        assert samples.leaks(prepared.data) == []


def test_paths_and_bytes_of_every_kind(tmp_path: Path) -> None:
    data = samples.jpeg()
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")  # a name that is no UTF-8
    path.write_bytes(data)
    expected = prepare(data)
    for image in (str(path), path, bytearray(data), memoryview(data)):
        assert prepare(image) == expected


def test_repr_shows_no_bytes() -> None:
    assert repr(prepare(samples.encoded(samples.picture()))).startswith("<Prepared jpg 64x48, ")


@pytest.mark.parametrize("keywords", [{"max_side": 0}, {"max_side": 1.5}, {"strip": "some"}])
def test_wrong_wishes_are_named(keywords: dict[str, Any]) -> None:
    (word,) = keywords
    with pytest.raises(InputError, match=word):
        prepare(samples.jpeg(), **keywords)


# What is no photo


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello, I am a text and no picture at all")
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("empty.jpg", "text.jpg", "absent.jpg", "pipe.jpg", ".", "a\0b.jpg"):
        with pytest.raises(InputError) as caught:
            prepare(tmp_path / name)
        assert str(tmp_path) in str(caught.value)
    with pytest.raises(InputError, match="the second photo: expected a path or bytes, got int"):
        prepare(5, name="the second photo")  # type: ignore[arg-type]  # a mistake


@pytest.mark.parametrize("turned", [1, 6])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_cut_photo_is_refused_and_named(make: Make, turned: int, tmp_path: Path) -> None:
    whole = make(turned).removesuffix(b"\0\0ftypmp42" + samples.MOTION)
    path = tmp_path / "cut.jpg"
    for size in (40, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"cut\.jpg: expected"):
            prepare(path)


def bomb(side: int) -> bytes:
    """Return a PNG that says it is ``side`` by ``side`` pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    image = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(3_000_000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + image


@pytest.mark.parametrize("max_side", [4096, None])
def test_a_bomb_is_not_lit(max_side: int | None, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(60_000))
    with pytest.raises(InputError, match=r"bomb\.png: expected 1 to 178956970 pixels, got 60000x60000"):
        prepare(path, max_side=max_side)


def test_bombs_in_other_wraps_are_not_lit(tmp_path: Path) -> None:
    gif = bytearray(samples.encoded(samples.picture(), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    bmp = bytearray(samples.encoded(samples.picture(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    heic = samples.HEIC.read_bytes()
    at = heic.index(b"ispe") + 8
    for name, data in (
        ("bomb.gif", bytes(gif)),
        ("bomb.bmp", bytes(bmp)),
        ("bomb.heic", heic[:at] + struct.pack(">II", 60_000, 60_000) + heic[at + 8 :]),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=name):
            prepare(tmp_path / name)


def test_pillows_own_limit_holds_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for data in (samples.jpeg(6), samples.HEIC.read_bytes()):
        with pytest.raises(InputError, match="no bomb"):
            prepare(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert prepare(samples.jpeg(6)).size == (64, 48)  # where Pillow only warns
    assert prepare(samples.HEIC).size == (48, 64)


def test_a_picture_of_nothing_is_refused() -> None:
    data = bytearray(samples.encoded(samples.picture()))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = bytes(4)
    with pytest.raises(InputError, match="0x0"):
        prepare(bytes(data))


def test_raw_files_are_refused_rather_than_their_thumbnail_sent() -> None:
    exif = Image.Exif()
    exif[0xC612] = b"\x01\x04\0\0"
    with pytest.raises(InputError, match="raw"):
        prepare(samples.encoded(samples.picture(), "TIFF", exif=exif))


def test_a_broken_heic_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be decoded"):
        prepare(samples.HEIC.read_bytes()[:400])


# What is not installed


@pytest.mark.parametrize(("absent", "extra"), [("PIL", "images"), ("pi_heif", "heic")])
def test_a_missing_extra_is_named(absent: str, extra: str, tmp_path: Path) -> None:
    photo = tmp_path / "photo"
    photo.write_bytes(samples.jpeg(6) if extra == "images" else samples.HEIC.read_bytes())
    program = (
        "import sys; sys.modules[sys.argv[1]] = None\n"
        "from phota_async.photos import prepare; from phota_async import ConfigError\n"
        "try: prepare(sys.argv[2])\n"
        "except ConfigError as error: print(error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, absent, str(photo)], check=True, capture_output=True, text=True
    )
    assert f'pip install "phota-async[{extra}]"' in told.stdout


def test_copying_needs_no_pillow(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(samples.jpeg())
    program = "import sys; sys.modules['PIL'] = None\nfrom phota_async.photos import prepare; prepare(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(photo)], check=True)


def test_importing_brings_neither_pillow_nor_the_network() -> None:
    program = (
        "import sys; before = set(sys.modules); from phota_async.photos import PhotoWorkers, carry_over, prepare\n"
    )
    program += "print(*set(sys.modules) - before)"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not {"PIL", "pi_heif", "aiohttp", "multiprocessing", "concurrent.futures.process"} & set(told.stdout.split())


def test_names_that_are_not_there() -> None:
    import phota_async.photos  # noqa: PLC0415

    with pytest.raises(AttributeError, match="no attribute 'develop'"):
        phota_async.photos.develop  # noqa: B018 - asking is the point
