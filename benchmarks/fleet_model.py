"""Which part of a fleet saturates first, and at what load? ``python -m benchmarks.fleet_model [--constants FILE]``.

A discrete-event model of workers, PostgreSQL, the service and a store, with costs that were measured (see
`fleet_constants`). It does not walk through 10^8 photos, but through some minutes of a fleet that is busy all along:
first until everything is mixed, then counting. What it finds is held against bounds that need no model: no part does
more than its own most (`fleet_plan.parts`), and as many jobs are at the service as begin a second, times their
length (Little's law).
"""

import argparse
import random
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from .events import Clock, Disk, Places, Process
from .fleet_measured import MEASURED
from .fleet_plan import (
    AFTER,
    BEFORE,
    BEGINS_AT,
    HELD_FROM,
    IN_OPERATIONS,
    OPERATIONS,
    WAYS_OF_BUDGET,
    Constants,
    Fleet,
    looks,
    parts,
)

PHOTOS = 10**8
DAY = 86_400.0
MIXED, COUNTED = 120.0, 60.0  # seconds of the model's time
SHARES = 3  # of a worker's other CPU: to submit, to look, to keep what came


class Found(NamedTuple):
    """What the model saw while it counted."""

    rate: float
    """Items a second."""
    uses: dict[str, float]
    """Of each part, the share of it that was busy."""
    jobs: float
    """Unfinished at the service, on average."""
    seconds: float
    """Of an item from its fetch to its end, on average."""
    operation: float
    """Seconds of a change in PostgreSQL, waiting included, on average."""


class Worker:
    """A process: one event loop, one line to the network, so many items at once."""

    def __init__(self, clock: Clock, at_once: int) -> None:
        self.loop, self.line, self.items = Places(clock, 1), Places(clock, 1), Places(clock, at_once)


