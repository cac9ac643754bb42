"""Pictures by number: the run's own, and nothing that a path, a link or a swap could lead to."""

import os
from pathlib import Path

import pytest
from support.reviews import make_run, record_with, write_picture

from phota_async.errors import InputError
from phota_async.review.items import items_of
from phota_async.review.pictures import Pictures
from phota_async.runs import RunFolder, latest_run


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path, items=2, variations=2)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return write_picture(tmp_path / "elsewhere" / "secret.jpg")


def test_sources_and_outputs_have_numbers_and_equal_ones_the_same(folder: RunFolder) -> None:
    pictures = Pictures(folder)
    items = items_of(folder.records(), pictures)
    assert [each.picture for item in items for each in item.variations] == [1, 2, 4, 5]
    assert [number for item in items for _, number in item.sources] == [0, 3]
    items_of(folder.records(), pictures)
    assert len(pictures) == 6
    assert pictures.read(1).format == "jpg"
    assert str(pictures.relative(1)) == "set/1.enhance-1.jpg"


@pytest.mark.parametrize("number", [-1, 99])
def test_other_numbers_lead_nowhere(folder: RunFolder, number: int) -> None:
    with pytest.raises(InputError, match="expected a picture of this run"):
        Pictures(folder).read(number)


@pytest.mark.parametrize("spelled", ["../elsewhere/secret.jpg", "set/../../elsewhere/secret.jpg", "ABSOLUTE"])
def test_an_output_outside_the_folder_is_refused(folder: RunFolder, secret: Path, spelled: str) -> None:
    pictures = Pictures(folder)
    number = pictures.add_output(str(secret) if spelled == "ABSOLUTE" else spelled)
    with pytest.raises(InputError, match="leads elsewhere"):
        pictures.read(number)
    with pytest.raises(InputError, match="outside its folder"):
        pictures.relative(number)


def test_an_output_that_is_a_link_is_refused(folder: RunFolder, secret: Path) -> None:
    (folder.output / "link.jpg").symlink_to(secret)
    (folder.output / "inner.jpg").symlink_to(folder.output / "set/1.enhance-1.jpg")
    (folder.output / "linked").symlink_to(secret.parent)
    pictures = Pictures(folder)
    for name in ("link.jpg", "inner.jpg", "linked/secret.jpg"):
        with pytest.raises(InputError, match="leads elsewhere"):
            pictures.read(pictures.add_output(name))


def test_a_picture_that_is_swapped_for_a_link_is_refused(folder: RunFolder, secret: Path) -> None:
    pictures = Pictures(folder)
    output = pictures.add_output("set/1.enhance-1.jpg")
    source = pictures.add_source(str(folder.output.parent / "photos/1.jpg"))
    assert source is not None
    for number, path in (
        (output, folder.output / "set/1.enhance-1.jpg"),
        (source, folder.output.parent / "photos/1.jpg"),
    ):
        assert pictures.read(number).data
        path.unlink()
        path.symlink_to(secret)
        with pytest.raises(InputError, match="leads elsewhere"):
            pictures.read(number)


def test_a_library_behind_a_link_can_be_seen(folder: RunFolder, secret: Path, tmp_path: Path) -> None:
    (tmp_path / "library").symlink_to(secret.parent)
    pictures = Pictures(folder)
    number = pictures.add_source(str(tmp_path / "library/secret.jpg"))
    assert number is not None
    assert pictures.read(number).data == secret.read_bytes()


def test_what_is_no_picture_is_not_shown_whatever_its_name(folder: RunFolder) -> None:
    pictures = Pictures(folder)
    path = folder.output / "page.jpg"
    for content in (b"<svg onload=alert(1)>", b"<!doctype html>", b"", b"#!/bin/sh"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="expected a picture"):
            pictures.read(pictures.add_output("page.jpg"))


def test_pipes_folders_and_missing_files_do_not_stop_it(folder: RunFolder) -> None:
    os.mkfifo(folder.output / "pipe.jpg")
    (folder.output / "folder.jpg").mkdir()
    pictures = Pictures(folder)
    for name, words in (
        ("pipe.jpg", "no regular file"),
        ("folder.jpg", "no regular file"),
        ("gone.jpg", "No such file"),
        ("a\0b.jpg", "leads elsewhere"),
    ):
        with pytest.raises(InputError, match=words):
            pictures.read(pictures.add_output(name))


@pytest.mark.parametrize("source", ["", "https://example.com/a.jpg", "HTTP://example.com/a.jpg…"])
def test_links_and_memory_have_no_number(folder: RunFolder, source: str) -> None:
    assert Pictures(folder).add_source(source) is None


def test_items_without_pictures_cannot_be_decided_about(folder: RunFolder) -> None:
    folder.append(record_with(None, "failed.jpg", [], 9, status="failed"))
    folder.append(record_with(None, "planned.jpg", ["set/1.enhance-1.jpg"], 10, status="planned"))
    assert [item.key for item in items_of(folder.records(), Pictures(folder))] == ["set/1.jpg", "set/2.jpg"]


def test_a_folder_that_becomes_a_link_after_the_look_is_not_followed(
    folder: RunFolder, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever swaps a folder for a link between the look and the opening gets nothing."""
    pictures = Pictures(folder)
    write_picture(secret.parent / "1.enhance-1.jpg")
    number = pictures.add_output("set/1.enhance-1.jpg")
    before = (folder.output / "set/1.enhance-1.jpg").resolve()
    (folder.output / "set").rename(folder.output / "away")
    (folder.output / "set").symlink_to(secret.parent)
    monkeypatch.setattr("phota_async.review.pictures.resolved", lambda path: before)  # as the look had found it
    with pytest.raises(InputError, match=r"1\.enhance-1\.jpg"):
        pictures.read(number)


def test_sources_are_found_where_the_folder_was_moved_to_and_whatever_their_names_are(tmp_path: Path) -> None:
    make_run(tmp_path / "old", items=1, variations=1)
    (tmp_path / "old").rename(tmp_path / "new")
    folder = latest_run(tmp_path / "new/out")
    pictures = Pictures(folder)
    [item] = items_of(folder.records(), pictures)
    assert pictures.read(item.sources[0][1] or 0).format == "jpg"
    odd = write_picture(tmp_path / "caf.jpg").rename(tmp_path / os.fsdecode(b"caf\xe9.jpg"))
    assert pictures.read(pictures.add_source(odd.as_uri()) or 0).format == "jpg"
