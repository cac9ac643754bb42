"""How a fleet stands, as its shared ledger tells: workers, batches, and places for jobs. Writes nothing.

The sums of batches are those that the ledger keeps with its records, so that looking costs what is open, however much
is done. What workers tell of themselves is some seconds old.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from ..errors import LedgerError
from . import shared_rows
from .database import Connection, Database
from .tables import STEPS, version_of

WorkerState = Literal["working", "idle", "dead", "ended"]
RECENT = 3600.0  # seconds for which a worker that ended or died is shown
MOST_WORKERS, MOST_BATCHES = 500, 200
WORKERS = """SELECT worker, batch, running, done, failed, unknown, spent, cap, rate,
        extract(epoch FROM clock_timestamp() - begun_at)::float8,
        extract(epoch FROM clock_timestamp() - seen_at)::float8,
        CASE WHEN has_ended THEN 'ended' WHEN expires_at < clock_timestamp() THEN 'dead'
            WHEN running > 0 THEN 'working' ELSE 'idle' END AS state
    FROM phota.worker WHERE seen_at > clock_timestamp() - make_interval(secs => %s)
    ORDER BY has_ended, expires_at < clock_timestamp(), worker, batch, session LIMIT %s"""
# Those that somebody is at work on come first.
BATCHES = """SELECT batch, max(total), sum(committed)::bigint, sum(done)::bigint, sum(failed)::bigint,
        sum(spent)::bigint FROM phota.account a GROUP BY batch
    ORDER BY NOT EXISTS (SELECT 1 FROM phota.worker w WHERE w.batch = a.batch AND NOT w.has_ended), batch LIMIT %s"""
OPEN = """SELECT batch, state, count(*) FROM phota.purchase
    WHERE state NOT IN ('done', 'failed') AND take = 1 GROUP BY batch, state"""
# The second condition is that of the index.
NOT_PAID_FOR = """SELECT count(DISTINCT item) FROM phota.purchase
    WHERE batch = %s AND state = 'planned' AND state NOT IN ('done', 'failed')"""
LEASES = """SELECT name, count(*) FILTER (WHERE expires_at > clock_timestamp()), count(*)
    FROM phota.lease GROUP BY name ORDER BY name"""
HOW_MANY = "SELECT count(DISTINCT batch) FROM phota.account"


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A process at work on one batch. Money in millionths of a US dollar."""

    worker: str
    batch: str
    running: int
    done: int
    failed: int
    unknown: int
    spent: int
    cap: int | None
    rate: float | None
    """Purchases that ended, a second; ``None`` while nobody knows."""
    seconds: float
    """Since it began."""
    silent: float
    """Seconds since its last sign of life."""
    state: WorkerState
    """``dead`` where signs of life are overdue: it was killed, stands still, or cannot reach the server."""

    @property
    def is_alive(self) -> bool:
        """Whether it goes on."""
        return self.state in ("working", "idle")


class BatchStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A batch. Purchases that were first tries are counted; money in millionths of a US dollar."""

    batch: str
    total: int | None
    """How many there will be; ``None`` where nobody said."""
    done: int
    failed: int
    unknown: int
    open: int
    """Those that were begun and have not ended, of whichever worker."""
    over_budget: int
    """Those that the budget did not allow."""
    spent: int
    committed: int
    """What has been spent, and what may be for what is under way or unknown."""
    cap: int | None
    """What it may cost, as the worker was told that was heard of last; ``None`` where there is no budget, or nobody was
    heard of."""
    rate: float | None
    """Of all workers together."""

    @property
    def ended(self) -> int:
        """Those for which nothing more is done in this run."""
        return self.done + self.failed + self.unknown + self.over_budget

    @property
    def left(self) -> int | None:
        """Those to come; ``None`` where nobody knows, or the total is older than the batch."""
        if self.total is None or self.total < self.ended:
            return None
        return self.total - self.ended

    @property
    def seconds_left(self) -> float | None:
        """How long it takes yet; ``None`` where nobody knows."""
        return self.left / self.rate if self.left and self.rate else None

    @property
    def budget_left(self) -> int | None:
        """What may still be spent."""
        return None if self.cap is None else self.cap - self.committed


class PlacesStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Places for jobs that workers share."""

    name: str
    held: int
    cap: int


class FleetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet at one moment."""

    workers: Sequence[WorkerStatus] = ()
    batches: Sequence[BatchStatus] = ()
    places: Sequence[PlacesStatus] = ()
    more_batches: int = 0
    """Those that are not among ``batches``, where there are too many."""

    def batch(self, name: str) -> BatchStatus | None:
        """Return a batch by its name."""
        return next((each for each in self.batches if each.batch == name), None)


async def look_at_fleet(database: Database) -> FleetStatus:
    """Say how the fleet of a ledger stands.

    Raises:
        LedgerError: The server cannot be reached, or there is no ledger of this version.
    """

    async def operation(connection: Connection) -> FleetStatus:
        await _check_version(connection, database.name)
        workers = [_worker(row) for row in await _all(connection, WORKERS, RECENT, MOST_WORKERS)]
        batches = await _all(connection, BATCHES, MOST_BATCHES)
        open_ones = await _all(connection, OPEN)
        places = await _all(connection, LEASES)
        count = await shared_rows.one(connection, HOW_MANY, ())
        return FleetStatus(
            workers=workers,
            batches=[*_batches(batches, open_ones, workers)],
            places=[PlacesStatus(name=name, held=held, cap=cap) for name, held, cap in places],
            more_batches=max(0, (count[0] if count else 0) - len(batches)),
        )

    return await database.run(operation)


async def count_over_budget(database: Database, batch: str) -> int:
    """Return how many items of a batch its budget did not allow, in whole or in part."""
    row = await database.one(NOT_PAID_FOR, (batch,))
    return int(row[0]) if row else 0


async def _check_version(connection: Connection, name: str) -> None:
    version = await version_of(connection, name)
    if version is None:
        raise LedgerError(f"{name}: expected a ledger, got a database without one").with_context(
            hint="the first worker makes its tables, as does phota ledger migrate"
        )
    if version < len(STEPS):
        raise LedgerError(f"{name}: expected a ledger of version {len(STEPS)}, got {version}").with_context(
            hint="the first worker of this version makes it newer"
        )


async def _all(connection: Connection, statement: str, *values: object) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement.encode(), values)).fetchall()


def _worker(row: Iterable[Any]) -> WorkerStatus:
    return WorkerStatus(**dict(zip(WorkerStatus.__struct_fields__, row, strict=True)))


def _batches(
    rows: Iterable[tuple[Any, ...]], open_ones: Iterable[tuple[str, str, int]], workers: Sequence[WorkerStatus]
) -> Iterable[BatchStatus]:
    """Yield the batches; one that is only begun has no sums yet."""
    states: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for batch, state, count in open_ones:
        states[batch][state] = count
    sums = {str(batch): rest for batch, *rest in rows}
    begun = dict.fromkeys(each.batch for each in workers if each.is_alive)
    for batch in dict.fromkeys([*begun, *sums, *states]):
        total, committed, done, failed, spent = sums.get(batch, (None, 0, 0, 0, 0))
        yield BatchStatus(
            batch=batch,
            total=total,
            done=done,
            failed=failed,
            unknown=states[batch]["unknown"],
            open=states[batch]["intent"] + states[batch]["submitted"],
            over_budget=states[batch]["planned"],
            spent=spent,
            committed=committed,
            cap=_cap(batch, workers),
            rate=_rate(batch, workers),
        )


def _cap(batch: str, workers: Iterable[WorkerStatus]) -> int | None:
    """Return what the worker was told that was heard of last."""
    told = [each for each in workers if each.batch == batch]
    return min(told, key=lambda each: each.silent).cap if told else None


def _rate(batch: str, workers: Iterable[WorkerStatus]) -> float | None:
    known = [each.rate for each in workers if each.batch == batch and each.is_alive and each.rate is not None]
    return sum(known) if known else None
