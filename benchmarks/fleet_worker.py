"""A worker of a fleet, as a program: ``python -m benchmarks.fleet_worker '{"dsn": ..., "base_url": ..., ...}'``.

Prints ``ready`` when all is open, and works until SIGTERM.
"""

import asyncio
import logging
import sys

import msgspec

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
from phota_async.distributed.engine import open_app

READY = "ready\n"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told."""

    dsn: str
    base_url: str
    api_key: str
    folder: str
    batch: str = ""
    cap: int | None = None
    """Unfinished jobs of all workers together; ``None`` for no shared limit."""
    concurrency: int = 50
    heartbeat: float = 5.0
    stalled_after: float = 7.0
    ttl: float = 6.0
    """Seconds after which what a dead worker had is free in the ledger and among the places."""
    look: float = 0.1
    """Seconds between looks at a job."""
    longest: float = 60.0
    """Seconds for which a job may run at the service."""

    @property
    def config(self) -> ClientConfig:
        """Return how its client behaves: it is patient with a service that fails a fifth of all calls."""
        retry = RetryPolicy(backoff=0.02, tokens=10**6)
        return ClientConfig(retry=retry, job_interval=self.look, max_job_interval=self.look)


async def run(settings: Settings) -> None:
    """Work until told to end."""
    async with (
        PhotaClient(settings.api_key, settings.base_url, config=settings.config) as client,
        PostgresLedger(settings.dsn, ttl=settings.ttl) as ledger,
        PostgresLeases(settings.dsn, settings.cap or 1, ttl=settings.ttl, longest=settings.longest) as leases,
        ItemRunner(
            client,
            settings.folder,
            store=ledger,
            limiter=None if settings.cap is None else leases,
            settings=ItemSettings(name=settings.batch, max_concurrency=settings.concurrency),
        ) as runner,
        open_app(settings.dsn) as app,
    ):
        install(app, runner)
        sys.stdout.write(READY)
        sys.stdout.flush()
        await work(
            app,
            concurrency=settings.concurrency,
            heartbeat=settings.heartbeat,
            stalled_after=settings.stalled_after,
        )


if __name__ == "__main__":
    logging.disable()  # what breaks off is what it is for
    asyncio.run(run(msgspec.json.decode(sys.argv[1], type=Settings)))
