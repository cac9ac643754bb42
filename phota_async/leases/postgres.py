"""Places for jobs in a PostgreSQL that all workers share. Needs the extra `distributed`.

A place is a row. It is taken in one statement that passes over rows which others are taking (SKIP LOCKED), expires by
the server's clock, and is renewed meanwhile. Who waits hears of a free place (LISTEN), and looks for one at times.

Two times matter. Before anything is sent under it, a place of a dead process is free after ``ttl`` seconds. After
that a job may be running, which outlives its process: the place stays for ``longest`` seconds, or until whoever takes
the item up takes it over by its key.
"""

import asyncio
import math
import secrets
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from ..errors import ConfigError, LedgerError
from ..ledger.database import PATIENCE, SOON_DURABLE, Connection, Database, end
from ..ledger.tables import migrate

TTL = 30.0  # seconds
LONGEST = 1800.0  # seconds that a job may take; the service's take 600 at most
LOOK = 2.0  # seconds after which who waits looks, should the news be lost
AWAY = 2.0  # seconds after which a process goes on with its share, where it has one
CHANNEL = "phota_lease"
MAKE = """INSERT INTO phota.lease (name, slot) SELECT %s, slot FROM generate_series(1, %s) AS slot
    ON CONFLICT DO NOTHING"""
# Of more places than the cap says, which it was lowered from, those that are free go: what is counted is what there is.
SHRINK = """DELETE FROM phota.lease
    WHERE name = %s AND slot > %s AND (expires_at IS NULL OR expires_at < clock_timestamp())"""
SOON = "clock_timestamp() + make_interval(secs => %s)"
IS_BUSY = "SELECT 1 FROM phota.lease WHERE name = %s AND key = %s AND alive_until > clock_timestamp() AND token <> %s"
TAKE_OVER = f"""UPDATE phota.lease SET token = %s, alive_until = {SOON}, expires_at = greatest(expires_at, {SOON})
    WHERE name = %s AND key = %s RETURNING slot"""  # noqa: S608 - words of ours
TAKE = f"""UPDATE phota.lease SET key = %s, token = %s, alive_until = {SOON}, expires_at = {SOON}
    WHERE (name, slot) = (
        SELECT name, slot FROM phota.lease
        WHERE name = %s AND slot <= %s AND (expires_at IS NULL OR expires_at < clock_timestamp())
        ORDER BY slot LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING slot"""  # noqa: S608
RENEW = f"""UPDATE phota.lease SET alive_until = {SOON}, expires_at = greatest(expires_at, {SOON})
    WHERE token = ANY(%s) AND expires_at > clock_timestamp() RETURNING token"""  # noqa: S608
CONFIRM = f"""UPDATE phota.lease SET expires_at = greatest(expires_at, {SOON})
    WHERE token = %s AND expires_at > clock_timestamp() RETURNING slot"""  # noqa: S608
# Commits that notify wait for each other, all over the server: none of them may wait for a write of the log.
FREE = f"""WITH freed AS (
        UPDATE phota.lease SET key = NULL, token = NULL, alive_until = NULL, expires_at = NULL
        WHERE token = %s AND {SOON_DURABLE} RETURNING name
    ) SELECT pg_notify(%s, name) FROM freed"""  # noqa: S608
ABANDON = f"""WITH left_alone AS (
        UPDATE phota.lease SET alive_until = NULL WHERE token = %s AND {SOON_DURABLE} RETURNING name
    ) SELECT pg_notify(%s, name) FROM left_alone"""  # noqa: S608
# What is taken is durable with the confirmation, before anything is sent.
TAKE_TURN = f"SELECT pg_advisory_xact_lock(hashtextextended(%s, 0)), {SOON_DURABLE}"
HELD = "SELECT count(*) FROM phota.lease WHERE name = %s AND expires_at > clock_timestamp()"


