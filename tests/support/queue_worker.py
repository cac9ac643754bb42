"""A worker of a queue, beside others; it is killed, stopped and told to end by tests.

    python queue_worker.py '{"dsn": ..., "base_url": ..., "folder": ..., "cap": 30, "concurrency": 10, ...}'

Prints ``ready`` when it is about to take its first item. What else it is told are arguments of `work`.
"""

import asyncio
import json
import logging
import sys
from typing import Any

from procrastinate import App, PsycopgConnector

from phota_async import (
    ClientConfig,
    ItemRunner,
    ItemSettings,
    PhotaClient,
    PostgresLeases,
    PostgresLedger,
    RetryPolicy,
)
from phota_async.distributed import install, work

TTL = 1.0  # seconds
CONFIG = ClientConfig(
    retry=RetryPolicy(backoff=0.002, tokens=10**6), timeout=60, job_interval=0.02, max_job_interval=0.05
)


async def main(*, dsn: str, base_url: str, folder: str, cap: int, **options: Any) -> None:
    app = App(connector=PsycopgConnector(conninfo=dsn))
    async with (
        app.open_async(),
        PhotaClient("sandbox-key", base_url, config=CONFIG) as client,
        PostgresLedger(dsn, ttl=TTL) as ledger,
        PostgresLeases(dsn, cap, ttl=TTL) as leases,
    ):

        def make(batch: str) -> ItemRunner:
            return ItemRunner(client, folder, store=ledger, limiter=leases, settings=ItemSettings(name=batch))

        install(app, make)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await work(app, **options)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(**json.loads(sys.argv[1])))
