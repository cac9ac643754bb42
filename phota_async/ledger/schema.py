"""The ledger's file: its tables, how older ones become newer ones, and how safely the disk under it can be used."""

import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import LedgerError

APPLICATION = 0x50686F74  # "Phot", in SQLite's header: a foreign database is told from ours
# What is raised over damaged bytes: by SQLite, and where a text is no UTF-8 or stands where a number should.
DAMAGED = (sqlite3.DatabaseError, ValueError, TypeError, OverflowError)
BUSY_TIMEOUT = 10.0  # seconds that somebody who only looks into the file may hold it

CREATE = (
    """
    CREATE TABLE purchase (
        purchase TEXT NOT NULL, copy INTEGER NOT NULL, batch TEXT NOT NULL, item TEXT NOT NULL,
        operation TEXT NOT NULL, take INTEGER NOT NULL, mode TEXT NOT NULL, state TEXT NOT NULL,
        generation INTEGER NOT NULL, run INTEGER NOT NULL, intent_run INTEGER NOT NULL, first_intent_at REAL,
        reserved INTEGER, cost INTEGER, lost INTEGER NOT NULL, job_id TEXT, files TEXT NOT NULL,
        counts TEXT NOT NULL, error TEXT,
        PRIMARY KEY (purchase, copy)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX open_purchase ON purchase (batch, state) WHERE state NOT IN ('done', 'failed')",
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO counter VALUES ('run', 0)",
)

COUNTS_MAY_BE_NULL: tuple[str, ...] = ()  # nothing to change, but an older client could not read it

Step = Sequence[str]
# Records lie in the order they came, beside an index of their ids: among a million, ids are random places, and each
# write of a whole record there would touch a page of its own.
IN_ORDER = (
    "DROP INDEX open_purchase",
    "ALTER TABLE purchase RENAME TO unordered",
    """
    CREATE TABLE purchase (
        purchase TEXT NOT NULL, copy INTEGER NOT NULL, batch TEXT NOT NULL, item TEXT NOT NULL,
        operation TEXT NOT NULL, take INTEGER NOT NULL, mode TEXT NOT NULL, state TEXT NOT NULL,
        generation INTEGER NOT NULL, run INTEGER NOT NULL, intent_run INTEGER NOT NULL, first_intent_at REAL,
        reserved INTEGER, cost INTEGER, lost INTEGER NOT NULL, job_id TEXT, files TEXT NOT NULL,
        counts TEXT NOT NULL, error TEXT,
        PRIMARY KEY (purchase, copy)
    )
    """,
    "INSERT INTO purchase SELECT * FROM unordered",
    "DROP TABLE unordered",
    "CREATE INDEX open_purchase ON purchase (batch, item) WHERE state NOT IN ('done', 'failed')",
    "CREATE TABLE photo (file TEXT PRIMARY KEY, version TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID",
)
STEPS: Sequence[Step] = (CREATE, IN_ORDER, COUNTS_MAY_BE_NULL)
"""``STEPS[n]`` makes version n + 1 of version n; version 0 is an empty file. Steps are never changed once released."""

SHARES = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "lustre", "beegfs"),
        *("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.davfs2", "davfs"),
    }
)
OCTAL_ESCAPES = {r"\040": " ", r"\011": "\t", r"\012": "\n", r"\134": "\\"}  # as mountinfo writes them


def connect(path: Path, steps: Sequence[Step] = STEPS) -> sqlite3.Connection:
    """Open a ledger's file, made or migrated as needed; the caller holds its lock.

    Raises:
        LedgerError: It is no ledger, is damaged, or was written by a newer client.
    """
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise LedgerError(f"{path} cannot be opened: {error}") from None
    try:
        _check_ours(connection, path)
        set_journal(connection, is_share=is_network_share(path))
        migrate(connection, path, steps)
    except sqlite3.OperationalError as error:
        connection.close()
        raise LedgerError(f"{path} cannot be opened: {error}") from None
    except DAMAGED as error:
        connection.close()
        raise LedgerError(f"{path} is no ledger, or damaged: {error}").with_context(
            hint="move it away together with its -wal file; ids do not depend on it"
        ) from None
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path, steps: Sequence[Step] = STEPS) -> sqlite3.Connection | None:
    """Open a ledger's file as it is, to read it; ``None`` when there is none, or nothing in it yet.

    A write-ahead log that is in use has its files, which a reader may share. Without them SQLite would make them
    anew for a reader too, unless it is told that nobody writes, which is what their absence says. Should somebody
    begin to write later, the reader sees what was there, or an error: never something that is paid for.

    Raises:
        LedgerError: It is no ledger, is damaged, or was written by a newer client.
    """
    try:
        with path.open("rb") as file:
            head = file.read(20)
        is_quiet = head[18:19] == b"\2" and not _size_of(path.with_name(path.name + "-wal"))
        address = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_quiet else ''}"
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT, check_same_thread=False)
    except FileNotFoundError:
        return None
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"{path} cannot be opened: {getattr(error, 'strerror', None) or error}") from None
    try:
        _check_ours(connection, path)
        if _version_of(connection, path, steps):
            return connection
    except DAMAGED as error:
        connection.close()
        raise LedgerError(f"{path} cannot be read: {error}") from None
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Step] = STEPS) -> None:
    """Bring a file to the newest version, each step in a transaction of its own."""
    version = _version_of(connection, path, steps)
    for number, step in enumerate(steps[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in step:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


def _version_of(connection: sqlite3.Connection, path: Path, steps: Sequence[Step]) -> int:
    """Return a file's version, 0 for an empty one."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(steps):
        raise LedgerError(f"{path}: expected a ledger of version {len(steps)} or older, got {version}").with_context(
            hint="a newer phota_async wrote it: use that one"
        )
    return version


def set_journal(connection: sqlite3.Connection, *, is_share: bool) -> str:
    """Choose a write-ahead log, or a rollback journal where its shared memory cannot work; return which."""
    wanted = "DELETE" if is_share else "WAL"
    granted = str(connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]).lower()
    # EXTRA syncs the directory after a rollback journal is gone: without, a power cut could bring it back
    connection.execute(f"PRAGMA synchronous = {'FULL' if granted == 'wal' else 'EXTRA'}")
    connection.execute("PRAGMA fullfsync = 1")  # macOS: fsync alone stops at the drive's cache
    return granted


