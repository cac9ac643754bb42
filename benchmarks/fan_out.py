"""Carry 100,000 items that do nothing through the machinery of a batch. The floor is workers on one iterator."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from phota_async import Batch, BatchItem, EnhanceRequest, ImageResult, Outcome, PhotaClient
from phota_async.batch.parts import Part

from .measure import Run, Work
from .scenario import OURS, Case, Scenario, Setup, Target, typical

REQUEST = EnhanceRequest(image=b"")
RESULT = ImageResult([])
OUTCOME = Outcome(key="photo.jpg", request=REQUEST, status="done", result=RESULT)
BARE = "workers of a Batch"


class Idle:
    """Stands for a client whose calls return at once."""

    _transport = SimpleNamespace(refusal_listeners=[], hooks=None)

    async def send(self, request: object, *_: object, **__: object) -> ImageResult:  # noqa: ARG002 - as the client's
        return RESULT

    _send = send


def items(count: int) -> Iterator[BatchItem]:
    return (BatchItem("photo.jpg", REQUEST) for _ in range(count))


async def workers(count: int, at_once: int) -> None:
    """The least that can be done: nobody hears what came of an item."""
    shared, send = items(count), Idle().send

    async def work() -> None:
        for item in shared:
            await send(item.request)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


async def queues(count: int, at_once: int) -> None:
    """Workers between two queues."""
    todo: asyncio.Queue[BatchItem | None] = asyncio.Queue(at_once)
    done: asyncio.Queue[object] = asyncio.Queue(at_once)
    send = Idle().send

    async def feed() -> None:
        for item in items(count):
            await todo.put(item)
        for _ in range(at_once):
            await todo.put(None)

    async def work() -> None:
        while item := await todo.get():
            await done.put(await send(item.request))

    async with asyncio.TaskGroup() as group:
        for routine in (feed, *[work] * at_once):
            group.create_task(routine())
        for _ in range(count):
            await done.get()


async def gather(count: int, at_once: int) -> None:
    """A task for every item, and a semaphore."""
    gate, send = asyncio.Semaphore(at_once), Idle().send

    async def one(item: BatchItem) -> ImageResult:
        async with gate:
            return await send(item.request)

    await asyncio.gather(*map(one, items(count)))


class BareBatch(Batch):
    """Our workers, gate and reader alone: an item is bought without being checked, sent, priced or noted."""

    def _make_buyer(self) -> Any:
        return IdleBuyer()

    def _make_admission(self) -> Any:
        return OpenDoor()


class OpenDoor:
    """Admits whatever comes."""

    def admit(self, item: BatchItem) -> None: ...

    def close(self) -> None: ...


class IdleBuyer:
    """Has bought everything already."""

    async def open(self) -> None: ...

    async def aclose(self) -> None: ...

    async def carry_out(self, part: Part) -> Outcome:  # noqa: ARG002 - it is always the same
        return OUTCOME


async def batch(count: int, at_once: int, kind: type[Batch] = Batch) -> None:
    """Ours: with prices, statistics and an outcome for every item."""
    made = kind(cast(PhotaClient, Idle()), items(count), max_concurrency=at_once, mode="sync")
    async with made as outcomes:
        seen = 0
        async for _ in outcomes:
            seen += 1
    if seen != count:
        raise AssertionError(f"expected {count} outcomes, got {seen}")


HOW: dict[str, Callable[[int, int], Awaitable[Any]]] = {
    "workers": workers,
    "queues": queues,
    "gather + Semaphore": gather,
    BARE: partial(batch, kind=BareBatch),
    OURS: batch,
}


@asynccontextmanager
async def opened(name: str, setup: Setup) -> AsyncIterator[Run]:
    async def run() -> Work:
        case = setup.case
        return Work(case.calls, await HOW[name](case.calls, case.at_once))

    yield run


SCENARIO = Scenario(
    "fan_out",
    "100,000 items that do nothing",
    opened,
    tuple(Case(f"{count} at once", tuple(HOW), 7, calls=100_000, at_once=count) for count in (64, 500)),
    (
        Target("CPU an item of the workers, 64 at once", 3, typical("64 at once", BARE, "cpu", 1e-6), "us"),
        Target("memory / 500 at once", 4, typical("500 at once", OURS, "peak", 500 * 1024), "KB"),
    ),
)
