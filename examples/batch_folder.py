"""Enhance every photo of a folder, eight at once, for at most five dollars.

``python examples/batch_folder.py photos results``. Photos whose result exists are skipped, so that the same
command goes on where it was stopped. Where a photo was taken does not leave this machine: the results get it back
from the originals, with date, camera and keywords.
"""

import asyncio
import sys
from pathlib import Path

from phota_async import Batch, BatchItem, Budget, EnhanceRequest, PhotaClient, estimate

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic"}  # HEIC needs the extra "heic"


async def main(source: Path, output: Path) -> None:
    photos = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
    items = [BatchItem(str(photo.relative_to(source)), EnhanceRequest(photo)) for photo in photos]
    low, high = estimate(item.request for item in items)
    print(f"{len(items)} photos, {low} to {high} US dollars")
    async with PhotaClient() as client:
        batch = Batch(client, items, max_concurrency=8, output=output, budget=Budget(usd=5))
        async with batch as outcomes:
            async for outcome in outcomes:
                print(outcome.status, outcome.key, *outcome.paths, outcome.error or "")
        print(batch.statistics())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
