"""What does an item of a fleet cost? ``python -m benchmarks.fleet_constants [--json FILE]``, less than a minute.

A real PostgreSQL with durable commits, the shop on loopback, and one worker of items as jobs: what the ledger, the
places and the queue ask of the database, the CPU of the worker and of the database, bytes on disk and on the wire.
What matters most is what cannot happen side by side: commits that change one row, or that notify, wait for each
other's write to the disk. The numbers are those of `fleet_model`, which asks what 200 workers would meet.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import msgspec

from .fleet_meter import Server, running_server
from .fleet_plan import Constants
from .fleet_shop import serve
from .service import Service, serving

JOB_SECONDS = 0.2
COUNTS = (
    "commits",
    "notices",
    "transactions",
    "connections",
    "received",
    "log",
    "row",
    "queue_log",
    "queued",
    "finished",
)


async def measure(server: Server, service: Service) -> Constants:
    """Measure everything, one after the other."""
    from . import fleet_database, fleet_items  # noqa: PLC0415 - they import what workers do

    found = Constants()
    await fleet_database.measure_commits(server, found)
    await fleet_items.measure_items(server, service, found, places=False)
    await fleet_items.measure_items(server, service, found, places=True)
    await fleet_items.measure_rows(server, found)
    await fleet_database.measure_places(server, found)
    await fleet_database.measure_queue(server, found)
    return found


def show(found: Constants) -> str:
    """Return the numbers as lines."""
    lines = []
    for name in found.__struct_fields__:
        value = getattr(found, name)
        pairs = value.items() if isinstance(value, dict) else [("", value)]
        lines += [f"  {f'{name} {which}'.strip():<30}{_number(name, number)}" for which, number in pairs]
    return "\n".join(lines)


def _number(name: str, value: float) -> str:
    return f"{value:>10,.1f}" if name.startswith((*COUNTS, "finished")) else f"{value * 1e3:>10.2f} ms"


def constants_here() -> Constants:
    """Measure everything on this machine."""
    with serving(serve, JOB_SECONDS) as service, running_server(careless=False) as server:
        return asyncio.run(measure(server, service))


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.fleet_constants")
    parser.add_argument("--json", type=Path, metavar="FILE", help="for fleet_model")
    chosen = parser.parse_args()
    begun, found = time.monotonic(), constants_here()
    print(show(found))
    print(f"{time.monotonic() - begun:.0f} s")
    if chosen.json:
        chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
