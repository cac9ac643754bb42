"""Does memory stay flat over a million items? ``python -m benchmarks.million [--items N] [--chart FILE]``.

A real `Batch` carries the items: every one is pulled, checked, gets its place among the names of the output, is
written down in a ledger before it is sent and when it is done, and comes out as an outcome. Only the client is a
double that answers at once with no picture, since it is the batch that is looked at. ``--no-ledger`` leaves the
ledger out. A million take some four minutes on 2 cores.

Two numbers are told: what is alive (blocks that Python has allocated), which must not grow at all, and what the process
holds, which creeps ever more slowly as the heap's gaps are filled less and less well.
"""

import argparse
import asyncio
import gc
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from phota_async import Batch, BatchItem, ClientConfig, GenerateRequest, ImageResult, PhotaClient
from phota_async import ledger as _ledger  # noqa: F401 - a batch imports both late, and they are no items' memory
from phota_async import sending as _sending  # noqa: F401
from phota_async.models import ImageAnswer

from .__main__ import SHARED_MEMORY
from .measure import memory

AT_ONCE = 256
SETTLED = 10_000  # items after which memory should be flat
MOST = 8.0  # MB that the process may grow from there
MOST_ALIVE = 1.1  # times the blocks of then; how many items are at which step moves it by some percents
MARKS = (1_000, 10_000, 100_000, 1_000_000)
SAMPLES = 1000
MB = 2**20


class Idle:
    """Stands for a client whose calls return at once, without a picture."""

    config = ClientConfig()

    def __init__(self) -> None:
        self._transport = SimpleNamespace(refusal_listeners=[], hooks=None, send=self._reply)

    async def _send(self, *_: object, **__: object) -> ImageResult:
        return ImageResult([])

    async def _reply(self, *_: object, **__: object) -> Any:
        return SimpleNamespace(value=(ImageAnswer(), {}), request_id=None)

    def _deadline(self, timeout: float | None) -> float:  # noqa: ARG002 - as the client's
        return asyncio.get_running_loop().time() + self.config.timeout


class Sample(NamedTuple):
    """Memory after so many items."""

    items: int
    above: int
    """Bytes above the start."""
    alive: int
    """Blocks that Python has allocated."""


class Recorder:
    """Notes memory now and then. Its numbers lie in arrays: objects made all along would keep what is freed around
    them from going back to the system, and it would be the looking that is seen.
    """

    def __init__(self, count: int) -> None:
        gc.collect()
        self._every = max(1, count // SAMPLES)
        self._marks = {*MARKS, count}
        self._items, self._above, self._alive = array("q", [0]), array("q", [0]), array("q", [sys.getallocatedblocks()])
        self._start = memory()

    def note(self, done: int) -> None:
        """Look, if it is time."""
        if not done % self._every or done in self._marks:
            self._items.append(done)
            self._above.append(memory() - self._start)
            self._alive.append(sys.getallocatedblocks())

    def samples(self) -> list[Sample]:
        return list(map(Sample, self._items, self._above, self._alive))


def items(count: int) -> Iterator[BatchItem]:
    return (BatchItem(f"{n // 1000:04}/{n}.png", GenerateRequest(prompt=f"a sea, {n}")) for n in range(count))


async def carry(count: int, output: Path, *, ledger: bool) -> list[Sample]:
    """Carry the items, and look at the memory now and then."""
    recorder = Recorder(count)
    batch = Batch(
        cast(PhotaClient, Idle()),
        items(count),
        max_concurrency=AT_ONCE,
        mode="sync",
        output=output,
        ledger=ledger,
    )
    async with batch as outcomes:
        done = 0
        async for outcome in outcomes:
            done += outcome.status == "done"
            recorder.note(done)
    if done != count:
        raise AssertionError(f"expected {count} items done, got {done}: {batch!r}")
    return recorder.samples()


def growth(samples: list[Sample]) -> float:
    """Return the MB at the most above what there was when it should have become flat."""
    settled = next((sample.above for sample in samples if sample.items >= SETTLED), samples[-1].above)
    return max(0.0, max(sample.above for sample in samples if sample.items >= SETTLED) - settled) / MB


def grown_alive(samples: list[Sample]) -> float:
    """Return by what the blocks that are alive have multiplied: the last tenth of the run beside the first of it."""
    settled = [sample.alive for sample in samples if sample.items >= SETTLED]
    tenth = max(1, len(settled) // 10)
    return median(settled[-tenth:]) / median(settled[:tenth])


def draw(samples: list[Sample], path: Path) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415 - only for the chart

    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    axes.plot([sample.items for sample in samples], [sample.above / MB for sample in samples], color="#1f6f54")
    axes.axvline(SETTLED, color="black", linewidth=0.8, linestyle="--", label="10,000 items")
    axes.set(xlabel="items done", ylabel="MB above the start", ylim=(0, None), xlim=(0, None))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=110)


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.million")
    parser.add_argument("--items", type=int, default=1_000_000, help="(%(default)s)")
    parser.add_argument("--ledger", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--chart", type=Path, metavar="FILE")
    parser.add_argument("--directory", type=Path, default=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None)
    chosen = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=chosen.directory, prefix="phota-benchmark-") as directory:
        samples = asyncio.run(carry(chosen.items, Path(directory), ledger=chosen.ledger))
    taken = time.monotonic() - begun
    print(f"{'items':>10}{'MB above start':>16}{'blocks alive':>14}")
    for sample in samples:
        if sample.items in {*MARKS, chosen.items}:
            print(f"{sample.items:>10,}{sample.above / MB:>16.1f}{sample.alive:>14,}")
    print(f"{taken:.0f} s, {taken / chosen.items * 1e6:.0f} us an item")
    if chosen.chart:
        draw(samples, chosen.chart)
    if chosen.items <= SETTLED:
        return 0
    grown, alive = growth(samples), grown_alive(samples)
    print(f"at most {MOST:g} MB more after {SETTLED:,} items: {grown:.1f} MB, {'ok' if grown <= MOST else 'MISSED'}")
    print(f"at most {MOST_ALIVE:g} times the blocks: {alive:.2f}, {'ok' if alive <= MOST_ALIVE else 'MISSED'}")
    return int(grown > MOST or alive > MOST_ALIVE)


if __name__ == "__main__":
    sys.exit(main())
