"""Edit photos as a table says, accounted for, so that a stopped run goes on where it was.

``python examples/csv_of_prompts.py prompts.csv results``; the table has the columns ``photo`` (a path beside the
table) and ``prompt``. Stop it at any instant, even with SIGKILL, and start the same command again: jobs that were
begun are fetched, nothing is bought twice, and what cannot be known is told as ``unknown``.
"""

import asyncio
import csv
import sys
from pathlib import Path

from phota_async import Batch, BatchItem, EditRequest, PhotaClient


async def main(table: Path, output: Path) -> None:
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    items = [
        BatchItem(row["photo"], EditRequest(images=[table.parent / row["photo"]], prompt=row["prompt"])) for row in rows
    ]
    async with PhotaClient() as client:
        batch = Batch(client, items, output=output, ledger=True)
        async with batch as outcomes:
            async for outcome in outcomes:
                print(outcome.status, outcome.key, *outcome.paths, outcome.error or "")
        print(batch.statistics())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
