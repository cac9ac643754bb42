"""A batch with a ledger, run again: what is finished, fetched, kept, reported, and what is bought."""

import asyncio
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support.clients import QUICK, quick
from support.library import Folder

from phota_async import (
    Batch,
    BatchItem,
    Budget,
    ConfigError,
    DownloadError,
    EnhanceRequest,
    GenerateRequest,
    InputError,
    LedgerError,
    PhotaClient,
)
from phota_async.batch.held import HeldDestination, HeldSink
from phota_async.batch.purchase import Purchase
from phota_async.config import Mode
from phota_async.ledger import Ledger, State
from phota_async.ledger.writer import Writer
from phota_async.media.files import PartFile
from phota_async.sandbox.shapes import Shape

Run = Callable[..., Any]
LOST = "reset after the charge"


async def test_what_is_done_is_kept_and_nothing_is_asked(folder: Folder) -> None:
    folder.add("1.png", 1)
    first = await folder.run()
    requests = len(folder.sandbox.requests)
    again = await folder.run()
    assert first["1.png"].status == "done"
    assert (again["1.png"].status, again["1.png"].paths, again["1.png"].spent) == ("skipped", first["1.png"].paths, 0)
    assert again["1.png"].result.images[0].format == "jpg"
    assert len(folder.sandbox.requests) == requests
    assert folder.bought == 1


async def test_a_renamed_photo_is_not_bought_again_and_an_edited_one_is(folder: Folder) -> None:
    folder.add("1.png", 1)
    folder.add("2.png", 2)
    first = await folder.run()
    (folder.photos / "1.png").rename(folder.photos / "renamed.png")
    folder.add("2.png", 250)
    again = await folder.run()
    assert again["renamed.png"].status == "skipped"
    assert again["renamed.png"].paths == first["1.png"].paths
    assert again["2.png"].status == "done"
    assert folder.bought == 3
    assert folder.files == ["1.enhance-1.jpg", "2.enhance-1-2.jpg", "2.enhance-1.jpg"]


async def test_a_file_by_itself_stands_for_nothing(folder: Folder) -> None:
    folder.add("1.png")
    folder.results.mkdir()
    (folder.results / "1.enhance-1.jpg").write_bytes(b"somebody's")
    outcome = (await folder.run())["1.png"]
    assert outcome.status == "done"
    assert outcome.paths == (folder.results / "1.enhance-1-2.jpg",)
    assert (folder.results / "1.enhance-1.jpg").read_bytes() == b"somebody's"


async def test_a_file_that_is_gone_is_fetched_again_for_nothing(folder: Folder) -> None:
    folder.add("1.png")
    path = (await folder.run())["1.png"].paths[0]
    content = path.read_bytes()
    path.unlink()
    again = (await folder.run(budget=Budget(usd="0.12")))["1.png"]
    assert (again.status, again.paths, again.spent) == ("done", (path,), 0)
    assert path.read_bytes() == content
    assert folder.bought == 1
    assert (await folder.run())["1.png"].status == "skipped"


async def test_a_file_that_was_cut_is_fetched_again_beside_it(folder: Folder) -> None:
    folder.add("1.png")
    path = (await folder.run())["1.png"].paths[0]
    content = path.read_bytes()
    path.write_bytes(content[:100])
    again = (await folder.run())["1.png"]
    assert again.paths[0].read_bytes() == content
    assert again.paths[0] != path
    assert (await folder.run())["1.png"].paths == again.paths


async def test_the_output_can_be_moved(folder: Folder) -> None:
    folder.add("1.png")
    await folder.run()
    folder.results = folder.results.rename(folder.results.with_name("elsewhere"))
    assert (await folder.run())["1.png"].status == "skipped"


async def test_the_ledger_may_lie_in_the_output(folder: Folder) -> None:
    folder.add("1.png")
    await folder.run(ledger=True)
    assert (folder.results / ".phota" / "ledger.sqlite").exists()
    assert (await folder.run(ledger=True))["1.png"].status == "skipped"


