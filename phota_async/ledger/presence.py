"""A process among those that share a ledger: its runs live while it gives signs of life, and it tells of its work.

Nobody waits for what is told: it goes along with the signs of life, every ``ttl / 3`` seconds, and once more at the
end. Should it fail, the signs of life, on which purchases depend, are given all the same. A run of one item is seen
with the first thing that it takes up, and one that ended and holds nothing is told of together with others.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from ..errors import ConfigError, LedgerError
from .database import SOON_DURABLE, Connection, Database
from .figures import Figures
from .records import Begun, Record, State, Wish

FORGOTTEN = 86400.0  # seconds after which a run that died, and a worker that is gone, leave the list
LONGEST_NAME = 200  # characters
RUN_BITS = 62  # of a bigint
CLEANED = 3600.0  # seconds between cleanings
AGAIN = 1.0  # seconds after a sign of life that the server did not hear
MOST_LEFT = 500  # runs that ended and of which others are not told yet
CLAIMS = (State.INTENT, State.SUBMITTED)  # a record in such a state is its run's alone
# A run that is lost with the server loses nothing: what it took up is durable later, and passes for a dead one's. Its
# number is drawn: a sequence could give it again after a crash, and what is another's would pass for one's own.
JOIN = f"""INSERT INTO phota.run (run, batch, expires_at)
    SELECT %(run)s, %(batch)s, clock_timestamp() + make_interval(secs => %(ttl)s) WHERE {SOON_DURABLE}
    ON CONFLICT (run) DO UPDATE SET expires_at = excluded.expires_at"""
BEAT = """INSERT INTO phota.run AS r (run, batch, expires_at)
    SELECT run, batch, clock_timestamp() + make_interval(secs => %s)
    FROM unnest(%s::bigint[], %s::text[]) AS mine (run, batch)
    ON CONFLICT (run) DO UPDATE SET expires_at = excluded.expires_at"""
LEAVE = f"DELETE FROM phota.run WHERE run = ANY(%s::bigint[]) AND {SOON_DURABLE}"  # noqa: S608 - words of ours
FORGET_RUNS = "DELETE FROM phota.run WHERE expires_at < clock_timestamp() - make_interval(secs => %s)"
FORGET_WORKERS = "DELETE FROM phota.worker WHERE seen_at < clock_timestamp() - make_interval(secs => %s)"
TELL = """INSERT INTO phota.worker AS w
        (session, worker, has_ended, seen_at, expires_at, batch, running, done, failed, unknown, spent, cap, rate)
    SELECT %s, %s, %s, clock_timestamp(), clock_timestamp() + make_interval(secs => %s), told.*
    FROM jsonb_to_recordset(%s::jsonb) AS told
        (batch text, running bigint, done bigint, failed bigint, unknown bigint, spent bigint, cap bigint, rate float8)
    ON CONFLICT (session, batch) DO UPDATE SET
        has_ended = excluded.has_ended, seen_at = excluded.seen_at, expires_at = excluded.expires_at,
        running = excluded.running, done = excluded.done, failed = excluded.failed, unknown = excluded.unknown,
        spent = excluded.spent, cap = excluded.cap, rate = excluded.rate"""
DROP = "DELETE FROM phota.worker WHERE session = %s AND batch <> ALL(%s::text[])"
# Whoever has started again under the same name stands in the place of whom it was before.
REPLACE = """DELETE FROM phota.worker
    WHERE worker = %s AND session <> %s AND (has_ended OR expires_at < clock_timestamp())"""


class Presence:
    """This process, as others see it in the ledger.

    Args:
        database: Where the ledger is.
        ttl: Seconds without a sign of life after which what its runs had taken up is another one's.
        worker: What people call this process; ``None`` is its host and process id.

    Raises:
        ConfigError: The name is none.
    """

    def __init__(self, database: Database, *, ttl: float, worker: str | None = None) -> None:
        self.worker = checked_name(worker)
        self._database, self._ttl = database, ttl
        self._session = secrets.token_hex(16)
        self._runs: dict[int, str] = {}  # run: batch
        self._unwritten: set[int] = set()  # of them: the server knows them when they take something up
        self._holds: dict[int, set[tuple[str, int]]] = {}  # by run of one item, what nobody else may take up
        self._left: list[int] = []  # ended, of which the server was not told yet
        self._turn = asyncio.Lock()  # of whoever tells the server which runs there are
        self._news = asyncio.Event()
        self.figures = Figures()

    @property
    def runs(self) -> int:
        """How many are under way."""
        return len(self._runs)

    async def clean(self) -> None:
        """Remove what is long gone."""

        async def operation(connection: Connection) -> None:
            await connection.execute(FORGET_RUNS, (FORGOTTEN,))
            await connection.execute(FORGET_WORKERS, (FORGOTTEN,))

        await self._database.run(operation, patience=0.0)

    def attend(self, batch: str) -> None:
        """Let it be told soon that this process is at work on a batch."""
        if self.figures.attend(batch):
            self._news.set()

    def join(self, batch: str) -> int:
        """Begin a run of one item and return its number; others see it when it takes something up."""
        run = self._begin(batch)
        self._holds[run] = set()
        return run

    async def enter(self, batch: str) -> int:
        """Begin a run of a whole batch, which others see, and return its number."""
        run = self._begin(batch)
        try:
            await self.write(run)
        except BaseException:
            await self.leave(batch, [run])
            raise
        return run

    async def write(self, run: int) -> None:
        """Let others see a run."""
        if joining := self.joining(run):
            await self._database.one(JOIN, joining)
            self.joined(run)

    def joining(self, run: int, *, again: bool = False) -> dict[str, Any]:
        """Return the values of `JOIN` for a run that others do not see yet, and none for another one.

        Args:
            run: Its number.
            again: Whether it may have been forgotten: a crash of the server may undo what was not durable yet.
        """
        batch = self._runs.get(run)
        is_wanted = batch is not None and (again or run in self._unwritten)
        return {"run": run, "batch": batch, "ttl": self._ttl} if is_wanted else {}

    def joined(self, run: int) -> None:
        """Note that others see a run."""
        self._unwritten.discard(run)

    def begun(self, begun: Begun, wish: Wish) -> None:
        """Note what a run has taken up; one that was left meanwhile has nothing."""
        self.hold(wish.run, begun.record)
        if wish.run in self._runs:
            self.figures.begun(begun, wish)

    def hold(self, run: int, record: Record) -> None:
        """Note what a run holds, or holds no more."""
        if (holds := self._holds.get(run)) is not None:
            (holds.add if record.state in CLAIMS else holds.discard)((record.purchase, record.copy))

    @contextmanager
    def taking(self, run: int, purchase: str) -> Iterator[None]:
        """Count a purchase as held by a run while it takes it up."""
        holds = self._holds.get(run, set())
        holds.add((purchase, 0))
        yield  # who is broken off here may have taken it up: it stays so
        holds.discard((purchase, 0))

    async def leave(self, batch: str, runs: Sequence[int]) -> None:
        """End runs of a batch. Never raises: they end by themselves.

        Others see that now, unless the runs held nothing: those are in nobody's way.
        """
        for run in runs:
            self._runs.pop(run, None)
        self._unwritten.difference_update(runs)
        self._left += runs
        self.figures.left(batch, runs)
        held = [self._holds.pop(run, True) for run in runs]
        is_urgent = any(held) or len(self._left) >= MOST_LEFT
        if is_urgent and not self._turn.locked():  # who has the turn tells of these too
            await self._tell_left()

    async def _tell_left(self) -> None:
        """Let others see which runs ended; what they do not hear now they are told later."""
        async with self._turn:
            with suppress(LedgerError):
                while told := frozenset(self._left):
                    await self._database.one(LEAVE, (list(told),), patience=0.0)
                    self._left = [run for run in self._left if run not in told]

    async def _beat(self) -> bool:
        """Give a sign of life; says whether the server heard it. If not, others may take up what is ours."""
        async with self._turn:  # behind the end of a run it would be seen again
            if self._runs:
                values = (self._ttl, list(self._runs), list(self._runs.values()))
                try:
                    await self._database.one(BEAT, values, patience=0.0)
                except LedgerError:  # who needs the server hears of it
                    return False
        return True

    def _begin(self, batch: str) -> int:
        run = secrets.randbits(RUN_BITS)
        self._runs[run] = batch
        self._unwritten.add(run)
        self.attend(batch)
        return run

    async def live(self) -> None:
        """Give signs of life, until cancelled."""
        clock, is_heard = asyncio.get_running_loop().time, True
        cleaned = clock()
        while True:
            await asyncio.sleep(self._ttl / 3 if is_heard else min(AGAIN, self._ttl / 3))
            self._news.set()
            is_heard = await self._beat()
            await self._tell_left()
            if clock() - cleaned > CLEANED:
                cleaned = clock()
                with suppress(LedgerError):
                    await self.clean()

    async def keep_telling(self) -> None:
        """Tell of the work with each sign of life, and at once when another batch is begun, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.tell()
            except LedgerError:
                continue

    async def tell(self, *, has_ended: bool = False, patience: float | None = None) -> None:
        """Write the figures; a process that did nothing has none."""
        told = self.figures.told()
        batches, text = [each.batch for each in told], msgspec.json.encode(told).decode()

        async def operation(connection: Connection) -> None:
            await connection.execute(REPLACE, (self.worker, self._session))
            await connection.execute(DROP, (self._session, batches))
            await connection.execute(TELL, (self._session, self.worker, has_ended, self._ttl, text))

        if told:
            await self._database.run(operation, patience=patience)

    async def end(self) -> None:
        """Tell the last figures. Never raises: who is not heard of passes for dead, which costs nothing."""
        await self._tell_left()
        try:
            await self.tell(has_ended=True, patience=0.0)
        except LedgerError:
            return

    def __repr__(self) -> str:
        return f"<Presence of {self.worker}, {len(self._runs)} runs>"


def checked_name(worker: str | None) -> str:
    """Return a worker's name, made up where none is given.

    Raises:
        ConfigError: It is empty, too long, or no text that can be stored.
    """
    if worker is None:
        return f"{socket.gethostname()}:{os.getpid()}"
    if not isinstance(worker, str) or not 0 < len(worker) <= LONGEST_NAME or not worker.isprintable():
        raise ConfigError(f"worker: expected a name of 1 to {LONGEST_NAME} printable characters, got {worker!r}")
    return worker
