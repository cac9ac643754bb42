"""A rate in a Redis. Needs the extras `rates` and `redis`.

A Redis that forgets costs little here: once, a burst more than the limit.
"""

from typing import TYPE_CHECKING

from ..leases.redis_server import Redis, RedisServer
from .shared import BURST, FOREVER, LATENESS, PERIOD, SharedRate

if TYPE_CHECKING:
    from pyrate_limiter.abstracts.algorithm import Decision


class RedisRate(SharedRate):
    """Paid calls in a period, of all processes together.

    Usage::

        async with RedisRate("redis://db:6379/0", 60) as rate:
            client = PhotaClient(limiter=Limiter(paid_rate=rate))

    Args:
        url: As of `RedisLeases`.
        limit: Paid calls in a period, repetitions included; all processes say the same.
        name: What is limited: an account of the service.
        period: Seconds.
        burst: Calls that may go at once after a quiet time; they are part of the limit, so that a steady stream has
            ``limit - burst + 1`` in a period.
        lateness: Seconds for which leave to send is good. Twice that is added to the period.
    """

    def __init__(
        self,
        url: str,
        limit: int,
        *,
        name: str = "calls",
        period: float = PERIOD,
        burst: int = BURST,
        lateness: float = LATENESS,
    ) -> None:
        super().__init__(limit, name=name, period=period, burst=burst, lateness=lateness)
        from pyrate_limiter.buckets.redis_state import RedisStateStore  # noqa: PLC0415 - of an extra

        self._server = RedisServer(url, patience=FOREVER)
        self.where = self._server.name
        self._store = RedisStateStore(self._server.client, f"phota:{{{name}}}:rate")

    async def _open(self) -> None:
        await self._server.run(lambda client: client.time(), patience=0.0)

    async def _close(self) -> None:
        await self._server.aclose()

    async def _ask(self) -> "Decision":
        return await self._server.run(self._step)

    async def _step(self, client: Redis) -> "Decision":
        seconds, micros = await client.time()  # by now it is later: a late clock allows less
        now = 1000 * seconds + micros // 1000
        decision: Decision = await self._store.check(self._algorithm, self._rates, now, 1)  # type: ignore[no-untyped-call]
        return decision
