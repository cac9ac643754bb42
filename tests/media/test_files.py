"""Files appear whole or not at all, under a name that was free, on every kind of disk."""

import errno
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.folders import names
from support.pictures import PHOTO, picture

from phota_async import DownloadError, InputError
from phota_async.media import files
from phota_async.media.files import MAX_PIECES, Exists, PartFile, check_exists, check_name, write_file
from phota_async.media.formats import file_name

PIECES = [PHOTO[start : start + 7] for start in range(0, len(PHOTO), 7)]


@pytest.mark.parametrize("exists", ["error", "number", "replace"])
def test_a_file_gets_its_free_name(tmp_path: Path, exists: Exists) -> None:
    target = tmp_path / "new/deep/a.jpg"

    assert write_file(target, PIECES, exists) == target

    assert target.read_bytes() == PHOTO
    assert names(target.parent) == ["a.jpg"]


def test_a_taken_name_is_an_error(tmp_path: Path) -> None:
    target = tmp_path / "a.jpg"
    target.write_bytes(b"mine")

    with pytest.raises(InputError, match=r"File exists.*exists=") as caught:
        write_file(target, PIECES, "error")

    assert target.read_bytes() == b"mine"
    assert names(tmp_path) == ["a.jpg"]
    assert caught.value.charged == "no"


def test_taken_names_are_counted_past(tmp_path: Path) -> None:
    target = tmp_path / "a.jpg"
    target.write_bytes(b"mine")
    (tmp_path / "a-3.jpg").symlink_to("nowhere")

    written = [write_file(target, [bytes([number])], "number") for number in range(3)]

    assert [path.name for path in written] == ["a-2.jpg", "a-4.jpg", "a-5.jpg"]
    assert [path.read_bytes() for path in written] == [b"\0", b"\1", b"\2"]
    assert target.read_bytes() == b"mine"


def test_a_taken_name_is_replaced_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "a.jpg"
    target.write_bytes(b"old")

    with target.open("rb") as reader:
        write_file(target, PIECES, "replace")
        assert reader.read() == b"old"  # whoever has it open sees the old one, whole

    assert target.read_bytes() == PHOTO
    assert names(tmp_path) == ["a.jpg"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    original = tmp_path / "original.jpg"
    original.write_bytes(b"mine")
    (tmp_path / "a.jpg").symlink_to(original)

    write_file(tmp_path / "a.jpg", PIECES, "replace")

    assert original.read_bytes() == b"mine"
    assert (tmp_path / "a.jpg").read_bytes() == PHOTO


@pytest.mark.parametrize("exists", ["error", "number"])
def test_a_hundred_writers_never_overwrite_each_other(tmp_path: Path, exists: Exists) -> None:
    start = threading.Barrier(20)
    written: list[Path] = []

    def write(number: int) -> None:
        start.wait()
        for turn in range(5):
            try:
                written.append(write_file(tmp_path / f"{turn}.jpg", [bytes([number])] * 100, exists))
            except InputError:
                assert exists == "error"

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(written) == len(set(written)) == (100 if exists == "number" else 5)
    assert names(tmp_path) == sorted(path.name for path in written)
    assert {len(set(path.read_bytes())) for path in written} == {1}


# Unfinished files.


def test_nothing_bears_the_name_before_it_is_whole(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "a.jpg")
    part.write(PIECES[:3])

    [name] = names(tmp_path)
    assert name.startswith(".a.jpg.")
    assert name.endswith(".part")
    part.write(PIECES[3:])
    part.publish(tmp_path / "a.jpg", "error")
    assert names(tmp_path) == ["a.jpg"]
    assert (part.size, (tmp_path / "a.jpg").read_bytes()) == (len(PHOTO), PHOTO)


def test_a_discarded_file_is_gone_and_its_descriptor_is_let_alone(tmp_path: Path) -> None:
    """Its number may belong to another file by then: nothing may be written to it, nor closed."""
    part = PartFile(tmp_path, "a.jpg")
    part.write(PIECES)
    part.discard()
    part.discard()
    assert names(tmp_path) == []

    with (tmp_path / "innocent").open("w+b", buffering=0) as innocent:
        assert innocent.fileno() == part._descriptor
        innocent.write(b"data")
        part.write(PIECES)
        part.truncate()
        with pytest.raises(InputError, match="discarded"):
            part.publish(tmp_path / "a.jpg", "error")
        part.discard()
        innocent.seek(0)
        assert innocent.read() == b"data"
    assert names(tmp_path) == ["innocent"]


@pytest.mark.parametrize("slow", ["writev", "ftruncate", "fsync"])
def test_a_file_that_a_thread_works_on_is_removed_by_that_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """Whoever drops it is the event loop, which must not wait for a disk."""
    begun, go_on = threading.Event(), threading.Event()
    really = getattr(os, slow)

    def slowly(*arguments: Any) -> Any:
        begun.set()
        go_on.wait()
        return really(*arguments)

    part = PartFile(tmp_path, "a.jpg")
    part.write(PIECES)
    monkeypatch.setattr(os, slow, slowly)
    errors: list[BaseException] = []
    work = {
        "writev": lambda: part.write(PIECES),
        "ftruncate": part.truncate,
        "fsync": lambda: part.publish(tmp_path / "a.jpg", "error"),
    }
    worker = threading.Thread(target=guarded(errors, work[slow]))
    worker.start()
    begun.wait()
    part.discard()  # returns, though the worker is stuck
    assert len(names(tmp_path)) == 1
    go_on.set()
    worker.join()

    kept = ["a.jpg"] if slow == "fsync" else []  # what was being published is paid for
    assert (errors, names(tmp_path)) == ([], kept)
    with pytest.raises(InputError, match="discarded"):
        part.publish(tmp_path / "b.jpg", "error")


def guarded(errors: list[BaseException], function: Any, *arguments: Any) -> Any:
    def run() -> None:
        try:
            function(*arguments)
        except BaseException as error:  # noqa: BLE001 - a thread would swallow it
            errors.append(error)

    return run


def test_beginning_again_leaves_nothing_of_before(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "a.jpg")
    part.write([b"x" * 10_000])
    part.truncate()
    part.write(PIECES)

    assert part.publish(tmp_path / "a.jpg", "error").read_bytes() == PHOTO


def test_many_pieces_arrive_in_order(tmp_path: Path) -> None:
    pieces = [random.Random(each).randbytes(each % 9) for each in range(3 * MAX_PIECES + 5)]

    target = write_file(tmp_path / "a.jpg", pieces, "error")

    assert target.read_bytes() == b"".join(pieces)


# Systems that offer less.


@pytest.mark.parametrize("most", [1, 5, 700])
def test_a_disk_that_takes_a_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    really_write = os.write

    def short_write(descriptor: int, views: list[memoryview]) -> int:
        return really_write(descriptor, b"".join(views)[:most])

    monkeypatch.setattr(os, "writev", short_write)

    assert write_file(tmp_path / "a.jpg", PIECES, "error").read_bytes() == PHOTO


def test_a_system_without_writev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "writev")

    assert write_file(tmp_path / "a.jpg", [b"", *PIECES, b""], "error").read_bytes() == PHOTO


