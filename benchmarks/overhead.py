"""What does a batch add to the calls it makes? ``python -m benchmarks.overhead [--items N] [--rounds N]``.

A `Batch` with a ledger carries out items, and the bare client makes the same calls, 256 at once, in the same process
and in turn. The server is another process that answers at once with a small picture. What counts is the CPU time of
all threads of this process: reading a small photo where there is one, sending it, writing what comes back to a file.

This process keeps to one core. On several, its threads spend as much again on handing Python's lock to each other, in
one round and not in the next; ``--all-cores`` shows that.
"""

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

from phota_async import Batch, BatchItem, EnhanceRequest, GenerateRequest, Limiter, PhotaClient
from phota_async.requests import AnyRequest

from .__main__ import SHARED_MEMORY
from .bodies import KB, picture
from .runner import running_server

AT_ONCE = 256
BODY, PHOTO = "1x32k", 32 * KB  # what comes back, and what is sent
MOST = 1.5  # times the bare calls' CPU
Mode = Literal["sync", "job"]
MODES: tuple[Mode, ...] = ("sync", "job")
Kind = Literal["photo", "text"]
KINDS: tuple[Kind, ...] = ("photo", "text")


class Setup(NamedTuple):
    """What a run is given."""

    client: PhotaClient
    mode: Mode
    kind: Kind
    number: int
    photo: Path
    output: Path

    def items(self) -> Iterator[BatchItem]:
        return (BatchItem(str(number), self.request(f"brighter, {number}")) for number in range(self.number))

    def request(self, prompt: str) -> AnyRequest:
        """The same photo each time, or none, but never the same purchase."""
        return EnhanceRequest(image=self.photo, prompt=prompt) if self.kind == "photo" else GenerateRequest(prompt)


Run = Callable[[Setup], Awaitable[None]]


async def bare(setup: Setup) -> None:
    """Make the calls, and nothing else."""
    client, todo = setup.client, setup.items()

    async def work() -> None:
        for item in todo:
            save_to = setup.output / f"{item.key}.{item.request.operation}-1.jpg"
            if setup.mode == "sync":
                await client.send(item.request, mode="sync", save_to=save_to)
            else:
                await client.jobs.wait(await client.jobs.submit(item.request), save_to=save_to)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())


async def batch(setup: Setup) -> None:
    """Let a batch make them, every step in its ledger; photos go and come as they are, as in the bare calls."""
    as_they_are = {"prepare": False, "metadata": "none", "mark": False}
    how: dict[str, Any] = {"max_concurrency": AT_ONCE, "mode": setup.mode, "ledger": True, **as_they_are}
    made = Batch(setup.client, setup.items(), output=setup.output, **how)
    async with made as outcomes:
        done = [outcome.status async for outcome in outcomes].count("done")
    if done != setup.number:
        raise AssertionError(f"expected {setup.number} items done, got {done}: {made!r}")


CONTENDERS: dict[str, Run] = {"bare calls": bare, "batch with a ledger": batch}


async def measure(run: Run, origin: str, mode: Mode, kind: Kind, count: int) -> float:
    """Return the seconds of CPU for an item."""
    base_url = f"{origin}/{'phota' if mode == 'sync' else 'job'}/{BODY}"
    where = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where, prefix="phota-benchmark-") as name:
        photo = Path(name, "photo.jpg")
        photo.write_bytes(picture(PHOTO))
        async with PhotaClient("key", base_url, limiter=Limiter(AT_ONCE)) as client:
            await run(Setup(client, mode, kind, AT_ONCE, photo, Path(name, "warm")))
            gc.collect()
            begun = time.process_time()
            await run(Setup(client, mode, kind, count, photo, Path(name, "out")))
            return (time.process_time() - begun) / count


def compare(origin: str, mode: Mode, kind: Kind, count: int, rounds: int) -> float:
    """Print a line for each contender and return what the batch costs beside the bare calls."""
    taken: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for number in range(rounds):
        for name in sorted(CONTENDERS, reverse=bool(number % 2)):
            taken[name].append(asyncio.run(measure(CONTENDERS[name], origin, mode, kind, count)))
    bare_name, batch_name = CONTENDERS
    ratio = median(one / other for one, other in zip(taken[batch_name], taken[bare_name], strict=True))
    for name, times in taken.items():
        beside = f"{ratio:.2f}" if name == batch_name else "1.00"
        print(f"{mode:<6}{kind:<7}{name:<22}{median(times) * 1e6:>12.0f}{beside:>12}", flush=True)
    return ratio


def keep_to_one_core() -> None:
    """Let all threads share one core, where the system can be told; the server, begun before, is not bound."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.overhead")
    parser.add_argument("--items", type=int, default=1000, help="of each run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--all-cores", action="store_true")
    chosen = parser.parse_args()
    print(f"{'mode':<6}{'of':<7}{f'{AT_ONCE} at once':<22}{'us an item':>12}{'x bare':>12}")
    with tempfile.TemporaryDirectory() as directory, running_server(Path(directory)) as server:
        if not chosen.all_cores:
            keep_to_one_core()
        cases = [(mode, kind) for mode in chosen.modes for kind in chosen.kinds]
        ratios = [compare(server.plain, mode, kind, chosen.items, chosen.rounds) for mode, kind in cases]
    print(f"at most {MOST} times the bare calls: {'ok' if max(ratios) <= MOST else 'MISSED'}")
    return int(max(ratios) > MOST)


if __name__ == "__main__":
    sys.exit(main())