class PostgresLeases:
    """Places that all workers share.

    Usage::

        async with PostgresLeases(dsn, 30) as leases:
            outcome = await run_item(client, item, "results", leases, ledger)

    Args:
        dsn: As of `PostgresLedger`.
        cap: Unfinished jobs at once, of all workers together; all of them say the same.
        name: What is limited: an account of the service.
        ttl: Seconds after which a place is free under which a process that died had sent nothing yet.
        longest: Seconds that a job may run at the service.
        patience: Seconds for which the server may be away.
        expected_workers: How many processes share the cap. With it, one that cannot reach the server goes on with
            its share of the cap, and no more; ``None`` begins nothing until the server is back.
    """

    def __init__(
        self,
        dsn: str,
        cap: int,
        *,
        name: str = "jobs",
        ttl: float = TTL,
        longest: float = LONGEST,
        patience: float = PATIENCE,
        expected_workers: int | None = None,
    ) -> None:
        for argument, number in (
            ("cap", cap),
            ("expected_workers", 1 if expected_workers is None else expected_workers),
        ):
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ConfigError(f"{argument}: expected 1 or more, got {number!r}")
        for argument, seconds in (("ttl", ttl), ("longest", longest)):
            if not 0 < seconds < math.inf:
                raise ConfigError(f"{argument}: expected more than 0 seconds, got {seconds!r}")
        self.cap, self.name, self.ttl, self.longest = cap, name, ttl, longest
        self._share = None if expected_workers is None else max(1, cap // expected_workers)
        self._database = Database(dsn, patience=patience)
        self._mine: dict[str, PostgresLease] = {}
        self._turn = asyncio.Lock()  # one of this process looks for a place at a time, the first who came
        self._news = asyncio.Event()
        self._scope: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        if self._scope is not None:
            raise LedgerError(f"{self._database.name}: expected to be entered once, got a second time")
        async with AsyncExitStack() as scope:
            scope.push_async_callback(self._database.aclose)
            await migrate(self._database)
            await self._database.run(self._make)
            scope.push_async_callback(end, asyncio.create_task(self._renew_all()))
            scope.push_async_callback(end, asyncio.create_task(self._listen()))
            self._scope = scope.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; places that are still held expire. Safe to call again."""
        if self._scope is not None:
            await self._scope.aclose()

    async def acquire(self, key: str) -> "PostgresLease":
        """Wait for a place; the place that the key has already is taken over from who died or left it."""
        lease = None
        while lease is None:
            async with self._turn:
                lease = await self._next(key)
            if lease is None:
                await self._until_nobody_is_at(key)
        self._mine[lease.token] = lease
        return lease

    async def adopt(self, key: str) -> "PostgresLease | None":
        """Take over the place that a key has, of a job that is only followed."""
        lease = PostgresLease(self, secrets.token_hex(16))
        if not await self._database.one(TAKE_OVER, (lease.token, self.ttl, self.ttl, self.name, key)):
            return None
        self._mine[lease.token] = lease
        return lease

    async def held(self) -> int:
        """Return how many places are held now, by all workers and by jobs whose worker died."""
        row = await self._database.one(HELD, (self.name,))
        return int(row[0]) if row else 0

    async def confirm(self, lease: "PostgresLease") -> None:
        """Keep a place for as long as a job may run, if it is still held; for `PostgresLease`."""
        if lease.token not in self._mine or not await self._database.one(CONFIRM, (self.longest, lease.token)):
            self._mine.pop(lease.token, None)
            raise LedgerError(f"{self._database.name}: a place among {self.cap} jobs was lost before anything was sent")

    async def give_up(self, lease: "PostgresLease", *, is_free: bool) -> None:
        """Give a place back, or leave it to its job; for `PostgresLease`."""
        if self._mine.pop(lease.token, None) is None or lease.is_own:
            return
        try:
            await self._database.one(FREE if is_free else ABANDON, (lease.token, CHANNEL))
        except LedgerError:  # it expires
            return

    def __repr__(self) -> str:
        return f"<PostgresLeases {self.name!r} {len(self._mine)} of {self.cap} held here>"

    async def _until_nobody_is_at(self, key: str) -> None:
        while await self._is_busy(key):  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(min(LOOK, self.ttl))

    async def _next(self, key: str) -> "PostgresLease | None":
        """Wait for the next free place; ``None`` when another process is at the very same item by now."""
        while (lease := await self._take(key)) is None:
            self._news.clear()
            lease = await self._take(key)  # it may have become free just before
            if lease is not None or await self._is_busy(key):
                break
            await self._hear()
        return lease

    async def _take(self, key: str) -> "PostgresLease | None":
        """Take the key's place or a free one, if there is any."""
        lease = PostgresLease(self, secrets.token_hex(16))
        try:
            is_taken = await self._database.run(
                lambda connection: self._take_any(connection, key, lease.token),
                patience=None if self._share is None else AWAY,
            )
        except LedgerError:
            if self._share is None:
                raise
            return PostgresLease(self, secrets.token_hex(16), is_own=True) if len(self._mine) < self._share else None
        return lease if is_taken else None

    async def _take_any(self, connection: Connection, key: str, token: str) -> bool:
        """Take a place; nobody else takes one for this key meanwhile, or has one and is at it."""
        await connection.execute(TAKE_TURN.encode(), (f"{self.name} {key}",))
        if await (await connection.execute(IS_BUSY, (self.name, key, token))).fetchone() is not None:
            return False
        if await self._take_over(connection, key, token):
            return True
        answer = await connection.execute(TAKE.encode(), (key, token, self.ttl, self.ttl, self.name, self.cap))
        return await answer.fetchone() is not None

    async def _take_over(self, connection: Connection, key: str, token: str) -> bool:
        answer = await connection.execute(TAKE_OVER.encode(), (token, self.ttl, self.ttl, self.name, key))
        return await answer.fetchone() is not None

    async def _is_busy(self, key: str) -> bool:
        patience = None if self._share is None else AWAY
        try:
            return await self._database.one(IS_BUSY, (self.name, key, ""), patience=patience) is not None
        except LedgerError:
            if self._share is None:
                raise
            return False

    async def _make(self, connection: Connection) -> None:
        await connection.execute(MAKE, (self.name, self.cap))
        await connection.execute(SHRINK, (self.name, self.cap))

    async def _hear(self) -> None:
        try:
            async with asyncio.timeout(min(LOOK, self.ttl)):
                await self._news.wait()
        except TimeoutError:
            return

    async def _listen(self) -> None:
        """Hear of places that are free; lost news cost whoever waits some seconds."""
        from psycopg import Error  # noqa: PLC0415 - of an extra

        while True:
            try:
                connection = await self._database.connect()
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}".encode())
                    async for notice in connection.notifies():
                        if notice.payload == self.name:
                            self._news.set()
            except Error:
                await asyncio.sleep(LOOK)

    async def _renew_all(self) -> None:
        while True:
            await asyncio.sleep(self.ttl / 3)
            tokens = [token for token, lease in self._mine.items() if not lease.is_own]
            if tokens:
                try:
                    kept = await self._renew(tokens)
                except LedgerError:  # whoever is about to send something hears of it
                    continue
                for token in set(tokens) - kept:
                    self._mine.pop(token, None)

    async def _renew(self, tokens: list[str]) -> set[str]:
        rows = await self._database.rows(RENEW, (self.ttl, self.ttl, tokens))
        return {str(token) for (token,) in rows}


class PostgresLease:
    """A place of `PostgresLeases`."""

    def __init__(self, leases: PostgresLeases, token: str, *, is_own: bool = False) -> None:
        self._leases, self.token, self.is_own = leases, token, is_own

    async def confirm(self) -> None:
        """Make sure that it is still held, right before something is sent under it."""
        if not self.is_own:
            await self._leases.confirm(self)

    async def release(self) -> None:
        """Give the place back."""
        await self._leases.give_up(self, is_free=True)

    async def abandon(self) -> None:
        """Leave the place to its job."""
        await self._leases.give_up(self, is_free=False)

    def __repr__(self) -> str:
        return f"<PostgresLease {'of this process alone' if self.is_own else self.token[:6]}>"
