"""Does a fleet pay once, and come back? ``python -m benchmarks.fleet [kill outage throughput] [--runs N]``.

Real parts: PostgreSQL with durable commits, workers that are processes, a service of its own. ``kill`` ends one of
three workers with SIGKILL in the middle and restarts PostgreSQL now and then, ``outage`` stops PostgreSQL for 20 s,
``throughput`` compares four workers with one. Nothing may be missing or charged twice, no more jobs unfinished at once
than the cap says, and a dead worker's tasks must be in other hands soon. Exits with 1 when anything is missed.
"""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from . import fleet_shop, fleet_site
from .__main__ import SHARED_MEMORY
from .fleet_meter import Server, running_server
from .fleet_run import CAP, Audit, Fleet
from .service import serving

WORKERS, AT_ONCE = 3, 50
JOB_SECONDS, JOB_LOOK = 1.0, 0.45
OUTAGE = 20.0  # seconds
PATIENCE = 600.0  # seconds for a run
CALL = 0.2  # seconds that a call takes where the throughput is measured
LOOK = 0.22  # seconds until its end is looked for


# Runs


async def killed(server: Server, count: int, seed: int) -> Audit:
    """Kill one of the workers somewhere in the middle, and restart PostgreSQL in every second run."""
    chance = random.Random(seed)
    with serving(fleet_site.serve, True, JOB_SECONDS, seed) as service, _folder() as folder:
        fleet = Fleet(server, service, folder, cap=CAP, concurrency=AT_ONCE, look=JOB_LOOK)
        items, begun = fleet.items(count), time.monotonic()
        await fleet.enqueue(items)
        async with AsyncExitStack() as scope:
            workers = [await scope.enter_async_context(fleet.worker()) for _ in range(WORKERS)]
            await fleet.sold(round(count * chance.uniform(0.15, 0.6)))
            recovery, taken = await fleet.kill(workers[chance.randrange(WORKERS)])
            if seed % 2:
                await _restart(server, 0.0)
            await fleet.drained(items)
        return await fleet.audit(items, begun, recovery, taken)


async def stopped(server: Server, count: int, seed: int) -> Audit:
    """Stop PostgreSQL for a while in the middle."""
    with serving(fleet_site.serve, True, JOB_SECONDS, seed) as service, _folder() as folder:
        fleet = Fleet(server, service, folder, cap=CAP, concurrency=AT_ONCE, look=JOB_LOOK)
        items, begun = fleet.items(count), time.monotonic()
        await fleet.enqueue(items)
        async with AsyncExitStack() as scope:
            for _ in range(WORKERS):
                await scope.enter_async_context(fleet.worker())
            await fleet.sold(count // 3)
            await _restart(server, OUTAGE)
            await fleet.drained(items)
        return await fleet.audit(items, begun)


async def _restart(server: Server, seconds: float) -> None:
    await asyncio.to_thread(server.stop, "immediate")
    await asyncio.sleep(seconds)
    await asyncio.to_thread(server.start)


async def items_a_second(server: Server, workers: int, count: int) -> float:
    """Return what some workers do, 10 at once each, between the first and the last tenth of their items."""
    with serving(fleet_shop.serve, CALL) as service, _folder() as folder:
        fleet = Fleet(server, service, folder, cap=200, concurrency=10, look=LOOK)
        await fleet.enqueue(fleet.items(count))
        async with AsyncExitStack() as scope:
            for _ in range(workers):
                await scope.enter_async_context(fleet.worker())
            before, begin = await fleet.finished(count * 9 // 10), time.monotonic()
            after, end = await fleet.finished(count // 10), time.monotonic()
            await fleet.finished()
    return (before - after) / (end - begin)


@contextmanager
def _folder() -> Iterator[Path]:
    memory = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None  # disks differ
    with tempfile.TemporaryDirectory(prefix="phota-benchmark-", dir=memory) as folder:
        yield Path(folder)


HEADS = ("items", "missing", "twice", "strays", "again", "most", "recovery", "taken", "seconds")


def show(name: str, audit: Audit) -> str:
    """Return a run's line."""
    cells = [f"{value:.1f}" if isinstance(value, float) else str(value) for value in audit]
    verdict = "ok" if audit.holds() else "MISSED"
    return f"{name:<12}" + "".join(f"{cell:>10}" for cell in cells) + f"  {verdict}"


async def audits(names: list[str], runs: range, count: int) -> bool:
    """Make the runs in which something breaks."""
    print(f"{'':<12}" + "".join(f"{head:>10}" for head in HEADS))
    holds = True
    for name in names:
        for number in runs if name == "kill" else (0,):
            with running_server(careless=False) as server:
                async with asyncio.timeout(PATIENCE):
                    audit = await (killed if name == "kill" else stopped)(server, count, number)
            print(show(f"{name} {number + 1}", audit), flush=True)
            holds &= audit.holds()
    return holds


async def throughput(count: int, least: float = 3.5) -> bool:
    """Compare four workers with one."""
    with running_server(careless=False) as server:
        one = await items_a_second(server, 1, count)
        four = await items_a_second(server, 4, 4 * count)
    word = "ok" if four / one >= least else "MISSED"
    print(f"{one:.1f} items/s of one worker, {four:.1f} of four: {four / one:.2f} times, at least {least:g}: {word}")
    return four / one >= least


def main() -> int:
    names = ("kill", "outage", "throughput")
    parser = argparse.ArgumentParser("python -m benchmarks.fleet", description="What a fleet must hold.")
    parser.add_argument("names", nargs="*", metavar="name", choices=[[], *names], help=", ".join(names))
    parser.add_argument("--runs", type=int, default=1, help="of kill (%(default)s)")
    parser.add_argument("--first", type=int, default=1, help="number of the first one: each is another (%(default)s)")
    parser.add_argument("--items", type=int, default=2000, help="of a run (%(default)s)")
    chosen = parser.parse_args()
    logging.disable()  # connections that break off are what this is for
    wanted, holds = chosen.names or names, True
    if broken := [name for name in wanted if name != "throughput"]:
        holds &= asyncio.run(audits(broken, range(chosen.first - 1, chosen.first - 1 + chosen.runs), chosen.items))
    if "throughput" in wanted:
        holds &= asyncio.run(throughput(max(100, chosen.items // 5)))
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
