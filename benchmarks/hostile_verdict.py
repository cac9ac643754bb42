"""What came of a hostile soak: each item against what the service sold, and what must hold in the end."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import msgspec

from phota_async.batch import Outcome

from .hostile_service import Account, Sold

MOST = 12.0  # MB that memory may grow after the first quarter
MB = 2**20
QUARTERS = 4
Finding = Literal["paid_twice", "lost", "broken", "unsaid", "doubtful"]
NOTHING = Sold(0, frozenset())


class Ended(NamedTuple):
    """How an item of a batch ended, all its runs together."""

    prompt: str
    status: str
    charged: str
    """What its error says of the money, ``""`` without one."""
    digests: tuple[str, ...]
    """SHA-256 of its files as they lie on the disk."""


class Sample(NamedTuple):
    """How the client's process was."""

    age: float
    memory: int
    cpu: float
    """Seconds of a core until then."""
    items: int
    """Final until then."""


class Run(NamedTuple):
    """All that is known of a soak."""

    seconds: float
    share: float
    """Of calls that were to meet a fault."""
    statuses: Counter[str]
    findings: Counter[Finding]
    resumes: int
    charges: int
    """As all batches together have them."""
    samples: list[Sample]
    is_whole: bool
    """Whether everything came to its end in time."""
    left: Mapping[str, int]
    """Tasks, timers, sockets and places that were left over."""
    account: Account


class Check(NamedTuple):
    """One thing that must hold."""

    holds: bool
    said: str


def ended(outcome: Outcome, digests: tuple[str, ...]) -> Ended:
    """Return how an item ended.

    Args:
        outcome: Its last one.
        digests: Of its files.
    """
    prompt = str(msgspec.to_builtins(outcome.request)["prompt"])
    return Ended(prompt, outcome.status, outcome.error.charged if outcome.error else "", digests)


def judge(item: Ended, sold: Sold) -> Iterator[Finding]:
    """Yield what is wrong with an item, and whether its money is in doubt, as it says itself."""
    if sold.charges > 1:
        yield "paid_twice"
    if item.status in ("done", "skipped"):
        if not sold.charges:
            yield "unsaid"  # a picture that nobody sold
        if not item.digests or not sold.digests.issuperset(item.digests):
            yield "broken"
    elif item.charged == "unknown" or item.status == "unknown":
        if sold.charges:
            yield "doubtful"
    elif sold.charges:
        yield "lost"  # paid, and said to be free


def checks(run: Run) -> Iterator[Check]:
    """Yield what must hold."""
    found, done = run.findings, run.statuses["done"] + run.statuses["skipped"]
    yield Check(run.is_whole, f"{run.statuses.total():,} items came to an end, {run.resumes:,} resumed runs")
    yield Check(not found["paid_twice"], f"{found['paid_twice']} paid twice")
    yield Check(not found["lost"], f"{found['lost']} paid and said to be free")
    yield Check(not found["broken"] + found["unsaid"], f"{found['broken'] + found['unsaid']} results not as sold")
    whole = run.charges == done + found["doubtful"] + found["paid_twice"]
    yield Check(whole, f"{run.charges:,} charges = {done:,} results + {found['doubtful']:,} said to be in doubt")
    yield Check(run.charges == run.account.charges, f"{run.account.charges:,} charges at the service's till")
    faults = run.account.faults.total()
    part = faults / (run.account.calls or 1)
    yield Check(abs(part - run.share) < run.share / 4 + 0.01, f"{faults:,} of {run.account.calls:,} calls met a fault")
    yield Check(not run.account.crashes, f"{len(run.account.crashes)} crashes of the sandbox")
    grown = growth(run.samples)
    yield Check(grown <= MOST, f"memory grew by {grown:.1f} MB after the first quarter, {MOST:g} at most")
    left = ", ".join(f"{count} {name}" for name, count in run.left.items())
    yield Check(not any(run.left.values()), f"left over: {left}")


def growth(samples: list[Sample]) -> float:
    """Return by how many MB memory grew from the first quarter's end to the last one's: medians of an eighth each."""
    if len(samples) < 2 * QUARTERS:
        return 0.0
    eighth = len(samples) // 8
    early, late = samples[eighth : 2 * eighth], samples[-eighth:]
    return (_median(late) - _median(early)) / MB


def _median(samples: list[Sample]) -> int:
    return sorted(each.memory for each in samples)[len(samples) // 2]


def table(run: Run) -> Iterator[str]:
    """Yield the numbers of each quarter, then the faults of each kind."""
    yield f"{'quarter':>8}{'MB':>10}{'CPU':>8}{'items':>10}"
    before = run.samples[0]
    for quarter in range(QUARTERS):
        now = run.samples[(quarter + 1) * len(run.samples) // QUARTERS - 1]
        cpu = (now.cpu - before.cpu) / ((now.age - before.age) or 1)
        yield f"{quarter + 1:>8}{now.memory / MB:>10.1f}{cpu:>8.1%}{now.items - before.items:>10}"
        before = now
    yield ", ".join(f"{count:,} {status}" for status, count in sorted(run.statuses.items()))
    for name, count in sorted(run.account.faults.items()):
        yield f"{count:>8}  {name}"