def is_network_share(path: Path) -> bool:
    """Whether a file lies on a network share, as far as the system tells; unknown ones count as local."""
    if os.name == "nt":
        return str(path.absolute()).startswith("\\\\")
    if not sys.platform.startswith("linux"):
        return False
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return False
    return file_system_of(path.absolute(), mounts) in SHARES


def file_system_of(path: Path, mounts: str) -> str:
    """Return the type of the file system that holds a path, by the text of ``/proc/self/mountinfo``."""
    found: tuple[int, str] = (0, "")
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) > 4 and right:  # noqa: PLR2004 - the fifth is the mount point
            point = Path(_unescape(fields[4]))
            if path.is_relative_to(point) and len(point.parts) >= found[0]:  # a later mount hides an earlier one
                found = (len(point.parts), right.split(" ")[0])
    return found[1]


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is no ledger, or would do more than keep what is written: a trigger could undo an intent."""
    connection.execute("PRAGMA trusted_schema = OFF")  # nor may an index or a default call functions
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if application != APPLICATION and (application or tables):
        raise LedgerError(f"{path}: expected a ledger, got a database of another program")
    if connection.execute("SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone():
        raise LedgerError(f"{path}: expected a ledger, got one with programs of somebody else in it")


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _unescape(text: str) -> str:
    for escape, plain in OCTAL_ESCAPES.items():
        text = text.replace(escape, plain)
    return text
