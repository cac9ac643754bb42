"""Variations in the ledger: each a purchase of its own, found again by itself, and killed without paying twice."""

from decimal import Decimal
from typing import Any

import pytest
from support.library import Folder

from phota_async import BatchItem, Budget, EnhanceRequest
from phota_async.batch.purchase import Purchase
from phota_async.ledger import State


def items(folder: Folder, count: int) -> list[BatchItem]:
    """One item that names anna and asks for several pictures of her."""
    path = folder.photos / "1.png"
    if not path.exists():
        folder.sandbox.add_profile("anna")
        folder.add("1.png")
    return [BatchItem("1.png", EnhanceRequest(image=path, profile_ids=("anna",), num_output_images=count))]


async def run(folder: Folder, count: int, **options: Any) -> Any:
    return (await folder.run(items=items(folder, count), **options))["1.png"]


@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_each_variation_is_a_purchase(folder: Folder, mode: str) -> None:
    first = await run(folder, 4, mode=mode)
    again = await run(folder, 4, mode=mode)
    assert [path.name for path in first.paths] == [f"1.enhance-{number}.jpg" for number in range(1, 5)]
    assert (first.status, first.spent) == ("done", Decimal("0.60"))
    assert (again.status, again.paths, again.spent, again.missing) == ("skipped", first.paths, 0, ())
    assert [each.status for each in again.variations] == ["skipped"] * 4
    records = await folder.records()
    assert {record.state for record in records} == {State.DONE}
    assert len({record.purchase for record in records}) == len(records) == folder.bought == 4
    assert {record.copy for record in records} == {1}
    ids = [request.body.get("client_request_id") for request in folder.sandbox.requests if request.method == "POST"]
    assert len(set(ids)) == (4 if mode == "job" else 1)


async def test_one_picture_more_is_all_that_is_bought(folder: Folder) -> None:
    """The first variation is what an item of one picture is: a ledger from then has it."""
    first = await run(folder, 1)
    more = await run(folder, 3)
    less = await run(folder, 2)
    assert [each.status for each in more.variations] == ["skipped", "done", "done"]
    assert more.paths[:1] == first.paths
    assert (less.status, less.paths) == ("skipped", more.paths[:2])
    assert folder.bought == 3


async def test_only_the_variation_that_missed_is_bought_again(folder: Folder) -> None:
    folder.sandbox.miss_identity("anna")
    first = await run(folder, 3, retry_missed=2, max_concurrency=1)
    again = await run(folder, 3, retry_missed=2)
    assert [path.name for path in first.paths] == [f"1.enhance-{number}.jpg" for number in (1, 4, 2, 3)]
    assert (again.status, again.paths, again.missing) == ("skipped", first.paths, ())
    assert sorted(record.take for record in await folder.records()) == [1, 1, 1, 2]
    assert folder.bought == 4


async def test_a_later_run_asks_again_for_what_missed(folder: Folder) -> None:
    folder.sandbox.miss_identity("anna")
    first = await run(folder, 3, max_concurrency=1)
    again = await run(folder, 3, retry_missed=1)
    assert (first.missing, again.missing) == (("anna",), ())
    assert [each.status for each in again.variations] == ["done", "skipped", "skipped"]
    assert folder.bought == 4


