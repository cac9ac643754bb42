"""What events come to: decisions, undo, and what was asked for."""

from decimal import Decimal

from phota_async.review.events import Event, event_of
from phota_async.review.picks import Choice, Picks
from phota_async.runs import Cost, ErrorRecord, ItemRecord


def pick(item: str, output: str = "a.edit-1.jpg") -> Event:
    return event_of("pick", item, output=output)


def test_the_last_decision_counts() -> None:
    picks = Picks([pick("a", "1"), pick("a", "2"), event_of("reject", "b"), pick("c"), event_of("clear", "c")])
    assert picks.choice("a") == Choice(kind="picked", output="2")
    assert picks.choice("b") == Choice(kind="rejected")
    assert picks.choice("c") is None
    assert picks.choice("d") is None


def test_undo_goes_back_step_by_step_to_the_beginning() -> None:
    picks = Picks([pick("a", "1"), event_of("reject", "b"), pick("a", "2"), event_of("clear", "a")])
    seen = []
    while (key := picks.undoable) is not None:
        assert picks.apply(event_of("undo")) == key
        seen.append((key, picks.choice("a"), picks.choice("b")))
    one, two, rejected = (
        Choice(kind="picked", output="1"),
        Choice(kind="picked", output="2"),
        Choice(kind="rejected"),
    )
    assert seen == [("a", two, rejected), ("a", one, rejected), ("b", one, None), ("a", None, None)]
    assert picks.apply(event_of("undo")) is None


def test_an_undo_is_followed_by_new_decisions() -> None:
    picks = Picks([pick("a", "1"), event_of("undo"), pick("b", "2")])
    assert picks.undoable == "b"
    assert picks.choice("a") is None


def test_asks_cost_what_they_cost_or_may_cost() -> None:
    price = Decimal("0.15")
    picks = Picks([event_of("ask", "a", ask=name, price=price) for name in ("one", "two", "three", "four")])
    assert picks.committed == Decimal("0.60")
    made = ItemRecord(key="a", operation="edit", status="done", cost=Cost(settled=Decimal("0.12")))
    picks.apply(event_of("made", "a", ask="one", record=made))
    picks.apply(event_of("failed", "a", ask="two", error=ErrorRecord(type="BadRequestError", message="no")))
    lost = ErrorRecord(type="JobFailedError", message="no", charged="unknown")
    picks.apply(event_of("failed", "a", ask="three", error=lost))
    assert picks.committed == Decimal("0.12") + 0 + price + price
    assert [ask.state for ask in picks.asks("a")] == ["made", "failed", "failed", "open"]
    assert [ask.number for ask in picks.asks("a")] == [1, 2, 3, 4]


def test_what_newer_programs_write_changes_nothing() -> None:
    picks = Picks([event_of("star", "a"), event_of("made", "a", ask="never asked")])
    assert picks.choice("a") is None
    assert picks.asks() == []
    assert picks.undoable is None
