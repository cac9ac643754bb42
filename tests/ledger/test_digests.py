"""Photos of a library are not read again, and an edited one is never taken for what it was."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.pictures import picture

from phota_async import EditRequest, EnhanceRequest, InputError
from phota_async.ledger import Ledger, Wish, digests, photos
from phota_async.ledger.digests import SETTLED, Digests
from phota_async.ledger.photos import QUICK, identify_photos

BIG = QUICK + 1000
LATER = 1e10  # seconds: whatever was just written has settled by then


class Library:
    """A ledger, a photo, and how often photos were read."""

    def __init__(self, path: Path) -> None:
        self.ledger_path = path / "ledger.sqlite"
        self.photo = path / "photo.jpg"
        self.photo.write_bytes(picture(BIG, seed=1))
        self.reads: list[Any] = []
        self.now = LATER

    async def identify(self, *images: Any, ledger: Path | None = None) -> tuple[str, ...]:
        """Identify in a run of its own, and buy something, with which digests are written."""
        request = EditRequest(images=images or (self.photo,))
        async with Ledger(ledger or self.ledger_path, clock=lambda: self.now) as opened:
            marks = await identify_photos(request, opened.digests)
            await opened.begin(Wish(purchase="p", run=await opened.enter("")))
        return marks

    def rows(self) -> list[Any]:
        with sqlite3.connect(self.ledger_path) as connection:
            found = connection.execute("SELECT file, version, sha256 FROM photo").fetchall()
        connection.close()
        return found


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    made = Library(tmp_path)
    real = photos._identify_file

    def noted(path: Any, details: os.stat_result) -> str | None:
        made.reads.append(path)
        return real(path, details)

    monkeypatch.setattr(photos, "_identify_file", noted)
    monkeypatch.setattr(digests, "has_honest_times", lambda _: True)  # whatever the tests' disk is
    return made


def change(path: Path, act: Callable[[], object]) -> None:
    """Do something to a file until its change time shows it: the system's clock ticks every few milliseconds."""
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:
        act()


async def test_a_photo_that_stayed_as_it_was_is_not_read_again(library: Library) -> None:
    first = await library.identify()
    again = await library.identify()
    assert first == again
    assert first[0].startswith("sha256:")
    assert library.reads == [library.photo]


async def test_within_a_run_too(library: Library) -> None:
    async with Ledger(library.ledger_path, clock=lambda: LATER) as ledger:
        for number in range(3):
            await identify_photos(EnhanceRequest(image=library.photo), ledger.digests)
            await ledger.begin(Wish(purchase=f"{number}", run=1))
    assert len(library.reads) == 1


async def test_an_edited_photo_is_noticed_though_size_and_time_are_as_before(library: Library) -> None:
    before = library.photo.stat()
    first = await library.identify()

    def edit() -> None:
        library.photo.write_bytes(picture(BIG, seed=2))
        os.utime(library.photo, ns=(before.st_atime_ns, before.st_mtime_ns))

    change(library.photo, edit)
    after = library.photo.stat()
    assert (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino)
    assert await library.identify() != first
    assert len(library.reads) == 2


async def test_another_file_in_its_place_is_noticed(library: Library) -> None:
    first = await library.identify()
    other = library.photo.with_name("other.jpg")
    other.write_bytes(picture(BIG, seed=3))
    shutil.copystat(library.photo, other)
    other.replace(library.photo)
    assert await library.identify() != first


async def test_several_photos_each_have_their_own(library: Library) -> None:
    other = library.photo.with_name("other.jpg")
    other.write_bytes(picture(BIG, seed=4))
    small = library.photo.with_name("small.jpg")
    small.write_bytes(picture(100))
    link = "https://photos.example/1.jpg"
    plain = await identify_photos(EditRequest(images=(other, b"bytes", small, str(library.photo), link)))
    await library.identify(library.photo)
    library.reads.clear()
    assert await library.identify(other, b"bytes", small, str(library.photo), link) == plain
    assert library.reads == [small, other]
    library.reads.clear()
    assert await library.identify(library.photo, other) == (plain[3], plain[0])
    assert library.reads == []


@pytest.mark.parametrize("seconds", [0.0, SETTLED - 1])
async def test_what_changed_a_moment_ago_is_not_remembered(library: Library, seconds: float) -> None:
    library.now = library.photo.stat().st_ctime + seconds
    await library.identify()
    await library.identify()
    assert len(library.reads) == 2
    assert library.rows() == []


async def test_what_changed_a_minute_ago_is(library: Library) -> None:
    library.now = library.photo.stat().st_ctime + SETTLED + 1
    await library.identify()
    await library.identify()
    assert len(library.reads) == 1


async def test_a_photo_dated_in_the_future_is_read_each_time(library: Library) -> None:
    library.now = library.photo.stat().st_ctime + 1000
    os.utime(library.photo, (LATER, LATER))
    await library.identify()
    await library.identify()
    assert len(library.reads) == 2


