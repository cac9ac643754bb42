"""Keep service time: at a multiple of real time, or standing still and stepped. Counts the work under way."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

QUIET_TURNS = 4  # turns of the event loop without work; a wake-up needs two to be counted again


class Clock:
    """Tells and passes the sandbox's time, in seconds since 1970.

        clock = Clock(scale=60)    # a minute of service a second
        clock = Clock(scale=0)     # stands still
        clock.advance(1200)        # twenty minutes later, at once
        await clock.idle()         # all that was due by now has been done

    ``advance`` belongs to the sandbox's event loop; ``time`` may be asked from any thread.
    """

    def __init__(self, *, scale: float = 1.0, start: float | None = None) -> None:
        if scale < 0:
            raise ValueError(f"expected a time scale of 0 or more, got {scale}")
        self.scale = scale
        self._mark = (time.time() if start is None else start, time.monotonic())
        self._sleepers: set[asyncio.Event] = set()
        self._busy = 0
        self._resting = asyncio.Event()
        self._resting.set()

    def __repr__(self) -> str:
        return f"<Clock x{self.scale:g}, {self._busy} at work, {len(self._sleepers)} asleep>"

    def time(self) -> float:
        """Tell the service's time, in seconds since 1970."""
        moment, real = self._mark
        return moment + (time.monotonic() - real) * self.scale

    def advance(self, seconds: float) -> None:
        """Step forwards and wake what is due; ``await idle()`` waits until that is done."""
        if seconds < 0:
            raise ValueError(f"expected 0 seconds or more, got {seconds}")
        moment, real = self._mark
        self._mark = (moment + seconds, real)
        for sleeper in self._sleepers:
            sleeper.set()

    async def sleep(self, seconds: float) -> None:
        """Wait for some seconds of service time."""
        await self.sleep_until(self.time() + seconds)

    async def sleep_until(self, moment: float) -> None:
        """Wait for a moment of service time; a standing clock must be stepped to it."""
        while (left := moment - self.time()) > 0:
            await self._nap(left / self.scale if self.scale else None)

    async def idle(self) -> None:
        """Wait until nothing is under way except waiting for a later moment."""
        quiet = 0
        while quiet < QUIET_TURNS:
            await self._resting.wait()
            await asyncio.sleep(0)
            quiet = 0 if self._busy > 0 else quiet + 1

    @contextmanager
    def work(self) -> Iterator[None]:
        """Count a piece of work as under way."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Count a piece of work out while it waits for something that only time brings."""
        self._count(-1)
        try:
            yield
        finally:
            self._count(1)

    def _count(self, change: int) -> None:
        self._busy += change
        if self._busy > 0:
            self._resting.clear()
        else:
            self._resting.set()

    async def _nap(self, real_seconds: float | None) -> None:
        woken = asyncio.Event()
        self._sleepers.add(woken)
        try:
            with self.at_rest(), suppress(TimeoutError):
                async with asyncio.timeout(real_seconds):
                    await woken.wait()
        finally:
            self._sleepers.discard(woken)
