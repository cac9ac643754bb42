"""A dry run over a ledger: it says what the next run does and costs, and leaves everything as it is."""

import asyncio
import contextlib
import hashlib
import random
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.library import Folder

from phota_async import BatchItem, Budget, ConfigError, EnhanceRequest, GenerateRequest, LedgerError
from phota_async.batch import Outcome
from phota_async.batch.purchase import Purchase
from phota_async.ledger import Ledger, Wish, digests, photos, rows, schema
from phota_async.ledger.view import LedgerView
from phota_async.marks import Marks
from phota_async.pricing import Price, PriceTable

LOW, HIGH, ZERO = Decimal("0.12"), Decimal("0.15"), Decimal(0)
NOTHING = (ZERO, ZERO)
LATER = 1e10  # seconds: whatever was just written has settled by then
CENTS = Price(Decimal("0.09"), Decimal("0.09"))
TRUE = PriceTable(date="2026-11-21", images={"generate": CENTS, "enhance": Price(LOW, HIGH)}, training={})


def traces(folder: Path) -> dict[str, Any]:
    """What lies there, byte for byte; shared memory, which belongs to whoever is alive, only by its name."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        if path.is_file() and not path.name.endswith("-shm")
        else None
        for path in sorted(folder.rglob("*"))
    }


async def foresee(folder: Folder, **options: Any) -> dict[str, Outcome]:
    """Make a dry run, and see to it that nothing comes of it."""
    before, requests = traces(folder.photos.parent), len(folder.sandbox.requests)
    outcomes: dict[str, Outcome] = await folder.run(dry_run=True, **options)
    assert traces(folder.photos.parent) == before
    assert len(folder.sandbox.requests) == requests
    assert all(outcome.spent == 0 for outcome in outcomes.values())
    return outcomes


def statuses(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {key: outcome.status for key, outcome in outcomes.items()}


async def test_nothing_is_there_yet(folder: Folder) -> None:
    for number in range(3):
        folder.add(f"{number}.png", number)
    found = await foresee(folder, ledger=True)
    assert statuses(found) == dict.fromkeys(found, "planned")
    assert {outcome.estimate for outcome in found.values()} == {(LOW, LOW)}
    assert found["1.png"].paths == (folder.results / "1.enhance-1.jpg",)
    assert not folder.results.exists()
    assert folder.batch is not None
    statistics = folder.batch.statistics()
    assert (statistics.planned, statistics.done, statistics.running) == (3, 0, 0)
    assert (statistics.estimated_low, statistics.estimated_high, statistics.unpriced) == (3 * LOW, 3 * LOW, 0)
    real = await folder.run(ledger=True)
    assert {key: outcome.paths for key, outcome in real.items()} == {key: each.paths for key, each in found.items()}


async def test_what_is_there_is_skipped_and_what_is_gone_is_fetched_for_nothing(folder: Folder) -> None:
    for number in range(3):
        folder.add(f"{number}.png", number)
    first = await folder.run()
    first["1.png"].paths[0].unlink()
    (folder.photos / "2.png").unlink()
    folder.add("3.png", 3)
    found = await foresee(folder)
    assert statuses(found) == {"0.png": "skipped", "1.png": "planned", "3.png": "planned"}
    assert [found[f"{key}.png"].estimate for key in (0, 1, 3)] == [NOTHING, NOTHING, (LOW, LOW)]
    assert [found[f"{key}.png"].paths for key in (0, 1)] == [first[f"{key}.png"].paths for key in (0, 1)]
    assert found["0.png"].result is not None
    assert found["0.png"].result.images[0].path == first["0.png"].paths[0]


async def test_a_name_that_is_taken_is_numbered(folder: Folder) -> None:
    folder.add("1.png")
    folder.results.mkdir()
    (folder.results / "1.enhance-1.jpg").write_bytes(b"somebody's")
    foreseen = (await foresee(folder))["1.png"].paths
    assert foreseen == (folder.results / "1.enhance-1-2.jpg",) == (await folder.run())["1.png"].paths


async def test_a_submitted_job_costs_nothing_more(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.add("1.png")
    with monkeypatch.context() as patched:
        patched.setattr(Purchase, "finish", _dies)
        with pytest.raises(BaseExceptionGroup):
            await folder.run()
    found = (await foresee(folder, budget=Budget(usd="0.12")))["1.png"]
    assert (found.status, found.estimate) == ("planned", NOTHING)
    assert found.paths == (await folder.run())["1.png"].paths
    assert folder.bought == 1


async def _dies(_: Purchase) -> Any:
    raise RuntimeError("the process dies here")


async def test_a_lost_answer_costs_its_price_or_nothing(folder: Folder) -> None:
    """It is asked for again with the same id, and nobody knows whether it was charged the first time."""
    folder.add("1.png")
    folder.sandbox.fail("POST /enhance", reset="after", times=5)
    await folder.run()
    found = (await foresee(folder, budget=Budget(usd="0.12")))["1.png"]
    assert (found.status, found.estimate) == ("planned", (ZERO, LOW))
    folder.edit_record(first_intent_at=0.0)
    found = (await foresee(folder))["1.png"]
    assert (found.status, found.estimate) == ("unknown", NOTHING)
    assert "resend_unknown=True" in str(found.error)
    found = (await foresee(folder, resend_unknown=True))["1.png"]
    assert (found.status, found.estimate) == ("planned", (LOW, LOW))


async def test_a_synchronous_answer_that_is_gone_fails(folder: Folder) -> None:
    folder.add("1.png")
    (await folder.run(mode="sync"))["1.png"].paths[0].unlink()
    found = await foresee(folder, mode="sync")
    real = await folder.run(mode="sync")
    assert found["1.png"].status == real["1.png"].status == "failed"
    assert str(found["1.png"].error) == str(real["1.png"].error)
    assert found["1.png"].estimate == NOTHING


async def test_equal_items_are_foreseen_once_each(folder: Folder) -> None:
    items = [BatchItem(f"{number}", GenerateRequest(prompt="a sea")) for number in range(3)]
    await folder.run(items=items[:2])
    found = await foresee(folder, items=items)
    assert statuses(found) == {"0": "skipped", "1": "skipped", "2": "planned"}
    assert (found["2"].estimate, folder.batch and folder.batch.statistics().unpriced) == (None, 1)


async def test_the_budget_counts_what_earlier_runs_spent(folder: Folder) -> None:
    for number in range(5):
        folder.add(f"{number}.png", number)
    items = folder.items()
    await folder.run(items=items[:2], budget=Budget(usd=1))
    budget = Budget(usd="0.50")
    found = await foresee(folder, budget=budget)
    assert list(statuses(found).values()) == ["skipped", "skipped", "planned", "planned", "budget"]
    assert (budget.spent, budget.reserved) == NOTHING
    real = await folder.run(budget=budget, max_concurrency=1)
    assert Counter(statuses(real).values()) == {"skipped": 2, "done": 2, "budget": 1}
    again = await foresee(folder, budget=budget)  # it knows what this ledger spent, and does not count it twice
    assert Counter(statuses(again).values()) == {"skipped": 4, "budget": 1}


async def test_an_unknown_price_cannot_be_capped_whatever_is_there(folder: Folder) -> None:
    items = [BatchItem("1", GenerateRequest(prompt="a sea"))]
    await folder.run(items=items)
    found = await foresee(folder, items=items, budget=Budget(usd=1))
    real = await folder.run(items=items, budget=Budget(usd=1))
    assert found["1"].status == real["1"].status == "failed"
    assert isinstance(found["1"].error, ConfigError)


async def test_missed_people_may_cost_more(folder: Folder) -> None:
    """What a ledger knows of them is certain; what is bought now may miss somebody each time."""
    folder.sandbox.add_profile("anna")
    folder.sandbox.miss_identity("anna")
    path = folder.add("1.png")
    items = [BatchItem("1.png", EnhanceRequest(image=path, profile_ids=("anna",), num_output_images=2))]
    assert (await foresee(folder, items=items, retry_missed=2))["1.png"].estimate == (2 * LOW, 6 * HIGH)
    await folder.run(items=items, max_concurrency=1)
    found = (await foresee(folder, items=items, retry_missed=2))["1.png"]
    assert (found.status, found.estimate) == ("planned", (LOW, 2 * HIGH))
    assert [each.status for each in found.variations] == ["planned", "skipped"]
    assert [path.name for path in found.paths] == [f"1.enhance-{number}.jpg" for number in (1, 3, 2)]
    charged = folder.sandbox.charged
    assert (await folder.run(items=items, retry_missed=2))["1.png"].paths == found.paths
    assert LOW <= folder.sandbox.charged - charged <= 2 * HIGH


async def test_estimates_end_where_the_budget_does(folder: Folder) -> None:
    folder.sandbox.add_profile("anna")
    items = [BatchItem("1", EnhanceRequest(image=folder.add("1.png"), profile_ids=("anna",)))]
    found = await foresee(folder, items=items, retry_missed=9, budget=Budget(usd="0.40"))
    assert found["1"].estimate == (LOW, Decimal("0.40"))


async def test_photos_whose_digests_are_known_are_not_read_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run over a large library that is finished looks at its files and reads none of them."""
    monkeypatch.setattr(digests, "has_honest_times", lambda _: True)  # whatever the tests' disk is
    for number in range(2):
        Image.effect_noise((300, 300), 50 + number).save(folder.photos / f"{number}.png")
    ledger = Ledger(folder.ledger, clock=lambda: LATER)
    async with ledger:
        await folder.run(ledger=ledger)
    reads: list[Any] = []

    def noted(path: Any, details: Any) -> Any:
        reads.append(path)
        return identify_file(path, details)

    identify_file = photos._identify_file
    monkeypatch.setattr(photos, "_identify_file", noted)
    assert set(statuses(await foresee(folder, ledger=ledger)).values()) == {"skipped"}
    assert reads == []
    Image.effect_noise((300, 300), 70).save(folder.photos / "1.png")
    Image.effect_noise((300, 300), 80).save(folder.photos / "2.png")
    found = statuses(await foresee(folder, ledger=ledger))
    assert found == {"0.png": "skipped", "1.png": "planned", "2.png": "planned"}
    assert sorted(path.name for path in reads) == ["1.png", "2.png"]


