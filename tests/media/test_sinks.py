"""Pictures on their way: gathered, written by threads, dropped at any moment without a trace."""

import asyncio
import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from support.folders import names, tree
from support.pictures import PHOTO, picture
from support.steps import end_threads

from phota_async import DownloadError, InputError
from phota_async.media import files
from phota_async.media.destination import Destination
from phota_async.media.sinks import BATCH, FileSink, HashingFileSink, MemorySink, first_bytes

SINKS = pytest.mark.parametrize("kind", [FileSink, HashingFileSink])


@SINKS
async def test_small_pieces_are_gathered_before_a_thread_writes_them(tmp_path: Path, kind: type[FileSink]) -> None:
    sink = kind(tmp_path, "a")
    for start in range(0, len(PHOTO), 10):
        sink.write(PHOTO[start : start + 10])
        await sink.flush()
    assert names(tmp_path) == []

    sink.write(b"x" * BATCH)
    await sink.flush()
    [(name, data)] = tree(tmp_path).items()
    assert len(data) == sink.size == len(PHOTO) + BATCH
    assert (sink.head, name[:3]) == (PHOTO[:32], ".a.")
    assert (await sink.publish("error")).name == "a.jpg"


@SINKS
async def test_nothing_becomes_an_empty_file(tmp_path: Path, kind: type[FileSink]) -> None:
    assert (await kind(tmp_path, "a").publish("error")).read_bytes() == b""


@SINKS
async def test_beginning_again(tmp_path: Path, kind: type[FileSink]) -> None:
    sink = kind(tmp_path, "a")
    await sink.restart()
    sink.write(picture(5000, seed=1))
    await sink.flush(everything=True)
    sink.write(b"more")
    await sink.restart()
    assert (sink.size, sink.head) == (0, b"")
    sink.write(picture(300, "png", seed=2))

    path = await sink.publish("error")

    assert (path.name, path.read_bytes()) == ("a.png", picture(300, "png", seed=2))
    if isinstance(sink, HashingFileSink):
        assert sink.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@SINKS
async def test_dropping_a_picture(tmp_path: Path, kind: type[FileSink]) -> None:
    sink = kind(tmp_path, "a")
    sink.write(PHOTO)
    await sink.flush(everything=True)
    sink.discard()
    sink.discard()
    await sink.restart()

    assert names(tmp_path) == []
    with pytest.raises(InputError, match="discarded"):
        await sink.publish("error")


async def test_a_published_picture_cannot_be_dropped(tmp_path: Path) -> None:
    sink = FileSink(tmp_path, "a")
    sink.write(PHOTO)
    path = await sink.publish("error")
    sink.discard()

    assert path.read_bytes() == PHOTO


async def test_a_picture_that_was_dropped_makes_no_file_later(tmp_path: Path) -> None:
    """A thread may get to its work after the task that wanted it is gone."""
    sink = FileSink(tmp_path, "a")
    sink.write(PHOTO)
    sink.discard()
    await sink.flush(everything=True)

    assert names(tmp_path) == []


async def test_a_picture_that_is_dropped_while_a_thread_makes_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    really_open = os.open

    def slow_open(path: Any, *how: Any) -> int:
        begun.set()
        go_on.wait(10)
        return really_open(path, *how)

    monkeypatch.setattr(os, "open", slow_open)
    sink = FileSink(tmp_path, "a")
    sink.write(PHOTO)
    task = asyncio.create_task(sink.flush(everything=True))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    sink.discard()  # returns, though the thread is stuck
    go_on.set()
    await asyncio.to_thread(end_threads)

    assert names(tmp_path) == []


# Reworked before it has a name


async def whole(kind: type[FileSink], folder: Path) -> FileSink:
    sink = kind(folder, "a")
    sink.write(PHOTO)
    await sink.flush(everything=True)
    return sink