class Model:
    """A fleet at work.

    Args:
        fleet: What it is made of.
        seed: Of the jobs' lengths, the only thing that is random.
    """

    def __init__(self, fleet: Fleet, seed: int = 1) -> None:
        self._fleet, self._chance, clock = fleet, random.Random(seed), Clock()
        self._clock = clock
        self._workers = [Worker(clock, fleet.at_once) for _ in range(fleet.workers)]
        self._machine = None if fleet.cores is None else Places(clock, fleet.cores)
        self._database = Places(clock, fleet.database_cores)
        self._disk = Disk(clock, fleet.write)
        self._budgets = [Places(clock, 1) for _ in range(fleet.batches)]
        self._sums = [Places(clock, 1) for _ in range(fleet.batches * fleet.sums)]
        self._notices = Places(clock, 1)
        self._calls, self._jobs = Places(clock, fleet.calls), Places(clock, fleet.calls)
        self._store = Places(clock, max(1, round(fleet.puts * fleet.put)))
        self._done = self._operations = 0
        self._seconds = self._operating = 0.0
        for number, worker in enumerate(self._workers):
            clock.at(number * fleet.job[0] / fleet.workers, lambda worker=worker: clock.start(self._work(worker)))  # type: ignore[misc]

    def run(self, mixed: float = MIXED, counted: float = COUNTED) -> Found:
        """Let it work, first until all is mixed."""
        self._clock.run(mixed)
        self._forget()
        self._clock.run(mixed + counted)
        return Found(
            self._done / counted,
            self._uses(),
            self._jobs.average(),
            self._seconds / max(1, self._done),
            self._operating / max(1, self._operations),
        )

    # An item's way

    def _work(self, worker: Worker) -> Process:
        """Fetch one item after the other, as a worker of the queue does."""
        while True:
            yield worker.items.enter
            yield from self._queue(worker)
            self._clock.start(self._item(worker))

    def _item(self, worker: Worker) -> Process:
        begun = self._clock.now
        yield from self._ledger(worker, BEFORE[:HELD_FROM])
        yield self._calls.enter
        yield from self._ledger(worker, BEFORE[HELD_FROM:BEGINS_AT])
        yield from self._cpu(worker, self._ledger_cpu)
        yield from self._begin()
        yield from self._ledger(worker, BEFORE[BEGINS_AT + 1 :])
        yield from self._submit(worker)
        yield from self._ledger(worker, AFTER[:1])
        yield from self._job(worker)
        yield from self._keep(worker)
        yield from self._ledger(worker, AFTER[1:])
        self._calls.leave()
        yield from self._queue(worker)
        worker.items.leave()
        self._done += 1
        self._seconds += self._clock.now - begun

    def _submit(self, worker: Worker) -> Process:
        yield from self._cpu(worker, self._own_cpu)
        yield from worker.line.serve(self._fleet.photo / self._fleet.bandwidth)
        yield from self._service()

    def _job(self, worker: Worker) -> Process:
        """Wait for a job's end, as often as it takes to see it."""
        seconds = self._chance.uniform(*self._fleet.job)
        self._clock.start(self._jobs.serve(seconds))
        for wait in (seconds,) if self._fleet.has_callbacks else looks(seconds):
            yield self._clock.wait(wait)
        yield from self._cpu(worker, self._own_cpu)

    def _keep(self, worker: Worker) -> Process:
        """Download the picture and put it into the store."""
        yield from self._service()
        yield from self._cpu(worker, self._own_cpu)
        yield from worker.line.serve(self._fleet.picture / self._fleet.bandwidth)
        if self._fleet.put:
            yield from self._store.serve(self._fleet.put)

    # What it asks for

    @property
    def _own_cpu(self) -> float:
        return self._fleet.constants.worker_cpu * (1 - IN_OPERATIONS) / SHARES

    @property
    def _ledger_cpu(self) -> float:
        return self._fleet.constants.worker_cpu * IN_OPERATIONS / len(OPERATIONS)

    def _ledger(self, worker: Worker, kinds: tuple[str, ...]) -> Process:
        for kind in kinds:
            yield from self._cpu(worker, self._ledger_cpu)
            yield from self._operation(kind, self._fleet.operation_cpu)

    def _queue(self, worker: Worker) -> Process:
        """Fetch a task, or say that it is finished."""
        if self._fleet.queue:
            yield from self._cpu(worker, self._fleet.constants.queue_worker_cpu / 2)
            yield from self._operation("commit", self._fleet.constants.queue_cpu / 2)
        else:
            yield self._clock.wait(0.0)

    def _operation(self, kind: str, cpu: float) -> Process:
        """Ask PostgreSQL for something, and have it written where it is a change."""
        begun = self._clock.now
        yield self._clock.wait(self._fleet.way)
        if kind == "row":
            yield from self._change_sums(cpu)
        else:
            yield from self._run(self._database, cpu)
        if kind == "notice" and self._fleet.constants.notices:
            yield from self._notices.serve(1 / self._fleet.constants.notices)
        if kind == "commit":
            yield self._disk.write
        self._operations += 1
        self._operating += self._clock.now - begun

    def _begin(self) -> Process:
        """Write what is begun; within a budget one after the other, each until it is on the disk."""
        begun, fleet = self._clock.now, self._fleet
        if fleet.has_budget:
            yield self._clock.wait(2 * fleet.way)  # to begin a transaction, and to ask for the budget
            budget = self._chance.choice(self._budgets)
            yield budget.enter
            yield from self._run(self._database, fleet.operation_cpu)
            yield self._clock.wait(WAYS_OF_BUDGET * fleet.way)
            yield from self._change_sums(fleet.operation_cpu)
            budget.leave()
            self._operations += 1
            self._operating += self._clock.now - begun
        else:
            yield from self._operation("row", fleet.operation_cpu)

    def _change_sums(self, cpu: float) -> Process:
        """Change a record and a part of the batch's sums, which nobody else can until that is on the disk."""
        part = self._chance.choice(self._sums)
        yield part.enter
        yield from self._run(self._database, cpu)
        yield self._disk.write
        part.leave()

    def _cpu(self, worker: Worker, seconds: float) -> Process:
        yield worker.loop.enter
        yield from self._run(None, seconds)
        worker.loop.leave()

    def _service(self) -> Process:
        if self._fleet.service_cpu:
            yield from self._run(None, self._fleet.service_cpu / 2)

    def _run(self, cores: Places | None, seconds: float) -> Process:
        """Compute on one's own cores, or where all is one machine on its."""
        cores = self._machine or cores
        if cores is None:
            yield self._clock.wait(seconds)
        else:
            yield from cores.serve(seconds)

    # What is counted

    def _shared(self) -> dict[str, Places]:
        found = {
            "calls at once": self._calls,
            "notices": self._notices,
            "the store": self._store,
        }
        whole = {"PostgreSQL's CPU": self._database} if self._machine is None else {"the machine's CPU": self._machine}
        return found | whole

    def _uses(self) -> dict[str, float]:
        uses = {name: places.use() for name, places in self._shared().items()}
        for name, rows in (("the batch's budget", self._budgets), ("the batch's sums", self._sums)):
            uses[name] = sum(row.use() for row in rows) / len(rows)
        for name, field in (("workers' CPU", "loop"), ("workers' network", "line"), ("items at once", "items")):
            uses[name] = sum(getattr(worker, field).use() for worker in self._workers) / len(self._workers)
        return uses

    def _forget(self) -> None:
        own = [places for each in self._workers for places in (each.loop, each.line, each.items)]
        for places in (*self._shared().values(), *self._budgets, *self._sums, *own, self._jobs):
            places.forget()
        self._done = self._operations = 0
        self._seconds = self._operating = 0.0


