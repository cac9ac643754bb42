"""Folders that just took a file are not tried again, for a second, and names of that length."""

from pathlib import Path
from typing import Any

import pytest

from phota_async import InputError
from phota_async.batch import proven as proven_module
from phota_async.batch.held import HeldDestination
from phota_async.batch.proven import LIFETIME, Proven
from phota_async.media.files import PartFile

FOLDER = Path("out")


def test_a_folder_is_remembered_for_a_second() -> None:
    now = 100.0
    proven = Proven(lambda: now)
    assert not proven.has(FOLDER, "a.jpg")
    proven.add(FOLDER, "a.jpg")
    assert proven.has(FOLDER, "b.jpg")
    assert not proven.has(FOLDER / "sub", "b.jpg")
    now += LIFETIME
    assert not proven.has(FOLDER, "b.jpg")  # this one looks again
    assert proven.has(FOLDER, "b.jpg")  # the others go on meanwhile
    proven.forget(FOLDER)
    proven.forget(FOLDER)
    assert not proven.has(FOLDER, "b.jpg")


def test_a_longer_name_has_to_prove_itself() -> None:
    proven = Proven()
    proven.add(FOLDER, "é.jpg")
    assert proven.has(FOLDER, "ab.jpg")
    assert not proven.has(FOLDER, "abc.jpg")


def test_it_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proven_module, "MOST", 3)
    proven = Proven()
    for number in range(7):
        proven.add(Path(str(number)), "a.jpg")
    assert repr(proven) == "<Proven 1 folders>"
    assert proven.has(Path("6"), "a.jpg")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were made to see whether they can be."""
    found: list[Path] = []
    real = PartFile.__init__

    def noted(part: PartFile, directory: Path, name: str, **how: Any) -> None:
        found.append(directory / name)
        real(part, directory, name, **how)

    monkeypatch.setattr(PartFile, "__init__", noted)
    return found


async def check(proven: Proven, path: Path, exists: Any = "number", count: int = 1) -> None:
    await HeldDestination(path.parent, path.name, exists, proven).check(count, "jpg")


async def test_the_second_item_of_a_folder_is_not_tried(tmp_path: Path, made: list[Path]) -> None:
    proven = Proven()
    for name in ("1.edit-1.jpg", "2.edit-1.jpg", "sub/3.edit-1.jpg"):
        await check(proven, tmp_path / name)
    await check(proven, tmp_path / "a-longer-name.edit-1.jpg")
    assert [path.name for path in made] == ["1.edit-1.jpg", "3.edit-1.jpg", "a-longer-name.edit-1.jpg"]


async def test_a_folder_that_refuses_is_tried_again(tmp_path: Path, made: list[Path]) -> None:
    (tmp_path / "out").write_bytes(b"no folder")
    proven = Proven()
    for _ in range(2):
        with pytest.raises(InputError):
            await check(proven, tmp_path / "out" / "1.edit-1.jpg")
    assert len(made) == 2


async def test_a_folder_that_refuses_later_is_forgotten(tmp_path: Path, made: list[Path]) -> None:
    now = 0.0
    proven = Proven(lambda: now)
    await check(proven, tmp_path / "out" / "1.edit-1.jpg")
    (tmp_path / "out").rmdir()
    (tmp_path / "out").write_bytes(b"no folder")
    now += LIFETIME
    for _ in range(2):
        with pytest.raises(InputError):
            await check(proven, tmp_path / "out" / "2.edit-1.jpg")
    assert len(made) == 3


async def test_names_that_must_be_free_are_looked_at_each_time(tmp_path: Path, made: list[Path]) -> None:
    proven = Proven()
    (tmp_path / "1.edit-2.jpg").mkdir()
    await check(proven, tmp_path / "0.edit-1.jpg", "replace", 2)
    with pytest.raises(InputError, match="is a directory"):
        await check(proven, tmp_path / "1.edit-1.jpg", "replace", 2)
