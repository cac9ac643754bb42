"""A worker of one's own, for as many machines as there are: start it on each, kill any, nothing is paid twice.

    PHOTA_API_KEY=... PHOTA_DSN=postgresql://studio@db/photos python own_worker.py /shared/out

Elsewhere, in a web service or a script, with an app like the one below:

    async with app.open_async():
        await enqueue(app, (BatchItem(photo.name, EnhanceRequest(image=photo)) for photo in photos), batch="summer")
"""

import asyncio
import os
import sys

from procrastinate import App, PsycopgConnector

from phota_async import Budget, ItemRunner, ItemSettings, PhotaClient, PostgresLeases, PostgresLedger
from phota_async.distributed import install, work


async def main(output: str, dsn: str) -> None:
    app = App(connector=PsycopgConnector(conninfo=dsn))
    async with (
        app.open_async(),
        PhotaClient() as client,
        PostgresLedger(dsn) as ledger,  # what was bought, for all workers
        PostgresLeases(dsn, 30) as leases,  # unfinished jobs at once, of all workers
    ):

        def runner_of(batch: str) -> ItemRunner:
            settings = ItemSettings(name=batch, budget=Budget(usd=20))
            return ItemRunner(client, output, store=ledger, limiter=leases, settings=settings)

        install(app, runner_of)
        await work(app, concurrency=50)  # until SIGTERM; then downloads are finished, the rest goes to others


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], os.environ["PHOTA_DSN"]))
