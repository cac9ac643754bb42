"""What the recipes for task queues share: the runner of one worker process, and the item that a photo's path names.

The queue may deliver as often as it likes: the ledger in PostgreSQL knows what was bought, and the Redis that carries
the queue gives places for jobs, 30 for all workers together. That Redis needs ``appendonly yes``.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from phota_async import BatchItem, EnhanceRequest, ItemRunner, PhotaClient, PostgresLedger, RedisLeases
from phota_async.batch import is_worth_repeating

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
DSN = os.environ.get("DATABASE_URL", "postgresql://localhost/photos")
OUTPUT = os.environ.get("OUTPUT", "results")
LONGEST = int(os.environ.get("LONGEST_SECONDS", "1800"))  # a delivery that takes longer is taken for a dead worker's
TTL = float(os.environ.get("TTL_SECONDS", "30"))  # after which the work of a dead worker may be taken up


@asynccontextmanager
async def opened() -> AsyncIterator[ItemRunner]:
    """Open what one worker process needs, once."""
    async with (
        PhotaClient() as client,
        PostgresLedger(DSN, ttl=TTL) as ledger,
        RedisLeases(REDIS_URL, 30, ttl=TTL) as leases,
        ItemRunner(client, OUTPUT, store=ledger, limiter=leases) as runner,
    ):
        yield runner


async def carry_out(runner: ItemRunner, photo: str) -> str:
    """Enhance one photo, named relative to where the worker runs; raise what another delivery may cure."""
    outcome = await runner.run(BatchItem(photo, EnhanceRequest(photo)))
    if outcome.error is not None and is_worth_repeating(outcome):
        raise outcome.error
    return f"{outcome.status} {outcome.error or ''}"
