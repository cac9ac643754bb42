"""Pictures for the screen: as they are where that will do, else converted, and a few kept."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from support.reviews import make_run, size_of, write_picture

from phota_async.errors import InputError
from phota_async.photos.workers import PhotoWorkers
from phota_async.review.pictures import Pictures
from phota_async.review.previews import Previews
from phota_async.runs import RunFolder

PHONE = Path(__file__).parent.parent / "photos" / "phone.heic"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path, items=1, variations=1)


@pytest.fixture
async def workers() -> AsyncIterator[PhotoWorkers]:
    async with PhotoWorkers(max_processes=1) as opened:
        yield opened


def add(folder: RunFolder, pictures: Pictures, name: str, size: tuple[int, int]) -> int:
    write_picture(folder.output / name, size=size)
    return pictures.add_output(name)


async def test_a_small_picture_comes_byte_for_byte(folder: RunFolder, workers: PhotoWorkers) -> None:
    pictures = Pictures(folder)
    number = add(folder, pictures, "a.png", (300, 200))
    for size in ("screen", "full"):
        shown = await Previews(pictures, workers).get(number, size)
        assert (shown.media_type, shown.size) == ("image/png", (300, 200))
        assert shown.data == (folder.output / "a.png").read_bytes()


async def test_a_large_picture_is_scaled_for_the_screen_and_whole_close_up(
    folder: RunFolder, workers: PhotoWorkers
) -> None:
    pictures = Pictures(folder)
    number = add(folder, pictures, "a.jpg", (6000, 2000))
    previews = Previews(pictures, workers)
    screen, thumb, full = [await previews.get(number, size) for size in ("screen", "thumb", "full")]
    assert [size_of(each.data) for each in (screen, thumb, full)] == [(2048, 683), (240, 80), (6000, 2000)]
    assert screen.size == thumb.size == full.size == (6000, 2000)
    assert full.data == (folder.output / "a.jpg").read_bytes()


async def test_a_turned_photo_tells_its_size_as_people_see_it(folder: RunFolder, workers: PhotoWorkers) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(folder.output / "turned.jpg", exif=exif)
    pictures = Pictures(folder)
    shown = await Previews(pictures, workers).get(pictures.add_output("turned.jpg"), "screen")
    assert shown.size == (40, 60)


async def test_a_phones_photo_is_converted(folder: RunFolder, workers: PhotoWorkers) -> None:
    pictures = Pictures(folder)
    number = pictures.add_source(str(PHONE))
    assert number is not None
    shown = await Previews(pictures, workers).get(number, "full")
    assert shown.media_type == "image/jpeg"
    assert shown.size == size_of(shown.data)


async def test_what_is_kept_is_bounded_and_the_oldest_goes(folder: RunFolder, workers: PhotoWorkers) -> None:
    pictures = Pictures(folder)
    numbers = [add(folder, pictures, f"{name}.jpg", (600, 400)) for name in "abcd"]
    previews = Previews(pictures, workers)
    first = await previews.get(numbers[0], "thumb")
    assert await previews.get(numbers[0], "thumb") is first
    small = Previews(pictures, workers, max_kept=2 * len(first.data))
    kept = [await small.get(number, "thumb") for number in numbers]
    assert repr(small).startswith("<Previews 2 kept")
    assert await small.get(numbers[3], "thumb") is kept[3]
    assert await small.get(numbers[0], "thumb") is not kept[0]


async def test_many_who_ask_at_once_wait_for_one(folder: RunFolder, workers: PhotoWorkers) -> None:
    pictures = Pictures(folder)
    number = add(folder, pictures, "a.jpg", (4000, 1000))
    previews = Previews(pictures, workers)
    shown = await asyncio.gather(*(previews.get(number, "screen") for _ in range(8)))
    assert len({id(each) for each in shown}) == 1


async def test_a_broken_picture_is_said(folder: RunFolder, workers: PhotoWorkers) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (3000, 1000)).save(buffer, "JPEG")
    (folder.output / "cut.jpg").write_bytes(buffer.getvalue()[:400])
    pictures = Pictures(folder)
    with pytest.raises(InputError, match=r"cut\.jpg: expected a whole JPEG"):
        await Previews(pictures, workers).get(pictures.add_output("cut.jpg"), "screen")
