"""Metrics of a worker for Prometheus: ``python examples/prometheus_metrics.py photo.jpg [port]``, then open /metrics.

Enhances the photo as a batch and serves the numbers until its input ends (Ctrl-D). With PHOTA_DSN, a PostgreSQL,
several of these programs share the batch, and each serves the numbers of its own work; Prometheus adds them up.
Whoever writes a worker passes ``hooks=[measure]`` to its client. Needs ``pip install prometheus-client``.
"""

import asyncio
import os
import sys
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from phota_async import Batch, BatchItem, EnhanceRequest, PhotaClient
from phota_async.events import (
    AttemptFailed,
    BodyProgress,
    Event,
    ItemEnded,
    ItemStarted,
    OperationFailed,
    OperationFinished,
    OperationStarted,
    RequestFailed,
    RequestFinished,
    Throttled,
)

SECONDS = (1, 5, 10, 20, 40, 60, 90, 120, 180, 300, 600, 1200)

# Items, as `Outcome` has them
RUNNING = Gauge("phota_items_running", "Items under way in this process")
ITEMS = Counter("phota_items", "Items that ended", ["status"])
ITEM_SECONDS = Histogram("phota_item_seconds", "From an item's beginning to its end", ["status"], buckets=SECONDS)
SPENT = Counter("phota_spent_dollars", "What this process paid, by the price table")
UNPRICED = Counter("phota_unpriced_items", "Items whose price, or charge, nobody knows")

# Operations: what is bought for them, each tried as often as it takes
OPERATIONS = Counter("phota_operations", "Image operations that ended", ["operation", "end"])
DURATION = Histogram("phota_operation_seconds", "From call to result", ["operation"], buckets=SECONDS)
BEGUN = Counter(
    "phota_operations_begun", "Image operations that began; less those that ended: under way", ["operation"]
)
IMAGES = Counter("phota_images", "Pictures received", ["operation"])
UNCLEAR = Counter("phota_unclear_charges", "Operations that may have been charged without a result", ["operation"])

# Calls and their bodies
CALLS = Counter("phota_calls", "Calls of the service that ended", ["route", "end"])
FAILED = Counter("phota_failed_attempts", "Attempts that failed, tried again or not", ["route", "error"])
PAUSED = Counter("phota_paused_seconds", "Pauses that the service asked for")
BODIES = Counter("phota_large_bodies", "Bodies of 64 KB and more that came through whole", ["direction"])


def measure(event: Event) -> None:
    """Count an event. Labels are few and fixed: ids of people, jobs or requests would be endless series."""
    match event:
        case ItemStarted() | ItemEnded():
            measure_item(event)
        case OperationStarted() | OperationFinished() | OperationFailed():
            measure_operation(event)
        case RequestFinished():
            CALLS.labels(event.route, str(event.status)).inc()
        case RequestFailed():
            CALLS.labels(event.route, event.error).inc()
        case AttemptFailed():
            FAILED.labels(event.route, event.error).inc()
        case Throttled():
            PAUSED.inc(event.seconds)
        case BodyProgress() if event.size == event.total:
            BODIES.labels(event.direction).inc()


def measure_operation(event: OperationStarted | OperationFinished | OperationFailed) -> None:
    """Count what is bought for items; what a ledger had already is no purchase."""
    match event:
        case OperationStarted():
            BEGUN.labels(event.operation).inc()
        case OperationFinished(is_kept=False):
            OPERATIONS.labels(event.operation, "ok").inc()
            DURATION.labels(event.operation).observe(event.seconds)
            IMAGES.labels(event.operation).inc(event.images)
        case OperationFailed():
            OPERATIONS.labels(event.operation, event.error).inc()
            if event.charged == "unknown":
                UNCLEAR.labels(event.operation).inc()


def measure_item(event: ItemStarted | ItemEnded) -> None:
    """Count an item; whatever ends one also ends its being under way."""
    if isinstance(event, ItemStarted):
        RUNNING.inc()
        return
    RUNNING.dec()
    ITEMS.labels(event.status).inc()
    ITEM_SECONDS.labels(event.status).observe(event.seconds)
    SPENT.inc(float(event.spent or 0))
    UNPRICED.inc(event.spent is None)


async def main(photo: str, port: int = 0) -> None:
    server, thread = start_http_server(port, addr="127.0.0.1")
    print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
    items, ledger = [BatchItem(Path(photo).name, EnhanceRequest(photo))], os.environ.get("PHOTA_DSN") or True
    async with PhotaClient(hooks=[measure]) as client:
        async with Batch(client, items, output="out", ledger=ledger, name="metrics") as outcomes:
            async for outcome in outcomes:
                print(outcome.key, outcome.status, flush=True)
        await asyncio.to_thread(sys.stdin.read)  # a worker would go on working here
    server.shutdown()
    server.server_close()
    thread.join()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
