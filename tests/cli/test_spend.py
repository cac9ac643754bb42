"""``phota spend``: sums from ledgers, honest about what nobody knows, also while a run writes."""

import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from support.programs import Ended, phota

from phota_async import EnhanceRequest, Ledger, Outcome
from phota_async.cli.spending import Spending, by_day, is_purchase, rows, sum_up, total
from phota_async.ledger import Done, JobFailed, Lost, Record, Refused, State, Submitted, Wish
from phota_async.ledger.records import Change
from phota_async.runs import RunFolder, record_of

TWELVE, FIFTEEN = 120_000, 150_000  # millionths of a dollar
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()


async def buy(
    ledger: Ledger, name: str, *changes: Change, batch: str = "b", operation: str = "enhance", **wish: object
) -> None:
    how: dict[str, object] = {"price": FIFTEEN, "now": NOON, **wish}
    wanted = Wish(purchase=name, batch=batch, item=f"{name}.jpg", operation=operation, run=1, **how)  # type: ignore[arg-type]
    record = (await ledger.begin(wanted)).record
    for change in changes:
        record = await ledger.change(record, change)


async def fill(ledger: Ledger) -> None:
    await buy(ledger, "done", Submitted("j1"), Done(cost=TWELVE))
    await buy(ledger, "dear", Done(cost=FIFTEEN), now=NOON + 86400, batch="other")
    await buy(ledger, "unpriced", Done(), operation="edit", price=None)
    await buy(ledger, "running", Submitted("j2"))
    await buy(ledger, "lost", Lost("reset"))
    await buy(ledger, "failed", Submitted("j3"), JobFailed("failed"))
    await buy(ledger, "refused", Refused("400"))


def spend(*arguments: str, cwd: Path) -> Ended:
    return phota("spend", *arguments, cwd=cwd, env={"TZ": "UTC"})


def ledger_in(folder: Path) -> Ledger:
    path = folder / ".phota" / "ledger.sqlite"
    path.parent.mkdir(parents=True)
    return Ledger(path)


async def test_sums_while_another_process_has_the_ledger(tmp_path: Path) -> None:
    async with ledger_in(tmp_path / "out") as ledger:
        await fill(ledger)
        before = sorted(path.name for path in (tmp_path / "out" / ".phota").iterdir())
        told = spend("out", cwd=tmp_path)
        assert sorted(path.name for path in (tmp_path / "out" / ".phota").iterdir()) == before
        await buy(ledger, "later", Done(cost=TWELVE))  # its owner was not disturbed
    assert told.code == 0, told.err
    assert told.out.splitlines() == [
        "2026-11-20\t2\t0.12\t0.15\t0.30\t1",
        "2026-11-21\t1\t0.15\t0.00\t0.00\t0",
        "total\t3\t0.27\t0.15\t0.30\t1",
    ]
    assert "1 purchases have no published price" in told.err


async def test_by_operation_and_batch_and_as_json(tmp_path: Path) -> None:
    async with ledger_in(tmp_path) as ledger:
        await fill(ledger)
    assert [line.split("\t")[0] for line in spend("--by", "op", cwd=tmp_path).out.splitlines()] == [
        *("edit", "enhance", "total")
    ]
    groups = [json.loads(line) for line in spend("--by", "batch", "--json", cwd=tmp_path).out.splitlines()]
    assert groups[1] == {
        "schema": "phota.spend/1",
        "group": "other",
        "currency": "USD",
        "purchases": 1,
        "done": 1,
        "spent": "0.15",
        "open": "0",
        "doubtful": "0",
        "unpriced": 0,
    }
    assert Decimal(groups[0]["doubtful"]) == Decimal("0.30")


@pytest.mark.parametrize("settings", [{"tag": "user-1"}, {"run": {"tag": "user-1"}}])
async def test_by_the_tag_of_the_run(settings: dict[str, object], tmp_path: Path) -> None:
    async with ledger_in(tmp_path) as ledger:
        await fill(ledger)
    run = RunFolder.create(tmp_path, operation="enhance", settings=settings)
    run.append(record_of(Outcome(key="done.jpg", request=EnhanceRequest("done.jpg"), status="done")))
    RunFolder.create(tmp_path, operation="enhance")
    lines = spend("--by", "tag", cwd=tmp_path).out.splitlines()
    assert lines[0].startswith("-\t2\t0.15")
    assert lines[1] == "user-1\t1\t0.12\t0.00\t0.00\t0"


async def test_several_folders_and_a_ledgers_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        async with ledger_in(tmp_path / name) as ledger:
            await buy(ledger, "same", Done(cost=TWELVE))
    told = spend("one", "two/.phota/ledger.sqlite", "two", "./one", cwd=tmp_path)
    assert told.out == "2026-11-20\t2\t0.24\t0.00\t0.00\t0\n"
    assert told.err == ""


def test_where_there_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no ledger")
    for arguments, sentence in ((("out",), "expected a folder with"), (("file",), "cannot be read")):
        refused = spend(*arguments, cwd=tmp_path)
        assert refused.code == 2
        assert sentence in refused.err
        assert refused.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def record(state: State, **rest: object) -> Record:
    return Record(purchase="p", state=state, **rest)  # type: ignore[arg-type]


def test_what_an_earlier_generation_may_have_cost_stays_doubtful() -> None:
    sums: dict[str, Spending] = {}
    sum_up([record(State.DONE, cost=TWELVE, lost=FIFTEEN)], lambda _: "", sums)
    assert (sums[""].spent, sums[""].doubtful) == (TWELVE, FIFTEEN)


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (record(State.PLANNED), False),
        (record(State.FAILED, cost=0), False),
        (record(State.FAILED, cost=0, lost=1), True),
        (record(State.FAILED, reserved=1), True),
        (record(State.INTENT), True),
        (record(State.UNKNOWN), True),
    ],
)
def test_what_counts_as_a_purchase(given: Record, counts: bool) -> None:
    assert is_purchase(given) is counts


def test_days_are_those_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert by_day(record(State.DONE, first_intent_at=NOON)) == "2026-11-21"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert by_day(record(State.DONE)) == "unknown"


def test_nothing_was_bought() -> None:
    assert list(rows({})) == [("total", "0", "0.00", "0.00", "0.00", "0")]
    assert total([]) == Spending()
