"""A worker of a fleet: carries out what the web service was ordered. Start as many as you like, on many machines.

``cd examples && python fleet_worker.py``, with PHOTA_API_KEY set, and FLEET_DSN and FLEET_FOLDER as for
``fleet_web.py``; PUBLIC_URL is where the service reaches that one, to call back. SIGTERM lets it finish what is under
way. Killed at any moment, its work is taken up by the others and paid for once.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import order_store
from order_store import DSN
from psycopg import Error
from psycopg_pool import AsyncConnectionPool

from phota_async import (
    BatchItem,
    ClientConfig,
    ItemRunner,
    ItemSettings,
    LedgerError,
    Outcome,
    PhotaClient,
    PostgresLeases,
    PostgresLedger,
)
from phota_async.batch import is_worth_repeating
from phota_async.distributed import CallbackListener, install, work

FOLDER = Path(os.environ.get("FLEET_FOLDER", "fleet")).absolute()
PUBLIC_URL = os.environ.get("PUBLIC_URL")  # https://...; None: polling only
NAME = os.environ.get("FLEET_WORKER", f"{os.uname().nodename}-{os.getpid()}")
BATCH = "orders"
CAP = 30  # unfinished jobs at the service, of all workers together
CONCURRENCY = int(os.environ.get("FLEET_CONCURRENCY", "20"))  # photos at once, of this worker
HEARTBEAT = float(os.environ.get("FLEET_HEARTBEAT", "10"))  # seconds; after three without one a worker is dead
POLL = float(os.environ.get("POLL_SECONDS", "30" if PUBLIC_URL else "2"))  # callbacks bring the news sooner


class OrderRunner(ItemRunner):
    """Carries out photos of orders, and writes down how they stand for whoever asks the web service."""

    def __init__(self, pool: AsyncConnectionPool, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pool = pool

    async def run(self, item: BatchItem) -> Outcome:
        """Carry out one photo; delivered again, it is found done."""
        try:
            async with self._pool.connection() as connection:
                await order_store.mark_running(connection, item.key, NAME)
            outcome = await super().run(item)
            async with self._pool.connection() as connection:
                await order_store.mark_end(connection, item.key, **told(outcome))
        except Error as error:
            raise LedgerError(f"the orders cannot be reached: {type(error).__name__}") from None  # comes again
        return outcome


def told(outcome: Outcome) -> dict[str, Any]:
    """Return what is told of a photo's end; not the error's sentence, which may repeat the prompt."""
    if outcome.paths:
        return {"status": "done", "message": "", "picture": str(outcome.paths[0].relative_to(FOLDER / "pictures"))}
    status = "waiting" if is_worth_repeating(outcome) else outcome.status
    return {"status": status, "message": type(outcome.error).__name__, "picture": None}


async def main() -> None:
    app = order_store.make_queue()
    callback_url = f"{PUBLIC_URL}/phota/callback" if PUBLIC_URL else None
    async with (
        AsyncConnectionPool(DSN, min_size=1, max_size=4, open=False) as pool,
        app.open_async(),
        PhotaClient(config=ClientConfig(job_interval=POLL, max_job_interval=2 * POLL)) as client,
        CallbackListener(DSN, client),
        PostgresLedger(DSN, ttl=3 * HEARTBEAT) as ledger,
        PostgresLeases(DSN, CAP, ttl=3 * HEARTBEAT) as leases,
        OrderRunner(
            pool,
            client,
            FOLDER / "pictures",
            store=ledger,
            limiter=leases,
            settings=ItemSettings(name=BATCH, max_concurrency=CONCURRENCY, callback_url=callback_url),
        ) as runner,
    ):
        async with pool.connection() as connection:
            await order_store.make_tables(connection)
        install(app, runner)
        print(f"{NAME} is at work", flush=True)
        await work(app, concurrency=CONCURRENCY, heartbeat=HEARTBEAT, stalled_after=3 * HEARTBEAT)


if __name__ == "__main__":
    asyncio.run(main())
