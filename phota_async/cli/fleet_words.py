"""A fleet in words and as JSON. No I/O."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ..ledger.fleet import BatchStatus, FleetStatus, WorkerStatus
from ..ledger.records import from_micros
from .pace import duration, speed
from .plain_text import clean

SCHEMA = "phota.fleet/1"
UNKNOWN, UNNAMED = "-", "-"  # what nobody knows; a batch without a name
LONGEST_NAME = 300  # characters of a name that are looked at
WORKER_COLUMNS = ("worker", "batch", "state", "running", "done", "failed", "unknown", "spent", "rate", "left")
NAMES = frozenset({"worker", "batch"})  # columns of them
BATCH_COLUMNS = ("batch", "done", "failed", "unknown", "open", "over budget", "spent", "budget left", "rate", "left")


def worker_cells(worker: WorkerStatus, batch: BatchStatus | None) -> tuple[str, ...]:
    """Return a worker's line, in the order of `WORKER_COLUMNS`; how long it takes yet is told of the whole batch."""
    rate = worker.rate if worker.is_alive else None
    left = batch.seconds_left if batch is not None and worker.is_alive else None
    return (
        name(worker.worker),
        name(worker.batch),
        state(worker),
        *(f"{count:,}" for count in (worker.running, worker.done, worker.failed, worker.unknown)),
        dollars(worker.spent),
        UNKNOWN if rate is None else speed(rate),
        UNKNOWN if left is None else duration(left),
    )


def batch_cells(batch: BatchStatus) -> tuple[str, ...]:
    """Return a batch's line, in the order of `BATCH_COLUMNS`."""
    return (
        name(batch.batch),
        f"{batch.done:,}/{batch.total:,}" if batch.left is not None else f"{batch.done:,}",
        *(f"{count:,}" for count in (batch.failed, batch.unknown, batch.open, batch.over_budget)),
        dollars(batch.spent),
        UNKNOWN if batch.budget_left is None else dollars(batch.budget_left),
        UNKNOWN if batch.rate is None else speed(batch.rate),
        UNKNOWN if batch.seconds_left is None else duration(batch.seconds_left),
    )


def places_line(fleet: FleetStatus) -> str:
    """Return how many of the places for jobs are held; ``""`` where workers share no limit."""
    told = ", ".join(f"{name(each.name)} {each.held:,} of {each.cap:,}" for each in fleet.places)
    return f"places held: {told}" if told else ""


def state(worker: WorkerStatus) -> str:
    """Return what a worker does, and for how long nothing was heard of one that is dead."""
    return f"dead, silent {duration(worker.silent)}" if worker.state == "dead" else worker.state


def name(text: str) -> str:
    """Return a name fit to be shown."""
    return clean(text, LONGEST_NAME) or UNNAMED


def dollars(amount: int) -> str:
    """Return millionths of a dollar as people read them."""
    return f"${from_micros(amount):,.2f}"


def used(columns: Sequence[str], rows: Sequence[Sequence[str]], optional: frozenset[str]) -> list[int]:
    """Return the places of the columns to be shown: of optional ones, those that say something.

    A name does not that is the same in all rows, nor do numbers of which all are 0 or not known.
    """

    def says_something(place: int) -> bool:
        cells = {row[place] for row in rows}
        return len(cells) > 1 if columns[place] in NAMES else bool(cells - {"0", UNKNOWN})

    return [place for place, column in enumerate(columns) if column not in optional or says_something(place)]


def to_json(fleet: FleetStatus) -> str:
    """Return a fleet as a JSON object, money as decimal text."""
    told = {
        "schema": SCHEMA,
        "currency": "USD",
        "workers": [_worker(each) for each in fleet.workers],
        "batches": [_batch(each) for each in fleet.batches],
        "more_batches": fleet.more_batches,
        "places": [msgspec.structs.asdict(each) for each in fleet.places],
    }
    return msgspec.json.encode(told).decode()


def _worker(worker: WorkerStatus) -> dict[str, Any]:
    return msgspec.structs.asdict(worker) | _money(worker, "spent", "cap")


def _batch(batch: BatchStatus) -> dict[str, Any]:
    told = msgspec.structs.asdict(batch) | _money(batch, "spent", "committed", "cap", "budget_left")
    return told | {"left": batch.left, "seconds_left": batch.seconds_left}


def _money(value: object, *names: str) -> dict[str, Any]:
    amounts = {each: getattr(value, each) for each in names}
    return {each: None if amount is None else from_micros(amount) for each, amount in amounts.items()}
