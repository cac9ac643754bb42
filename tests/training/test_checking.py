"""What a check finds, and what it leaves alone."""

import os
import shutil
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from phota_async import CheckError, InputError
from phota_async.photos import PhotoWorkers, measure
from phota_async.training import LIMITS, PhotoCheck, check_folder, check_photos, refuse_errors
from phota_async.training.folder import find_photos
from phota_async.validation import TRAINING_PHOTOS

from .conftest import draw, fill


def said(check: PhotoCheck) -> list[tuple[str, str, str]]:
    return [(each.severity, each.kind, each.path.name if each.path else "") for each in check.findings]


async def test_nothing_speaks_against_good_photos(mia: Path, photos: list[Path], workers: PhotoWorkers) -> None:
    check = await check_folder(mia, tier="fast", workers=workers)
    assert said(check) == []
    assert check.paths == tuple(photos)
    assert repr(check) == "<PhotoCheck 6 photos, 0 errors, 0 doubtful>"
    refuse_errors(check)


@pytest.mark.parametrize(("tier", "count", "is_well"), [("fast", 4, False), ("fast", 5, True), ("fast", 11, False)])
async def test_the_tier_says_how_many(tmp_path: Path, tier: str, count: int, is_well: bool) -> None:
    check = await check_folder(fill(tmp_path / "mia", count), tier=tier)
    assert (said(check) == []) is is_well
    if not is_well:
        assert check.errors[0].message == f"expected 5 to 10 usable photos for the fast tier, got {count}"
        with pytest.raises(CheckError, match=r"add photos|leave some out"):
            refuse_errors(check)


def test_the_limits_of_number_are_the_clients() -> None:
    assert LIMITS.photos is TRAINING_PHOTOS


