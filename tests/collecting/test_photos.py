"""Photos of files and folders: which are taken, in what order, and what they are called."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phota_async import BatchItem, EnhanceRequest, InputError
from phota_async.batch.names import safe_parts
from phota_async.batch.templates import Names
from phota_async.collecting import Items, Photos
from phota_async.collecting.keys import key_of, natural
from phota_async.collecting.patterns import Filter, is_own_result


def lay(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def keys(*sources: Any, **options: Any) -> list[str]:
    return [photo.key for photo in Photos(sources, **options)]


# What is taken


def test_a_folders_photos_in_the_order_people_expect(tmp_path: Path) -> None:
    lay(tmp_path, "b10.jpg", "b9.JPG", "A.png", "c.heic", "notes.txt", "movie.mov", "x.gif", "noext", "jpg")
    assert keys(tmp_path) == ["A.png", "b9.JPG", "b10.jpg", "c.heic"]


def test_hidden_files_and_folders_are_no_sources(tmp_path: Path) -> None:
    lay(tmp_path, ".a.jpg", "._b.jpg", ".trash/c.jpg", "d.jpg")
    assert keys(tmp_path, recursive=True) == ["d.jpg"]


def test_folders_of_folders_only_when_told(tmp_path: Path) -> None:
    lay(tmp_path, "z.jpg", "2/b.jpg", "10/c.jpg", "2/deep/d.jpg")
    photos = Photos([tmp_path])
    assert [photo.key for photo in photos] == ["z.jpg"]
    assert photos.passed.folders == 2
    assert keys(tmp_path, recursive=True) == ["z.jpg", "2/b.jpg", "2/deep/d.jpg", "10/c.jpg"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.png"], [], ["b.png"]),
        (["*.PNG", "A.*"], [], ["a.jpg", "b.png"]),
        ([], ["*.jpg"], ["b.png"]),
        ([], ["sub"], ["a.jpg", "b.png"]),
        ([], ["sub/c*"], ["a.jpg", "b.png", "sub/d.jpg"]),
        (["sub/*"], [], ["sub/c.jpg", "sub/d.jpg"]),
        (["*.tiff"], [], ["e.tiff"]),
        (["./sub/d.jpg"], [], ["sub/d.jpg"]),
    ],
)
def test_patterns(tmp_path: Path, include: list[str], exclude: list[str], expected: list[str]) -> None:
    lay(tmp_path, "a.jpg", "b.png", "sub/c.jpg", "sub/d.jpg", "e.tiff")
    assert keys(tmp_path, recursive=True, include=include, exclude=exclude) == expected


@pytest.mark.parametrize("pattern", ["", "/", None])
def test_a_pattern_that_is_none(pattern: Any) -> None:
    with pytest.raises(InputError, match="exclude: expected a pattern"):
        Filter(exclude=[pattern])


def test_what_is_given_itself_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    lay(tmp_path, ".hidden.jpg", "odd", "a.enhance-1.jpg")
    paths = [tmp_path / name for name in (".hidden.jpg", "odd", "a.enhance-1.jpg")]
    assert keys(*paths, exclude=["*"]) == [".hidden.jpg", "odd", "a.enhance-1.jpg"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: expected a photo or a folder, got nothing there"):
        Photos([tmp_path / "missing"])
    assert keys(tmp_path / "missing.jpg", allow_missing=True) == ["missing.jpg"]


def test_only_files_are_photos(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "broken.jpg").symlink_to("nowhere")
    (tmp_path / "linked.jpg").symlink_to(lay(tmp_path, "real.txt") / "real.txt")
    assert keys(tmp_path, recursive=True) == ["linked.jpg"]


def test_links_to_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    lay(tmp_path, "photos/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "photos/loop").symlink_to(tmp_path / "photos")
    (tmp_path / "photos/other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "photos")
    assert keys(tmp_path / "photos", recursive=True) == ["a.jpg", "other/b.jpg"]


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, "a.jpg", "locked/b.jpg")
    real = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    photos = Photos([tmp_path], recursive=True)
    assert [photo.key for photo in photos] == ["a.jpg"]
    assert photos.passed.unreadable == [f"{tmp_path}/locked: Permission denied"]


# Results are no sources


def test_outputs_are_never_sources(tmp_path: Path) -> None:
    lay(tmp_path, "a.jpg", "out/a.enhance-1.jpg", "earlier/.phota/ledger.sqlite", "earlier/a.edit-1.jpg")
    photos = Photos([tmp_path], recursive=True, output=tmp_path / "out")
    assert [photo.key for photo in photos] == ["a.jpg"]
    assert photos.passed.outputs == 2
    assert not photos.is_near_output


def test_results_beside_originals_are_no_sources(tmp_path: Path) -> None:
    lay(tmp_path, "a.jpg", "a.enhance-1.jpg", "a.edit-take2-1-2.png", "sub/b.jpg", "sub/b.remix-4.jpg", ".phota/x")
    photos = Photos([tmp_path], recursive=True, output=tmp_path)
    assert [photo.key for photo in photos] == ["a.jpg", "sub/b.jpg"]
    assert photos.passed.results == 3
    assert photos.is_near_output


def test_the_results_of_one_run_may_be_the_sources_of_another(tmp_path: Path) -> None:
    lay(tmp_path, "edited/a.edit-1.jpg", "edited/.phota/ledger.sqlite")
    assert keys(tmp_path / "edited", output=tmp_path / "better") == ["a.edit-1.jpg"]


@pytest.mark.parametrize("name", ["a.edit-1.jpg", "a.b.remix-12-2.PNG", "x.generate-take2-1.jpeg"])
def test_names_of_results(name: str) -> None:
    assert is_own_result(name)
    assert not any(map(is_own_result, (f"{name}.txt", name.replace("-", "_"), f"x{name[1:].replace('.', '')}")))


# Keys


def test_keys_begin_where_all_sources_meet(tmp_path: Path) -> None:
    lay(tmp_path, "2019/a.jpg", "2020/a.jpg", "2020/sub/b.jpg")
    assert keys(tmp_path / "2019") == ["a.jpg"]
    assert keys(tmp_path / "2019/a.jpg") == ["a.jpg"]
    assert keys(tmp_path / "2019", tmp_path / "2020", recursive=True) == ["2019/a.jpg", "2020/a.jpg", "2020/sub/b.jpg"]
    assert keys(tmp_path / "2019/a.jpg", tmp_path / "2020/a.jpg") == ["2019/a.jpg", "2020/a.jpg"]
    assert keys("https://example.com/pics/sea%20side.jpg?sig=1", tmp_path / "2019") == ["sea side.jpg", "a.jpg"]
    assert keys("https://example.com") == ["link"]


def test_what_is_given_twice_is_taken_once(tmp_path: Path) -> None:
    lay(tmp_path, "a.jpg", "sub/b.jpg")
    twice = [tmp_path / "a.jpg", tmp_path, tmp_path / "sub/../a.jpg", tmp_path / "sub"]
    assert keys(*twice, recursive=True) == ["a.jpg", "sub/b.jpg"]


def test_twins_both_have_a_name(tmp_path: Path) -> None:
    lay(tmp_path, "IMG_1.heic", "IMG_1.JPG", "img_2.png")
    items = Items(Photos([tmp_path]), lambda photo: EnhanceRequest(photo.path))
    places = [Names().target(Path(), item).name for item in items]
    assert places == ["IMG_1.heic.enhance-1", "IMG_1.JPG.enhance-1", "img_2.enhance-1"]
    given_ = Items(Photos([tmp_path / "IMG_1.heic", tmp_path / "IMG_1.JPG"]), lambda photo: EnhanceRequest(photo.path))
    assert [Names().target(Path(), item).name for item in given_] == places[:2]


def test_items_can_be_counted_and_read_again(tmp_path: Path) -> None:
    lay(tmp_path, "a.jpg", "b.jpg")
    items = Items(Photos([tmp_path]), lambda photo: EnhanceRequest(photo.path))
    assert len(items) == len(list(items)) == len(list(items)) == 2
    assert BatchItem("a.jpg", EnhanceRequest(str(tmp_path / "a.jpg"))) in items
    assert BatchItem("a.jpg", EnhanceRequest("elsewhere")) not in items


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ("a b.jpg", "a b.jpg"),
        ("é.jpg", "é.jpg"),
        ("12:30.jpg", "12%3A30.jpg"),
        ("a\\b.jpg", "a%5Cb.jpg"),
        ("a\nb.jpg", "a%0Ab.jpg"),
        ("caf\udce9.jpg", "caf%E9.jpg"),
        ("dots...", "dots%2E%2E%2E"),
        ("con.jpg", "_con.jpg"),
        ("...", "%2E%2E%2E"),
        ("\x85", "%C2%85"),
    ],
)
def test_hostile_names_become_keys(part: str, key: str) -> None:
    assert key_of(["sub", part]) == f"sub/{key}"


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=300))
def test_any_name_becomes_a_key_that_every_system_can_store(name: str) -> None:
    key = key_of([os.fsdecode(name.encode(errors="replace"))])
    assert safe_parts(key) == [key]
    assert len(key.encode()) <= 145


def test_long_names_stay_apart() -> None:
    first, second = (key_of(["x" * 240 + f"{number}.jpg"]) for number in range(2))
    assert first != second
    assert first.endswith(".jpg")


def test_natural_order() -> None:
    assert sorted(["a10", "a9", "A1", "b", "a", "10", "9"], key=natural) == ["9", "10", "a", "A1", "a9", "a10", "b"]
