"""Metrics for Prometheus: ``python examples/prometheus_metrics.py photo.jpg [port]``, then open /metrics.

Enhances the photo once and serves the numbers until its input ends (Ctrl-D). Needs ``pip install prometheus-client``.
"""

import asyncio
import sys

from prometheus_client import Counter, Histogram, start_http_server

from phota_async import PhotaClient
from phota_async.events import (
    AttemptFailed,
    BodyProgress,
    Event,
    OperationFailed,
    OperationFinished,
    OperationStarted,
    Throttled,
)

SECONDS = (1, 5, 10, 20, 40, 60, 90, 120, 180, 300, 600, 1200)

OPERATIONS = Counter("phota_operations", "Image operations that ended", ["operation", "end"])
DURATION = Histogram("phota_operation_seconds", "From call to result", ["operation"], buckets=SECONDS)
BEGUN = Counter(
    "phota_operations_begun", "Image operations that began; less those that ended: under way", ["operation"]
)
IMAGES = Counter("phota_images", "Pictures received", ["operation"])
UNCLEAR = Counter("phota_unclear_charges", "Operations that may have been charged without a result", ["operation"])
FAILED = Counter("phota_failed_attempts", "Attempts that failed, tried again or not", ["route", "error"])
PAUSED = Counter("phota_paused_seconds", "Pauses that the service asked for")
BODIES = Counter("phota_large_bodies", "Bodies of 64 KB and more that came through whole", ["direction"])


def measure(event: Event) -> None:
    """Count an event. Labels are few and fixed: ids of people, jobs or requests would be endless series."""
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
        case AttemptFailed():
            FAILED.labels(event.route, event.error).inc()
        case Throttled():
            PAUSED.inc(event.seconds)
        case BodyProgress() if event.size == event.total:
            BODIES.labels(event.direction).inc()


async def main(photo: str, port: int = 0) -> None:
    server, thread = start_http_server(port, addr="127.0.0.1")
    print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
    async with PhotaClient(hooks=[measure]) as client:
        print(await client.enhance(photo), flush=True)
    await asyncio.to_thread(sys.stdin.read)  # a service would go on working here
    server.shutdown()
    server.server_close()
    thread.join()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