@SINKS
async def test_a_picture_is_reworked(tmp_path: Path, kind: type[FileSink]) -> None:
    sink, other = await whole(kind, tmp_path), picture(5000, "png", seed=3)
    before = names(tmp_path)

    await sink.rework(lambda data: other if data == PHOTO else b"")

    [name] = names(tmp_path)
    assert [name] != before
    assert name.startswith(".a.")  # so that it is found when this run dies
    assert (sink.size, sink.head) == (len(other), other[:32])
    if isinstance(sink, HashingFileSink):
        assert sink.sha256 == hashlib.sha256(other).hexdigest()
    path = await sink.publish("error")
    assert tree(tmp_path) == {"a.png": other}
    assert path.name == "a.png"


@SINKS
async def test_what_rework_leaves_as_it_is_is_not_written_again(tmp_path: Path, kind: type[FileSink]) -> None:
    sink = await whole(kind, tmp_path)
    before = names(tmp_path)
    await sink.rework(lambda data: data)
    assert names(tmp_path) == before
    assert (await sink.publish("error")).read_bytes() == PHOTO


@SINKS
@pytest.mark.parametrize("where", ["change", "disk"])
async def test_a_rework_that_fails_leaves_the_picture(
    tmp_path: Path, kind: type[FileSink], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Any:
        raise OSError(errno.ENOSPC, "full")

    sink = await whole(kind, tmp_path)
    with monkeypatch.context() as patched:
        if where == "disk":
            patched.setattr(files, "_write_all", fails)
        with pytest.raises((OSError, DownloadError)):
            await sink.rework(fails if where == "change" else lambda data: data[::-1])
    assert (sink.size, sink.head) == (len(PHOTO), PHOTO[:32])
    await sink.publish("error")
    assert tree(tmp_path) == {"a.jpg": PHOTO}


@SINKS
async def test_what_could_not_be_written_once_is_never_published(
    tmp_path: Path, kind: type[FileSink], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes on after an error all the same gets another one, and no half picture."""
    with monkeypatch.context() as patched:
        patched.setattr(files, "_write_all", _half)
        sink = kind(tmp_path, "a")
        sink.write(PHOTO)
        with pytest.raises(DownloadError, match="full"):
            await sink.flush(everything=True)
    with pytest.raises(DownloadError, match="could not be written"):
        await sink.publish("error")
    sink.discard()
    assert names(tmp_path) == []


@pytest.mark.parametrize("hashed", [False, True])
async def test_a_picture_that_cannot_be_written_is_not_finished(
    tmp_path: Path, hashed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[int] = []

    async def finish(_: FileSink, index: int) -> None:
        finished.append(index)

    destination = Destination(tmp_path, "a", "error", hashed=hashed, finish=finish)
    sink = destination.sink(0)
    sink.write(PHOTO)
    with monkeypatch.context() as patched:
        patched.setattr(files, "_write_all", _half)
        with pytest.raises(DownloadError, match="full"):
            await destination.publish(sink, 0)
    sink.discard()
    assert (finished, names(tmp_path)) == ([], [])


def _half(descriptor: int, pieces: Any) -> None:
    os.write(descriptor, b"".join(pieces)[:20])
    raise OSError(errno.ENOSPC, "full")


@SINKS
async def test_a_picture_that_is_dropped_while_it_is_reworked(tmp_path: Path, kind: type[FileSink]) -> None:
    sink = await whole(kind, tmp_path)

    def drop(data: bytes) -> bytes:
        sink.discard()
        return data[::-1]

    await sink.rework(drop)
    assert names(tmp_path) == []
    with pytest.raises(InputError, match="discarded"):
        await sink.rework(bytes)


async def test_memory(tmp_path: Path) -> None:
    sink = MemorySink()
    for start in range(0, len(PHOTO), 5):
        sink.write(PHOTO[start : start + 5])
    await sink.flush(everything=True)
    sink.close()
    assert (sink.head, sink.size, b"".join(sink.pieces)) == (PHOTO[:32], len(PHOTO), PHOTO)

    await sink.restart()
    assert (sink.head, sink.size, sink.pieces) == (b"", 0, [])
    sink.write(PHOTO)
    sink.discard()
    assert sink.pieces == []


@pytest.mark.parametrize("pieces", [[], [b""], [b"abc"], [b"", b"a" * 31, b"", b"bcd"], [b"x"] * 40])
def test_the_first_bytes_of_a_rope(pieces: list[bytes]) -> None:
    assert first_bytes(pieces) == b"".join(pieces)[:32]
