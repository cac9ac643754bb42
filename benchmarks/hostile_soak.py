"""Does the money add up when a fifth of all calls fail? ``python -m benchmarks.hostile_soak [--seconds 600]``.

Batches with ledgers, as jobs and as held calls, buy from the sandbox while a share of all calls meets a fault: answers
that are lost before or after the work, cut, drip or do not come, statuses, HTML where there should be JSON, jobs that
flap, vanish or end without links, links that have expired, downloads that break off. Runs are broken off and resumed.
Each item must end as done, with just the bytes that were sold, or say honestly what is known of its money; charges
must be equal to results, memory flat, and nothing left over. Exits with 1 when anything is missed.
"""

import argparse
import asyncio
import faulthandler
import hashlib
import logging
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio

from phota_async import (
    Batch,
    BatchItem,
    ClientConfig,
    EnhanceRequest,
    GenerateRequest,
    Outcome,
    PhotaClient,
    RetryPolicy,
)
from phota_async.config import Mode
from phota_async.requests import AnyRequest

from .hostile_service import LATE, Account, Sold, serve
from .hostile_verdict import NOTHING, Ended, Run, Sample, checks, ended, judge, table
from .measure import memory
from .runner import spawn
from .soak import held

LANES: tuple[Mode, ...] = ("job", "job", "job", "sync")
ITEMS = 40  # of a batch
AT_ONCE = 16
BREAKS, MOST_RUNS = 2, 8  # runs that may be broken off, and runs in all
WAIT = 1.0  # seconds of silence that are taken for a loss
SAMPLE = 0.5  # seconds
LAST_RESORT = 90.0  # seconds beyond the time until the process ends, whatever hangs
PHOTO = Path(__file__).parent.parent / "phota_async" / "demo" / "photos"
CONFIG = ClientConfig(
    retry=RetryPolicy(backoff=0.05, max_backoff=0.5),
    answer_timeout=WAIT,
    free_answer_timeout=WAIT,
    download_timeout=WAIT,
    timeout=30.0,
    job_interval=0.1,
    max_job_interval=0.2,
)


class Soak:
    """Buys until the time is over.

    Args:
        client: Used by all.
        pipe: The service's other end.
        root: A folder for results.
        seconds: After which no further batch begins.
        seed: Of what is random here.
    """

    def __init__(self, client: PhotaClient, pipe: Connection, root: Path, *, seconds: float, seed: int) -> None:
        self._client, self._pipe, self._root = client, pipe, root
        self._until = time.monotonic() + seconds
        self._chance = random.Random(seed)
        self._turn = asyncio.Lock()  # of the pipe
        self._photo = min(PHOTO.glob("*.jpg"), key=lambda path: path.stat().st_size).read_bytes()
        self.statuses, self.findings = Counter[str](), Counter[Any]()
        self.resumes = self.charges = 0

    async def run(self) -> None:
        """Run every lane to its end."""
        async with asyncio.TaskGroup() as group:
            for number, mode in enumerate(LANES):
                group.create_task(self._lane(group, f"lane{number}", mode))

    async def _lane(self, group: asyncio.TaskGroup, lane: str, mode: Mode) -> None:
        number = 0
        while time.monotonic() < self._until:
            name, number = f"{lane}-{number}", number + 1
            ends = await self._batch(name, mode)
            group.create_task(self._settle(name, ends))

    async def _batch(self, name: str, mode: Mode) -> list[Outcome]:
        """Run a batch until nothing of it can still change; return how each item ended last."""
        ends: dict[str, Outcome] = {}
        for turn in range(MOST_RUNS):
            stop = self._chance.randrange(1, ITEMS) if turn < BREAKS and self._chance.random() < 0.5 else None
            self.resumes += turn > 0
            await self._once(name, mode, ends, stop)
            if len(ends) == ITEMS and all(map(is_final, ends.values())):
                break
        return [*ends.values()]

    async def _once(self, name: str, mode: Mode, ends: dict[str, Outcome], stop: int | None) -> None:
        """Run it once, or break it off after so many outcomes, in one of two ways."""
        folder = self._root / name
        how: dict[str, Any] = {"name": name, "mode": mode, "max_concurrency": AT_ONCE, "ledger": True}
        batch = Batch(self._client, self._items(name), output=folder, metadata="none", mark=False, prepare=False, **how)
        with anyio.CancelScope() as scope:
            async with batch as outcomes:
                async for outcome in outcomes:
                    ends[outcome.key] = outcome
                    if stop is not None and (stop := stop - 1) <= 0:
                        if len(ends) % 2:
                            scope.cancel()
                        break

    def _items(self, name: str) -> Iterator[BatchItem]:
        for number in range(ITEMS):
            prompt = f"{name} {number}"
            request: AnyRequest = GenerateRequest(prompt=prompt)
            if number % 4 == 0:
                request = EnhanceRequest(image=self._photo, prompt=prompt)
            yield BatchItem(f"{number}.jpg", request)

    async def _settle(self, name: str, ends: list[Outcome]) -> None:
        """Compare a batch with what the service sold, when nothing of it can still be on its way."""
        await asyncio.sleep(2 * LATE)
        sold = await self._ask(name)
        found = await asyncio.to_thread(self._read, self._root / name, ends)
        self.charges += sum(each.charges for each in sold.values())
        for item in found:
            self.statuses[item.status] += 1
            self.findings.update(judge(item, sold.pop(item.prompt, NOTHING)))
        self.findings["lost"] += sum(bool(each.charges) for each in sold.values())  # items that never ended
        self.findings["lost"] += ITEMS - len(found)

    async def _ask(self, name: str) -> dict[str, Sold]:
        async with self._turn:
            self._pipe.send(name)
            answer: dict[str, Sold] = await asyncio.to_thread(self._pipe.recv)
        return answer

    @staticmethod
    def _read(folder: Path, ends: list[Outcome]) -> list[Ended]:
        """Look at a batch's files, and remove them."""
        found = []
        for outcome in ends:
            digests = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in outcome.paths if path.exists())
            found.append(ended(outcome, digests))
        shutil.rmtree(folder)
        return found