async def test_killed_between_variations(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is there, one is a job that nobody waits for any more, one was never sent."""
    real, finished = Purchase.finish, 0

    async def dies_later(purchase: Purchase) -> Any:
        nonlocal finished
        finished += 1
        if finished > 1:
            raise RuntimeError("the process dies here")
        return await real(purchase)

    with monkeypatch.context() as patched:
        patched.setattr(Purchase, "finish", dies_later)
        with pytest.raises(BaseExceptionGroup):
            await run(folder, 3, max_concurrency=1)
    assert sorted(record.state for record in await folder.records()) == [State.DONE, State.SUBMITTED]
    outcome = await run(folder, 3)
    assert [each.status for each in outcome.variations] == ["skipped", "done", "done"]
    assert folder.sandbox.posts() == folder.bought == 3


async def test_an_unknown_variation_is_not_sent_again_and_the_others_are_kept(folder: Folder) -> None:
    folder.sandbox.fail("POST /enhance", reset="after")
    first = await run(folder, 3, mode="sync", max_concurrency=1)
    again = await run(folder, 3, mode="sync")
    assert [each.status for each in first.variations] == ["unknown", "done", "done"]
    assert [each.status for each in again.variations] == ["unknown", "skipped", "skipped"]
    assert (again.status, again.paths) == ("unknown", first.paths)
    assert "resend_unknown=True" in str(again.error)
    assert "variation 1 of 3" in str(again.error)
    assert folder.sandbox.posts() == 3
    assert (await run(folder, 3, mode="sync", resend_unknown=True)).status == "done"


async def test_a_budget_that_ends_between_variations_is_taken_up_by_the_next_run(folder: Folder) -> None:
    first = await run(folder, 3, budget=Budget(usd="0.30"), max_concurrency=1)
    again = await run(folder, 3, budget=(budget := Budget(usd="0.45")))
    assert [each.status for each in first.variations] == ["done", "done", "budget"]
    assert (first.status, len(first.paths)) == ("budget", 2)
    assert (again.status, again.spent, budget.spent) == ("done", Decimal("0.15"), Decimal("0.45"))
    assert folder.bought == 3


# What was sent in one request before


async def test_what_was_bought_in_one_request_is_kept_as_that(folder: Folder) -> None:
    first = await run(folder, 3, one_request=True)
    foreseen = await run(folder, 3, dry_run=True)
    again = await run(folder, 3)
    assert (first.status, again.status, foreseen.status) == ("done", "skipped", "skipped")
    assert again.paths == foreseen.paths == first.paths
    assert (again.spent, foreseen.estimate, again.missing) == (0, (0, 0), ())
    assert again.result is not None
    assert [image.path for image in again.result.images] == list(first.paths)
    assert [len(each.paths) for each in again.variations] == [3, 0, 0]
    assert (folder.sandbox.posts(), len(await folder.records())) == (1, 1)


async def test_a_job_of_several_pictures_is_fetched_as_that(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Purchase, "finish", _dies)
        with pytest.raises(BaseExceptionGroup):
            await run(folder, 3, one_request=True)
    foreseen = await run(folder, 3, dry_run=True)
    outcome = await run(folder, 3)
    assert (foreseen.status, foreseen.estimate) == ("planned", (0, 0))
    assert [path.name for path in outcome.paths] == [f"1.enhance-{number}.jpg" for number in (1, 2, 3)]
    assert (outcome.status, outcome.paths) == ("done", foreseen.paths)
    assert folder.sandbox.posts() == 1


async def _dies(_: Purchase) -> Any:
    raise RuntimeError("the process dies here")


async def test_what_may_have_been_bought_in_one_request_is_not_bought_in_parts(folder: Folder) -> None:
    folder.sandbox.fail("POST /enhance", reset="after")
    await run(folder, 3, one_request=True, mode="sync")
    foreseen = await run(folder, 3, dry_run=True)
    outcome = await run(folder, 3)
    assert (foreseen.status, outcome.status) == ("unknown", "unknown")
    assert folder.sandbox.posts() == 1
    foreseen = await run(folder, 3, dry_run=True, resend_unknown=True)
    anew = await run(folder, 3, resend_unknown=True)
    assert (anew.status, len(anew.paths), foreseen.estimate) == ("done", 3, (Decimal("0.36"), Decimal("0.45")))
    assert folder.sandbox.posts() == 2


@pytest.mark.parametrize("how", ["refused", "failed", "too dear"])
async def test_what_came_to_nothing_in_one_request_is_bought_in_parts(folder: Folder, how: str) -> None:
    if how == "refused":
        folder.sandbox.fail("POST /enhance", status=400)
    if how == "failed":
        folder.sandbox.fail_jobs()
    budget = Budget(usd="0.15") if how == "too dear" else None
    assert (await run(folder, 3, one_request=True, budget=budget)).status in ("failed", "budget")
    outcome = await run(folder, 3)
    assert (outcome.status, len(outcome.paths)) == ("done", 3)
    assert folder.bought == 3
    assert (await run(folder, 3)).status == "skipped"


async def test_one_of_equal_requests_that_came_to_nothing_hides_no_other(folder: Folder) -> None:
    """The ledger has a record for each of equal items."""
    [item] = items(folder, 2)
    twins = [item, BatchItem("2.png", item.request)]
    folder.sandbox.fail("POST /enhance", status=None)
    folder.sandbox.fail("POST /enhance", status=400)
    await folder.run(items=twins, one_request=True, max_concurrency=1)
    again = await folder.run(items=twins)
    assert [again[item.key].status for item in twins] == ["skipped", "done"]
    assert folder.sandbox.posts() == 3


async def test_a_later_run_asks_again_for_all_of_what_was_one_request(folder: Folder) -> None:
    folder.sandbox.miss_identity("anna")
    first = await run(folder, 2, one_request=True)
    again = await run(folder, 2, retry_missed=1)
    assert (first.missing, again.missing, again.status) == (("anna",), (), "done")
    assert [path.name for path in again.paths] == [f"1.enhance-{number}.jpg" for number in ("1", "2", "3", "3-2")]
    assert (await run(folder, 2, retry_missed=1)).paths == again.paths
    assert folder.sandbox.posts() == 2


async def test_variations_are_not_known_as_one_request(folder: Folder) -> None:
    await run(folder, 2)
    again = await run(folder, 2, one_request=True)
    assert again.status == "done"
    assert folder.sandbox.posts() == 3


async def test_what_a_later_take_may_have_cost_is_not_known(folder: Folder) -> None:
    folder.sandbox.miss_identity("anna")
    folder.sandbox.fail("POST /enhance", status=None)
    folder.sandbox.fail("POST /enhance", reset="after", times=5)
    outcome = await run(folder, 1, retry_missed=1)
    assert (outcome.status, outcome.spent, outcome.missing) == ("done", None, ("anna",))