async def test_each_fault_is_found(mia: Path) -> None:
    shutil.copy(mia / "00.jpg", mia / "copy.jpg")
    draw(77, side=600).save(mia / "small.png")
    draw(78, blur=60).save(mia / "blurred.webp")
    draw(1, side=1300, blur=1).save(mia / "similar.png")
    whole = (mia / "01.jpg").read_bytes()
    (mia / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    (mia / "text.jpg").write_text("no picture")
    (mia / "raw.CR3").write_bytes(b"raw")
    (mia / "notes.txt").write_text("passed over without a word")
    (mia / ".hidden.jpg").write_text("passed over too")

    check = await check_folder(mia, tier="fast")

    assert said(check) == [
        ("error", "unreadable", "broken.jpg"),
        ("error", "duplicate", "copy.jpg"),
        ("error", "unreadable", "text.jpg"),
        ("doubtful", "blurred", "blurred.webp"),
        ("doubtful", "similar", "similar.png"),
        ("doubtful", "small", "small.png"),
        ("doubtful", "unsupported", "raw.CR3"),
    ]
    by_kind = {each.kind: each for each in check.findings}
    assert by_kind["duplicate"].other == mia / "00.jpg"
    assert by_kind["similar"].other == mia / "01.jpg"
    assert by_kind["small"].message == "expected sides of 1024 pixels or more, got 600x600"
    with pytest.raises(CheckError, match=r"broken\.jpg: expected .* \(and 2 more\); take these files out"):
        refuse_errors(check)

    clear = check.without_doubtful()
    assert said(clear) == []
    assert [path.name for path in clear.paths] == [f"{number:02}.jpg" for number in range(6)]


async def test_of_similar_photos_the_sharpest_stays(tmp_path: Path, workers: PhotoWorkers) -> None:
    folder = fill(tmp_path / "mia", 5)
    draw(2, blur=0.5).save(folder / "02-again.png")
    draw(2, blur=1).save(folder / "02-and-again.png")
    check = await check_folder(folder, tier="fast", workers=workers)
    assert said(check) == [("doubtful", "similar", "02-again.png"), ("doubtful", "similar", "02-and-again.png")]
    assert {each.other for each in check.findings} == {folder / "02.jpg"}


async def test_leaving_out_too_many_is_an_error(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mia", 4)
    draw(50, side=500).save(folder / "small.png")
    check = await check_folder(folder, tier="fast")
    assert [each.kind for each in check.findings] == ["small"]
    assert [each.kind for each in check.without_doubtful().findings] == ["count"]


async def test_a_photo_given_twice_is_one(photos: list[Path], workers: PhotoWorkers) -> None:
    check = await check_photos([*photos, str(photos[0])], tier="fast", workers=workers)
    assert len(check.photos) == 6


async def test_limits_can_be_replaced(photos: list[Path], workers: PhotoWorkers) -> None:
    limits = msgspec.structs.replace(LIMITS, min_side=2000, photos={"fast": (1, 2)})
    check = await check_photos(photos, tier="fast", limits=limits, workers=workers)
    assert [each.kind for each in check.findings] == ["count", *["small"] * 6]


async def test_an_unknown_tier_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match="tier: expected standard or fast, got 'slow'"):
        await check_photos(["nowhere.jpg"], tier="slow")


async def test_progress_is_told(photos: list[Path], workers: PhotoWorkers) -> None:
    told: list[tuple[int, int]] = []
    await check_photos(photos, tier="fast", workers=workers, tell=lambda *numbers: told.append(numbers))
    assert told == [(number, 6) for number in range(1, 7)]


# Measuring


def test_sharpness_falls_with_blur(tmp_path: Path) -> None:
    seen = []
    for blur in (0, 2, 8, 40):
        draw(1, blur=blur).save(tmp_path / "photo.png")
        seen.append(measure(tmp_path / "photo.png").sharpness)
    assert seen == sorted(seen, reverse=True)
    assert seen[0] > 500
    assert seen[-1] < LIMITS.min_sharpness


def test_a_sharp_face_before_a_blurred_wall_is_sharp(tmp_path: Path) -> None:
    photo = draw(1, blur=60)
    photo.paste(draw(2, side=520), (260, 260))
    photo.save(tmp_path / "portrait.png")
    assert measure(tmp_path / "portrait.png").sharpness > 100


def test_size_and_likeness_are_those_of_the_upright_picture(tmp_path: Path) -> None:
    upright = draw(3).resize((1040, 1560))
    upright.save(tmp_path / "upright.jpg", quality=90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", quality=90, exif=exif)
    first, second = measure(tmp_path / "upright.jpg"), measure(tmp_path / "turned.jpg")
    assert first.size == second.size == (1040, 1560)
    assert first.distance(second) <= 2
    assert first.digest != second.digest


def test_a_smaller_copy_looks_the_same_and_strangers_do_not(tmp_path: Path) -> None:
    draw(3).save(tmp_path / "a.png")
    draw(3).resize((400, 400)).save(tmp_path / "b.jpg", quality=30)
    draw(4).save(tmp_path / "c.png")
    first, copy, stranger = (measure(tmp_path / name) for name in ("a.png", "b.jpg", "c.png"))
    assert first.distance(copy) <= LIMITS.max_distance < first.distance(stranger)


async def test_worker_processes_measure_as_threads_do(photos: list[Path]) -> None:
    async with PhotoWorkers(max_processes=1) as workers:
        measures = await workers.measure(photos[0])
        assert workers.statistics().processes == 1
        with pytest.raises(InputError, match=r"nowhere\.jpg: expected a picture, got no such file"):
            await workers.measure("nowhere.jpg")
    assert measures == measure(photos[0])


# Folders


def test_folders_below_count_when_asked(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.heic", "sub/c.png", "sub/.cache/d.png", ".trash/e.png", "film.MOV", "x.xmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    flat, deep = find_photos(tmp_path), find_photos(tmp_path, recursive=True)
    assert [str(each.relative_to(tmp_path)) for each in flat.photos] == ["a.heic", "b.JPG"]
    assert [each.relative_to(tmp_path).as_posix() for each in deep.photos] == ["a.heic", "b.JPG", "sub/c.png"]
    assert flat.unsupported == (tmp_path / "film.MOV",)


def test_patterns_choose(tmp_path: Path) -> None:
    for name in ("IMG_1.jpg", "IMG_2.jpg", "scan.jpg"):
        (tmp_path / name).touch()
    found = find_photos(tmp_path, include=["IMG_*"], exclude=["*_2.jpg"])
    assert [each.name for each in found.photos] == ["IMG_1.jpg"]


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected a folder of photos, got a file"):
        find_photos(tmp_path / "file")
    with pytest.raises(InputError, match="expected a folder of photos, got nothing there"):
        find_photos(tmp_path / "nothing")


def test_a_closed_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(InputError, match="Permission denied"):
        find_photos(tmp_path)
