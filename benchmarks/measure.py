"""What one round costs: seconds, CPU, the longest stall of the event loop, memory above the state before."""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

TICK = 0.001  # seconds between two looks at the clock
STATUS = Path("/proc/self/status")


class Work(NamedTuple):
    """What a run did, and what it returned: kept until the memory is read."""

    calls: int
    kept: object = None


Run = Callable[[], Awaitable[Work]]


class Sample(NamedTuple):
    """One round. Seconds are for one call."""

    wall: float
    cpu: float
    stall: float
    """Seconds beyond the millisecond that the ticker asked for, at worst."""
    peak: int
    """Bytes above the state before the first round."""
    paired: float | None = None
    """CPU of a call beside the floor's, in the same process at the same time."""


class Ticker:
    """Watches the event loop: how long does it not come back?"""

    def __init__(self) -> None:
        self.worst = 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._tick())
        await asyncio.sleep(2 * TICK)
        self.worst = 0.0
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.sleep(2 * TICK)  # a stall at the very end shows only now
        self._task.cancel()

    async def _tick(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(TICK)
            now = time.perf_counter()
            self.worst = max(self.worst, now - before - TICK)
            before = now


async def measure(run: Run, before: int) -> Sample:
    """Do one round; ``before`` is the memory in bytes that it is compared with."""
    forget_peak()
    async with Ticker() as ticker:
        wall, cpu = time.perf_counter(), time.process_time()
        work = await run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Sample(wall / work.calls, cpu / work.calls, ticker.worst, max(0, peak_memory() - before))


async def measure_pair(run: Run, floor: Run) -> Sample:
    """Do two bursts of a contender between two of the floor: what drifts, drifts for both."""
    bursts = [await _burst(each) for each in (floor, run, run, floor)]
    walls, cpus = zip(*bursts, strict=True)
    wall, cpu = sum(walls[1:3]) / 2, sum(cpus[1:3]) / 2
    return Sample(wall, cpu, 0.0, 0, sum(cpus[1:3]) / (cpus[0] + cpus[3]))


async def _burst(run: Run) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work = await run()
    return (time.perf_counter() - wall) / work.calls, (time.process_time() - cpu) / work.calls


def memory() -> int:
    """Return the bytes of memory that this process has now."""
    return _status("VmRSS:") or peak_memory()


def peak_memory() -> int:
    """Return the bytes of memory that this process had at most since `forget_peak`, or ever where that fails."""
    return _status("VmHWM:") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def forget_peak() -> None:
    """Let the peak begin anew; only Linux can."""
    if STATUS.exists():
        STATUS.with_name("clear_refs").write_text("5")


def _status(name: str) -> int:
    if not STATUS.exists():
        return 0
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
