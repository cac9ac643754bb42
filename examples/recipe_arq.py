"""A fleet on arq and Redis: start workers, on any number of machines that see the photos, and send them photos.

    arq recipe_arq.WorkerSettings
    python recipe_arq.py photos/*.jpg

arq delivers what a dead worker had ``job_timeout`` + 10 s after it began, and gives up for good what takes longer than
``job_timeout``: that has to be above the longest job and the longest wait for a place.
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Any, ClassVar

from arq import Retry, create_pool
from arq.connections import RedisSettings
from recipe_runner import LONGEST, REDIS_URL, carry_out, opened

from phota_async import PhotaError

AGAIN = 2  # seconds until what failed is tried again, times the tries it had


async def enhance(context: dict[str, Any], photo: str) -> str:
    try:
        return await carry_out(context["runner"], photo)
    except PhotaError as error:
        raise Retry(defer=AGAIN * context["job_try"]) from error


async def start(context: dict[str, Any]) -> None:
    context["scope"] = AsyncExitStack()
    context["runner"] = await context["scope"].enter_async_context(opened())


async def stop(context: dict[str, Any]) -> None:
    await context["scope"].aclose()


class WorkerSettings:
    """What the program ``arq`` reads."""

    functions: ClassVar = [enhance]
    on_startup, on_shutdown = start, stop
    redis_settings = RedisSettings.from_dsn(REDIS_URL)
    max_jobs = 50
    job_timeout = LONGEST
    max_tries = 20
    keep_result = 0  # results lie in the output, and in the ledger


async def send(photos: list[str]) -> None:
    pool = await create_pool(WorkerSettings.redis_settings)
    for photo in photos:
        await pool.enqueue_job("enhance", photo, _job_id=photo)  # the same photo is not queued twice
    await pool.aclose()


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1:]))
