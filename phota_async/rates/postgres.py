"""A rate in a PostgreSQL. Needs the extras `rates` and `distributed`."""

from typing import TYPE_CHECKING

from ..ledger.database import Connection, Database
from ..ledger.tables import migrate
from .shared import BURST, FOREVER, LATENESS, PERIOD, SharedRate

if TYPE_CHECKING:
    from pyrate_limiter.abstracts.algorithm import Decision

MAKE = b"INSERT INTO phota.rate (name, state) VALUES (%s, 0) ON CONFLICT DO NOTHING"
LOOK = b"""SELECT state, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FROM phota.rate WHERE name = %s FOR UPDATE"""  # the clock of before a wait for others is a late one: it allows less
KEEP = b"UPDATE phota.rate SET state = %s WHERE name = %s"


class PostgresRate(SharedRate):
    """Paid calls in a period, of all processes together.

    Usage::

        async with PostgresRate(dsn, 60) as rate:
            client = PhotaClient(limiter=Limiter(paid_rate=rate))

    Args:
        dsn: As of `PostgresLedger`.
        limit: Paid calls in a period, repetitions included; all processes say the same.
        name: What is limited: an account of the service.
        period: Seconds.
        burst: Calls that may go at once after a quiet time; they are part of the limit, so that a steady stream has
            ``limit - burst + 1`` in a period.
        lateness: Seconds for which leave to send is good. Twice that is added to the period.
    """

    def __init__(
        self,
        dsn: str,
        limit: int,
        *,
        name: str = "calls",
        period: float = PERIOD,
        burst: int = BURST,
        lateness: float = LATENESS,
    ) -> None:
        super().__init__(limit, name=name, period=period, burst=burst, lateness=lateness)
        self._database = Database(dsn, patience=FOREVER, connections=3)
        self.where = self._database.name

    async def _open(self) -> None:
        await migrate(self._database)

    async def _close(self) -> None:
        await self._database.aclose()

    async def _ask(self) -> "Decision":
        return await self._database.run(self._step)

    async def _step(self, connection: Connection) -> "Decision":
        await connection.execute(MAKE, (self.name,))
        row = await (await connection.execute(LOOK, (self.name,))).fetchone()
        assert row is not None  # noqa: S101 - made
        state, decision = self._algorithm.step(self._rates, (row[0],), row[1], 1)
        if decision.allowed:
            await connection.execute(KEEP, (*state, self.name))
        return decision
