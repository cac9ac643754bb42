"""What is done for a wish, and what a record becomes; `test_model` searches for what is missed here."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from phota_async.ledger import Begun, Change, Done, File, JobFailed, Lost, Record, Refused, State, Submitted, Wish
from phota_async.ledger.records import from_micros, to_micros
from phota_async.ledger.rules import apply, begin, begun_before, hears, is_fresh, is_sold, may_be_bought

WISH = Wish(
    purchase="p",
    batch="b",
    item="i.jpg",
    operation="edit",
    take=2,
    mode="job",
    run=7,
    price=150,
    now=1000.0,
    guard=100.0,
)
INTENT = Record(
    purchase="p",
    copy=3,
    batch="b",
    item="i.jpg",
    operation="edit",
    take=2,
    mode="job",
    state=State.INTENT,
    run=7,
    intent_run=7,
    first_intent_at=1000.0,
    reserved=150,
)
EARLIER = replace(INTENT, run=6, intent_run=6, first_intent_at=950.0, item="older.jpg", lost=5, generation=1)
FILE = File("i.edit-1.jpg", 100, "ab" * 32)


def earlier(state: State, **fields: Any) -> Record:
    return replace(EARLIER, state=state, **fields)


# A wish


def test_what_is_not_known_is_bought() -> None:
    assert begin(None, WISH, copy=3) == Begun(action="buy", record=INTENT, is_new=True)
    assert begin(None, WISH).record.copy == 1


def test_another_mode_is_written_down() -> None:
    begun = begin(earlier(State.PLANNED), replace(WISH, mode="sync"))
    assert begun.record.mode == "sync"


@pytest.mark.parametrize(("state", "action"), [(State.DONE, "done"), (State.SUBMITTED, "poll")])
def test_what_is_done_or_under_way_is_taken_up_as_it_is(state: State, action: str) -> None:
    record = earlier(state, job_id="j", cost=120)
    name = (
        record.item if state is State.DONE else WISH.item
    )  # what was delivered is the other one's, who may come again
    assert begin(record, replace(WISH, cap=0)) == Begun(action=action, record=replace(record, run=7, item=name))  # type: ignore[arg-type]


@pytest.mark.parametrize("age", [0.0, 99.0, 100.0])
def test_an_intent_is_sent_again_while_it_is_fresh(age: float) -> None:
    record = earlier(State.INTENT, first_intent_at=1000.0 - age)
    assert begin(record, WISH) == Begun(action="resend", record=replace(record, run=7, item="i.jpg"))


@pytest.mark.parametrize(
    "record",
    [
        earlier(State.INTENT, first_intent_at=899.0),
        earlier(State.INTENT, first_intent_at=None),
        earlier(State.INTENT, first_intent_at=2000.0),
        earlier(State.INTENT, mode="sync"),
        earlier(State.UNKNOWN),
    ],
)
def test_what_may_have_been_bought_is_reported(record: Record) -> None:
    assert begin(record, WISH) == Begun(
        action="unknown", record=replace(record, run=7, item="i.jpg", state=State.UNKNOWN)
    )


ANEW = replace(INTENT, generation=2, lost=5 + 150)


@pytest.mark.parametrize("error", [None, "ResponseLostError"])
@pytest.mark.parametrize("job_id", [None, "j"])
def test_who_asks_for_it_buys_what_is_unknown_anew(job_id: str | None, error: str | None) -> None:
    record = earlier(State.UNKNOWN, job_id=job_id, error=error)
    assert begin(record, replace(WISH, resend_unknown=True)) == Begun(action="buy", record=ANEW)


def test_a_stale_intent_is_bought_anew_too() -> None:
    record = earlier(State.INTENT, first_intent_at=1.0)
    assert begin(record, replace(WISH, resend_unknown=True)) == Begun(action="buy", record=ANEW)


def test_what_a_job_cost_stays_counted_when_it_is_bought_anew() -> None:
    begun = begin(earlier(State.FAILED, job_id="j", cost=120), WISH)
    assert begun == Begun(action="buy", record=replace(ANEW, lost=5 + 120))
    assert begun.record.committed == 5 + 120 + 150


def test_what_was_refused_is_bought_under_the_same_id() -> None:
    begun = begin(earlier(State.FAILED, cost=0, first_intent_at=None, error="StatusError"), WISH)
    assert begun == Begun(action="buy", record=replace(INTENT, generation=1, lost=5))


# The cap


@pytest.mark.parametrize(
    ("price", "committed", "cap", "action"),
    [
        (150, 850, 1000, "buy"),
        (150, 851, 1000, "budget"),
        (None, 1000, 1000, "buy"),
        (None, 1001, 1000, "budget"),
        (0, 0, 0, "buy"),
        (1, 0, 0, "budget"),
        (150, 10**9, None, "buy"),
    ],
)
def test_the_cap_is_kept_to_the_millionth(price: int | None, committed: int, cap: int | None, action: str) -> None:
    begun = begin(None, replace(WISH, price=price, cap=cap), committed=committed)
    assert (begun.action, begun.is_new) == (action, True)


def test_what_passes_the_cap_is_written_as_planned() -> None:
    begun = begin(None, replace(WISH, cap=0), copy=3)
    planned = Record(purchase="p", copy=3, batch="b", item="i.jpg", operation="edit", take=2, run=7)
    assert begun == Begun(action="budget", record=planned, is_new=True)


def test_what_is_unknown_stays_so_when_the_cap_forbids_to_buy_it_anew() -> None:
    begun = begin(earlier(State.UNKNOWN), replace(WISH, resend_unknown=True, cap=0))
    assert begun == Begun(action="budget", record=earlier(State.UNKNOWN, run=7, item="i.jpg"))


def test_nothing_is_committed_unless_somebody_says_so() -> None:
    assert begin(None, replace(WISH, cap=150)).action == "buy"


# What happened


@pytest.mark.parametrize("state", State)
def test_what_costs_nothing_more_whatever_the_budget(state: State) -> None:
    assert is_sold(earlier(state)) is (state in (State.DONE, State.SUBMITTED))
    assert is_sold(earlier(state)) <= (begin(earlier(state), replace(WISH, cap=0)).action in ("done", "poll"))


@pytest.mark.parametrize("state", State)
def test_what_may_be_bought(state: State) -> None:
    assert may_be_bought(earlier(state)) is (state not in (State.PLANNED, State.FAILED))


def test_the_service_remembers_for_a_while() -> None:
    assert is_fresh(INTENT, 1100.0, 100.0)
    assert not is_fresh(INTENT, 1100.5, 100.0)
    assert not is_fresh(replace(INTENT, first_intent_at=None), 1000.0, 100.0)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (Submitted("j"), {"state": State.SUBMITTED, "job_id": "j", "error": None}),
        (Lost("lost"), {"state": State.UNKNOWN, "error": "lost"}),
        (JobFailed("failed"), {"state": State.FAILED, "error": "failed"}),
        (Refused("no"), {"state": State.FAILED, "error": "no", "first_intent_at": None, "cost": 0}),
        (
            Done((FILE,), 120, {"anna": 1}),
            {"state": State.DONE, "files": (FILE,), "cost": 120, "counts": {"anna": 1}, "error": None},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_an_intent_becomes(change: Change, fields: dict[str, Any]) -> None:
    record = replace(INTENT, error="an earlier one")
    assert apply(record, change) == replace(record, **fields)


@pytest.mark.parametrize("change", [Submitted("j"), Lost("x"), JobFailed("x"), Refused("x")])
def test_what_is_done_stays_done(change: Change) -> None:
    record = earlier(State.DONE, cost=120)
    assert apply(record, change) is record


def test_what_is_done_may_be_delivered_again() -> None:
    assert apply(earlier(State.DONE, cost=120), Done((FILE,), 120)).files == (FILE,)


@pytest.mark.parametrize("state", [State.SUBMITTED, State.UNKNOWN, State.PLANNED])
def test_a_refusal_takes_nothing_back_but_an_intent(state: State) -> None:
    record = replace(INTENT, state=state, job_id="j")
    assert apply(record, Refused("no")) == replace(record, error="no")


def test_a_refusal_takes_no_intent_of_an_earlier_run_back() -> None:
    record = replace(EARLIER, run=7)
    assert apply(record, Refused("no")) == replace(record, error="no")


# What it cost


@pytest.mark.parametrize(
    ("fields", "committed"),
    [({}, 5), ({"reserved": 150}, 155), ({"reserved": 150, "cost": 120}, 125), ({"reserved": 150, "cost": 0}, 5)],
)
def test_what_is_committed(fields: dict[str, int], committed: int) -> None:
    assert Record(purchase="p", lost=5, **fields).committed == committed  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dollars", "micros"), [(None, None), ("0", 0), ("0.12", 120_000), ("0.0000001", 1), ("1.0000001", 1_000_001)]
)
def test_dollars_are_stored_in_whole_millionths_rounded_up(dollars: str | None, micros: int | None) -> None:
    assert to_micros(None if dollars is None else Decimal(dollars)) == micros


def test_millionths_come_back_as_dollars() -> None:
    assert from_micros(120_000) == Decimal("0.12")


def test_a_record_shows_where_it_stands_and_not_what_it_is_for() -> None:
    assert repr(Record(purchase="0123456789abcdef", copy=2, batch="private")) == "<Record 01234567/2 planned>"


# Where runs share a ledger

DONE, SUBMITTED, REFUSED = Done((), 1, {}), Submitted("job-1"), Refused("402")


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("change", [DONE, SUBMITTED, REFUSED, JobFailed("failed"), Lost("gone")])
def test_whoever_has_a_record_is_heard_of_it(state: State, change: Change) -> None:
    assert hears(earlier(state, run=7), earlier(State.INTENT, run=7), change)


@pytest.mark.parametrize(
    ("stored", "change", "is_heard"),
    [
        (earlier(State.UNKNOWN, run=8, generation=2), DONE, True),  # what was delivered counts, whatever happened since
        (earlier(State.INTENT, run=8), SUBMITTED, True),  # the job of the id that is under way
        (earlier(State.SUBMITTED, run=8), SUBMITTED, False),
        (earlier(State.INTENT, run=8, generation=2), SUBMITTED, False),  # of another id
        (earlier(State.INTENT, run=7, generation=2), SUBMITTED, False),
        (earlier(State.INTENT, run=8), REFUSED, False),
        (earlier(State.INTENT, run=8), JobFailed("failed"), False),
        (earlier(State.INTENT, run=8), Lost("gone"), False),
        (earlier(State.INTENT, run=7, generation=2), Lost("gone"), False),
    ],
)
def test_who_lost_a_record_to_another_run_is_heard_of_good_news(stored: Record, change: Change, is_heard: bool) -> None:
    assert hears(stored, earlier(State.INTENT, run=7), change) is is_heard


@pytest.mark.parametrize(
    ("record", "action"),
    [
        (earlier(State.DONE), "done"),
        (earlier(State.SUBMITTED), "poll"),
        (earlier(State.UNKNOWN), "unknown"),
        (earlier(State.PLANNED), "budget"),
        (earlier(State.FAILED), "budget"),
        (earlier(State.INTENT, intent_run=7), "buy"),
        (earlier(State.INTENT, intent_run=3), "resend"),
    ],
)
def test_what_was_said_before_is_said_again(record: Record, action: str) -> None:
    assert begun_before(record, WISH) == Begun(action=action, record=record)  # type: ignore[arg-type]