@pytest.mark.parametrize("refusal", [PermissionError(errno.EPERM, "no links"), NotImplementedError("follow_symlinks")])
def test_a_disk_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Exception) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise refusal

    monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "a.jpg"

    assert write_file(target, PIECES, "error") == target
    with pytest.raises(InputError, match="File exists"):
        write_file(target, [b"other"], "error")
    assert write_file(target, [b"second"], "number") == tmp_path / "a-2.jpg"
    assert write_file(target, [b"third"], "replace") == target

    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [b"second", b"third"]


def test_a_system_that_cannot_open_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_open = os.open

    def no_directory(path: Any, *how: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied")
        return really_open(path, *how)

    monkeypatch.setattr(os, "open", no_directory)

    assert write_file(tmp_path / "a.jpg", PIECES, "error").read_bytes() == PHOTO


# What goes wrong.

FULL = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO]


@pytest.mark.parametrize("number", FULL)
@pytest.mark.parametrize("call", ["writev", "fsync", "link", "replace"])
def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    if call == "link":
        monkeypatch.setattr(os, "replace", fail)

    with pytest.raises(DownloadError, match="free some space") as caught:
        write_file(tmp_path / "a.jpg", PIECES, "replace" if call == "replace" else "error")

    assert os.strerror(number) in str(caught.value)
    assert caught.value.charged == "unknown"
    assert names(tmp_path) == []


def test_a_limit_on_file_sizes(tmp_path: Path) -> None:
    """Without a mock: the system itself writes half of the file and then refuses."""
    code = """
import resource, signal, sys
from pathlib import Path
from phota_async import DownloadError
from phota_async.media.files import write_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, most))
try:
    write_file(Path(sys.argv[1]) / "a.jpg", [b"x" * 1000] * 100, "error")
except DownloadError as error:
    print(error.reason)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # whoever measures this program may write again
"""
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("File too large\n", "")
    assert names(tmp_path) == []


