"""The recipes for other task queues, with real workers of which one is killed: all is there, and bought once."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.pictures import real_picture

from phota_async import PostgresLedger
from phota_async.ledger import State
from phota_async.sandbox import Sandbox

pytestmark = pytest.mark.system

EXAMPLES = Path(__file__).parents[2] / "examples"
COUNT, ENOUGH = 24, 90.0  # photos; seconds
PROGRAMS = {
    "taskiq": ["taskiq", "worker", "recipe_taskiq:broker", "--workers", "1", "--max-async-tasks", "8"],
    "celery": ["celery", "-A", "recipe_celery", "worker", "-P", "threads", "-c", "8", "--without-mingle"],
    "arq": ["arq", "recipe_arq.WorkerSettings"],
}


@pytest.fixture
async def service() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=0.4, picture_scale=0.03, id_memory=1e9, link_lifetime=1e9) as started:
        started.fail("POST /*", share=0.10, times=None, reset="after")  # charged, and the answer is lost
        started.fail("POST /*", share=0.05, times=None, status=503)
        yield started


class Shop:
    """A place where programs of a recipe run."""

    def __init__(self, service: Sandbox, dsn: str, redis_url: str, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "PHOTA_BASE_URL": service.base_url,
            "PHOTA_API_KEY": service.api_key,
            "DATABASE_URL": dsn,
            "REDIS_URL": redis_url,
            "OUTPUT": str(folder / "out"),
            "LONGEST_SECONDS": "5",
            "TTL_SECONDS": "1",
            "PYTHONPATH": str(EXAMPLES),
        }

    async def start(self, *command: str) -> Process:
        return await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=self.environment, stdin=DEVNULL, start_new_session=True
        )

    @asynccontextmanager
    async def worker(self, program: Sequence[str]) -> AsyncIterator[Process]:
        process = await self.start(str(Path(sys.executable).with_name(program[0])), *program[1:])
        try:
            yield process
        finally:
            end(process)
            await process.wait()


def end(process: Process) -> None:
    """Kill a worker and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.mark.parametrize("recipe", sorted(PROGRAMS))
async def test_a_killed_worker_costs_nothing_and_loses_nothing(
    recipe: str, service: Sandbox, dsn: str, redis_url: str, tmp_path: Path
) -> None:
    photos = [tmp_path / f"{number:02}.jpg" for number in range(COUNT)]
    for shade, photo in enumerate(photos):
        photo.write_bytes(real_picture(shade))
    shop = Shop(service, dsn, redis_url, tmp_path)
    async with AsyncExitStack() as scope, asyncio.timeout(ENOUGH):
        workers = [await scope.enter_async_context(shop.worker(PROGRAMS[recipe])) for _ in range(2)]
        await at_work(redis_url, len(workers))
        sender = await shop.start(
            sys.executable, str(EXAMPLES / f"recipe_{recipe}.py"), *(photo.name for photo in photos)
        )
        assert await sender.wait() == 0
        while service.posts("/enhance") < COUNT // 3:
            await service.wait_for_requests(len(service.requests) + 1)
        end(workers[0])
        await all_done(dsn)
    bought = [charge for charge in service.charges if not charge.refunded]
    files = sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert files == [f"{number:02}.enhance-1.jpg" for number in range(COUNT)]
    assert len(bought) == COUNT


async def at_work(redis_url: str, workers: int) -> None:
    """Wait until so many workers listen for free places, with which they have what they need."""
    async with Redis.from_url(redis_url) as client:
        while (await client.pubsub_numsub("phota:{jobs}:free"))[0][1] < workers:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def all_done(dsn: str) -> None:
    """Wait until the ledger says so."""
    async with PostgresLedger(dsn) as ledger:
        while [record.state async for record in ledger.records()].count(State.DONE) < COUNT:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # what is waited for happens in other processes
