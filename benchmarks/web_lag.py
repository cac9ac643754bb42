"""Does a web service stay awake while pictures pass through it? ``python -m benchmarks.web_lag [--rounds 3]``.

Fifty callers at once ask a service of aiohttp.web for a picture of 8 MB, which it gets as base64 in JSON from the
service of `benchmarks.server` and passes on. A ticker in its event loop notes how late it wakes up, and how much CPU
its thread had meanwhile: on a busy machine the rest is time that others were given. Caller, service and server are
processes of their own; one more does nothing but tick, and tells what is the machine's doing. Some 25 s.
"""

import argparse
import asyncio
import base64
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, NamedTuple

import aiohttp
from aiohttp import web

from phota_async import GenerateRequest, Limiter, PhotaClient

from .bodies import MB
from .measure import TICK
from .runner import running_server, spawn

AT_ONCE = 50
SIZE = 8  # MB
BODY = f"1x{SIZE}"
LIMIT = 0.020  # seconds
BYTES_AT_ONCE = 32 * MB  # of answers under way: what a turn of the event loop has to do is bounded by it
SLICE = 2**16  # bytes
PATIENCE = 30.0  # seconds
SHARED_MEMORY = Path("/dev/shm")  # a disk would be measured otherwise

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Way = Callable[[str, Path], AbstractAsyncContextManager[Answer]]


class Tick(NamedTuple):
    """What a ticker noted, in seconds."""

    lag: float
    """How late it woke up."""
    cpu: float
    """What its thread had of a processor since the tick before."""


class Round(NamedTuple):
    """Fifty answers."""

    seconds: float
    service: list[Tick]
    idle: list[Tick]


@asynccontextmanager
async def to_files(origin: str, directory: Path, *, max_bytes: int | None = BYTES_AT_ONCE) -> AsyncIterator[Answer]:
    """The client, with pictures that go to files while they arrive, and from there to the callers."""
    numbers, limiter = itertools.count(), Limiter(64, max_bytes=max_bytes)
    async with PhotaClient("key", f"{origin}/phota/{BODY}", limiter=limiter) as client:

        async def answer(_: web.Request) -> web.StreamResponse:
            path = directory / f"{next(numbers)}.jpg"
            await client.send(GenerateRequest(prompt="a cat"), save_to=path)
            return web.FileResponse(path)

        yield answer


@asynccontextmanager
async def to_memory(origin: str, _: Path) -> AsyncIterator[Answer]:
    """The client, with pictures in memory, which go on in slices: asyncio would copy a whole one again and again."""
    limiter = Limiter(64, max_bytes=BYTES_AT_ONCE)
    async with PhotaClient("key", f"{origin}/phota/{BODY}", limiter=limiter) as client:

        async def answer(request: web.Request) -> web.StreamResponse:
            result = await client.generate("a cat")
            data = memoryview(await result.images[0].read())
            response = web.StreamResponse()
            await response.prepare(request)
            for at in range(0, len(data), SLICE):
                await response.write(data[at : at + SLICE])
            return response

        yield answer


@asynccontextmanager
async def by_hand(origin: str, _: Path) -> AsyncIterator[Answer]:
    """What one writes first: aiohttp, ``.json()`` and base64."""
    async with aiohttp.ClientSession() as session:

        async def answer(_: web.Request) -> web.StreamResponse:
            async with session.post(f"{origin}/phota/{BODY}/generate", json={"prompt": "a cat"}) as response:
                images = json.loads(await response.read())["images"]
            return web.Response(body=base64.b64decode(images[0]))

        yield answer


WAYS: dict[str, Way] = {
    "to files": to_files,
    "to memory": to_memory,
    "to files, unlimited": partial(to_files, max_bytes=None),
    "by hand": by_hand,
}
OURS = ("to files", "to memory")


def serve(pipe: Connection, way: str, origin: str, directory: Path) -> None:
    """Serve until the pipe closes; first say the port, then the lags whenever asked."""
    asyncio.run(_serve(pipe, way, origin, directory))


async def _serve(pipe: Connection, way: str, origin: str, directory: Path) -> None:
    async with WAYS[way](origin, directory) as answer:
        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pipe.send(runner.addresses[0][1])
        await tick(pipe)
        await runner.cleanup()


