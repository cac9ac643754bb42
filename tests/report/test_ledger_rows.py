"""Rows from a ledger's records: what is shown of an item, and what no ledger can make the page show."""

from decimal import Decimal
from pathlib import Path

import pytest

from phota_async.ledger import File, Record, State
from phota_async.report.ledger_rows import Folders, rows_of_ledger


def record(item: str, state: State = State.DONE, *files: str, purchase: str = "p", **fields: object) -> Record:
    kept = tuple(File(name, 1, "ab" * 32) for name in files)
    return Record(purchase=purchase, item=item, operation="enhance", state=state, files=kept, **fields)  # type: ignore[arg-type]


def test_a_row_an_item_with_its_source_its_results_and_what_it_cost(tmp_path: Path) -> None:
    photos, output = tmp_path / "photos", tmp_path / "out"
    (photos / "sub").mkdir(parents=True)
    (photos / "sub/a.jpg").touch()
    records = [
        record("sub/a.jpg", State.DONE, "sub/a-2.jpg", purchase="2", cost=150_000, counts={"mia": 2}, job_id="j"),
        record("sub/a.jpg", State.DONE, "sub/a-1.jpg", purchase="1", cost=120_000, counts={"mia": 1}),
    ]
    (row,) = rows_of_ledger(records, Folders(output, photos))
    assert (row.key, row.operation, row.status) == ("sub/a.jpg", "enhance", "done")
    assert row.sources == (photos / "sub/a.jpg",)
    assert row.results == (output / "sub/a-1.jpg", output / "sub/a-2.jpg")
    assert row.recognised == ({"mia": 1}, {"mia": 2})
    assert row.found == {"mia": 3}
    assert (row.price_low, row.price_high) == (Decimal("0.27"), Decimal("0.27"))
    assert (row.request_id, row.error, row.charged, row.warnings) == ("j", "", "", ())


@pytest.mark.parametrize(
    ("states", "status", "charged"),
    [
        ([State.DONE, State.FAILED], "failed", ""),
        ([State.DONE, State.UNKNOWN, State.FAILED], "unknown", "unknown"),
        ([State.DONE, State.SUBMITTED], "under way", ""),
        ([State.INTENT], "under way", ""),
        ([State.PLANNED, State.INTENT], "budget", ""),
    ],
)
def test_the_worst_of_an_items_purchases_is_its_status(states: list[State], status: str, charged: str) -> None:
    records = [record("a", each, purchase=f"{n}", error="ServerError 500") for n, each in enumerate(states)]
    (row,) = rows_of_ledger(records, Folders(Path("out")))
    assert (row.status, row.charged, row.error) == (status, charged, "ServerError 500")


def test_what_was_asked_for_again_in_vain_does_not_spoil_what_came_first() -> None:
    records = [record("a"), record("a", State.FAILED, purchase="q", take=2, error="x")]
    (row,) = rows_of_ledger(records, Folders(Path("out")))
    assert (row.status, row.error) == ("done", "")


def test_a_price_that_is_not_known_is_not_told_as_less() -> None:
    (row,) = rows_of_ledger([record("a", cost=120_000), record("a", purchase="q")], Folders(Path("out")))
    assert row.price_low is None


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.jpg", "link.jpg", "linked/secret.jpg", "a\0b", "."])
def test_nothing_outside_the_two_folders_is_shown(tmp_path: Path, name: str) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (tmp_path / "secret.jpg").touch()
    (output / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (output / "linked").symlink_to(tmp_path)
    (row,) = rows_of_ledger([record(name, State.DONE, name, "fine.jpg")], Folders(output, output))
    assert row.results == (output / "fine.jpg",)
    assert row.sources == ()
    assert row.warnings == ("1 left out: outside the results' folder",)
    assert rows_of_ledger([], Folders(output)) == []