SCENARIOS: dict[str, dict[str, object]] = {
    "looks, 5,000 calls": {},
    "callbacks": {"has_callbacks": True},
    "a disk of 5 ms": {"has_callbacks": True, "write": 0.005},
    "and no budget": {"has_callbacks": True, "write": 0.005, "has_budget": False},
    "20,000 calls": {"has_callbacks": True, "calls": 20_000, "at_once": 120},
    "20,000, no budget": {"has_callbacks": True, "calls": 20_000, "at_once": 120, "has_budget": False},
    "20,000, four batches": {"has_callbacks": True, "calls": 20_000, "at_once": 120, "batches": 4},
}


def show(name: str, fleet: Fleet, found: Found) -> str:
    """Return a scenario's line: what the model says, and the bounds."""
    least, second = parts(fleet)[:2]
    top = sorted(found.uses, key=found.uses.__getitem__, reverse=True)
    names = [each for each in top if each != "items at once"][:2]
    used = ", ".join(f"{each} {found.uses[each]:.0%}" for each in names)
    days = PHOTOS / found.rate / DAY
    bounds = f"{least.name} {least.rate:,.0f}, {second.name} {second.rate:,.0f}"
    return f"{name:<24}{found.rate:>8,.0f}{days:>8.1f}{found.operation * 1e3:>9.1f}  {used:<58}{bounds}"


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.fleet_model")
    parser.add_argument("--constants", type=Path, metavar="FILE", help="as written by fleet_constants --json")
    parser.add_argument("names", nargs="*", metavar="scenario", help=", ".join(SCENARIOS))
    chosen = parser.parse_args()
    constants = msgspec.json.decode(chosen.constants.read_bytes(), type=Constants) if chosen.constants else MEASURED
    base = Fleet(constants=constants)
    print(f"{'':<24}{'items/s':>8}{'days':>8}{'ms a tx':>9}  {'busiest parts':<58}bounds, items/s")
    for name in chosen.names or SCENARIOS:
        fleet = replace(base, **SCENARIOS[name])
        print(show(name, fleet, Model(fleet).run()), flush=True)
    for part in parts(base):
        print(f"  {part.name:<24}{part.rate:>12,.0f} items/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
