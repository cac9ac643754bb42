"""What does watching 5,000 trainings cost? ``python -m benchmarks.watching``.

Each is watched every 15 seconds, against a loopback server in a process of its own, for 30 seconds after a warm-up:
with single calls, with the listing, and by one task a profile with aiohttp alone. Printed are the CPU time of this
process as a share of one core (HTTP included), memory, connections, requests, and the longest time from a change
at the service to its news here. It takes a minute: the three run side by side, each in its own process.
"""

import argparse
import asyncio
import contextlib
import gc
import multiprocessing
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from .measure import memory
from .trainings import Trainings, serve

INTERVAL = 15.0  # seconds
WARM_UP = 1.2 * INTERVAL  # first looks at all
MEASURED = 2 * INTERVAL
PROFILES = 5000
FEW, SETTLE = 16, 2.0  # profiles and seconds that warm a contender up


class Told(NamedTuple):
    """What a contender has learnt, and when: one list for each profile."""

    trainings: Trainings
    news: dict[str, list[tuple[str, float]]]

    def tell(self, profile_id: str, status: str) -> None:
        self.news.setdefault(profile_id, []).append((status, time.monotonic()))

    def longest_delay(self, begin: float, end: float) -> tuple[float, int, int]:
        """Return the longest delay in seconds of the changes within a time, their number, and how many were missed."""
        delays, missed = [], 0
        for profile_id in self.trainings.ids:
            known = dict(self.news.get(profile_id, ()))
            for status, moment in self.trainings.changes(profile_id):
                if not begin <= moment < end - INTERVAL:
                    continue
                if status in known:
                    delays.append(known[status] - moment)
                else:
                    missed += 1
        return max(delays, default=0.0), len(delays), missed


class Row(NamedTuple):
    contender: str
    cpu: float
    bytes: float
    requests: int
    connections: int
    delay: float
    changes: int
    missed: int


Follow = Callable[[str, list[str], Told], Awaitable[None]]


async def with_client(origin: str, ids: list[str], told: Told) -> None:
    from phota_async import PhotaClient  # noqa: PLC0415 - in the contender's process only

    async with PhotaClient("key", f"{origin}/v1/phota") as client:
        async with client.profiles.watch(ids, interval=INTERVAL) as changes:
            async for change in changes:
                told.tell(change.profile_id, str(change.status))
        await asyncio.Event().wait()


async def with_tasks(origin: str, ids: list[str], told: Told) -> None:
    import aiohttp  # noqa: PLC0415 - in the contender's process only

    async def follow(session: aiohttp.ClientSession, profile_id: str) -> None:
        last = None
        while last not in ("READY", "ERROR"):
            async with session.get(f"{origin}/v1/phota/profiles/{profile_id}/status") as response:
                status = (await response.json())["status"]
            if status != last:
                last = status
                told.tell(profile_id, status)
            await asyncio.sleep(INTERVAL)

    async with aiohttp.ClientSession(headers={"X-API-Key": "key"}) as session, asyncio.TaskGroup() as group:
        for profile_id in ids:
            group.create_task(follow(session, profile_id))


CONTENDERS: dict[str, tuple[Follow, bool]] = {  # and whether the listing tells statuses
    "phota_async, single calls": (with_client, False),
    "phota_async, listing": (with_client, True),
    "a task each, aiohttp": (with_tasks, False),
}


def contend(pipe: Connection, name: str, count: int) -> None:
    pipe.send(asyncio.run(_contend(name, count)))


async def _contend(name: str, count: int) -> Row:
    follow, has_statuses = CONTENDERS[name]
    trainings = Trainings(count, begin=time.monotonic(), has_statuses=has_statuses)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs, trainings), daemon=True)
    server.start()
    origin = await asyncio.to_thread(ours.recv)
    try:
        return await _measure(name, follow, origin, Told(trainings, {}), ours)
    finally:
        ours.send(None)
        await asyncio.to_thread(server.join)


async def _measure(name: str, follow: Follow, origin: str, told: Told, pipe: Any) -> Row:
    ids = told.trainings.ids
    with contextlib.suppress(TimeoutError):  # imports and connections are nobody's bytes
        await asyncio.wait_for(follow(origin, ids[:FEW], told), SETTLE)
    gc.collect()
    before = memory()
    watching = asyncio.ensure_future(follow(origin, ids, told))
    await asyncio.sleep(WARM_UP)
    requests, _ = await ask(pipe)
    begin, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(MEASURED)
    end, cpu = time.monotonic(), time.process_time() - cpu
    used, connections = await ask(pipe)
    gc.collect()
    held = memory() - before
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    delay, changes, missed = told.longest_delay(begin, end)
    count = len(ids)
    return Row(name, cpu / (end - begin), held / count, used - requests, connections, delay, changes, missed)


async def ask(pipe: Any) -> tuple[int, int]:
    """Return the server's requests so far and its open connections."""
    pipe.send("how many?")
    counted: tuple[int, int] = await asyncio.to_thread(pipe.recv)
    return counted


async def bytes_a_profile(count: int) -> float:
    """Return what watching one more profile allocates, first looks included, by Python's own account."""
    from phota_async.models import Profile, ProfileStatus  # noqa: PLC0415
    from phota_async.watch import Poller, Subject, Watch, steady  # noqa: PLC0415

    async def look(profile_id: str) -> tuple[Profile, None]:
        return Profile("".join(profile_id), ProfileStatus.QUEUING), None

    ids = Trainings(count, begin=0.0).ids
    subject = Subject(look=look, is_done=lambda _: False, tell=lambda *_: None)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    async with Watch(ids, Poller, subject, steady(0.5), lambda key, *_: key) as changes:
        for _ in range(count):
            await anext(changes)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return held / count


def run(names: list[str], count: int) -> list[Row]:
    """Run contenders side by side, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    pipes = []
    for name in names:
        ours, theirs = context.Pipe()
        context.Process(target=contend, args=(theirs, name, count)).start()
        pipes.append(ours)
    return [pipe.recv() for pipe in pipes]


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.watching")
    parser.add_argument("--profiles", type=int, default=PROFILES)
    parser.add_argument("--only", choices=list(CONTENDERS))
    chosen = parser.parse_args()
    rows = run([chosen.only] if chosen.only else list(CONTENDERS), chosen.profiles)
    head = ("CPU of a core", "us/request", "bytes/profile", "requests", "connections", "longest delay", "changes")
    print(f"{'':28}", *(f"{each:>14}" for each in head))
    for row in rows:
        each = row.cpu * MEASURED / max(1, row.requests) * 1e6
        cells = f"{row.cpu:>14.2%} {each:>14.0f} {row.bytes:>14.0f} {row.requests:>14} {row.connections:>14}"
        missed = f" ({row.missed} missed)" if row.missed else ""
        print(f"{row.contender:28} {cells} {row.delay:>12.2f} s {row.changes:>14}{missed}")
    held = asyncio.run(bytes_a_profile(chosen.profiles))
    print(f"bytes of Python objects for each watched profile, without HTTP: {held:.0f}")


if __name__ == "__main__":
    main()