def is_final(outcome: Outcome) -> bool:
    """Whether another run would change nothing: a lost answer of a held call stays lost."""
    return outcome.status == "unknown" or (outcome.status in ("done", "skipped") and bool(outcome.paths))


async def soak(seconds: float, share: float, seed: int) -> Run:
    """Run the service in a process of its own, and everything else here."""
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, share, seed), daemon=True)
    process.start()
    theirs.close()
    try:
        with tempfile.TemporaryDirectory() as root:
            return await _use(ours, Path(root), seconds, share, seed)
    finally:
        ours.close()
        process.terminate()
        process.join()


async def _use(pipe: Connection, root: Path, seconds: float, share: float, seed: int) -> Run:
    base_url, key = await asyncio.to_thread(pipe.recv)
    before, samples = held(), list[Sample]()
    client = PhotaClient(key, base_url, config=CONFIG)
    soaking = Soak(client, pipe, root, seconds=seconds, seed=seed)
    sampling = asyncio.create_task(_sample(samples, soaking))
    is_whole = True
    try:
        async with asyncio.timeout(seconds + LAST_RESORT / 2):
            await soaking.run()
    except TimeoutError:
        is_whole = False
    finally:
        sampling.cancel()
    pipe.send(None)
    account: Account = await asyncio.to_thread(pipe.recv)
    places = client.limiter.statistics()
    await client.aclose()
    await asyncio.sleep(SAMPLE)
    left = {name: now - then for name, now, then in zip(before._fields, held(), before, strict=True)}
    left["places"] = places.running + places.waiting
    counts = (soaking.statuses, soaking.findings, soaking.resumes, soaking.charges)
    return Run(seconds, share, *counts, samples, is_whole, left, account)


async def _sample(samples: list[Sample], soaking: Soak) -> None:
    start, cpu = time.monotonic(), time.process_time()
    while True:
        now = (time.monotonic() - start, memory(), time.process_time() - cpu, soaking.statuses.total())
        samples.append(Sample(*now))
        await asyncio.sleep(SAMPLE)


def report(run: Run) -> bool:
    """Print what came of it; says whether everything holds."""
    for line in table(run):
        print(line)
    found = list(checks(run))
    for check in found:
        print(f"{'ok' if check.holds else 'MISSED':>8}  {check.said}")
    return all(check.holds for check in found)


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.hostile_soak")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long batches are begun (%(default)g)")
    parser.add_argument("--faults", type=float, default=0.2, help="share of calls that meet one (%(default)g)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    chosen = parser.parse_args()
    logging.getLogger("phota_async").setLevel(logging.ERROR)  # what it warns of is what this is for
    faulthandler.dump_traceback_later(chosen.seconds + LAST_RESORT, exit=True)
    print(f"seed {chosen.seed}: {chosen.faults:.0%} of calls meet a fault", flush=True)
    is_well = report(asyncio.run(soak(chosen.seconds, chosen.faults, chosen.seed)))
    faulthandler.cancel_dump_traceback_later()
    return int(not is_well)


if __name__ == "__main__":
    sys.exit(main())
