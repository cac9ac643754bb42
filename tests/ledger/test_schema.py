"""The ledger's file: made, migrated, refused; and the journal that suits the disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from phota_async import LedgerError
from phota_async.ledger import Ledger, Record, State, Wish, rows, schema
from phota_async.ledger.schema import STEPS, connect, connect_to_read, file_system_of, migrate, set_journal


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_file_has_the_newest_version(tmp_path: Path) -> None:
    connection = connect(tmp_path / "ledger.sqlite")
    assert version_of(connection) == len(STEPS) == 3
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_the_shape_of_the_table_is_pinned(tmp_path: Path) -> None:
    connection = connect(tmp_path / "ledger.sqlite")
    columns = [row[1] for row in connection.execute("PRAGMA table_info(purchase)")]
    assert columns == [
        "purchase",
        "copy",
        "batch",
        "item",
        "operation",
        "take",
        "mode",
        "state",
        "generation",
        "run",
        "intent_run",
        "first_intent_at",
        "reserved",
        "cost",
        "lost",
        "job_id",
        "files",
        "counts",
        "error",
    ]
    connection.close()


def test_version_2_keeps_every_record_and_remembers_photos(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    old = connect(path, STEPS[:1])
    for number in range(3):
        old.execute(f"INSERT INTO purchase VALUES ('p{9 - number}', 1{''.join(f', {field}' for field in range(17))})")
    before = old.execute("SELECT * FROM purchase ORDER BY purchase").fetchall()
    old.close()
    connection = connect(path)
    assert connection.execute("SELECT * FROM purchase ORDER BY purchase").fetchall() == before
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO purchase SELECT * FROM purchase LIMIT 1")
    assert [row[1] for row in connection.execute("PRAGMA table_info(photo)")] == ["file", "version", "sha256"]
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")}
    assert names == {"purchase", "counter", "photo", "open_purchase"}
    connection.close()


OLD = ("CREATE TABLE purchase (purchase TEXT, state TEXT)", "INSERT INTO purchase VALUES ('p', 'done')")
NEW = ("ALTER TABLE purchase ADD COLUMN note TEXT NOT NULL DEFAULT ''", "UPDATE purchase SET note = 'moved'")
BROKEN = ("UPDATE purchase SET note = 'half'", "ALTER TABLE missing ADD COLUMN x")


def test_older_files_are_migrated_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    connect(path, [OLD]).close()
    connection = connect(path, [OLD, NEW])
    assert version_of(connection) == 2
    assert connection.execute("SELECT * FROM purchase").fetchall() == [("p", "done", "moved")]
    connection.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    connect(path, [OLD, NEW]).close()
    with pytest.raises(LedgerError, match="cannot be opened: no such table"):
        connect(path, [OLD, NEW, BROKEN])
    connection = connect(path, [OLD, NEW])
    assert version_of(connection) == 2
    assert connection.execute("SELECT note FROM purchase").fetchall() == [("moved",)]
    connection.close()


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    connect(path, [OLD, NEW]).close()
    with pytest.raises(LedgerError, match="version 1 or older, got 2"):
        connect(path, [OLD])


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    connection = connect(path)
    migrate(connection, path)
    assert version_of(connection) == len(STEPS)
    connection.close()


def test_an_items_job_is_found_without_reading_everything(tmp_path: Path) -> None:
    connection = connect(tmp_path / "ledger.sqlite")
    plan = connection.execute(f"EXPLAIN QUERY PLAN {rows.FIND_JOBS}", ("", "1.jpg", "edit", 1, 2)).fetchall()
    connection.close()
    assert "USING INDEX open_purchase (batch=? AND item=?)" in plan[0][-1]


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE note (text)")
    connection.close()
    with pytest.raises(LedgerError, match="another program"):
        connect(path)
    assert sqlite3.connect(path).execute("SELECT count(*) FROM note").fetchone() == (0,)


CONTENTS = [b"no database at all, but long enough " * 200, b"\x00" * 5000]


async def test_what_an_older_client_bought_is_known(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    connect(path, STEPS[:1]).close()
    record = Record(purchase="p", state=State.SUBMITTED, job_id="job-1", run=1, first_intent_at=1.5, reserved=7)
    with sqlite3.connect(path) as connection:
        rows.put(connection, record)
    connection.close()
    async with Ledger(path) as ledger:
        assert [each async for each in ledger.records()] == [record]
        begun = await ledger.begin(Wish(purchase="p", run=2))
        assert (begun.action, begun.record.job_id) == ("poll", "job-1")
        assert await ledger.committed("") == 7


@pytest.mark.parametrize("content", CONTENTS)
async def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="no ledger, or damaged"):
        await Ledger(path).__aenter__()
    assert path.read_bytes() == content


async def test_a_damaged_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    async with Ledger(path):
        pass
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(LedgerError, match="damaged"):
        await Ledger(path).__aenter__()


async def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened"):
        await Ledger(tmp_path).__aenter__()


def test_on_a_share_the_journal_is_rolled_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "is_network_share", lambda _: True)
    connection = connect(tmp_path / "ledger.sqlite")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (3,)
    connection.close()


def test_a_ledger_that_was_moved_to_a_share_keeps_no_log(tmp_path: Path) -> None:
    connect(tmp_path / "ledger.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        assert set_journal(connection, is_share=True) == "delete"
        assert connection.execute("PRAGMA synchronous").fetchone() == (3,)


def test_where_a_log_is_not_granted_it_is_known() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    assert set_journal(connection, is_share=False) == "memory"
    connection.close()


MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /mnt/photos rw,relatime shared:14 - nfs4 server:/photos rw,vers=4.2
31 30 0:27 / /mnt/photos/local rw - xfs /dev/vdb rw
32 22 0:28 / /mnt/my\040share rw - cifs //server/share rw
33 22 0:29 / /mnt/hidden rw - nfs server:/a rw
34 33 0:30 / /mnt/hidden rw - ext4 /dev/vdc rw
garbage
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/ledger.sqlite", "ext4"),
        ("/mnt/photos/a/b", "nfs4"),
        ("/mnt/photos/local/b", "xfs"),
        ("/mnt/photosalbum/b", "ext4"),
        ("/mnt/my share/b", "cifs"),
        ("/mnt/hidden/b", "ext4"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind


def test_a_local_directory_is_no_share(tmp_path: Path) -> None:
    assert not schema.is_network_share(tmp_path)


# What the system tells of disks


@pytest.mark.parametrize(("kind", "is_share"), [("nfs4", True), ("fuse.sshfs", True), ("ext4", False), ("nfs5", False)])
def test_shares_are_told_by_the_kind_of_their_mount(monkeypatch: pytest.MonkeyPatch, kind: str, is_share: bool) -> None:
    asked: list[str] = []

    def mounts(path: Path, **how: str) -> str:
        asked.append(str(path))
        assert how == {"errors": "surrogateescape"}
        return f"22 1 254:0 / / rw - {kind} /dev/vda rw\n"

    monkeypatch.setattr(Path, "read_text", mounts)
    assert schema.is_network_share(Path("ledger.sqlite")) is is_share
    assert asked == ["/proc/self/mountinfo"]


def test_where_mounts_are_not_told_a_disk_counts_as_local(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", unreadable)
    assert not schema.is_network_share(Path("ledger.sqlite"))
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "22 1 254:0 / / rw - nfs4 server:/ rw\n")
    assert not schema.is_network_share(Path("ledger.sqlite"))


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("", ""),
        ("22 1 254:0 / - ext4 /dev/vda rw", ""),
        ("22 1 254:0 / / - ext4 /dev/vda rw", "ext4"),
        ("22 1 254:0 / / rw - fuse.sshfs me - you rw", "fuse.sshfs"),
        ("22 1 254:0 / / rw - ", ""),
        ("1 1 0:1 / / rw - ext4 a\n2 1 0:2 / /a\\011b\\012c\\134d rw - nfs b", "nfs"),
    ],
)
def test_lines_of_mounts(mounts: str, kind: str) -> None:
    assert file_system_of(Path("/a\tb\nc\\d/photo.jpg"), mounts) == kind


@pytest.mark.parametrize("is_share", [True, False])
def test_a_journal_is_synced_to_the_last(tmp_path: Path, is_share: bool) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        assert set_journal(connection, is_share=is_share) == ("delete" if is_share else "wal")
        assert connection.execute("PRAGMA synchronous").fetchone() == (3 if is_share else 2,)
        assert connection.execute("PRAGMA fullfsync").fetchone() == (1,)


# What is said of files that are no ledger


def test_what_to_do_about_a_newer_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    connect(path, [OLD, NEW]).close()
    for look in (connect, connect_to_read):
        with pytest.raises(LedgerError, match=r"^\S+ledger.sqlite: expected a ledger of version 1 or older") as caught:
            look(path, [OLD])
        assert caught.value.hint == "a newer phota_async wrote it: use that one"


def test_what_to_do_about_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(CONTENTS[0])
    with pytest.raises(LedgerError, match=r"^\S+ledger.sqlite is no ledger, or damaged: file is not") as caught:
        connect(path)
    assert caught.value.hint == "move it away together with its -wal file; ids do not depend on it"
    with pytest.raises(LedgerError, match=r"^\S+ledger.sqlite cannot be read: file is not a database"):
        connect_to_read(path)


def test_another_programs_database_is_not_looked_into(tmp_path: Path) -> None:
    for number, pragma in enumerate(("application_id = 7", "application_id = 0")):
        path = tmp_path / f"{number}.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA {pragma}")
            if number:
                connection.execute("CREATE TABLE note (text)")
        for look in (connect, connect_to_read):
            with pytest.raises(LedgerError, match=r"^\S+\.sqlite: expected a ledger, got a database of another"):
                look(path)


# Looking without a trace


def test_where_nothing_is_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert connect_to_read(tmp_path / "none.sqlite") is None
    (tmp_path / "empty.sqlite").touch()
    assert connect_to_read(tmp_path / "empty.sqlite") is None
    assert [path.name for path in tmp_path.iterdir()] == ["empty.sqlite"]


def test_a_directory_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r" cannot be opened: Is a directory"):
        connect_to_read(tmp_path)


@pytest.mark.parametrize("look", [connect, connect_to_read])
def test_what_sqlite_cannot_open_is_a_ledger_error(
    tmp_path: Path, look: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    (tmp_path / "ledger.sqlite").touch()
    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(LedgerError, match=r"^\S+ledger\.sqlite cannot be opened: unable to open database file$"):
        look(tmp_path / "ledger.sqlite")


@pytest.mark.parametrize("is_open", [True, False])
def test_a_reader_writes_nothing(tmp_path: Path, is_open: bool) -> None:
    path = tmp_path / "a ledger?.sqlite"
    writer = connect(path)
    writer.execute("UPDATE counter SET value = 7")
    if not is_open:
        writer.close()
    before = {each.name for each in tmp_path.iterdir()}
    reader = connect_to_read(path)
    assert reader is not None
    assert reader.execute("SELECT value FROM counter").fetchone() == (7,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("UPDATE counter SET value = 8")
    assert {each.name for each in tmp_path.iterdir()} == before
    reader.close()
    writer.close()


def test_a_reader_sees_what_is_written_meanwhile(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "ledger.sqlite")) as writer:
        reader = connect_to_read(tmp_path / "ledger.sqlite")
        assert reader is not None
        writer.execute("UPDATE counter SET value = 7")
        assert reader.execute("SELECT value FROM counter").fetchone() == (7,)
        reader.close()


@pytest.mark.parametrize("look", [connect, connect_to_read])
async def test_a_connection_goes_from_thread_to_thread(
    tmp_path: Path, look: Callable[[Path], sqlite3.Connection | None]
) -> None:
    connect(tmp_path / "ledger.sqlite").close()
    connection = await asyncio.to_thread(look, tmp_path / "ledger.sqlite")
    assert connection is not None
    assert connection.execute("SELECT value FROM counter").fetchone() == (0,)
    connection.close()
