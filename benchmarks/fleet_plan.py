"""What a fleet is made of, what an item asks of each part, and how many items a second each part could do: no clock.

The bounds are those of queueing theory: a part that is asked for ``d`` seconds by each item, and can do ``n`` at once,
does ``n / d`` items a second at the most; the fleet does what its least part does. `fleet_model` adds what waits.
"""

import math
from collections.abc import Iterator

import msgspec

MB = 2**20
# What an item asks of PostgreSQL, in order. A "commit" waits for the disk, a "row" besides holds a part of the batch's
# sums until then, a "read" waits for nothing, nor does a "notice", of which there is one at a time on the whole server.
WAS_SENT, ACQUIRE, LOOK, BEGIN, CONFIRM = "read", "read", "read", "row", "commit"
SUBMITTED, DONE, RELEASE = "commit", "row", "notice"
BEFORE, AFTER = (WAS_SENT, ACQUIRE, LOOK, BEGIN, CONFIRM), (SUBMITTED, DONE, RELEASE)
BEGINS_AT = 3  # of BEFORE
OPERATIONS = (*BEFORE, *AFTER)
ROWS = OPERATIONS.count("row")
HELD_FROM = 1  # operations before the place is taken; the last one gives it back
IN_OPERATIONS = 0.4  # share of a worker's CPU that goes into talking with PostgreSQL
WAYS_OF_BUDGET = 2  # to PostgreSQL and back while the budget is held: to write, and to commit
FIRST_LOOK, GROWTH, LAST_LOOK = 2.0, 1.5, 15.0  # seconds between looks at a job, as of `ClientConfig`
EARLY = 0.945  # of them, on average


class Constants(msgspec.Struct, kw_only=True):
    """Costs; seconds, bytes and counts are those of one item where nothing else is said."""

    # The disk, and what waits for it
    commit: float = 0.0
    """Seconds of one commit, alone."""
    commits_apart: float = 0.0
    """Commits a second of different rows."""
    commits_of_one_row: float = 0.0
    commits_that_notify: float = 0.0
    notices: float = 0.0
    """The same a second where the commit does not wait for the disk."""

    # The worker
    worker_cpu: float = 0.0
    worker_cpu_without_places: float = 0.0
    received: float = 0.0
    """Bytes that the service got."""
    connections: float = 0.0
    """To PostgreSQL, of one busy worker without its queue."""

    # The database: ledger and places
    transactions: float = 0.0
    transactions_without_places: float = 0.0
    database_cpu: float = 0.0
    database_cpu_without_places: float = 0.0
    log: float = 0.0
    row: float = 0.0
    """Of the ledger, its indexes included."""
    row_index: float = 0.0
    """Of it, the indexes, of which any page may be the next one."""
    acquire: float = 0.0
    """With a cap of 5,000 of which nearly all are held."""
    acquire_of_few: float = 0.0
    """With a cap of 5,000 of which nearly none are held."""
    confirm: float = 0.0
    release: float = 0.0

    # The queue
    insert: float = 0.0
    fetch: dict[str, float] = {}
    """By how many wait."""
    fetch_blindly: float = 0.0
    """The same with the most, before ANALYZE."""
    finish: float = 0.0
    queue_cpu: float = 0.0
    """Of the database, for a fetch and a finish."""
    queue_worker_cpu: float = 0.0
    queue_log: float = 0.0
    queued: float = 0.0
    """Bytes of a task that waits."""
    finished: float = 0.0
    """Bytes that a task leaves which is done and kept."""


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet; the defaults are plain machines in one data centre."""

    constants: Constants
    workers: int = 200
    at_once: int = 30
    """Items of one worker."""
    calls: int = 5_000
    """Unfinished jobs at the service, of all together."""
    job: tuple[float, float] = (10.0, 60.0)
    """Seconds of a job, at least and at most."""
    has_callbacks: bool = False
    """Whether a job's end is known at once; else it is looked for."""
    batches: int = 1
    """At work at once."""
    sums: int = 16
    """Rows of a batch's sums."""
    has_budget: bool = True
    """Whether a batch has one: what begins within it begins one after the other."""
    queue: bool = True
    """Whether items come from a queue in PostgreSQL."""

    # Machines
    database_cores: int = 8
    cores: int | None = None
    """Of one machine that does everything, as in a test; ``None``: each has its own."""
    write: float = 0.001
    """Seconds of a durable write of the log."""
    way: float = 0.0005
    """Seconds to PostgreSQL and back."""
    service_cpu: float = 0.0
    """Seconds an item, where the service is on the same machine."""

    # What is moved
    photo: float = 4.0 * MB
    """Bytes that are sent, base64 included."""
    picture: float = 4.0 * MB
    """Bytes that come."""
    bandwidth: float = 125e6
    """Bytes a second of a worker: 1 Gbit/s."""
    puts: float = 3_500.0
    """Objects a second that a store takes below one prefix, as S3's guide says."""
    put: float = 0.1
    """Seconds of one."""

    @property
    def mean_job(self) -> float:
        """Return the seconds of a job, on average."""
        return sum(self.job) / 2

    @property
    def operation_cpu(self) -> float:
        """Return PostgreSQL's seconds for one operation of the ledger or the places."""
        return self.constants.database_cpu / len(OPERATIONS)

    @property
    def worker_cpu(self) -> float:
        """Return a worker's seconds for an item, the queue's included."""
        return self.constants.worker_cpu + (self.constants.queue_worker_cpu if self.queue else 0.0)


