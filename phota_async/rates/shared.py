"""Ask a server that many processes share for leave to send, by pyrate-limiter's arithmetic. Needs the extra `rates`.

The bound is exact: in no ``period`` do all processes together send more than ``limit``. Three things make it so. The
arithmetic is that of a leaky bucket (GCRA), which remembers one moment only. The moment is the server's, and is read
and written in one step. And leave is good for a short time: who comes too late with it asks again, and the period that
is counted is longer by that time.

pyrate-limiter's own buckets were tried: four processes that were allowed 20 a second got 23 from its bucket in Redis,
which counts by each machine's clock, and 22 from the one in PostgreSQL, which is synchronous and refused 46 % of what
was asked because somebody else was asking.
"""

import asyncio
import math
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..config import is_number
from ..errors import ConfigError, LedgerError

if TYPE_CHECKING:
    from pyrate_limiter.abstracts.algorithm import GCRA, Decision
    from pyrate_limiter.abstracts.rate import Rate

PERIOD = 60.0  # seconds
BURST = 2  # calls at once: what a late call lost is made good by the next
LATENESS = 0.5  # seconds: a busy event loop holds calls up for less
FOREVER = math.inf  # seconds for which the server may be away: whoever waits has a deadline


class SharedRate(ABC):
    """Paid calls in a period, of all processes together; see `PostgresRate` and `RedisRate` for the arguments."""

    where: str
    """The server, for people."""

    def __init__(self, limit: int, *, name: str, period: float, burst: int, lateness: float) -> None:
        for argument, number in (("limit", limit), ("burst", burst)):
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ConfigError(f"{argument}: expected 1 or more, got {number!r}")
        for argument, seconds in (("period", period), ("lateness", lateness)):
            if not is_number(seconds) or not 0 < seconds < math.inf:
                raise ConfigError(f"{argument}: expected more than 0 seconds, got {seconds!r}")
        self.limit, self.name, self.period, self.lateness = limit, name, period, lateness
        self._algorithm, self._rates = _make(limit, period + 2 * lateness, min(burst, limit))
        self._is_open = False

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; safe to call again."""
        self._is_open = False
        await self._close()

    async def acquire(self) -> None:
        """Wait for leave to send one call, which is good for ``lateness`` seconds.

        Waits while the server is away, however long: whoever calls has a deadline.

        Raises:
            LedgerError: The server refuses what is asked, or this is not open: nothing may be sent.
        """
        if not self._is_open:
            raise LedgerError(f"{self.where}: expected a rate within async with, got one that is not open")
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            decision = await self._ask()
            if not decision.allowed:
                await asyncio.sleep((decision.retry_after_ms or 0) / 1000)
            elif loop.time() - asked < self.lateness:
                return

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {self.limit} in {self.period:g} s>"

    @abstractmethod
    async def _open(self) -> None:
        """Make what is needed at the server."""

    @abstractmethod
    async def _close(self) -> None:
        """Close the connections."""

    @abstractmethod
    async def _ask(self) -> "Decision":
        """Let one call pass, or say when to ask again: by the server's clock, in one step."""


def _make(limit: int, seconds: float, burst: int) -> "tuple[GCRA, list[Rate]]":
    """Return the arithmetic: a burst is part of what a period allows, not on top of it."""
    try:
        from pyrate_limiter.abstracts.algorithm import GCRA  # noqa: PLC0415 - of an extra
        from pyrate_limiter.abstracts.rate import Rate  # noqa: PLC0415
    except ImportError:
        raise ConfigError("a shared rate needs pyrate-limiter").with_context(
            hint='pip install "phota-async[rates]"'
        ) from None
    milliseconds = math.ceil(1000 * seconds) + 1  # the server's clock is read in whole ones
    return GCRA(), [Rate(limit - burst + 1, milliseconds, burst)]
