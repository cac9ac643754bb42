"""Copies of what was picked: new files only, whole, byte for byte, in the same tree."""

import os
from pathlib import Path

import pytest
from support.folders import tree
from support.reviews import make_run, record_with, write_picture

from phota_async.errors import InputError
from phota_async.review import Chosen, Journal, chosen
from phota_async.review.events import event_of
from phota_async.runs import ItemRecord, OutputRecord, RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = make_run(tmp_path)
    with Journal(made) as journal:
        journal.append(event_of("pick", "set/1.jpg", output="set/1.enhance-2.jpg"))
        journal.append(event_of("reject", "set/2.jpg"))
    return made


def original(folder: RunFolder) -> bytes:
    return (folder.output / "set/1.enhance-2.jpg").read_bytes()


def test_what_was_decided_is_told_and_nothing_copied(folder: RunFolder) -> None:
    picked, rejected = chosen(folder)
    assert picked == Chosen(
        run=folder.run, key="set/1.jpg", choice="picked", path=str(folder.output / "set/1.enhance-2.jpg")
    )
    assert rejected == Chosen(run=folder.run, key="set/2.jpg", choice="rejected")


def test_the_copy_has_its_place_in_the_tree_and_every_byte(folder: RunFolder, tmp_path: Path) -> None:
    before = tree(folder.output)
    picked, rejected = chosen(folder, to=tmp_path / "picks")
    assert tree(tmp_path / "picks") == {"set/1.enhance-2.jpg": original(folder)}
    assert (picked.status, picked.exported) == ("copied", str(tmp_path / "picks/set/1.enhance-2.jpg"))
    assert rejected.status is None
    assert tree(folder.output) == before


def test_the_same_export_again_copies_nothing(folder: RunFolder, tmp_path: Path) -> None:
    for rule in ("skip", "number", "skip"):
        last = chosen(folder, to=tmp_path / "picks", exists=rule)
    assert last[0].status == "there"
    assert len(tree(tmp_path / "picks")) == 1


def test_another_file_of_the_name_is_never_overwritten(folder: RunFolder, tmp_path: Path) -> None:
    theirs = tmp_path / "picks/set/1.enhance-2.jpg"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    assert chosen(folder, to=tmp_path / "picks")[0].status == "skipped"
    assert chosen(folder, to=tmp_path / "picks")[0].exported is None
    copy = chosen(folder, to=tmp_path / "picks", exists="number")[0]
    assert copy.exported == str(tmp_path / "picks/set/1.enhance-2-2.jpg")
    again = chosen(folder, to=tmp_path / "picks", exists="number")[0]
    assert (again.status, again.exported) == ("there", copy.exported)
    assert tree(tmp_path / "picks") == {
        "set/1.enhance-2.jpg": b"theirs",
        "set/1.enhance-2-2.jpg": original(folder),
    }


def test_a_name_that_is_taken_at_the_last_moment_is_not_overwritten(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "picks/set/1.enhance-2.jpg"
    real = os.link

    def link_late(source: str, name: str, **options: bool) -> None:
        Path(name).write_bytes(b"theirs")
        real(source, name, **options)

    monkeypatch.setattr(os, "link", link_late)
    assert chosen(folder, to=tmp_path / "picks")[0].status == "skipped"
    assert tree(tmp_path / "picks") == {"set/1.enhance-2.jpg": b"theirs"}
    assert target.exists()


def test_a_dangling_link_of_the_name_is_not_followed(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "picks/set").mkdir(parents=True)
    (tmp_path / "picks/set/1.enhance-2.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    assert chosen(folder, to=tmp_path / "picks")[0].status == "skipped"
    assert not (tmp_path / "elsewhere.jpg").exists()


def test_a_copy_that_breaks_off_leaves_nothing(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("phota_async.media.files.os.fsync", full)
    [picked, _] = chosen(folder, to=tmp_path / "picks")
    assert picked.status == "failed"
    assert "No space left" in (picked.error or "")
    assert tree(tmp_path / "picks") == {}


@pytest.mark.parametrize("how", ["gone", "link", "unknown"])
def test_a_picture_that_cannot_be_copied_is_said_and_the_others_are(
    folder: RunFolder, tmp_path: Path, how: str
) -> None:
    secret = write_picture(tmp_path / "secret.jpg")
    lost = folder.output / "set/3.enhance-1.jpg"
    with Journal(folder) as journal:
        journal.append(event_of("pick", "set/3.jpg", output="other.jpg" if how == "unknown" else "set/3.enhance-1.jpg"))
    if how != "unknown":
        lost.unlink()
    if how == "link":
        lost.symlink_to(secret)
    lines = chosen(folder, to=tmp_path / "picks")
    assert [line.status for line in lines] == ["copied", None, "failed"]
    assert lines[2].error
    assert list(tree(tmp_path / "picks")) == ["set/1.enhance-2.jpg"]


def test_records_that_lead_out_of_the_folder_are_not_followed(folder: RunFolder, tmp_path: Path) -> None:
    write_picture(tmp_path / "outside.jpg")
    folder.append(record_with(None, "odd", ["../outside.jpg"], 9))
    with Journal(folder) as journal:
        journal.append(event_of("pick", "odd", output="../outside.jpg"))
    lines = chosen(folder, to=tmp_path / "deep/picks")
    assert lines[-1].status == "failed"
    assert not (tmp_path / "deep/outside.jpg").exists()


def test_what_was_made_on_the_page_is_copied_too(folder: RunFolder, tmp_path: Path) -> None:
    write_picture(folder.output / "set/3.again-1.enhance-1.jpg", 2)
    output = OutputRecord(path="set/3.again-1.enhance-1.jpg")
    made = ItemRecord(key="set/3.again-1.jpg", operation="enhance", status="done", outputs=(output,))
    with Journal(folder) as journal:
        journal.append(event_of("ask", "set/3.jpg", ask="x"))
        journal.append(event_of("made", "set/3.jpg", ask="x", record=made))
        journal.append(event_of("pick", "set/3.jpg", output=output.path))
    assert [line.status for line in chosen(folder, to=tmp_path / "picks")] == ["copied", None, "copied"]


def test_wrong_words_and_folders_are_said(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists: expected skip or number, got 'replace'"):
        chosen(folder, to=tmp_path, exists="replace")  # type: ignore[arg-type]  # on purpose
    (tmp_path / "file").write_bytes(b"")
    assert chosen(folder, to=tmp_path / "file")[0].status == "failed"


@pytest.mark.parametrize("output", ["/etc/passwd", "../secret.jpg", "nobody-knows.jpg"])
def test_picks_that_lead_out_of_the_folder_are_named_to_no_program(tmp_path: Path, output: str) -> None:
    write_picture(tmp_path / "secret.jpg")
    folder = RunFolder.create(tmp_path / "out", operation="edit")
    folder.append(record_with(None, "a.jpg", ["/etc/passwd", "../secret.jpg"]))
    with Journal(folder) as journal:
        journal.append(event_of("pick", "a.jpg", output=output))
    [line] = chosen(folder)
    assert (line.path, line.status) == (None, "failed")
    assert "expected a picture of this" in (line.error or "")
