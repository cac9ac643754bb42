"""The lock: one owner, named to the next one, and gone with its process."""

import errno
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.descriptors import descriptors

from phota_async import LedgerError
from phota_async.ledger import Ledger
from phota_async.ledger.lock import Owner, OwnerLock, _release_all

HOLD = """
    import sys
    from pathlib import Path
    from phota_async.ledger.lock import OwnerLock
    lock = OwnerLock(Path(sys.argv[1]))
    lock.acquire()
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(path: Path) -> "subprocess.Popen[str]":
    """Let another process take the lock."""
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


async def test_the_second_process_is_told_who_the_first_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with hold(path) as first:
        with pytest.raises(LedgerError, match=rf"held by process {first.pid} on \S+, since \d{{4}}-.* UTC"):
            await Ledger(path).__aenter__()
        first.kill()
        first.wait()
        async with Ledger(path) as ledger:  # the lock died with its owner
            assert await ledger.enter("") == 1


async def test_a_second_ledger_of_this_process_is_refused_too(tmp_path: Path) -> None:
    async with Ledger(tmp_path / "ledger.sqlite"):
        with pytest.raises(LedgerError, match=f"process {os.getpid()} "):
            await Ledger(tmp_path / "ledger.sqlite").__aenter__()


def test_it_can_be_taken_again_after_its_release(tmp_path: Path) -> None:
    lock = OwnerLock(tmp_path / "ledger.sqlite")
    for _ in range(2):
        lock.acquire()
        assert "held" in repr(lock)
        assert not lock.path.stat().st_mode & 0o111
        lock.release()
        lock.release()
        assert "free" in repr(lock)


@pytest.mark.parametrize("said", [b"gibberish", b'{"host":"\xff"}', b"[" * 4000, b'{"x":' + b"[" * 4000])
def test_an_owner_that_cannot_be_read_is_another_process(tmp_path: Path, said: bytes) -> None:
    path = tmp_path / "ledger.sqlite"
    first = OwnerLock(path)
    first.acquire()
    first.path.write_bytes(said)
    with pytest.raises(LedgerError, match="held by another process"):
        OwnerLock(path).acquire()
    first.release()


def test_a_place_that_cannot_be_written_is_a_ledger_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match=r"^\S+ cannot be opened: (Not a directory|File exists)$"):
        OwnerLock(tmp_path / "file" / "ledger.sqlite").acquire()


def test_a_forked_child_does_not_keep_it(tmp_path: Path) -> None:
    """A worker process of the owner outlives it: the lock must not."""
    script = textwrap.dedent("""
        import os, sys
        from pathlib import Path
        from phota_async.ledger.lock import OwnerLock
        lock = OwnerLock(Path(sys.argv[1]))
        lock.acquire()
        if os.fork() == 0:
            print("child", flush=True)
            sys.stdin.read()
            os._exit(0)
        os.wait4
        os._exit(0)
    """)
    path = tmp_path / "ledger.sqlite"
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "child\n"
        process.wait()
        lock = OwnerLock(path)
        lock.acquire()
        lock.release()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_owners_read_like_a_sentence(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert str(Owner(pid=7, host="studio", since=0.0)) == "process 7 on studio, since 1970-01-01 00:00:00 UTC"
    monkeypatch.undo()
    time.tzset()


def test_releasing_all_releases_this_one(tmp_path: Path) -> None:
    lock = OwnerLock(tmp_path / "ledger.sqlite")
    lock.acquire()
    _release_all()
    assert "free" in repr(lock)


def test_a_file_system_without_locks_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("phota_async.ledger.lock._lock", refuse)
    with pytest.raises(LedgerError, match="cannot be locked: No locks available"):
        OwnerLock(tmp_path / "ledger.sqlite").acquire()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.txt"
    theirs.write_text("a letter")
    (tmp_path / "ledger.sqlite.lock").symlink_to(theirs)

    with pytest.raises(LedgerError, match=r"ledger.sqlite.lock cannot be opened"):
        OwnerLock(tmp_path / "ledger.sqlite").acquire()

    assert theirs.read_text() == "a letter"


def test_the_owner_is_written_for_people(tmp_path: Path) -> None:
    lock = OwnerLock(tmp_path / "ledger.sqlite")
    lock.path.write_text("what a longer one left behind " * 10)
    before = time.time()
    lock.acquire()
    assert lock.path.name == "ledger.sqlite.lock"
    text = lock.path.read_text()
    owner = json.loads(text)
    assert (owner["pid"], owner["host"]) == (os.getpid(), socket.gethostname())
    assert before <= owner["since"] <= time.time()
    assert text.endswith("}\n")
    lock.release()


def test_whoever_finds_it_held_is_told_what_to_do(tmp_path: Path) -> None:
    first, second = (OwnerLock(tmp_path / "deep" / "deeper" / "ledger.sqlite") for _ in range(2))
    first.acquire()
    with pytest.raises(LedgerError, match=rf"^{first.path} is held by process {os.getpid()} on") as caught:
        second.acquire()
    assert caught.value.hint == (
        "one process writes a ledger at a time: wait for it, or give this batch a ledger of its own"
    )
    assert repr(second) == f"<OwnerLock {first.path} free>"
    assert repr(first) == f"<OwnerLock {first.path} held>"
    first.release()
    second.acquire()
    second.release()


def test_a_lock_whose_file_is_gone_holds_nothing(tmp_path: Path) -> None:
    lock = OwnerLock(tmp_path / "ledger.sqlite")
    lock.acquire()
    assert lock.is_there()
    lock.path.unlink()
    assert not lock.is_there()
    lock.release()


def test_where_names_are_not_counted_it_is_taken_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = OwnerLock(tmp_path / "ledger.sqlite")
    real = os.fstat
    monkeypatch.setattr(os, "fstat", lambda descriptor: SimpleNamespace(st_nlink=0, real=real(descriptor)))
    lock.acquire()
    assert lock.is_there()
    monkeypatch.undo()
    lock.release()


@pytest.mark.parametrize("number", [errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN, errno.EDEADLK])
def test_whatever_a_system_calls_a_lock_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, "taken")

    monkeypatch.setattr("phota_async.ledger.lock._lock", refuse)
    with pytest.raises(LedgerError, match="is held by another process"):
        OwnerLock(tmp_path / "ledger.sqlite").acquire()


def test_a_refusal_leaves_no_file_open(tmp_path: Path) -> None:
    first = OwnerLock(tmp_path / "ledger.sqlite")
    first.acquire()
    before = descriptors()
    with pytest.raises(LedgerError):
        OwnerLock(tmp_path / "ledger.sqlite").acquire()
    assert descriptors() == before
    first.release()
    assert descriptors() == before - 1


def test_a_full_disk_does_not_stand_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int, __: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    lock = OwnerLock(tmp_path / "ledger.sqlite")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        lock.acquire()
    with pytest.raises(LedgerError, match="held by another process"):
        OwnerLock(tmp_path / "ledger.sqlite").acquire()
    lock.release()


def test_an_owner_that_cannot_be_read_at_all_is_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = OwnerLock(tmp_path / "ledger.sqlite")
    first.acquire()

    def broken(_: int, __: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", broken)
    with pytest.raises(LedgerError, match="held by another process"):
        OwnerLock(tmp_path / "ledger.sqlite").acquire()
    first.release()
