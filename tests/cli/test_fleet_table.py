"""A fleet as tables and JSON: what is told, what gives way where there is no room, and what names cannot do."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from phota_async.cli.fleet_table import LiveFleet, picture, plain
from phota_async.cli.fleet_words import batch_cells, to_json, worker_cells
from phota_async.ledger.fleet import BatchStatus, FleetStatus, PlacesStatus, WorkerState, WorkerStatus


def worker(name: str = "studio-1:4711", state: WorkerState = "working", **rest: Any) -> WorkerStatus:
    counts: dict[str, Any] = {"running": 5, "done": 1204, "failed": 0, "unknown": 0, "spent": 144_480_000, "cap": None}
    rates: dict[str, Any] = {"batch": "summer", "rate": 2.0, "seconds": 60.0, "silent": 3.0}
    return WorkerStatus(worker=name, state=state, **rates | counts | rest)


def batch(name: str = "summer", **rest: Any) -> BatchStatus:
    counts: dict[str, Any] = {"total": 4000, "done": 1204, "failed": 3, "unknown": 1, "open": 15, "over_budget": 0}
    money = {"spent": 144_480_000, "committed": 150_000_000, "cap": 500_000_000}
    return BatchStatus(batch=name, **counts | money | {"rate": 4.0} | rest)


def drawn(fleet: FleetStatus, width: int = 80, **how: Any) -> list[str]:
    paper = io.StringIO()
    Console(file=paper, width=width, color_system=None, force_terminal=False).print(picture(fleet, **how))
    return [line.rstrip() for line in paper.getvalue().splitlines()]


def test_a_worker_and_its_batch_in_words() -> None:
    cells = ("studio-1:4711", "summer", "working", "5", "1,204", "0", "0", "$144.48", "2.0/s", "11:38")
    assert worker_cells(worker(), batch()) == cells
    cells = ("summer", "1,204/4,000", "3", "1", "15", "0", "$144.48", "$350.00", "4.0/s", "11:38")
    assert batch_cells(batch()) == cells


@pytest.mark.parametrize("state", ["dead", "ended"])
def test_who_does_not_go_on_has_no_rate(state: WorkerState) -> None:
    cells = worker_cells(worker(state=state, silent=75.0), batch())
    assert cells[2] == {"dead": "dead, silent 1:15", "ended": "ended"}[state]
    assert cells[-2:] == ("-", "-")


def test_what_nobody_knows_is_no_number() -> None:
    unknown = batch(total=None, cap=None, rate=None)
    assert (batch_cells(unknown)[1], *batch_cells(unknown)[-3:]) == ("1,204", "-", "-", "-")
    assert worker_cells(worker(rate=None), None)[-2:] == ("-", "-")
    assert (batch(total=7).left, batch(total=7).seconds_left) == (None, None)  # of another list
    assert batch_cells(batch(total=7))[1] == "1,204"
    assert batch(total=1208).seconds_left is None


def test_columns_that_say_nothing_are_left_out() -> None:
    fleet = FleetStatus(workers=[worker()], batches=[batch(unknown=0, cap=None)])
    lines = drawn(fleet)
    assert lines[0].split() == ["worker", "state", "running", "done", "failed", "spent", "rate", "left"]
    assert lines[3].split() == ["batch", "done", "failed", "open", "spent", "rate", "left"]
    fleet = FleetStatus(workers=[worker(), worker(batch="winter", unknown=2)], batches=[batch(over_budget=9)])
    lines = drawn(fleet, 120)
    assert lines[0].split()[:3] == ["worker", "batch", "state"]
    assert "unknown" in lines[0]
    assert "over budget" in lines[4]
    assert "budget left" in lines[4]


@pytest.mark.parametrize("width", [80, 100, 160])
def test_names_give_way_and_numbers_never(width: int) -> None:
    fleet = FleetStatus(
        workers=[worker("a-very-long-host-name-of-a-studio.example:4711", unknown=7), worker("b", batch="winter")],
        batches=[batch("a-batch-with-a-name-that-is-rather-long-too")],
        places=[PlacesStatus(name="jobs", held=18, cap=30)],
    )
    lines = drawn(fleet, width)
    assert max(map(len, lines)) <= width
    for number in ("1,204", "$144.48", "2.0/s", "11:38", "$350.00"):
        assert number in "\n".join(lines)
    assert "places held: jobs 18 of 30" in lines


def test_what_has_no_room_is_counted() -> None:
    fleet = FleetStatus(workers=[worker(f"{n}") for n in range(9)], batches=[batch(f"{n}") for n in range(4)])
    lines = drawn(fleet, workers=3, batches=1)
    assert "and 6 more workers" in lines
    assert "and 3 more batches" in lines
    live = LiveFleet(Console(file=io.StringIO(), width=80, height=12, force_terminal=True))
    live.fleet, live.trouble = fleet, "postgresql://db/x cannot be\x1b[2J reached"
    with live.board.console.capture() as captured:
        live.board.console.print(live)
    assert captured.get().count("\n") <= 14
    assert "more workers" in captured.get()
    assert "\x1b[2J" not in captured.get()


def test_names_move_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a\x1b[2J[bold]\u202eb\nc"
    text = plain(FleetStatus(workers=[worker(hostile)], batches=[batch(hostile)]))
    assert "[bold]" in text
    assert not {"\x1b", "\u202e"} & set(text)


def test_json_has_everything_and_money_as_text() -> None:
    fleet = FleetStatus(workers=[worker()], batches=[batch()], more_batches=2)
    told = json.loads(to_json(fleet))
    assert told["workers"][0] | {"spent": "144.48", "cap": None, "state": "working"} == told["workers"][0]
    shown = {"left": 2792, "seconds_left": 698.0, "budget_left": "350", "committed": "150"}
    assert told["batches"][0] | shown == told["batches"][0]
    assert (told["more_batches"], told["places"], told["currency"]) == (2, [], "USD")
