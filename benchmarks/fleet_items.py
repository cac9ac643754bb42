"""What an item costs its worker, the ledger and the places, and how much room its row takes."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from psycopg import AsyncConnection

from phota_async import (
    BatchItem,
    ClientConfig,
    GenerateRequest,
    ItemRunner,
    ItemSettings,
    PhotaClient,
    PostgresLeases,
    PostgresLedger,
)

from .__main__ import SHARED_MEMORY
from .fleet_meter import Meter, Server
from .fleet_plan import Constants
from .service import Service

AT_ONCE, CAP = 20, 5_000
ITEMS, FIRST = 200, 40  # measured, and before them
LOOK = 0.23  # seconds: one look a job, as with callbacks
IDLE = 1.2  # seconds after which what a connection did is told
ROWS = 100_000
FILL_LEDGER = """INSERT INTO phota.purchase
    SELECT encode(sha256(n::text::bytea), 'hex'), 1, '2026-summer', 'album/' || lpad(n::text, 9, '0') || '.jpg',
        'enhance', 1, 'job', 'done', 1, n, n, 1.8e9 + n, 130000, 130000, 0, md5(n::text)::uuid::text,
        '[{"path":"album/' || lpad(n::text, 9, '0') || '.enhance-1.jpg","size":2345678,"sha256":"'
            || encode(sha256(n::text::bytea), 'hex') || '"}]',
        '{"' || md5(n::text)::uuid::text || '":1}', NULL, md5((-n)::text)
    FROM generate_series(1, %s) AS n ORDER BY md5(n::text)"""


@asynccontextmanager
async def runner_of(dsn: str, service: Service, cap: int | None) -> AsyncIterator[ItemRunner]:
    """Open all that a worker has, and its folder."""
    memory = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None  # disks differ
    async with AsyncExitStack() as scope:
        folder = scope.enter_context(tempfile.TemporaryDirectory(prefix="phota-benchmark-", dir=memory))
        config = ClientConfig(job_interval=LOOK, max_job_interval=LOOK)
        client = await scope.enter_async_context(PhotaClient(service.api_key, service.base_url, config=config))
        ledger = await scope.enter_async_context(PostgresLedger(dsn))
        leases = None if cap is None else await scope.enter_async_context(PostgresLeases(dsn, cap))
        settings = ItemSettings(max_concurrency=AT_ONCE)
        yield await scope.enter_async_context(
            ItemRunner(client, folder, store=ledger, limiter=leases, settings=settings)
        )


async def carry_out(runner: ItemRunner, items: int, words: str, at_once: int = AT_ONCE) -> None:
    """Carry out items, so many at once."""
    places = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with places:
            outcome = await runner.run(BatchItem(f"{words}/{number}", GenerateRequest(prompt=f"{words} {number}")))
        if outcome.status != "done":
            raise AssertionError(f"expected an item that is done, got {outcome.status}: {outcome.error}")

    await asyncio.gather(*map(one, range(items)))


async def measure_items(server: Server, service: Service, found: Constants, *, places: bool) -> None:
    """Carry out items, and look at what everybody used."""
    dsn = server.create()
    meter = Meter(server.data, dsn)
    async with runner_of(dsn, service, CAP if places else None) as runner:
        await carry_out(runner, FIRST, f"warm {dsn[-12:]}")
        await asyncio.sleep(IDLE)  # what connections did is told when they are idle
        sold, before, cpu = await service.account(), meter.read(), time.process_time()
        await carry_out(runner, ITEMS, dsn[-12:])
        cpu = (time.process_time() - cpu) / ITEMS
        await asyncio.sleep(IDLE)
        used, shop = meter.read() - before, await service.account()
        connections = meter.connections()
    if not places:
        found.worker_cpu_without_places, found.database_cpu_without_places = cpu, used.cpu / ITEMS
        found.transactions_without_places = used.transactions / ITEMS
        return
    found.worker_cpu, found.database_cpu, found.log = cpu, used.cpu / ITEMS, used.log / ITEMS
    found.transactions, found.connections = used.transactions / ITEMS, connections
    found.received = (shop.received - sold.received) / ITEMS


async def measure_rows(server: Server, found: Constants) -> None:
    """Multiply a real row of the ledger, and look how much room it takes."""
    dsn = server.create()
    meter = Meter(server.data, dsn)
    async with PostgresLedger(dsn):
        pass  # the tables are made
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(FILL_LEDGER.encode(), (ROWS,))
    size, indexes = meter.one("SELECT pg_total_relation_size('phota.purchase'), pg_indexes_size('phota.purchase')")
    found.row, found.row_index = size / ROWS, indexes / ROWS
