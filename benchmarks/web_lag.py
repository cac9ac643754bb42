"""Does a web service stay awake while pictures pass through it? ``python -m benchmarks.web_lag [--rounds 3]``.

Fifty callers at once ask a service of aiohttp.web for a picture of 8 MB, which it gets as base64 in JSON from the
service of `benchmarks.server` and passes on. A ticker in its event loop notes how late it wakes up. Caller, service
and server are processes of their own; one more does nothing but tick, and tells what is the machine's doing.
"""

import argparse
import asyncio
import base64
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
from aiohttp import web

from phota_async import GenerateRequest, PhotaClient

from .bodies import MB
from .measure import TICK
from .runner import running_server, spawn

AT_ONCE = 50
SIZE = 8  # MB
BODY = f"1x{SIZE}"
LIMIT = 0.020  # seconds
PATIENCE = 30.0  # seconds
SHARED_MEMORY = Path("/dev/shm")  # a disk would be measured otherwise

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Lags = list[float]


@asynccontextmanager
async def to_files(origin: str, directory: Path) -> AsyncIterator[Answer]:
    """The client, with pictures that go to files while they arrive, and from there to the callers."""
    numbers = itertools.count()
    async with PhotaClient("key", f"{origin}/phota/{BODY}") as client:

        async def answer(_: web.Request) -> web.StreamResponse:
            path = directory / f"{next(numbers)}.jpg"
            await client.send(GenerateRequest(prompt="a cat"), save_to=path)
            return web.FileResponse(path)

        yield answer


@asynccontextmanager
async def to_memory(origin: str, _: Path) -> AsyncIterator[Answer]:
    """The client, with pictures in memory."""
    async with PhotaClient("key", f"{origin}/phota/{BODY}") as client:

        async def answer(_: web.Request) -> web.StreamResponse:
            result = await client.generate("a cat")
            return web.Response(body=await result.images[0].read())

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


WAYS = {"to files": to_files, "to memory": to_memory, "by hand": by_hand}


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
    """Note how late this event loop wakes up: from one word of the pipe to the next, which gets the lags."""
    lags: Lags = []
    before = time.perf_counter()
    while True:
        await asyncio.sleep(TICK)
        now = time.perf_counter()
        lags.append(now - before - TICK)
        before = now
        if pipe.poll():
            try:
                pipe.recv()
            except EOFError:
                return
            pipe.send(lags)
            lags, before = [], time.perf_counter()


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


def lags_of(pipe: Connection) -> Lags:
    """Ask a ticking process what it has noted since it was asked last."""
    pipe.send("lags")
    lags: Lags = pipe.recv()
    return lags


def run(way: str, origin: str, directory: Path, rounds: int) -> tuple[list[float], list[Lags], list[Lags]]:
    """Return the seconds of each round, the service's lags, and those of the process that does nothing."""
    seconds, ours, idle = list[float](), list[Lags](), list[Lags]()
    with process(serve, way, origin, directory) as (pipe, port), process(stand_by) as (other, _):
        asyncio.run(call(port, 2))  # imports and connections
        for _ in range(rounds):
            lags_of(pipe), lags_of(other)
            begun = time.perf_counter()
            asyncio.run(call(port, AT_ONCE))
            seconds.append(time.perf_counter() - begun)
            ours.append(lags_of(pipe))
            idle.append(lags_of(other))
            for path in directory.glob("*.jpg"):
                path.unlink()
    return seconds, ours, idle


def row(name: str, seconds: Lags, rounds: list[Lags]) -> str:
    """Return a line of the table: milliseconds, of all rounds together; the typical longest is a median of rounds."""
    lags = sorted(lag for each in rounds for lag in each)
    longest = [max(each) for each in rounds]
    columns = (statistics.median(lags), lags[int(len(lags) * 0.99)], statistics.median(longest), max(longest))
    return f"{name:>22} {statistics.median(seconds):>8.2f}" + "".join(f"{each * 1e3:>10.2f}" for each in columns)


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.web_lag")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help=f"exit with 1 when a lag is above {LIMIT * 1e3:.0f} ms")
    chosen = parser.parse_args()
    default = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    print(f"{AT_ONCE} answers of {SIZE} MB through a web service; how late its event loop wakes up, in ms")
    print(f"{'':>22} {'seconds':>8}{'median':>10}{'p99':>10}{'longest':>10}{'of all':>10}")
    worst = {}
    with tempfile.TemporaryDirectory(dir=default, prefix="phota-benchmark-") as name:
        directory = Path(name)
        with running_server(directory) as server:
            for way in WAYS:
                seconds, ours, idle = run(way, server.plain, directory, chosen.rounds)
                worst[way] = statistics.median(max(each) for each in ours)
                print(row(way, seconds, ours), row("a process that idles", seconds, idle), sep="\n", flush=True)
    return int(chosen.check and max(worst["to files"], worst["to memory"]) > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