async def test_a_photo_that_changes_while_it_is_read_is_not_remembered(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = photos._identify_file

    def touched(path: Any, details: os.stat_result) -> str | None:
        mark = real(path, details)
        change(library.photo, lambda: library.photo.chmod(0o600))
        return mark

    monkeypatch.setattr(photos, "_identify_file", touched)
    await library.identify()
    assert library.rows() == []


async def test_a_ledger_that_came_from_another_machine_knows_no_photo_here(library: Library) -> None:
    """There the same photo is another inode, born at another time."""
    first = await library.identify()
    here = library.photo.with_name("here.jpg")
    shutil.copy2(library.photo, here)
    copied = library.ledger_path.with_name("copied.sqlite")
    shutil.copy(library.ledger_path, copied)
    assert await library.identify(here, ledger=copied) == first
    assert library.reads == [library.photo, here]


async def test_neither_a_path_nor_a_place_is_written_down(library: Library) -> None:
    await library.identify()
    [(file, version, sha256)] = library.rows()
    details = library.photo.stat()
    assert file == f"{details.st_dev}:{details.st_ino}"
    assert version == f"{details.st_size}:{details.st_mtime_ns}:{details.st_ctime_ns}"
    assert len(sha256) == 64


async def test_a_version_replaces_the_one_before(library: Library) -> None:
    await library.identify()
    change(library.photo, lambda: library.photo.write_bytes(picture(BIG, seed=5)))
    await library.identify()
    assert len(library.rows()) == 1


async def test_files_of_any_size_are_identified_by_what_they_hold_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.jpg"
    for size in (0, 1, QUICK, QUICK + 1):
        path.write_bytes(bytes(size))
        assert await identify_photos(EnhanceRequest(image=path)) == (f"sha256:{sha256(bytes(size)).hexdigest()}",)
    path.write_bytes(b"before")
    real = os.fstat

    def edited(descriptor: int) -> os.stat_result:
        """It changes right after it was read."""
        monkeypatch.setattr(os, "fstat", real)
        path.write_bytes(b"later!")
        os.utime(path, (1, 1))
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", edited)
    assert await identify_photos(EnhanceRequest(image=path)) == (f"sha256:{sha256(b'later!').hexdigest()}",)


async def test_a_pipe_is_no_photo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="no regular file"):
        await identify_photos(EnhanceRequest(image=tmp_path / "pipe.jpg"))


async def test_a_photo_that_is_gone_says_so(library: Library) -> None:
    await library.identify()
    library.photo.unlink()
    with pytest.raises(InputError, match="no such file"):
        await library.identify()


@pytest.mark.parametrize("image", ["\0", "x" * 5000, "data:image/png;base64,iVBORw0KGgo="])
async def test_what_has_no_file_is_read_as_before(library: Library, image: str) -> None:
    async def said(digested: bool) -> object:
        try:
            return await (library.identify(image) if digested else identify_photos(EnhanceRequest(image=image)))
        except InputError as error:
            return str(error)

    assert await said(True) == await said(False)


@pytest.mark.parametrize("image", ["data:image/png;base64,iVBORw0KGgo=", "http://x/photo.jpg", "https://x/photo.jpg"])
async def test_a_file_that_is_named_like_a_link_is_another_thing(
    library: Library, monkeypatch: pytest.MonkeyPatch, image: str
) -> None:
    monkeypatch.chdir(library.photo.parent)
    file = write(Path(image))
    as_text = await library.identify(image)
    as_file = await library.identify(file)
    assert as_text == await identify_photos(EnhanceRequest(image=image)) != as_file
    assert as_file == await identify_photos(EnhanceRequest(image=file)) == await library.identify(file)


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_bytes(picture(BIG, seed=6))
    return path


MOUNTS = "22 1 254:0 / / rw - {kind} /dev/vda rw\n"


@pytest.mark.parametrize(
    ("kind", "honest"), [("ext4", True), ("btrfs", True), ("vfat", False), ("nfs4", False), ("tmpfs", False)]
)
def test_only_disks_of_linux_are_trusted(monkeypatch: pytest.MonkeyPatch, kind: str, *, honest: bool) -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    def mounts(path: Path, **how: str) -> str:
        asked.append((str(path), how))
        return MOUNTS.format(kind=kind)

    monkeypatch.setattr(Path, "read_text", mounts)
    assert digests.has_honest_times(Path("/photos/1.jpg")) is honest
    assert asked == [("/proc/self/mountinfo", {"errors": "surrogateescape"})]


def test_other_systems_are_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert digests.has_honest_times(Path("/photos/1.jpg")) is False


def test_where_mounts_cannot_be_read_nothing_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", unreadable)
    assert digests.has_honest_times(Path("/photos/1.jpg")) is False


async def test_a_disk_that_is_not_trusted_is_asked_about_once_and_read_each_time(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def doubtful(path: Path) -> bool:
        asked.append(path)
        return False

    monkeypatch.setattr(digests, "has_honest_times", doubtful)
    await library.identify(library.photo, library.photo)
    assert len(library.reads) == 2
    assert asked == [library.photo.resolve()]
    assert library.rows() == []


async def test_its_state_can_be_read(library: Library) -> None:
    async with Ledger(library.ledger_path) as ledger:
        assert repr(ledger.digests) == "<Digests 0 to be written>"
        assert isinstance(ledger.digests, Digests)


def details(device: int) -> Any:
    return SimpleNamespace(st_mtime_ns=0, st_ctime_ns=0, st_dev=device, st_ino=2, st_size=3)


def test_each_disk_is_trusted_or_not_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "has_honest_times", lambda path: path.name == "honest")
    known: Any = digests.KnownDigests(Any, lambda: SETTLED)  # type: ignore[arg-type]  # nothing is looked up
    assert known.key_of("/honest", details(1)) == ("1:2", "3:0:0")
    assert known.key_of("/doubtful", details(7)) is None
    assert known.key_of("/honest", details(1)) is not None
