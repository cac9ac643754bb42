"""One thread that owns the connection and commits in groups: whoever waits meanwhile shares one sync of the disk."""

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import LedgerError

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]
MAX_GROUP = 1000  # operations after which a transaction takes no more: bounds how long the first of them waits


class _Job:
    """An operation and who waits for it."""

    __slots__ = ("future", "loop", "operation", "value")

    def __init__(self, operation: Operation[Any]) -> None:
        self.operation = operation
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.value: Any = None


class Writer:
    """Runs operations on a connection, in order; each is durable when its caller goes on.

    The first commit that fails ends it all: what the disk then holds is not known, so every later call raises
    the same `LedgerError` instead of pretending.

    Args:
        connection: It belongs to the thread from now on.
        name: The ledger's path, for errors.
        is_there: Whether the file still has its name. SQLite would write on into one that was removed.
    """

    def __init__(self, connection: sqlite3.Connection, name: str, is_there: Callable[[], bool] = lambda: True) -> None:
        self._connection = connection
        self._name = name
        self._is_there = is_there
        self._pid = os.getpid()
        self._failure: str | None = None
        self._closed = False
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Job]] = {}  # each loop touches its own
        self._queue: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="phota-ledger", daemon=True)
        self._thread.start()

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation in the next transaction and return what it returned, once it is durable.

        Raises:
            LedgerError: It could not be written, the ledger is closed, or this is a forked child.
        """
        self._check()
        job = _Job(operation)
        self._gather(job)
        value: T = await job.future
        return value

    def end(self) -> None:
        """Take nothing more; what is waiting will be written, and the file closed."""
        if self._closed:
            return
        self._closed = True
        if os.getpid() == self._pid:  # a forked child has neither the thread nor a right to the connection
            for loop in tuple(self._gathered):
                self._hand_over(loop)
            self._queue.put(None)

    def close(self) -> None:
        """Do as `end`, and wait until that is done; blocks. Safe to call again."""
        self.end()
        if os.getpid() == self._pid:
            self._thread.join()

    def _gather(self, job: _Job) -> None:
        """Keep what one turn of the loop brings: the thread is woken, and commits, once for all of it."""
        gathered = self._gathered.get(job.loop)
        if gathered is None:
            gathered = self._gathered[job.loop] = []
            job.loop.call_soon(self._hand_over, job.loop)
        gathered.append(job)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        if jobs := self._gathered.pop(loop, None):
            self._queue.put(jobs)

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise LedgerError(f"{self._name} was opened before a fork: open it anew in this process")
        if self._failure is not None:
            raise LedgerError(self._failure)
        if self._closed:
            raise LedgerError(f"{self._name} is closed")

    def _work(self) -> None:
        ends = False
        while not ends:
            group, ends = self._take()
            if group:
                self._commit(group)
                self._answer(group)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _take(self) -> tuple[list[_Job], bool]:
        """Return everything that waits, and whether the end was asked for."""
        group: list[_Job] = []
        try:
            while len(group) < MAX_GROUP:
                jobs = self._queue.get(block=not group)
                if jobs is None:
                    return group, True
                group += jobs
        except queue.Empty:
            pass
        return group, False

    def _commit(self, group: list[_Job]) -> None:
        if self._failure is not None:
            return
        try:
            if not self._is_there():
                raise FileNotFoundError("it was removed")  # noqa: TRY301 - one more reason among many
            self._connection.execute("BEGIN IMMEDIATE")
            for job in group:
                job.value = job.operation(self._connection)
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it is, what was promised is not written
            self._failure = f"{self._name} cannot be written: {error}"
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _answer(self, group: list[_Job]) -> None:
        waiting: defaultdict[asyncio.AbstractEventLoop, list[_Job]] = defaultdict(list)
        for job in group:
            waiting[job.loop].append(job)
        for loop, jobs in waiting.items():
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_wake, jobs, self._failure)


def _wake(jobs: list[_Job], failure: str | None) -> None:
    for job in jobs:
        if job.future.done():  # cancelled
            continue
        if failure is None:
            job.future.set_result(job.value)
        else:
            job.future.set_exception(LedgerError(failure))