class Part(msgspec.Struct, frozen=True):
    """A part's bound."""

    name: str
    rate: float
    """Items a second, at the most."""


def looks(seconds: float) -> Iterator[float]:
    """Yield the waits before looks at a job of some length; the last one sees its end."""
    passed, interval = 0.0, FIRST_LOOK
    while passed < seconds:
        yield interval * EARLY
        passed += interval * EARLY
        interval = min(interval * GROWTH, LAST_LOOK)


def noticed(seconds: float) -> float:
    """Return after how many seconds the end of a job of some length is seen."""
    return sum(looks(seconds))


def mean_noticed(fleet: Fleet, steps: int = 200) -> float:
    """Return the same on average, or a job's own length where callbacks tell of it."""
    if fleet.has_callbacks:
        return fleet.mean_job
    first, last = fleet.job
    return sum(noticed(first + (last - first) * (step + 0.5) / steps) for step in range(steps)) / steps


def held(fleet: Fleet) -> float:
    """Return the seconds for which an item has its place at the service where nothing else is in its way."""
    moved = (fleet.photo + fleet.picture) / fleet.bandwidth
    kinds = OPERATIONS[HELD_FROM:]
    operations = len(kinds) * (fleet.way + fleet.operation_cpu)
    writes = sum(kind in ("commit", "row") for kind in kinds) * fleet.write
    budget = (WAYS_OF_BUDGET + 1) * fleet.way if fleet.has_budget else 0.0
    own = fleet.constants.worker_cpu * (1 - IN_OPERATIONS * HELD_FROM / len(OPERATIONS))
    return mean_noticed(fleet) + moved + fleet.put + operations + writes + budget + own


def parts(fleet: Fleet) -> list[Part]:
    """Return every part's bound, the least first."""
    costs, count = fleet.constants, fleet.workers
    database = costs.database_cpu + (costs.queue_cpu if fleet.queue else 0.0)
    moved = (fleet.photo + fleet.picture) / fleet.bandwidth
    changed = fleet.operation_cpu + fleet.write
    budget = WAYS_OF_BUDGET * fleet.way + fleet.operation_cpu + changed if fleet.has_budget else 0.0
    found = [
        Part("calls at once", fleet.calls / held(fleet)),
        Part("items at once", count * fleet.at_once / held(fleet)),
        Part("the batch's budget", fleet.batches / budget if budget else math.inf),
        Part("the batch's sums", fleet.batches * fleet.sums / (ROWS * changed) if changed else math.inf),
        Part("notices", costs.notices or math.inf),
        Part("the store", fleet.puts),
        Part("workers' network", count / moved if moved else math.inf),
    ]
    if fleet.cores is None:
        found += [
            Part("PostgreSQL's CPU", fleet.database_cores / database if database else math.inf),
            Part("workers' CPU", count / fleet.worker_cpu if fleet.worker_cpu else math.inf),
        ]
    else:
        found += [Part("the machine's CPU", fleet.cores / (database + fleet.worker_cpu + fleet.service_cpu))]
    if fleet.queue:
        serial = fleet.way + max(costs.fetch.values(), default=0.0) + fleet.write
        found.append(Part("fetching one by one", count / serial))
    return sorted(found, key=lambda part: part.rate)