BAD: dict[str, tuple[str, str]] = {
    "below a file": ("file/x/a.jpg", "Not a directory|File exists"),
    "a directory": ("folder.jpg", "File exists"),
    "too long": ("x" * 300 + ".jpg", "File name too long"),
    "too long a path": ("x/" * 3000 + "a.jpg", "File name too long"),
    "half a character": ("\ud800.jpg", "surrogates"),
    "NUL": ("a\0.jpg", "null"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_name_that_cannot_be(tmp_path: Path, bad: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    name, why = BAD[bad]

    with pytest.raises(InputError, match=why) as caught:
        write_file(tmp_path / name, PIECES, "error")

    assert caught.value.charged == "no"
    assert names(tmp_path) in (["file", "folder.jpg"], ["file", "folder.jpg", "x"])
    assert not list(tmp_path.rglob("*.part"))


def test_a_directory_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()

    with pytest.raises(InputError, match="directory"):
        write_file(tmp_path / "a.jpg", PIECES, "replace")

    assert names(tmp_path) == ["a.jpg"]


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A directory into which nobody may write; root may, so the system call is made to say no to root too."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


def test_a_directory_without_permission(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_open = os.open

    def refuse(path: Any, flags: int, *mode: Any) -> int:
        if flags & os.O_CREAT and Path(path).parent == locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        return really_open(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(InputError, match=r"cannot write .*a.jpg: Permission denied"):
        write_file(locked / "a.jpg", PIECES, "error")


@pytest.mark.parametrize("exists", ["", "ERROR", "overwrite", None, True])
def test_the_words_for_taken_names(exists: Any) -> None:
    with pytest.raises(InputError, match="expected error or number or replace"):
        check_exists(exists)


# Looking before paying.


@pytest.mark.parametrize("exists", ["error", "number", "replace"])
@pytest.mark.parametrize("length", [1, 100, 240, 250, 255, 300])
def test_a_name_that_is_promised_can_be_given(tmp_path: Path, exists: Exists, length: int) -> None:
    """What passes the check must never fail later for its length, even with a number and another suffix."""
    target = tmp_path / ("x" * (length - 4) + ".jpg")
    try:
        check_name(target, exists)
    except InputError:
        assert length > 240
        return
    for kind in ("jpg", "webp"):
        for _ in range(3 if exists == "number" else 1):
            write_file(tmp_path / file_name(target.name, kind), [picture(50, kind)], exists)


def test_a_taken_name_is_found_before(tmp_path: Path) -> None:
    target = tmp_path / "a.jpg"
    target.symlink_to("nowhere")

    with pytest.raises(InputError, match=r"a.jpg exists"):
        check_name(target, "error")
    check_name(target, "number")
    check_name(target, "replace")


def test_a_directory_in_the_place_of_a_file_is_found_before(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()

    with pytest.raises(InputError, match="exists"):
        check_name(tmp_path / "a.jpg", "error")
    with pytest.raises(InputError, match="is a directory"):
        check_name(tmp_path / "a.jpg", "replace")


NAMES = [
    ("a.jpg", "jpg", "a.jpg"),
    ("a.JPG", "jpg", "a.JPG"),
    ("a.jpeg", "jpg", "a.jpeg"),
    ("a.png", "jpg", "a.jpg"),
    ("a.jpg", "png", "a.png"),
    ("a", "webp", "a.webp"),
    ("a.", "jpg", "a..jpg"),
    (".jpg", "jpg", ".jpg.jpg"),
    ("v1.2", "png", "v1.2.png"),
    ("a.tar.jpg", "heic", "a.tar.heic"),
    ("a.jpg", None, "a.bin"),
    ("a", "unknown", "a.bin"),
]


@pytest.mark.parametrize(("name", "kind", "expected"), NAMES)
def test_the_suffix_is_that_of_the_bytes(name: str, kind: str | None, expected: str) -> None:
    assert file_name(name, kind) == expected


def test_numbers_come_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phota_async.media.files.MAX_NUMBER", 3)
    for name in ("a.jpg", "a-2.jpg"):
        (tmp_path / name).write_bytes(b"mine")

    with pytest.raises(InputError, match="3 files of this name exist"):
        write_file(tmp_path / "a.jpg", PIECES, "number")

    assert names(tmp_path) == ["a-2.jpg", "a.jpg"]


def test_new_directories_are_made_durable_from_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names are lost with the power otherwise, and all that lies below with them."""
    synced: list[Path] = []
    monkeypatch.setattr(files, "_sync_directory", synced.append)
    (tmp_path / "old").mkdir()
    folder = tmp_path / "old" / "new" / "newer"
    for name in ("a", "b"):
        write_file(folder / name, [b"x"], "error")
    assert synced == [tmp_path / "old", tmp_path / "old" / "new", folder, folder]
