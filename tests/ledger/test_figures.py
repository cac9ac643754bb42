"""What a process counts of its own work, and what a record adds to the sums of its batch."""

from dataclasses import dataclass

import pytest

from phota_async.ledger import Begun, Change, Done, JobFailed, Lost, Record, Refused, State, Submitted, Wish, figures
from phota_async.ledger.figures import Figures, Told
from phota_async.ledger.records import Action
from phota_async.ledger.sums import Sums


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def begin(counted: Figures, name: str = "p", run: int = 1, action: Action = "buy", **fields: object) -> Record:
    batch = str(fields.pop("batch", "b"))
    record = Record(purchase=name, batch=batch, run=run, state=State.INTENT, **fields)  # type: ignore[arg-type]
    counted.begun(Begun(action=action, record=record), Wish(purchase=name, batch=batch, run=run, cap=700))
    return record


def only(counted: Figures) -> Told:
    (told,) = counted.told()
    return told


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (Submitted("j"), (1, 0, 0, 0, 0)),
        (Done((), 120), (0, 1, 0, 0, 120)),
        (Done(), (0, 1, 0, 0, 0)),
        (Refused("402"), (0, 0, 1, 0, 0)),
        (JobFailed("failed"), (0, 0, 1, 0, 0)),
        (Lost("reset"), (0, 0, 0, 1, 0)),
    ],
)
def test_each_end_is_counted_once(change: Change, counts: tuple[int, ...]) -> None:
    counted = Figures()
    record = begin(counted)
    for _ in range(2):
        counted.changed(record, change)
    told = only(counted)
    assert (told.running, told.done, told.failed, told.unknown, told.spent) == counts
    assert (told.batch, told.cap) == ("b", 700)


@pytest.mark.parametrize(
    ("action", "running"), [("buy", 1), ("resend", 1), ("poll", 1), ("done", 0), ("unknown", 0), ("budget", 0)]
)
def test_only_what_is_taken_up_runs(action: Action, running: int) -> None:
    counted = Figures()
    record = begin(counted, action=action)
    assert only(counted).running == running
    counted.changed(record, Done((), 120))  # files that were gone are fetched again: paid before
    assert only(counted).done == running


def test_what_is_asked_for_again_costs_and_counts_no_second_time() -> None:
    counted = Figures()
    for take in (1, 2):
        counted.changed(begin(counted, f"p{take}", take=take), Done((), 120))
    told = only(counted)
    assert (told.running, told.done, told.spent) == (0, 1, 240)


def test_what_a_run_leaves_is_not_under_way_here_any_more() -> None:
    counted = Figures()
    records = [begin(counted, name, run) for name, run in (("p", 1), ("q", 1), ("r", 2))]
    counted.left("b", [1, 7])
    assert only(counted).running == 1
    counted.changed(records[0], Done((), 120))
    assert (only(counted).running, only(counted).done) == (1, 0)


def test_a_cap_is_not_forgotten_when_a_job_is_only_followed() -> None:
    counted = Figures()
    begin(counted)
    counted.begun(Begun(action="poll", record=Record(purchase="q", batch="b")), Wish(purchase="", batch="b"))
    assert only(counted).cap == 700


def test_the_rate_is_that_of_the_last_minute() -> None:
    clock = Clock()
    counted = Figures(clock)
    assert counted.attend("b")
    assert not counted.attend("b")
    assert only(counted).rate is None
    for second in range(1, 121):
        clock.now = float(second)
        counted.changed(begin(counted, f"{second}"), Done() if second > 60 else Refused("x"))
        told = only(counted)
    assert told.rate == pytest.approx(1.0)
    clock.now = 300.0
    assert only(counted).rate is None


def test_of_many_batches_the_quiet_ones_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MOST", 3)
    counted = Figures()
    begin(counted, batch="busy")
    for number in range(9):
        counted.attend(f"b{number}")
    assert [told.batch for told in counted.told()] == ["busy", "b7", "b8"]
    for number in range(9):
        begin(counted, batch=f"c{number}")
    assert len(counted.told()) == 10  # all that are under way
    assert repr(counted) == "<Figures of 10 batches>"


@pytest.mark.parametrize(
    ("record", "sums"),
    [
        (None, Sums()),
        (Record(purchase="p"), Sums()),
        (Record(purchase="p", state=State.INTENT, reserved=150), Sums(committed=150)),
        (Record(purchase="p", state=State.DONE, reserved=150, cost=120, lost=9), Sums(129, 1, 0, 120)),
        (Record(purchase="p", state=State.DONE, cost=120, take=2), Sums(120, 0, 0, 120)),
        (Record(purchase="p", state=State.DONE), Sums(done=1)),
        (Record(purchase="p", state=State.FAILED, cost=0), Sums(failed=1)),
        (Record(purchase="p", state=State.FAILED, reserved=150, take=2), Sums(committed=150)),
        (Record(purchase="p", state=State.UNKNOWN, reserved=150), Sums(committed=150)),
    ],
)
def test_what_a_record_adds(record: Record | None, sums: Sums) -> None:
    assert Sums.of(record) == sums
    assert sums.since(sums) == Sums()
    assert Sums(5, 4, 3, 2).since(Sums(1, 1, 1, 1)) == Sums(4, 3, 2, 1)