async def test_a_ledger_of_ones_own_serves_several_batches(folder: Folder) -> None:
    folder.add("1.png")
    async with Ledger(folder.ledger) as ledger:
        first = await folder.run(ledger=ledger, name="one")
        again = await folder.run(ledger=ledger, name="one")
        other = await folder.run(ledger=ledger, name="two")
    statuses = [outcomes["1.png"].status for outcomes in (first, again, other)]
    assert statuses == ["done", "skipped", "done"]
    assert folder.bought == 2


async def test_a_lost_answer_is_asked_for_again_with_the_same_id(folder: Folder) -> None:
    folder.add("1.png")
    folder.sandbox.fail("POST /enhance", reset="after", times=5)
    assert (await folder.run())["1.png"].status == "unknown"
    assert (await folder.run())["1.png"].status == "done"
    ids = {request.body["client_request_id"] for request in folder.sandbox.requests if request.method == "POST"}
    assert len(ids) == 1
    assert folder.bought == 1


async def test_an_old_intent_is_reported_and_bought_only_when_told(folder: Folder) -> None:
    folder.add("1.png")
    folder.sandbox.fail("POST /enhance", reset="after", times=5)
    await folder.run()
    folder.edit_record(first_intent_at=0.0)
    posts = folder.sandbox.posts()
    for _ in range(2):
        outcome = (await folder.run())["1.png"]
        assert (outcome.status, outcome.spent) == ("unknown", None)
        assert "resend_unknown=True" in str(outcome.error)
    assert folder.sandbox.posts() == posts
    assert (await folder.run(resend_unknown=True))["1.png"].status == "done"
    assert (await folder.run(resend_unknown=True))["1.png"].status == "skipped"


async def test_a_lost_synchronous_answer_is_unknown(folder: Folder) -> None:
    folder.add("1.png")
    folder.sandbox.fail("POST /enhance", reset="after")
    assert (await folder.run(mode="sync"))["1.png"].status == "unknown"
    for mode in ("sync", "job"):
        assert (await folder.run(mode=mode))["1.png"].status == "unknown"
    assert folder.sandbox.posts() == 1
    assert (await folder.run(mode="sync", resend_unknown=True))["1.png"].status == "done"


async def test_a_synchronous_failure_of_the_service_is_unknown(folder: Folder) -> None:
    folder.add("1.png")
    folder.sandbox.fail("POST /enhance", status=500)
    assert (await folder.run(mode="sync"))["1.png"].status == "unknown"
    assert [record.state for record in await folder.records()] == [State.UNKNOWN]


async def test_a_synchronous_batch_keeps_its_files(folder: Folder) -> None:
    folder.add("1.png")
    first = (await folder.run(mode="sync"))["1.png"]
    again = (await folder.run(mode="sync"))["1.png"]
    assert (first.status, again.status, again.paths) == ("done", "skipped", first.paths)
    first.paths[0].unlink()
    gone = (await folder.run(mode="sync"))["1.png"]
    assert gone.status == "failed"
    assert "cannot be fetched again" in str(gone.error)
    assert folder.bought == 1


