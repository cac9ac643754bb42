"""Measure how many records a second a ledger makes durable: ``python benchmarks/ledger_speed.py [DIRECTORY]``.

A record is one step of a purchase: its intent, its job's id, or its end.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from phota_async.ledger import Done, File, Ledger, Submitted, Wish

PURCHASES = 10_000
FILE = File("sub/photo.enhance-1.jpg", 123_456, "ab" * 32)


async def measure(folder: Path, tasks: int) -> float:
    """Return records a second of so many tasks."""
    numbers = iter(range(PURCHASES))
    async with Ledger(folder / f"{tasks}.sqlite") as ledger:
        run = await ledger.enter("")

        async def work() -> None:
            for number in numbers:
                wish = Wish(purchase=f"{number:032x}", item=f"{number}.jpg", run=run, price=150_000, cap=10**12)
                record = (await ledger.begin(wish)).record
                record = await ledger.change(record, Submitted(f"job-{number}"))
                await ledger.change(record, Done((FILE,), 120_000, {"anna": 1}))

        begun = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(tasks)))
        return 3 * PURCHASES / (time.perf_counter() - begun)


def main() -> None:
    """Print a line for each number of tasks."""
    where = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        for tasks in (1, 50, 256):
            rate = asyncio.run(measure(Path(folder), tasks))
            print(f"{tasks:>4} tasks  {rate:>9,.0f} records/s")


if __name__ == "__main__":
    main()
