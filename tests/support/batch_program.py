"""A program that runs a batch with a ledger, as a user would write it, to be interrupted.

    python batch_program.py URL FOLDER [term]     # term: SIGTERM cancels the batch instead of ending the process

Says each outcome in a line.
"""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from phota_async import Batch, BatchItem, ClientConfig, EnhanceRequest, PhotaClient, RetryPolicy
from support.pictures import real_picture

COUNT = 12
CONFIG = ClientConfig(retry=RetryPolicy(backoff=0.002), job_interval=0.01, max_job_interval=0.01)


def items() -> list[BatchItem]:
    """Return the items of each run."""
    photos = [real_picture(number) for number in range(COUNT)]
    return [
        BatchItem(f"{number}", EnhanceRequest(image=photo, prompt=f"item {number}"))
        for number, photo in enumerate(photos)
    ]


async def run(url: str, folder: Path, **options: Any) -> list[str]:
    """Run the batch once and return the statuses."""
    statuses = list[str]()
    async with PhotaClient("key", url, config=CONFIG) as client:
        how: dict[str, Any] = {"max_concurrency": 3, "metadata": "none", "mark": False} | options
        async with Batch(client, items(), output=folder, ledger=True, **how) as outcomes:
            async for outcome in outcomes:
                statuses.append(outcome.status)
                sys.stdout.write(f"{outcome.key} {outcome.status}\n")
                sys.stdout.flush()
    return statuses


async def main(url: str, folder: str, *how: str) -> None:
    if "term" in how:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await run(url, Path(folder))


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except asyncio.CancelledError:
        sys.exit(7)