async def test_a_submitted_job_is_polled_and_not_bought(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.add("1.png")
    with monkeypatch.context() as patched:
        patched.setattr(Purchase, "finish", _dies)
        with pytest.raises(BaseExceptionGroup):
            await folder.run()
    assert [record.state for record in await folder.records()] == [State.SUBMITTED]
    folder.edit_record(first_intent_at=0.0)
    assert (await folder.run())["1.png"].status == "done"
    assert folder.sandbox.posts() == 1


async def _dies(_: Purchase) -> Any:
    raise RuntimeError("the process dies here")


async def test_expired_links_are_renewed_through_the_job(folder: Folder) -> None:
    folder.add("1.png")
    folder.sandbox.fail("GET /cdn/{name}", status=403)
    assert (await folder.run())["1.png"].status == "done"
    assert folder.bought == 1


async def test_a_failed_job_is_bought_anew_by_the_next_run(folder: Folder) -> None:
    folder.add("1.png")
    folder.sandbox.fail_jobs()
    first = (await folder.run())["1.png"]
    assert (first.status, first.spent) == ("failed", None)
    assert (await folder.run())["1.png"].status == "done"
    ids = [request.body["client_request_id"] for request in folder.sandbox.requests if request.method == "POST"]
    assert len(set(ids)) == len(ids) == 2
    assert folder.bought == 1


async def test_a_job_that_vanished_is_asked_for_with_the_same_id(folder: Folder) -> None:
    folder.add("1.png")
    folder.sandbox.fail("GET /jobs/{job_id}", status=404, times=2)
    assert (await folder.run())["1.png"].status == "done"
    assert folder.sandbox.posts() == 2
    assert folder.bought == 1


async def test_a_job_that_vanished_for_good_is_unknown(folder: Folder) -> None:
    folder.add("1.png")
    folder.sandbox.fail("GET /jobs/{job_id}", status=404, times=4)
    assert (await folder.run())["1.png"].status == "unknown"
    assert (await folder.run())["1.png"].status == "unknown"
    assert folder.bought == 1


async def test_an_old_job_that_vanished_is_not_sent_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.add("1.png")
    with monkeypatch.context() as patched:
        patched.setattr(Purchase, "finish", _dies)
        with pytest.raises(BaseExceptionGroup):
            await folder.run()
    folder.edit_record(first_intent_at=0.0)
    folder.sandbox.fail("GET /jobs/{job_id}", status=404, times=2)
    assert (await folder.run())["1.png"].status == "unknown"
    assert folder.sandbox.posts() == 1


async def test_an_id_that_stands_for_something_else_is_unknown(folder: Folder) -> None:
    folder.add("1.png")
    folder.sandbox.fail("POST /enhance", status=409)
    assert (await folder.run())["1.png"].status == "unknown"
    assert [record.state for record in await folder.records()] == [State.UNKNOWN]


@pytest.mark.parametrize("status", [402, 429, 503, 400])
async def test_a_refusal_costs_nothing_and_is_tried_again(folder: Folder, status: int) -> None:
    folder.add("1.png")
    folder.sandbox.fail("POST /enhance", status=status, times=5 if status in (429, 503) else 1)
    budget = Budget(usd="0.15")
    assert (await folder.run(budget=budget))["1.png"].status == "failed"
    assert (budget.spent, budget.reserved) == (Decimal(0), Decimal(0))
    assert (await folder.run(budget=Budget(usd="0.15")))["1.png"].status == "done"


async def test_the_budget_survives_the_process(folder: Folder) -> None:
    for number in range(3):
        folder.add(f"{number}.png", number)
    budget = Budget(usd="0.30")
    outcomes = await folder.run(budget=budget, max_concurrency=1)
    assert sorted(outcome.status for outcome in outcomes.values()) == ["budget", "done", "done"]
    assert budget.spent == Decimal("0.24")
    again = Budget(usd="0.30")
    outcomes = await folder.run(budget=again, max_concurrency=1)
    assert sorted(outcome.status for outcome in outcomes.values()) == ["budget", "skipped", "skipped"]
    assert (again.spent, again.reserved) == (budget.spent, Decimal(0))
    await folder.run(budget=Budget(usd="0.40"))
    assert folder.bought == 3


async def test_what_may_have_cost_stays_counted(folder: Folder) -> None:
    folder.add("1.png")
    folder.sandbox.fail("POST /enhance", reset="after", times=5)
    await folder.run(budget=Budget(usd="0.12"))
    folder.add("2.png", 2)
    budget = Budget(usd="0.12")
    outcomes = await folder.run(budget=budget, max_concurrency=1)
    assert {key: outcome.status for key, outcome in outcomes.items()} == {"1.png": "done", "2.png": "budget"}
    assert budget.spent == Decimal("0.12")


async def test_equal_items_are_bought_once_each(folder: Folder) -> None:
    items = [BatchItem(f"{number}", GenerateRequest(prompt="a sea")) for number in range(3)]
    first = await folder.run(items=items)
    again = await folder.run(items=items[::-1])
    assert folder.bought == 3
    assert {key: outcome.paths for key, outcome in again.items()} == {
        key: outcome.paths for key, outcome in first.items()
    }


async def test_takes_are_purchases_of_their_own(folder: Folder) -> None:
    folder.sandbox.add_profile("anna")
    folder.sandbox.miss_identity("anna")
    path = folder.add("1.png")
    items = [BatchItem("1.png", EnhanceRequest(image=path, profile_ids=("anna",)))]
    first = (await folder.run(items=items, retry_missed=1))["1.png"]
    again = (await folder.run(items=items, retry_missed=1))["1.png"]
    assert [path.name for path in first.paths] == ["1.enhance-1.jpg", "1.enhance-2.jpg"]
    assert (again.status, again.paths, again.missing) == ("skipped", first.paths, ())
    assert folder.bought == 2


@pytest.mark.parametrize("presence", ["null", "missing"])
async def test_nobody_is_asked_for_again_when_the_service_told_nothing(folder: Folder, presence: Any) -> None:
    """Nor when the ledger is asked later: it knows that nothing was told."""
    folder.sandbox.add_profile("anna")
    folder.sandbox.shape = Shape(known_subjects=presence)
    items = [BatchItem("1.png", EnhanceRequest(image=folder.add("1.png"), profile_ids=("anna",)))]
    first = (await folder.run(items=items, retry_missed=2, budget=Budget(usd=1)))["1.png"]
    again = (await folder.run(items=items, retry_missed=2, budget=(budget := Budget(usd=1))))["1.png"]
    assert (first.status, first.missing, first.spent) == ("done", (), None)
    assert (again.status, again.missing, again.paths) == ("skipped", (), first.paths)
    assert not again.result.known_subjects.is_told
    assert [record.counts for record in await folder.records()] == [None]
    assert budget.spent == Decimal("0.15")  # it may have cost that
    assert folder.bought == 1


async def test_results_in_memory_come_from_the_job_again(folder: Folder) -> None:
    folder.add("1.png")
    first = (await folder.run(output=None))["1.png"]
    again = (await folder.run(output=None))["1.png"]
    assert again.result.images[0].data == first.result.images[0].data
    assert (again.status, again.spent) == ("done", 0)
    assert folder.bought == 1


async def test_unfinished_files_of_dead_runs_go_and_others_stay(folder: Folder) -> None:
    folder.add("1.png")
    folder.results.mkdir()
    mine, foreign = PartFile(folder.results, "1.enhance-1.jpg"), PartFile(folder.results, "other.jpg")
    await folder.run()
    assert folder.files == [Path(foreign._path).name, "1.enhance-1.jpg"]
    mine.discard()
    foreign.discard()


async def test_a_second_process_is_refused(folder: Folder) -> None:
    folder.add("1.png")
    async with Ledger(folder.ledger):
        with pytest.raises(LedgerError, match="held by process"):
            await folder.run()
    assert folder.bought == 0


async def test_a_ledger_that_cannot_be_written_stops_the_batch(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        folder.add(f"{number}.png", number)
    real, commits = Writer._commit, 0

    def fails_later(writer: Writer, group: Any) -> None:
        nonlocal commits
        commits += 1
        if commits > 4:
            group[0].operation = _disk_is_full
        real(writer, group)

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "_commit", fails_later)
        outcomes = await folder.run(max_concurrency=1)
    assert folder.batch is not None
    assert isinstance(folder.batch.statistics().stopped, LedgerError)
    assert len(outcomes) < 9
    again = await folder.run()
    assert {outcome.status for outcome in again.values()} <= {"done", "skipped"}
    assert folder.bought == 9


def _disk_is_full(_: Any) -> None:
    raise sqlite3.OperationalError("database or disk is full")


async def test_a_full_disk_stops_the_batch_and_loses_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        folder.add(f"{number}.png", number)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("phota_async.media.files._write_all", full)
        outcomes = await folder.run(max_concurrency=2)
    assert folder.batch is not None
    assert folder.batch.statistics().stopped is not None
    assert len(outcomes) < 9
    assert folder.files == []
    assert {outcome.status for outcome in (await folder.run()).values()} == {"done"}
    assert folder.bought == 9


@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_what_was_paid_for_and_cannot_get_its_name_is_not_bought_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    folder.add("1.png")

    def refuses(*_: object) -> Path:
        raise InputError("cannot write it: Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(HeldSink, "_settle", refuses)
        first = (await folder.run(mode=mode))["1.png"]
    assert first.error is not None
    assert (first.error.charged, first.spent) == ("unknown", None)
    again = (await folder.run(mode=mode))["1.png"]
    assert again.status == ("done" if mode == "job" else "unknown")  # a job has it still
    assert folder.bought == 1


@pytest.mark.parametrize("small", [100, 2**18])
async def test_pictures_are_whole_and_their_digests_true_written_in_one_step_or_two(
    folder: Folder, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phota_async.batch.held.SMALL", small)
    folder.add("1.png")
    outcome = (await folder.run(mode="sync"))["1.png"]
    [record] = await folder.records()
    content = outcome.paths[0].read_bytes()
    assert [(file.size, file.sha256) for file in record.files] == [(len(content), sha256(content).hexdigest())]
    assert outcome.result.images[0].sha256 == sha256(content).hexdigest()
    assert folder.files == ["1.enhance-1.jpg"]


async def test_no_unfinished_file_stays_when_one_of_several_pictures_cannot_be_held(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder.add("1.png")
    items = [BatchItem("1.png", EnhanceRequest(image=path, num_output_images=2))]
    real, held = HeldDestination.publish, list[HeldSink]()

    async def second_fails(destination: HeldDestination, sink: Any, index: int, url: str | None = None) -> Any:
        if held:
            raise DownloadError("1.enhance-2.jpg", "Input/output error")
        held.append(sink)
        return await real(destination, sink, index, url)

    with monkeypatch.context() as patched:
        patched.setattr(HeldDestination, "publish", second_fails)
        outcome = (await folder.run(items=items, mode="sync"))["1.png"]
    assert outcome.status == "unknown"
    assert len(held) == 1
    assert folder.files == []


async def test_a_vanished_job_whose_photo_is_gone_too_may_have_been_charged(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder.add("1.png")
    folder.sandbox.fail("GET /jobs/{job_id}", status=404, times=2)
    real = Purchase._submit_again

    async def gone(purchase: Purchase, vanished: Any) -> None:
        path.unlink()
        await real(purchase, vanished)

    with monkeypatch.context() as patched:
        patched.setattr(Purchase, "_submit_again", gone)
        outcome = (await folder.run())["1.png"]
    assert isinstance(outcome.error, InputError)
    assert (outcome.status, outcome.error.charged, outcome.spent) == ("failed", "unknown", None)
    folder.add("1.png")
    assert (await folder.run())["1.png"].status == "done"
    assert folder.bought == 1


@pytest.mark.parametrize("native", [True, False])
async def test_leaving_finishes_the_submit_that_is_under_way(folder: Folder, *, native: bool) -> None:
    """Whoever cancels: the job's id is in the ledger, and nothing else is bought."""
    for number in range(9):
        folder.add(f"{number}.png", number)
    folder.sandbox.fail("POST /enhance", delay=0.05, times=None)

    async def leave() -> None:
        async with PhotaClient(folder.sandbox.api_key, folder.sandbox.base_url, config=QUICK) as client:
            batch = Batch(client, folder.items(), output=folder.results, ledger=folder.ledger, max_concurrency=2)
            async with batch as outcomes:
                if native:
                    async for _ in outcomes:
                        pass
                await folder.sandbox.wait_for_requests(2)

    task = asyncio.create_task(leave())
    await folder.sandbox.wait_for_requests(2)
    if native:
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    states = [record.state for record in await folder.records()]
    assert set(states) <= {State.SUBMITTED, State.DONE}
    assert folder.bought == len(states) == 2


async def test_arguments_are_checked(folder: Folder) -> None:
    wrong: list[dict[str, Any]] = [
        {"ledger": True, "output": None},
        {"mode": "sync", "output": None},
        {"name": 7},
        {"ledger": 7},
    ]
    for options in wrong:
        with pytest.raises((ConfigError, InputError)):
            await folder.run(**options)


async def test_a_guard_of_ones_own(folder: Folder) -> None:
    folder.add("1.png")
    config = quick(retry=QUICK.retry.__class__(backoff=0, resend_guard=0))
    folder.sandbox.fail("POST /enhance", reset="after")
    assert (await folder.run(config=config))["1.png"].status == "unknown"
    assert (await folder.run(config=config))["1.png"].status == "unknown"
    assert folder.sandbox.posts() == 1
