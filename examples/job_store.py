"""The memory of the web examples: one row for each edit, in a SQLite file that all workers of a service share.

It is read and written in a thread of its own, so that no event loop ever waits for a disk, and every change is on
the disk before its call returns.

A row is worked on by one worker at a time, for as long as its lease runs; leases are renewed by the living, so a
dead worker's rows go to another. The lease saves work. That nothing is paid twice rests on the row's id alone, which
is sent along as the ``client_request_id``.
"""

import asyncio
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

T = TypeVar("T")

AT_ONCE = 100  # rows that one worker adopts in one round, so that others get some too
TRIES, BREAK = 100, 0.05  # seconds between two tries to set a new file up
TABLE = """
    CREATE TABLE IF NOT EXISTS edits (
        edit_id TEXT PRIMARY KEY, photo TEXT NOT NULL, prompt TEXT NOT NULL, callback_url TEXT,
        first_sent_at REAL, job_id TEXT, status TEXT NOT NULL, message TEXT NOT NULL DEFAULT '', image TEXT,
        is_final INTEGER NOT NULL DEFAULT 0, worker TEXT, leased_until REAL NOT NULL DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS unfinished ON edits (leased_until) WHERE NOT is_final;
    CREATE INDEX IF NOT EXISTS by_job ON edits (job_id);
"""


class Edit(NamedTuple):
    """A row."""

    edit_id: str
    """Also the ``client_request_id``."""
    photo: str
    prompt: str
    callback_url: str | None
    """As it was first sent: the same id with another body would be refused."""
    first_sent_at: float | None
    job_id: str | None
    status: str
    """``accepted``, the service's word, or at the end ``done``, ``failed``, ``unknown``."""
    message: str
    image: str | None
    is_final: int


COLUMNS = ", ".join(Edit._fields)
SELECT = f"SELECT {COLUMNS} FROM edits WHERE"  # noqa: S608 - names of ours; values go in as ?


class JobStore:
    """The rows: ``async with JobStore(path, lease=15) as store``. Leaving gives this worker's leases up.

    Args:
        path: The file.
        lease: Seconds for which a worker has a row to itself.
    """

    def __init__(self, path: Path, *, lease: float) -> None:
        self._path, self._lease = path, lease
        self._worker = uuid.uuid4().hex
        self._thread = ThreadPoolExecutor(1, "job-store")

    async def __aenter__(self) -> Self:
        await self._in_thread(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._run("UPDATE edits SET worker = NULL, leased_until = 0 WHERE worker = ?", self._worker)
        finally:
            await self._in_thread(self._database.close)
            self._thread.shutdown()

    async def add(self, edit_id: str, photo: str, prompt: str, callback_url: str | None) -> Edit:
        """Store a new edit, leased to this worker."""
        values = (edit_id, photo, prompt, callback_url, "accepted", self._worker, time.time() + self._lease)
        sql = "INSERT INTO edits (edit_id, photo, prompt, callback_url, status, worker, leased_until)"
        return (await self._edits(f"{sql} VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING {COLUMNS}", *values))[0]

    async def get(self, edit_id: str) -> Edit | None:
        """Return an edit."""
        found = await self._edits(f"{SELECT} edit_id = ?", edit_id)
        return found[0] if found else None

    async def find(self, job_id: str | None) -> Edit | None:
        """Return the edit of a job."""
        found = await self._edits(f"{SELECT} job_id = ?", job_id)
        return found[0] if found else None

    async def mark_sent(self, edit_id: str, now: float) -> Edit:
        """Write down that it is sent now, unless it was before, and return the row as it is then."""
        sql = "UPDATE edits SET first_sent_at = coalesce(first_sent_at, ?) WHERE edit_id = ?"
        return (await self._edits(f"{sql} RETURNING {COLUMNS}", now, edit_id))[0]

    async def mark_submitted(self, edit_id: str, job_id: str) -> None:
        """Write down the job."""
        await self._run("UPDATE edits SET job_id = ? WHERE edit_id = ?", job_id, edit_id)

    async def mark_status(self, edit_id: str, status: str) -> None:
        """Write down the service's word."""
        await self._run("UPDATE edits SET status = ? WHERE edit_id = ? AND NOT is_final", status, edit_id)

    async def finish(self, edit_id: str, status: str, *, image: str | None = None, message: str = "") -> None:
        """Write down the end; the first one stands."""
        sql = "UPDATE edits SET status = ?, image = ?, message = ?, is_final = 1 WHERE edit_id = ? AND NOT is_final"
        await self._run(sql, status, image, message, edit_id)

    async def renew(self, edit_ids: Iterable[str]) -> None:
        """Keep rows of this worker for another lease; what is not renewed is soon anybody's."""
        sql = "UPDATE edits SET leased_until = ? WHERE worker = ? AND edit_id IN (SELECT value FROM json_each(?))"
        await self._run(sql, time.time() + self._lease, self._worker, json.dumps([*edit_ids]))

    async def adopt(self) -> list[Edit]:
        """Lease rows that are unfinished and nobody's: no two workers get the same."""
        free = "SELECT edit_id FROM edits WHERE NOT is_final AND leased_until < ? LIMIT ?"
        sql = f"UPDATE edits SET worker = ?, leased_until = ? WHERE edit_id IN ({free}) RETURNING {COLUMNS}"  # noqa: S608
        now = time.time()
        return await self._edits(sql, self._worker, now + self._lease, now, AT_ONCE)

    async def _edits(self, sql: str, *values: str | float | None) -> list[Edit]:
        return [Edit(*row) for row in await self._run(sql, *values)]

    async def _run(self, sql: str, *values: str | float | None) -> list[Any]:
        return await self._in_thread(lambda: self._database.execute(sql, values).fetchall())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        self._database = sqlite3.connect(self._path, timeout=30, isolation_level=None)  # each statement commits
        use_wal(self._database)
        self._database.execute("PRAGMA synchronous = FULL")  # what was committed outlives a power cut
        self._database.executescript(TABLE)


def use_wal(database: sqlite3.Connection) -> None:
    """Let readers and a writer go on side by side. Blocks.

    Here alone SQLite does not wait for another worker that does the same at this moment.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if not tries_left:
                raise
            time.sleep(BREAK)
        else:
            return
