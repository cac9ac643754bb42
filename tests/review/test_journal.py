"""The file of picks: durable before it counts, whole after a crash, one writer."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from support.reviews import make_run

from phota_async.errors import DownloadError, InputError
from phota_async.review import Journal, read_picks
from phota_async.review.events import event_of
from phota_async.runs import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path, items=1)


def write(folder: RunFolder, *outputs: str) -> None:
    with Journal(folder) as journal:
        for output in outputs:
            journal.append(event_of("pick", "a", output=output))


def chosen(folder: RunFolder) -> str | None:
    choice = read_picks(folder).choice("a")
    return choice.output if choice else None


def test_what_is_written_is_read_again_and_only_its_owner_may(folder: RunFolder) -> None:
    assert chosen(folder) is None
    write(folder, "1", "2")
    write(folder, "3")
    assert chosen(folder) == "3"
    path = folder.path / "picks.jsonl"
    assert len(path.read_bytes().splitlines()) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_line_is_synced_before_anybody_hears_of_it(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with Journal(folder) as journal:
        synced.clear()
        journal.append(event_of("reject", "a"))
        assert synced == [journal.path.stat().st_size]


@pytest.mark.parametrize("cut", range(2, 40, 6))
def test_a_line_that_a_crash_cut_costs_only_itself(folder: RunFolder, cut: int) -> None:
    write(folder, "1", "2")
    path = folder.path / "picks.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert chosen(folder) == "1"
    write(folder, "3")
    assert chosen(folder) == "3"
    read_picks(folder).apply(event_of("undo"))
    assert path.read_bytes().endswith(b"\n")


def test_strange_lines_are_passed_over(folder: RunFolder) -> None:
    write(folder, "1")
    with (folder.path / "picks.jsonl").open("ab") as file:
        file.write(b'\x00\xff\n[]\n{"kind": 3}\n\n')
    write(folder, "2")
    assert chosen(folder) == "2"


def test_a_full_disk_is_said_and_the_next_line_stands_alone(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = os.write
    with Journal(folder) as journal:
        journal.append(event_of("pick", "a", output="1"))
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", lambda fd, data: real(fd, data[:10]))
            with pytest.raises(DownloadError, match="No space left"):
                journal.append(event_of("pick", "a", output="2"))
        assert chosen(folder) == "1"
        assert len(journal.path.read_bytes().splitlines()) == 1
        journal.append(event_of("pick", "a", output="3"))
    assert chosen(folder) == "3"


def test_there_is_one_writer_and_many_readers(folder: RunFolder) -> None:
    with Journal(folder) as journal:
        journal.append(event_of("pick", "a", output="1"))
        with pytest.raises(InputError, match=r"is held by process \d+.*; another review of this run is open"):
            Journal(folder).open()
        assert chosen(folder) == "1"
    write(folder, "2")
    assert chosen(folder) == "2"


def test_a_link_is_not_followed(folder: RunFolder, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine\n")
    (folder.path / "picks.jsonl").symlink_to(mine)
    with pytest.raises(InputError), Journal(folder) as journal:
        journal.append(event_of("reject", "a.jpg"))
    assert mine.read_text() == "mine\n"
