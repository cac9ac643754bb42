"""Does a batch find out what a service takes? ``python -m benchmarks.adaptive [--chart FILE]``.

The sandbox takes a number of jobs at once that changes twice while a batch runs, and refuses the rest with 429.
The same is run with fixed limits, which know or miss the number, and without one. Bounded to two minutes.
"""

import argparse
import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

from phota_async import Batch, BatchItem, ClientConfig, GenerateRequest, PhotaClient, RetryPolicy
from phota_async.batch.adaptive import AdaptiveLimit
from phota_async.sandbox import Sandbox

CAPACITIES = (24, 8, 32)
PHASE = 8.0  # seconds that each capacity lasts
JOB = 0.15  # seconds that a job takes
HIGHEST = 64
FIXED = (8, 16, 24, 32)
TICK = 0.05  # seconds between two samples of the limit


class FixedLimit(AdaptiveLimit):
    """A limit that learns nothing."""

    def __init__(self, highest: int) -> None:
        super().__init__(highest, start=highest)

    def succeeded(self, mark: int) -> None:
        """Learn nothing."""

    def refused(self, mark: int) -> bool:  # noqa: ARG002 - it learns nothing
        """Learn nothing."""
        return False


async def run(fixed: int | None) -> tuple[int, int, list[tuple[float, int]]]:
    """Return items done, calls refused, and the limit over time."""
    scale = 40.0 / JOB  # the sandbox's jobs take 40 of its seconds
    async with Sandbox(time_scale=scale, picture_scale=0.02, id_memory=1e9, link_lifetime=1e9) as sandbox:
        config = ClientConfig(
            job_interval=JOB, max_job_interval=JOB, retry=RetryPolicy(max_attempts=10**6, backoff=0.05, tokens=10**9)
        )
        async with PhotaClient(base_url=sandbox.base_url, api_key=sandbox.api_key, config=config) as client:
            batch = Batch(client, endless(), max_concurrency=fixed or HIGHEST)
            samples: list[tuple[float, int]] = []
            done = 0
            async with batch as outcomes:
                if fixed:
                    batch._gate._limit = FixedLimit(fixed)  # noqa: SLF001 - the contender
                steps = asyncio.ensure_future(change(sandbox, batch, samples))
                async for outcome in outcomes:
                    done += outcome.status == "done"
                    if steps.done():
                        break
                await steps
        refused = sum(request.status == 429 for request in sandbox.requests)
    return done, refused, samples


async def change(sandbox: Sandbox, batch: Batch, samples: list[tuple[float, int]]) -> None:
    """Let the capacity change, and look at the limit."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for capacity in CAPACITIES:
        sandbox.capacity = capacity
        end = loop.time() + PHASE
        while loop.time() < end:
            samples.append((loop.time() - begun, batch.statistics().limit))
            await asyncio.sleep(TICK)


def endless() -> Iterator[BatchItem]:
    for number in itertools.count():
        yield BatchItem(str(number), GenerateRequest(prompt=f"a sea, {number}", response_mode="urls"))


def draw(samples: list[tuple[float, int]], path: Path) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415 - only for the chart

    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    axes.plot(*zip(*samples, strict=True), label="limit of the batch")
    edges = [PHASE * number for number in range(len(CAPACITIES) + 1)]
    axes.stairs(CAPACITIES, edges, label="what the service takes", linestyle="--", color="black", baseline=None)
    axes.set(xlabel="seconds", ylabel="items at once", ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.adaptive")
    parser.add_argument("--chart", type=Path)
    chosen = parser.parse_args()
    done, refused, samples = asyncio.run(run(None))
    fixed = {limit: asyncio.run(run(limit)) for limit in FIXED}
    best = max(each[0] for each in fixed.values())
    print(f"{'limit':>10} {'done':>6} {'refused':>8} {'of the best fixed':>18}")
    print(f"{'adaptive':>10} {done:>6} {refused:>8} {done / best:>18.2f}")
    for limit, (count, refusals, _) in fixed.items():
        print(f"{limit:>10} {count:>6} {refusals:>8} {count / best:>18.2f}")
    if chosen.chart:
        draw(samples, chosen.chart)


if __name__ == "__main__":
    main()
