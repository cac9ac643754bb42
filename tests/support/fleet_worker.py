"""A worker that carries out all items of a list, beside others that do the same; it is killed by tests.

    python fleet_worker.py '{"dsn": ..., "base_url": ..., "folder": ..., "count": 60, "start": 20, "cap": 8}'

Prints ``ready`` and waits for a line, carries out, and prints how its items ended, as JSON.
"""

import asyncio
import json
import sys
from collections import Counter
from typing import Any

from phota_async import (
    BatchItem,
    ClientConfig,
    GenerateRequest,
    ItemRunner,
    ItemSettings,
    PhotaClient,
    PostgresLeases,
    PostgresLedger,
    RedisLeases,
    RetryPolicy,
)

TTL = 1.0  # seconds
CONFIG = ClientConfig(
    retry=RetryPolicy(backoff=0.002, tokens=10**6), timeout=60, job_interval=0.02, max_job_interval=0.05
)


async def work(
    *,
    dsn: str,
    base_url: str,
    folder: str,
    count: int,
    start: int,
    cap: int,
    worker: str | None = None,
    batch: str = "",
    redis: str = "",
) -> Counter[str]:
    counts: Counter[str] = Counter()
    async with (
        PhotaClient("sandbox-key", base_url, config=CONFIG) as client,
        PostgresLedger(dsn, ttl=TTL, worker=worker) as ledger,
        RedisLeases(redis, cap, ttl=TTL) if redis else PostgresLeases(dsn, cap, ttl=TTL) as leases,
        ItemRunner(
            client, folder, store=ledger, limiter=leases, settings=ItemSettings(max_concurrency=2 * cap, name=batch)
        ) as runner,
    ):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)  # all workers begin at once
        places = asyncio.Semaphore(2 * cap)

        async def carry_out(number: int) -> None:
            async with places:
                item = BatchItem(f"{number:04}", GenerateRequest(prompt=f"boat {number}"))
                for _ in range(8):  # as an engine that delivers again
                    outcome = await runner.run(item)
                    if outcome.status in ("done", "skipped"):
                        break
                    sys.stderr.write(f"{outcome.key} {outcome.status} {outcome.error}\n")
                counts[outcome.status] += 1

        await asyncio.gather(*(carry_out((start + each) % count) for each in range(count)))
    return counts


if __name__ == "__main__":
    settings: dict[str, Any] = json.loads(sys.argv[1])
    sys.stdout.write(json.dumps(asyncio.run(work(**settings))) + "\n")