async def test_a_job_whose_photo_is_gone_will_be_fetched(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [BatchItem(f"{number}.png", EnhanceRequest(image=folder.add(f"{number}.png"))) for number in range(2)]
    with monkeypatch.context() as patched:
        patched.setattr(Purchase, "finish", _dies)
        with pytest.raises(BaseExceptionGroup):
            await folder.run(items=items[:1])
    for item in items:
        (folder.photos / item.key).unlink()
    found = await foresee(folder, items=items)
    real = await folder.run(items=items)
    assert statuses(found) == {"0.png": "planned", "1.png": "failed"}
    assert statuses(real) == {"0.png": "done", "1.png": "failed"}
    assert (found["0.png"].estimate, found["0.png"].paths) == (NOTHING, real["0.png"].paths)
    assert str(found["1.png"].error) == str(real["1.png"].error)
    assert folder.bought == 1


@pytest.mark.parametrize("seed", range(8))
async def test_the_next_run_does_and_costs_what_was_foreseen(
    folder: Folder, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After runs that ended anyhow: faults, a budget that ran out, a crash, files that are gone since."""
    chance = random.Random(seed)
    folder.sandbox.add_profile("anna")
    items = [_any_item(folder, number, chance) for number in range(12)]
    folder.sandbox.miss_identity("anna", times=4)
    lost = chance.randrange(3)
    folder.sandbox.fail("POST /enhance", reset="after", times=5 * lost)  # five attempts a call
    folder.sandbox.fail("POST /generate", status=400, times=2)
    folder.sandbox.fail_jobs(times=0 if lost else 2)  # that a job failed which nobody asked for cannot be foreseen
    how = {"items": items, "retry_missed": chance.randrange(3)}
    budget = Budget(usd=chance.choice(["0.9", "1.7", "3"]), prices=TRUE)
    await folder.run(budget=budget, max_concurrency=1, **how)
    if chance.random() < 0.5:
        folder.edit_record(first_intent_at=0.0)
    folder.sandbox.fail("POST /enhance", reset="after", times=5)
    with monkeypatch.context() as patched, contextlib.suppress(BaseExceptionGroup):
        patched.setattr(Purchase, "finish", _dies_later(chance.randrange(4, 12)))
        await folder.run(max_concurrency=1, **how)
    folder.sandbox.faults.clear()
    for path in list(folder.results.rglob("*.jpg")):
        if chance.random() < 0.3:
            path.unlink()
    found = await foresee(folder, budget=Budget(usd=50, prices=TRUE), **how)
    assert folder.batch is not None
    statistics, charged = folder.batch.statistics(), folder.sandbox.charged
    real = await folder.run(budget=Budget(usd=50, prices=TRUE), **how)
    assert {key: "done" if status == "planned" else status for key, status in statuses(found).items()} == statuses(real)
    assert statistics.planned == folder.batch.statistics().done > 0
    assert statistics.estimated_low <= folder.sandbox.charged - charged <= statistics.estimated_high
    again = {"done": "skipped"}
    assert statuses(await foresee(folder, **how)) == {
        key: again.get(each.status, each.status) for key, each in real.items()
    }


def _dies_later(count: int) -> Any:
    real, left = Purchase.finish, count

    async def finish(purchase: Purchase) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError("the process dies here")
        return await real(purchase)

    return finish


def _any_item(folder: Folder, number: int, chance: random.Random) -> BatchItem:
    if number % 3 == 0:
        return BatchItem(f"{number}", GenerateRequest(prompt=f"sea {number % 2}"))
    named = ("anna",) if chance.random() < 0.5 else ()
    path = folder.add(f"{number}.png", number)
    return BatchItem(f"{number}", EnhanceRequest(image=path, profile_ids=named, num_output_images=chance.randint(1, 3)))


async def test_exact_prices_give_one_number_and_it_is_charged(folder: Folder) -> None:
    items = [BatchItem(f"{number}", GenerateRequest(prompt=f"sea {number}")) for number in range(9)]
    await folder.run(items=items, budget=Budget(usd="0.40", prices=TRUE), max_concurrency=1)
    await foresee(folder, items=items, budget=Budget(usd="0.75", prices=TRUE))
    assert folder.batch is not None
    foreseen, charged = folder.batch.statistics(), folder.sandbox.charged
    await folder.run(items=items, budget=Budget(usd="0.75", prices=TRUE), max_concurrency=1)
    real = folder.batch.statistics()
    assert (
        (foreseen.planned, foreseen.skipped, foreseen.over_budget)
        == (real.done, real.skipped, real.over_budget)
        == (4, 4, 1)
    )
    assert foreseen.estimated_low == foreseen.estimated_high == real.spent == folder.sandbox.charged - charged


# The ledger's file


HOLD = """
import asyncio, sys
from phota_async.ledger import Ledger

async def hold():
    async with Ledger(sys.argv[1]) as ledger:
        await ledger.enter("")
        print("held", flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""


async def test_a_ledger_that_another_process_holds_is_read_all_the_same(folder: Folder) -> None:
    folder.add("1.png")
    await folder.run()
    folder.add("2.png", 2)
    pipe = asyncio.subprocess.PIPE
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(folder.ledger), stdin=pipe, stdout=pipe
    )
    assert owner.stdout is not None
    assert await owner.stdout.readline() == b"held\n"
    found = await foresee(folder)
    with pytest.raises(LedgerError, match=f"held by process {owner.pid}"):
        await folder.run()
    await owner.communicate(b"")  # the end of its input ends it
    assert statuses(found) == {"1.png": "skipped", "2.png": "planned"}


async def test_a_ledger_that_is_open_here(folder: Folder) -> None:
    folder.add("1.png")
    async with Ledger(folder.ledger) as ledger:
        await folder.run(ledger=ledger)
        assert statuses(await foresee(folder, ledger=ledger)) == {"1.png": "skipped"}


async def test_a_ledger_that_a_dead_process_left(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log holds what its file does not have yet."""
    folder.add("1.png")
    copy = folder.ledger.with_name("dead.sqlite")
    async with Ledger(folder.ledger) as ledger:
        await folder.run(ledger=ledger)
        for end in ("", "-wal"):
            copy.with_name(copy.name + end).write_bytes(folder.ledger.with_name(folder.ledger.name + end).read_bytes())
    log = copy.with_name("dead.sqlite-wal")
    assert log.stat().st_size
    before = log.read_bytes()
    assert statuses(await folder.run(ledger=copy, dry_run=True)) == {"1.png": "skipped"}
    assert log.read_bytes() == before


async def test_a_file_that_holds_nothing_yet(folder: Folder) -> None:
    folder.add("1.png")
    folder.ledger.touch()
    assert statuses(await foresee(folder)) == {"1.png": "planned"}


async def test_a_file_that_is_no_ledger(folder: Folder) -> None:
    folder.ledger.write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerError, match="cannot be read"):
        await foresee(folder, items=[])
    folder.ledger.unlink()
    folder.ledger.mkdir()
    with pytest.raises(LedgerError, match="cannot be opened"):
        await foresee(folder, items=[])


async def test_a_newer_ledger_is_refused(folder: Folder, tmp_path: Path) -> None:
    schema.connect(folder.ledger, [*schema.STEPS, ()]).close()
    with pytest.raises(LedgerError, match="or older, got"):
        await foresee(folder, items=[])


async def test_an_older_ledger_is_read_as_it_is(folder: Folder) -> None:
    schema.connect(folder.ledger, schema.STEPS[:1]).close()
    folder.add("1.png")
    assert statuses(await foresee(folder)) == {"1.png": "planned"}


async def test_a_ledger_that_is_damaged_stops_the_dry_run(folder: Folder) -> None:
    for number in range(3):
        folder.add(f"{number}.png", number)
    await folder.run()
    with folder.ledger.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 100_000)
    await foresee(folder)
    assert folder.batch is not None
    assert isinstance(folder.batch.statistics().stopped, LedgerError)


async def test_a_view_of_much_takes_little_memory(tmp_path: Path) -> None:
    """What was taken up is remembered on the disk once it is much, and each of equal purchases given once."""
    async with Ledger(tmp_path / "ledger.sqlite") as ledger:
        run = await ledger.enter("")
        for number in range(6):
            await ledger.begin(Wish(purchase=f"p{number // 2}", run=run))
    view = LedgerView(tmp_path / "ledger.sqlite")
    view._taken = Marks(in_memory=2)
    await view.open()
    found = [(await view.look(Wish(purchase=f"p{number % 3}"))).record for number in range(9)]
    assert [record.copy for record in found] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert repr(view._taken) == "<Marks 2 in memory, more on disk>"
    view.close()
    assert repr(view._taken) == "<Marks 0 in memory>"


async def test_a_store_of_somebody_elses_making_cannot_be_looked_into(folder: Folder) -> None:
    class Store:
        begin = None

    with pytest.raises(ConfigError, match="a PostgresLedger or True, got Store"):
        await foresee(folder, items=[], ledger=Store())


async def test_what_a_view_shows(tmp_path: Path) -> None:
    view = LedgerView(tmp_path / "no.sqlite")
    await view.open()
    assert await view.committed("") == 0
    view.close()
    with pytest.raises(LedgerError, match="is closed"):
        await view.run(rows.committed)
    assert repr(view) == f"<LedgerView {tmp_path / 'no.sqlite'} closed>"
