"""Places for jobs in a PostgreSQL that all workers share. Needs the extra `distributed`.

A place is a row. It is taken by a function of the server's (see `ledger.tables`) that passes over rows which others
are taking (SKIP LOCKED), expires by the server's clock, and is renewed meanwhile. Who waits hears of a free place
(LISTEN), and looks for one at times.
"""

import asyncio
from collections.abc import Collection

from ..ledger.database import PATIENCE, SOON_DURABLE, Connection, Database
from ..ledger.tables import migrate
from .shared import LONGEST, LOOK, TTL, SharedLease, SharedLeases

CHANNEL = "phota_lease"
CONNECTIONS = 2  # beside the one that listens
MAKE = """INSERT INTO phota.lease (name, slot) SELECT %s, slot FROM generate_series(1, %s) AS slot
    ON CONFLICT DO NOTHING"""
# Of more places than the cap says, which it was lowered from, those that are free go: what is counted is what there is.
SHRINK = """DELETE FROM phota.lease
    WHERE name = %s AND slot > %s AND (expires_at IS NULL OR expires_at < clock_timestamp())"""
SOON = "clock_timestamp() + make_interval(secs => %s)"
IS_AT = "SELECT 1 FROM phota.lease WHERE name = %s AND key = %s AND alive_until > clock_timestamp()"
TAKE_OVER = f"""UPDATE phota.lease SET token = %s, alive_until = {SOON}, expires_at = greatest(expires_at, {SOON})
    WHERE name = %s AND key = %s RETURNING slot"""  # noqa: S608 - words of ours
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
TAKE = "SELECT 1 WHERE phota.take_place(%s, %s, %s, %s, %s)"
HELD = "SELECT count(*) FROM phota.lease WHERE name = %s AND expires_at > clock_timestamp()"


class PostgresLeases(SharedLeases):
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
        super().__init__(cap, name=name, ttl=ttl, longest=longest, expected_workers=expected_workers)
        self._database = Database(dsn, patience=patience, connections=CONNECTIONS)
        self.where = self._database.name

    async def held(self) -> int:
        """Return how many places are held now, by all workers and by jobs whose worker died."""
        row = await self._database.one(HELD, (self.name,))
        return int(row[0]) if row else 0

    async def widen(self) -> None:
        """Make the places of the cap that another one, which was lower, has removed meanwhile."""
        await self._database.one(MAKE, (self.name, self.cap))

    async def _open(self) -> None:
        await migrate(self._database)

        async def make(connection: Connection) -> None:
            await connection.execute(MAKE, (self.name, self.cap))
            await connection.execute(SHRINK, (self.name, self.cap))

        await self._database.run(make)

    async def _close(self) -> None:
        await self._database.aclose()

    async def _listen(self) -> None:
        from psycopg import Error  # noqa: PLC0415 - of an extra

        was_away = False
        while True:
            try:
                connection = await self._database.connect()
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}".encode())
                    if was_away:
                        await self.give_up_again()
                    async for notice in connection.notifies():
                        if notice.payload == self.name:
                            self._news.set()
            except Error:
                was_away = True
                await asyncio.sleep(LOOK)

    async def _take(self, key: str, token: str, *, patience: float | None) -> bool:
        return await self._ask(TAKE, self.name, key, token, self.ttl, self.cap, patience=patience)

    async def _take_over(self, key: str, token: str) -> bool:
        return await self._ask(TAKE_OVER, token, self.ttl, self.ttl, self.name, key)

    async def _is_at(self, key: str, *, patience: float | None) -> bool:
        return await self._ask(IS_AT, self.name, key, patience=patience)

    async def _keep(self, lease: SharedLease) -> bool:
        return await self._ask(CONFIRM, self.longest, lease.token)

    async def _free(self, lease: SharedLease) -> None:
        await self._ask(FREE, lease.token, CHANNEL)

    async def _leave(self, lease: SharedLease) -> None:
        await self._ask(ABANDON, lease.token, CHANNEL)

    async def _renew(self, leases: Collection[SharedLease]) -> set[str]:
        if not leases:
            return set()
        tokens = [lease.token for lease in leases]
        rows = await self._database.rows(RENEW, (self.ttl, self.ttl, tokens))
        return {str(token) for (token,) in rows}

    async def _ask(self, statement: str, *words: object, patience: float | None = None) -> bool:
        return await self._database.one(statement, words, patience=patience) is not None
