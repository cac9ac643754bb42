"""The memory of names: exact, small, gone when closed; and how a batch lives with it."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from phota_async import Batch, BatchItem, DownloadError, GenerateRequest, ImageResult, InputError, PhotaClient
from phota_async import marks as marks_module
from phota_async.batch.names import Leftovers, Places
from phota_async.marks import Marks

SEA = GenerateRequest(prompt="a sea")


def marks_of(count: int) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in range(count)]


@pytest.mark.parametrize("in_memory", [0, 1, 7, 100])
def test_each_mark_is_new_once(in_memory: int) -> None:
    marks = Marks(in_memory)
    assert [marks.add(mark) for mark in marks_of(30)] == [True] * 30
    assert [marks.add(mark) for mark in marks_of(31)] == [False] * 30 + [True]
    marks.close()


def test_its_state_can_be_read() -> None:
    marks = Marks(1)
    marks.add(b"a")
    assert repr(marks) == "<Marks 1 in memory>"
    marks.add(b"b")
    assert repr(marks) == "<Marks 1 in memory, more on disk>"
    marks.close()
    marks.close()


def test_memory_stays_flat() -> None:
    marks = Marks(in_memory=1000)
    for number in range(2000):
        marks.add(number.to_bytes(16, "big"))
    tracemalloc.start()
    for number in range(2000, 30_000):
        marks.add(number.to_bytes(16, "big"))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 10_000
    assert marks.add((1500).to_bytes(16, "big")) is False
    marks.close()


def test_a_small_batch_needs_no_database() -> None:
    program = (
        "import sys; from phota_async.marks import Marks; marks = Marks(5)\n"
        "for number in range(5): marks.add(bytes([number]))\n"
        "assert 'sqlite3' not in sys.modules; marks.add(b'x'); assert 'sqlite3' in sys.modules; marks.close()"
    )
    unmeasured = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}  # it has a database
    subprocess.run([sys.executable, "-c", program], check=True, env=unmeasured)


def test_nothing_stays_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    monkeypatch.setattr(marks_module, "PAGES", 1)  # so that it has to be written
    marks = Marks(in_memory=0)
    for mark in marks_of(20_000):
        marks.add(mark)
    assert list(tmp_path.iterdir()) == []  # nameless already
    marks.close()


def full(*_: object) -> sqlite3.Connection:
    raise sqlite3.OperationalError("database or disk is full")


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks_module, "_open", full)
    marks = Marks(in_memory=1)
    assert marks.add(b"a")
    with pytest.raises(DownloadError, match="temporary files' directory: database or disk is full") as caught:
        marks.add(b"b")
    assert (caught.value.is_full, caught.value.charged) == (True, "no")


class Client:
    """Answers at once."""

    _transport = SimpleNamespace(refusal_listeners=[], hooks=None)
    calls = 0

    async def _send(self, request: object, save_to: object = None, **_: object) -> ImageResult:
        self.calls += 1
        await asyncio.sleep(0)
        return ImageResult([])


async def run(keys: Any, output: Path) -> tuple[Client, list[Any]]:
    client = Client()
    batch = Batch(cast(PhotaClient, client), (BatchItem(key, SEA) for key in keys), mode="sync", output=output)
    async with batch as outcomes:
        return client, [outcome async for outcome in outcomes]


async def test_a_collision_is_found_beyond_what_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks_module.Marks.__init__, "__defaults__", (3,))
    keys = [f"{number}.png" for number in range(20)]
    client, outcomes = await run(iter([*keys, "19.jpg", "0.jpg"]), tmp_path)
    assert {outcome.key for outcome in outcomes if isinstance(outcome.error, InputError)} == {"19.jpg", "0.jpg"}
    assert client.calls == 20


async def test_a_full_disk_stops_the_batch_before_anything_is_bought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks_module.Marks.__init__, "__defaults__", (0,))
    monkeypatch.setattr(marks_module, "_open", full)
    client, outcomes = await run(map(str, range(1000)), tmp_path)
    assert {outcome.status for outcome in outcomes} == {"failed"}
    assert len(outcomes) <= 16
    assert client.calls == 0


def test_a_name_that_is_not_utf_8_can_be_claimed() -> None:
    places = Places()
    places.claim(Path("\udcff/a.generate-1"), SEA)
    with pytest.raises(InputError, match="another item"):
        places.claim(Path("\udcff/a.generate-1"), SEA)
    places.close()


MARK = "0123456789ab.part"


def test_leftovers_of_subfolders_are_found_below_a_relative_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    part = tmp_path / "sub" / f".a.edit-1.jpg.{MARK}"
    part.parent.mkdir()
    part.touch()
    (tmp_path / "link").symlink_to(part.parent)
    leftovers = Leftovers(Path())
    assert leftovers.remove(Path("link") / "a.edit-1") == 0  # links are not followed: they may lead round in a ring
    assert leftovers.remove(Path("sub") / "a.edit-1") == 1
    assert not part.exists()


def test_looking_for_leftovers_holds_no_list_of_the_files(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number}.jpg").touch()
    tracemalloc.start()
    Leftovers(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000  # a list of them takes 200 KB