def stand_by(pipe: Connection) -> None:
    """Do nothing but tick."""
    pipe.send(0)
    asyncio.run(tick(pipe))


async def tick(pipe: Connection) -> None:
    """Note how late this event loop wakes up: from one word of the pipe to the next, which gets the notes."""
    ticks: list[Tick] = []
    wall, cpu = time.perf_counter(), time.thread_time()
    while True:
        await asyncio.sleep(TICK)
        now, used = time.perf_counter(), time.thread_time()
        ticks.append(Tick(now - wall - TICK, used - cpu))
        wall, cpu = now, used
        if pipe.poll():
            try:
                pipe.recv()
            except EOFError:
                return
            pipe.send(ticks)
            ticks, wall = [], time.perf_counter()


@contextmanager
def process(target: Callable[..., None], *arguments: object) -> Iterator[tuple[Connection, int]]:
    """Run a ticking process, and say where it listens."""
    ours, theirs = spawn.Pipe()
    child = spawn.Process(target=target, args=(theirs, *arguments), daemon=True)
    child.start()
    theirs.close()
    try:
        yield ours, ours.recv()
    finally:
        ours.close()
        child.join(5)
        child.terminate()


async def call(port: int, count: int) -> None:
    """Ask for pictures, all at once, and throw them away."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one() -> None:
            size = 0
            async with session.get(f"http://127.0.0.1:{port}/") as response:
                response.raise_for_status()
                async for chunk in response.content.iter_any():
                    size += len(chunk)
            assert size == SIZE * MB, size

        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one())


def ticks_of(pipe: Connection) -> list[Tick]:
    """Ask a ticking process what it has noted since it was asked last."""
    pipe.send("ticks")
    ticks: list[Tick] = pipe.recv()
    return ticks


def run(way: str, origin: str, directory: Path, rounds: int) -> list[Round]:
    """Do some rounds in one process."""
    done = []
    with process(serve, way, origin, directory) as (service, port), process(stand_by) as (idle, _):
        asyncio.run(call(port, 2))  # imports and connections
        for _ in range(rounds):
            ticks_of(service), ticks_of(idle)
            begun = time.perf_counter()
            asyncio.run(call(port, AT_ONCE))
            done.append(Round(time.perf_counter() - begun, ticks_of(service), ticks_of(idle)))
            for path in directory.glob("*.jpg"):
                path.unlink()
    return done


def longest(rounds: Sequence[list[Tick]], field: Literal["lag", "cpu"] = "lag") -> float:
    """Return the longest of a round: the median over rounds."""
    values = [max(float(getattr(tick, field)) for tick in each) for each in rounds]
    return statistics.median(values)


def row(name: str, seconds: float, rounds: Sequence[list[Tick]]) -> str:
    """Return a line of the table, in milliseconds."""
    lags = sorted(tick.lag for each in rounds for tick in each)
    columns = (statistics.median(lags), lags[int(len(lags) * 0.99)], longest(rounds), lags[-1], longest(rounds, "cpu"))
    return f"{name:>22} {seconds:>8.2f}" + "".join(f"{each * 1e3:>10.2f}" for each in columns)


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.web_lag")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help=f"exit with 1 when a lag is above {LIMIT * 1e3:.0f} ms")
    chosen = parser.parse_args()
    print(f"{AT_ONCE} answers of {SIZE} MB through a web service; how late its event loop wakes up, in ms;")
    print("the longest of a round as a median over rounds, of all rounds, and the CPU of the longest")
    print(f"{'':>22} {'seconds':>8}{'median':>10}{'p99':>10}{'longest':>10}{'of all':>10}{'CPU':>10}")
    lags = {}
    directory = tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None)
    with directory as name, running_server(Path(name)) as server:
        for way in WAYS:
            rounds = run(way, server.plain, Path(name), chosen.rounds)
            seconds = statistics.median(each.seconds for each in rounds)
            print(row(way, seconds, [each.service for each in rounds]))
            print(row("a process that idles", seconds, [each.idle for each in rounds]), flush=True)
            lags[way] = longest([each.service for each in rounds])
    return int(chosen.check and max(lags[way] for way in OURS) > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
