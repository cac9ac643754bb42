"""The brake that all calls of a client share: calls at once, calls a second, bytes in flight, one pause for all."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary, WeakSet

import msgspec

from .config import is_number
from .errors import ConfigError
from .turns import PAID, Turns

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

_limiters: "WeakSet[Limiter]" = WeakSet()


class PaidRate(Protocol):
    """A rate that many processes share: `PostgresRate`, `RedisRate`."""

    lateness: float
    """Seconds for which leave to send is good."""

    async def acquire(self) -> None:
        """Wait for leave to send one paid call."""
        ...


class LimiterStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a limiter is doing."""

    running: int
    """Calls that hold a place."""
    waiting: int
    """Calls that wait for one."""
    max_concurrency: int
    bytes_in_flight: int
    """Bytes of bodies that were reserved and not given back."""
    paused_for: float
    """Seconds until the pause that the service asked for ends; 0 when there is none."""


class Limiter:
    """Bound the calls of one or more clients.

    Usage::

        limiter = Limiter(8, rate=5, max_bytes=256 * 2**20)
        client = PhotaClient(limiter=limiter)

    Whoever waits longest goes first, paid calls before free ones, for a place and for the rate alike. It can
    serve several event loops one after the other, but only one at a time. Time is the running loop's.

    Args:
        max_concurrency: Calls at once.
        rate: Calls a second; ``None`` for no limit. Up to ``rate`` calls may start in one burst.
        max_bytes: Bytes of photos in flight, both ways; ``None`` for no limit. One body larger than all of it
            may go when nothing else is under way.
        paid_rate: A rate of all processes together, which each attempt of a paid call waits for, one at a time and
            with a place; free calls do not.
    """

    def __init__(
        self,
        max_concurrency: int = 64,
        *,
        rate: float | None = None,
        max_bytes: int | None = None,
        paid_rate: PaidRate | None = None,
    ) -> None:
        for name, value in (("max_concurrency", max_concurrency), ("rate", rate), ("max_bytes", max_bytes)):
            if value is None and name != "max_concurrency":
                continue
            if not is_number(value) or not value > 0:
                raise ConfigError(f"{name}: expected more than 0, got {value!r}")
            if name != "rate" and not isinstance(value, int):
                raise ConfigError(f"{name}: expected a whole number, got {value!r}")
        self.max_concurrency = max_concurrency
        self.rate = rate
        if paid_rate is not None and not hasattr(paid_rate, "lateness"):
            raise ConfigError(f"paid_rate: expected a PostgresRate or RedisRate, got {type(paid_rate).__name__}")
        self.max_bytes = max_bytes
        self.paid_rate = paid_rate
        self._reset()
        _limiters.add(self)

    def _reset(self) -> None:
        """Begin with nobody running or waiting: a forked child knows none of its parent's calls."""
        self._places = Turns(self.max_concurrency)
        self._line = Turns(1)  # before the rate, where polls must not stand before what is paid either
        self._paid_line = Turns(1)  # before the rate of all, which one at a time asks for
        self._bytes = 0
        self._byte_queue: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._rates: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncLimiter] = WeakKeyDictionary()
        self._pauses: WeakKeyDictionary[asyncio.AbstractEventLoop, float] = WeakKeyDictionary()
        self._was_paused = False  # asking an empty WeakKeyDictionary costs more than all the rest

    async def acquire(self, priority: int = PAID) -> None:
        """Wait for a place, the rate and the end of a pause; `release` gives the place back."""
        if self.paid_rate is None or priority != PAID:
            await self._acquire(priority)
            return
        await self._paid_line.take(priority)  # before a place: polls need those that are left
        try:
            await self._acquire(priority, self.paid_rate)
        finally:
            self._paid_line.give_back()

    async def _acquire(self, priority: int, shared: PaidRate | None = None) -> None:
        await self._places.take(priority)
        try:
            await self._wait_for_time(priority)
            if shared is not None:
                await shared.acquire()
            while shared is not None and self.paused_for:  # who comes out of a pause comes too late
                await self._wait_out_pause()
                await shared.acquire()
        except BaseException:
            self.release()
            raise

    async def keep_to_rate(self, admitted: float) -> None:
        """Wait for the paid rate again if a call is sent so late that its leave is not good any more.

        Args:
            admitted: The loop's time when `acquire` returned.
        """
        if self.paid_rate is not None and asyncio.get_running_loop().time() - admitted > self.paid_rate.lateness:
            await self.paid_rate.acquire()

    def acquire_nowait(self) -> bool:
        """Take a place if nothing stands against it: a full house, a queue, a pause or a rate."""
        if self.rate is not None or self.paid_rate is not None or (self._was_paused and self.paused_for):
            return False
        return self._places.take_nowait()

    def release(self) -> None:
        """Give a place back; it goes straight to whoever waits longest."""
        self._places.give_back()

    def reserve(self, size: int, deadline: float | None = None) -> "AbstractAsyncContextManager[None]":
        """Hold ``size`` bytes of ``max_bytes`` while a body is under way; first come, first served.

        Args:
            size: Bytes.
            deadline: The loop's time at which waiting ends with `TimeoutError`.
        """
        return nullcontext() if self.max_bytes is None or size <= 0 else self._reserve(size, deadline)

    @asynccontextmanager
    async def _reserve(self, size: int, deadline: float | None) -> AsyncIterator[None]:
        async with asyncio.timeout_at(deadline):
            await self._take_bytes(size)
        try:
            yield
        finally:
            self._bytes -= size
            self._wake_bytes()

    def pause(self, seconds: float) -> None:
        """Let nobody start for so many seconds, since the service asked for it; never shortens a pause."""
        loop = asyncio.get_running_loop()
        self._pauses[loop] = max(self._pauses.get(loop, 0.0), loop.time() + seconds)
        self._was_paused = True

    def statistics(self) -> LimiterStatistics:
        """Return a snapshot."""
        return LimiterStatistics(
            running=self._places.running,
            waiting=self._waiting(),
            max_concurrency=self.max_concurrency,
            bytes_in_flight=self._bytes,
            paused_for=self.paused_for,
        )

    def __repr__(self) -> str:
        pause = self.paused_for
        paused = f", paused for {pause:.1f} s" if pause else ""
        return f"<Limiter {self._places.running}/{self.max_concurrency} running, {self._waiting()} waiting{paused}>"

    async def _wait_for_time(self, priority: int) -> None:
        if self.rate is None:
            await self._wait_out_pause()
            return
        await self._line.take(priority)
        try:
            await self._rate_of_this_loop(self.rate).acquire()
            await self._wait_out_pause()  # one who may go and does not yet: all behind wait with it
        finally:
            self._line.give_back()

    async def _wait_out_pause(self) -> None:
        while pause := self.paused_for:  # noqa: ASYNC110 - a pause may be made longer while it is kept
            await asyncio.sleep(pause)

    async def _take_bytes(self, size: int) -> None:
        if not self._byte_queue and self._fits(size):
            self._bytes += size
            return
        waiter = asyncio.get_running_loop().create_future()
        self._byte_queue.append((size, waiter))
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._bytes -= size
            waiter.cancel()
            self._wake_bytes()
            raise

    def _fits(self, size: int) -> bool:
        return self._bytes == 0 or self._bytes + size <= (self.max_bytes or 0)

    def _wake_bytes(self) -> None:
        while self._byte_queue:
            size, waiter = self._byte_queue[0]
            if not waiter.done():
                if not self._fits(size):
                    return
                self._bytes += size
                waiter.set_result(None)
            self._byte_queue.popleft()

    def _waiting(self) -> int:
        in_line = self._places.waiting() + self._paid_line.waiting()
        return in_line + sum(not waiter.done() for _, waiter in self._byte_queue)

    @property
    def paused_for(self) -> float:
        """Seconds until the pause that the service asked for ends; 0 when there is none, or no loop runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # asked from outside of a loop, by repr
            return 0.0
        return max(0.0, self._pauses.get(loop, 0.0) - loop.time())

    def _rate_of_this_loop(self, rate: float) -> "AsyncLimiter":
        from aiolimiter import AsyncLimiter  # noqa: PLC0415 - only who sets a rate pays for the import

        loop = asyncio.get_running_loop()
        if loop not in self._rates:
            # AsyncLimiter counts in its own period: below one call a second the period grows instead
            self._rates[loop] = AsyncLimiter(rate, 1) if rate >= 1 else AsyncLimiter(1, 1 / rate)
        return self._rates[loop]


def _reset_all() -> None:
    for limiter in _limiters:
        limiter._reset()  # noqa: SLF001 - one module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
