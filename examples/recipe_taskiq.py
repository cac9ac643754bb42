"""A fleet on taskiq and Redis: start workers, on any number of machines that see the photos, and send them photos.

    taskiq worker recipe_taskiq:broker --workers 1 --max-async-tasks 50
    python recipe_taskiq.py photos/*.jpg

taskiq-redis looks for what dead workers left only after a new message came. On an idle queue none comes: the last
items of a dead worker would lie there, paid, for ever. So every worker sends itself a tick.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

from recipe_runner import LONGEST, REDIS_URL, carry_out, opened
from taskiq import Context, SimpleRetryMiddleware, TaskiqDepends, TaskiqEvents, TaskiqState
from taskiq_redis import RedisStreamBroker

TICK = 2.0  # seconds

broker = RedisStreamBroker(
    REDIS_URL,
    queue_name="phota",
    consumer_id="0",  # also what was sent before the first worker came
    idle_timeout=1000 * LONGEST,  # milliseconds
    unacknowledged_lock_timeout=10,  # seconds: a worker that is killed while it looks must not keep others from it
    xread_count=10,
).with_middlewares(SimpleRetryMiddleware(default_retry_count=20))


@broker.task("phota.enhance", retry_on_error=True)
async def enhance(photo: str, context: Context = TaskiqDepends()) -> str:  # noqa: B008 - taskiq's way
    return await carry_out(context.state.runner, photo)


@broker.task("phota.tick")
async def tick() -> None:
    """Make the broker look for what dead workers left."""


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    state.scope = AsyncExitStack()
    state.runner = await state.scope.enter_async_context(opened())
    state.ticking = asyncio.create_task(keep_ticking())


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def stop(state: TaskiqState) -> None:
    state.ticking.cancel()
    await state.scope.aclose()


async def keep_ticking() -> None:
    while True:
        await asyncio.sleep(TICK)
        await tick.kiq()


async def send(photos: list[str]) -> None:
    await broker.startup()
    for photo in photos:
        await enhance.kiq(photo)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1:]))
