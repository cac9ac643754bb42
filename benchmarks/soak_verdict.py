"""What came of a soak: what must hold, and the numbers."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from .soak_plan import ODD_WORDS, Plan
from .soak_service import QUARTERS, Account
from .soak_users import Learnt

MOST = 6.0  # MB that memory may grow after the first quarter
SLACK = 0.25  # of an interval beyond what is promised, for a busy machine
AT_ONCE = 1.0  # seconds until a job's end is known whose callback comes
PAUSE = 8.0  # seconds for which the last of five attempts lets all calls of a client wait, at most
KINDS = ("listings", "profiles", "jobs", "submissions", "secrets")
MB = 2**20


class Sample(NamedTuple):
    """How the client's process was."""

    age: float
    """Seconds from the begin."""
    memory: int
    cpu: float
    """Seconds of a core until then."""


class Left(NamedTuple):
    """What there was after the client's end and not before its begin."""

    tasks: int
    timers: int
    sockets: int
    connections: int
    """As the service counts them."""
    places: int
    """Of the limiter, taken or waited for."""
    followed: int
    """Scopes and trainings that the client had in memory before its end, though nobody waited any more."""


class Run(NamedTuple):
    """All that is known of a soak."""

    plan: Plan
    start: float
    """The monotonic clock's time of its begin."""
    learnt: Learnt
    taken: Counter[str]
    """Callbacks, by what the client took them for."""
    samples: list[Sample]
    warnings: list[str]
    is_whole: bool
    """Whether the users came to their end in time."""
    account: Account
    left: Left


class Check(NamedTuple):
    """One thing that must hold."""

    holds: bool
    said: str


class Delays(NamedTuple):
    """The longest seconds from an end to its being known."""

    usual: float
    called: float
    """Of jobs whose callback came at once."""
    disturbed: float
    """After the service was up again, of what an outage kept from being known."""


def longest_delays(run: Run) -> Delays:
    """Return the longest delays of what was learnt."""
    outage, delays = run.plan.outage, dict.fromkeys(Delays._fields, 0.0)
    called = {each.life.key for each in run.plan.purchases if each.callback in ("once", "twice")}
    down, up = run.start + outage.begin, run.start + outage.end
    for key, (_, moment) in run.account.ends.items():
        begun, known = run.learnt.times(key)
        is_disturbed = known >= down and moment <= up + run.plan.interval
        kind = "disturbed" if is_disturbed else "called" if key in called else "usual"
        since = max(moment, begun, up) if is_disturbed else max(moment, begun)
        delays[kind] = max(delays[kind], known - since)  # which leaves out what was never known
    return Delays(**delays)


def grown(run: Run) -> float:
    """Return the MB by which memory is above that of the first quarter's end, at the most."""
    settled = [each.memory for each in run.samples if each.age >= run.plan.seconds / QUARTERS]
    return (max(settled) - settled[0]) / MB if settled else 0.0


def checks(run: Run) -> Iterator[Check]:
    """Say of everything that must hold whether it does."""
    yield Check(run.is_whole, "it came to its end in time")
    yield from _learnt(run)
    yield from _in_time(run)
    yield from _callbacks(run)
    left = ", ".join(f"{count} {name}" for name, count in run.left._asdict().items())
    yield Check(not any(run.left), f"left over: {left}")
    yield Check(grown(run) <= MOST, f"memory grew by {grown(run):.1f} MB after the first quarter, at most {MOST:g}")
    unusual = len(run.warnings) - len(ODD_WORDS)
    yield Check(unusual == 0, f"{len(run.warnings)} warnings, one for each of {len(ODD_WORDS)} unknown words")


def _learnt(run: Run) -> Iterator[Check]:
    plan, ends, account = run.plan, run.account.ends, run.account
    for name, lives in (("trainings", list(plan.profiles)), ("jobs", list(plan.jobs))):
        known = sum(life.key in ends and run.learnt.word(life.key) == ends[life.key][0] for life in lives)
        yield Check(known == len(lives), f"{known} of {len(lives)} {name} ended as the service has it")
    yield Check(run.learnt.contradictions == 0, f"{run.learnt.contradictions} learnt in two ways")
    made, planned = account.made, len(plan.purchases)
    yield Check(made == planned, f"{made} jobs made of {planned} bought, {account.resubmitted} submitted again")


def _in_time(run: Run) -> Iterator[Check]:
    delays = longest_delays(run)
    late = (1 + SLACK) * run.plan.interval
    limits = Delays(late, AT_ONCE, late + PAUSE)
    events = ("its end", "its end and its callback", "the outage")
    for event, delay, limit in zip(events, delays, limits, strict=True):
        yield Check(delay <= limit, f"each known {delay:.2f} s after {event} at the latest, at most {limit:g}")


def _callbacks(run: Run) -> Iterator[Check]:
    planned = Counter(each.callback for each in run.plan.purchases)
    expected = {
        "believed": planned["once"] + planned["twice"] + planned["late"],
        "repeated": planned["twice"],
        "refused": planned["forged"],
    }
    for name, count in expected.items():
        yield Check(run.taken[name] == count, f"{run.taken[name]} of {count} callbacks {name}")
    answers = {200: expected["believed"] + expected["repeated"], 401: expected["refused"]}
    yield Check(run.account.callbacks == answers, f"callbacks were answered with {dict(run.account.callbacks)}")


def table(run: Run) -> Iterator[str]:
    """Return what there was in each quarter of the time."""
    yield f"{'quarter':>8}{'RSS, MB':>10}{'CPU':>8}" + "".join(f"{kind:>13}" for kind in KINDS)
    before = run.samples[0]
    yield f"{'begin':>8}{before.memory / MB:>10.1f}"
    for quarter in range(QUARTERS):
        end = (quarter + 1) / QUARTERS * run.plan.seconds
        now = next((each for each in run.samples if each.age >= end), run.samples[-1])
        cpu = (now.cpu - before.cpu) / max(now.age - before.age, 1e-9)
        counts = "".join(f"{run.account.requests[quarter][kind]:>13}" for kind in KINDS)
        yield f"{quarter + 1:>8}{now.memory / MB:>10.1f}{cpu:>8.1%}{counts}"
        before = now
