"""The verdict of the hostile soak: what is wrong with an item is found, and what is honest passes."""

from collections import Counter
from typing import Any

import pytest

from benchmarks.hostile_service import FAULTS, Account, Sold
from benchmarks.hostile_verdict import MB, Ended, Finding, Run, Sample, checks, growth, judge, table

ONCE, TWICE, NEVER = Sold(1, frozenset("ab")), Sold(2, frozenset("ab")), Sold(0, frozenset())


def item(status: str, charged: str = "", *digests: str) -> Ended:
    return Ended("a prompt", status, charged, digests)


@pytest.mark.parametrize(
    ("ended", "sold", "found"),
    [
        (item("done", "", "a"), ONCE, []),
        (item("skipped", "", "a"), ONCE, []),
        (item("done", "", "a"), TWICE, ["paid_twice"]),
        (item("done", "", "z"), ONCE, ["broken"]),
        (item("done"), ONCE, ["broken"]),
        (item("done", "", "a"), NEVER, ["unsaid", "broken"]),
        (item("failed", "no"), NEVER, []),
        (item("failed", "no"), ONCE, ["lost"]),
        (item("failed", "refunded"), ONCE, ["lost"]),
        (item("failed", "unknown"), ONCE, ["doubtful"]),
        (item("unknown", "unknown"), ONCE, ["doubtful"]),
        (item("unknown", "unknown"), NEVER, []),
        (item("unknown", "unknown"), TWICE, ["paid_twice", "doubtful"]),
    ],
)
def test_each_item_is_judged_by_what_was_sold(ended: Ended, sold: Sold, found: list[str]) -> None:
    assert list(judge(ended, sold)) == found


SAMPLES = [Sample(age, 50 * MB, age / 4, int(age)) for age in range(40)]
GOOD: dict[str, Any] = {
    "seconds": 40.0,
    "share": 0.2,
    "statuses": Counter(done=3, skipped=1, unknown=2),
    "findings": Counter[Finding](doubtful=1),
    "resumes": 2,
    "charges": 5,
    "samples": SAMPLES,
    "is_whole": True,
    "left": {"tasks": 0},
    "account": Account(100, Counter(reset=20), 5, []),
}
GROWING = [each._replace(memory=50 * MB + index * MB) for index, each in enumerate(SAMPLES)]


def missed(**changes: Any) -> int:
    return sum(not check.holds for check in checks(Run(**GOOD | changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"findings": Counter(doubtful=1, lost=1)},
        {"findings": Counter(doubtful=1, broken=1)},
        {"findings": Counter(doubtful=1, unsaid=1)},
        {"findings": Counter()},
        {"samples": GROWING},
        {"is_whole": False},
        {"left": {"tasks": 0, "sockets": 1}},
        {"account": Account(100, Counter(reset=20), 6, [])},
        {"account": Account(100, Counter(reset=2), 5, [])},
        {"account": Account(100, Counter(reset=20), 5, ["ValueError()"])},
    ],
    ids=str,
)
def test_whatever_does_not_hold_is_missed(changes: dict[str, Any]) -> None:
    assert missed() == 0
    assert missed(**changes) == 1


def test_a_second_payment_is_missed() -> None:
    assert (
        missed(findings=Counter(doubtful=1, paid_twice=1), charges=6, account=Account(100, Counter(r=20), 6, [])) == 1
    )


def test_growth_is_measured_after_the_first_quarter() -> None:
    assert growth(SAMPLES) == 0.0
    assert growth(GROWING) == pytest.approx(30, abs=1)
    assert growth(SAMPLES[:5]) == 0.0


def test_the_table_tells_quarters_and_faults() -> None:
    lines = list(table(Run(**GOOD)))
    assert len(lines) == 1 + 4 + 1 + 1
    assert lines[-1].split() == ["20", "reset"]


def test_each_route_that_is_used_meets_faults() -> None:
    assert {route.split(" ")[1] for route in FAULTS} == {"/*", "/jobs/{job_id}", "/cdn/{name}"}
