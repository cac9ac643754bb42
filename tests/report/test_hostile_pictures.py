"""Pictures that lie, burst, or are none: the sheet leaves them out and goes on."""

import base64
import io
import os
import threading
from pathlib import Path

import pytest
from PIL import Image, features
from support.sheets import row, save_photo

from phota_async.report import contact_sheet, shrinking
from phota_async.report.shrinking import thumbnail
from phota_async.report.thumbnails import thumbnails

HEIC = Path(__file__).parent.parent / "photos/phone.heic"


def bytes_of(image_format: str, mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, image_format)
    return buffer.getvalue()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_the_usual_formats_are_shown(image_format: str) -> None:
    assert features.check("avif")
    assert thumbnail(bytes_of(image_format), 20) is not None


@pytest.mark.parametrize("image_format", ["ICO", "PPM", "TGA", "PCX", "EPS"])
def test_no_other_decoder_is_tried(image_format: str) -> None:
    assert thumbnail(bytes_of(image_format), 20) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8\xff", b"<svg onload='alert(1)'/>", bytes_of("PNG")[:60], bytes_of("TIFF")[:20] + b"\xff" * 99],
)
def test_broken_pictures_are_left_out(content: bytes) -> None:
    assert thumbnail(content, 20) is None


async def test_pipes_folders_and_what_may_not_be_read_are_left_out(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    endless, gone = tmp_path / ("x" * 300), tmp_path / "gone.jpg"
    photos = (pipe, tmp_path, endless, gone, "a\0b.jpg")
    assert await thumbnails(photos) == {}
    await contact_sheet([row(sources=photos, results=photos)], tmp_path / "sheet.html")


def test_the_size_told_is_the_upright_one(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    small = thumbnail(save_photo(tmp_path / "a.jpg", (200, 100), exif=exif), 100)
    assert small is not None
    assert small.original_size == (100, 200)
    assert small.original.startswith("100\N{MULTIPLICATION SIGN}200")


def test_where_a_photo_was_taken_stays_out(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "Secret Camera"
    small = thumbnail(save_photo(tmp_path / "a.webp", exif=exif), 100)
    assert small is not None
    data = base64.b64decode(small.data_uri.partition(",")[2])
    assert b"Exif" not in data
    assert b"Secret" not in data


def test_16_bit_greys_keep_their_shades() -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (8, 8), 0x8000).save(buffer, "PNG")
    small = thumbnail(buffer.getvalue(), 8)
    assert small is not None
    assert small.brightness == pytest.approx(0.5, abs=0.02)


async def test_of_large_pictures_one_is_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = 0, 0
    lock = threading.Lock()
    resized = shrinking._resized

    def count(image: Image.Image, side: int) -> Image.Image:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        try:
            return resized(image, side)
        finally:
            with lock:
                inside -= 1

    monkeypatch.setattr(shrinking, "_resized", count)
    monkeypatch.setattr(shrinking, "LARGE", 1000)
    photos = [bytes_of("PNG", size=(400, 300 + number)) for number in range(12)]
    assert len(await thumbnails(photos)) == 12
    assert most == 1


async def test_a_photo_of_a_phone_is_shown_by_a_process_of_its_own() -> None:
    broken = HEIC.read_bytes()[:700]
    made = await thumbnails([HEIC, broken])
    assert list(made) == [HEIC]
    assert made[HEIC].original == "HEIC"
    assert max(made[HEIC].width, made[HEIC].height) <= 640
