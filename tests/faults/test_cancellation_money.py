"""Paid calls, cut off at every step: what was sold is there, reported or found by the next run, and not sold twice."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, quick
from support.descriptors import descriptors
from support.folders import tree
from support.leftovers import check_nothing_left
from support.memory import folder_in_memory
from support.pictures import real_picture
from support.steps import WAYS, SteppingLoop, Way, end_threads, every_step
from support.till import PICTURES, Till

from phota_async import Batch, BatchItem, Budget, EnhanceRequest, GenerateRequest, PhotaClient
from phota_async.config import Mode
from phota_async.events import OperationFailed, OperationFinished

from .trial import Trial

TWO_WAYS: tuple[Way, ...] = ("cancel", "scope")

PHOTO = real_picture(90)
LINKS = [f"https://photos.example/{number}.jpg" for number in range(10)]
SEA = GenerateRequest(prompt="a sea")
ITEMS = [BatchItem(f"{number}", EnhanceRequest(image=PHOTO, prompt=f"item {number}")) for number in range(2)]
LOW, HIGH = Decimal("0.12"), Decimal("0.15")  # US dollars that an item costs


def count_losses(fault: Trial, till: Till) -> None:
    fault.lost("paid_twice", sum(till.sold.values()) - len(till.sold))


async def run_batch(client: PhotaClient, folder: Path, count: int = 2, **options: Any) -> Counter[str]:
    batch = Batch(client, ITEMS[:count], output=folder, metadata="none", mark=False, max_concurrency=2, **options)
    async with batch as ends:
        return Counter([end.status async for end in ends])


RUNS: list[tuple[Mode, Way, int]] = [("job", "cancel", 2), ("job", "scope", 1), *(("sync", way, 1) for way in WAYS)]


@pytest.mark.parametrize(("mode", "way", "count"), RUNS)
def test_a_batch_with_a_ledger_goes_on_to_exactly_once(fault: Trial, mode: Mode, way: Way, count: int) -> None:
    """A job is found again by its id. A held call that was cut off may be unknown, and is said to be."""
    before = descriptors()

    async def run(loop: SteppingLoop) -> None:
        with folder_in_memory() as folder:
            async with Till() as till, PhotaClient(KEY, till.peer.url, config=quick()) as client:
                await loop.cut(run_batch(client, folder, count, ledger=True, mode=mode))
                check_nothing_left(client)
                ends = await run_batch(client, folder, count, ledger=True, mode=mode)
                end_threads()  # what they were in the middle of
                assert not {name for name in tree(folder) if name.endswith(".part")}, loop.at
                found = [content for name, content in tree(folder).items() if not name.startswith(".phota")]
                count_losses(fault, till)
                fault.lost("lost_results", count - ends["unknown"] - len(found))
                assert till.sold == {f"item {number}": 1 for number in range(count)}, loop.at
                assert set(ends) <= ({"done", "skipped"} if mode == "job" else {"done", "skipped", "unknown"})
                assert all(content in PICTURES for content in found), loop.at

    for loop in every_step(run, way):
        fault.tried(loop.was_cut)
        assert descriptors() == before, loop.at
    assert fault.inputs > 50


@pytest.mark.parametrize("way", TWO_WAYS)
@pytest.mark.parametrize("mode", ["job", "sync"])
def test_a_budget_counts_what_a_batch_without_a_ledger_may_have_bought(fault: Trial, mode: Mode, way: Way) -> None:
    async def run(loop: SteppingLoop) -> None:
        with folder_in_memory() as folder:
            async with Till(looks=0) as till, PhotaClient(KEY, till.peer.url, config=quick()) as client:
                budget = Budget(usd=1)
                await loop.cut(run_batch(client, folder, mode=mode, budget=budget))
                count_losses(fault, till)
                assert budget.reserved == 0, loop.at
                assert LOW * len(till.sold) <= budget.spent <= HIGH * 2, loop.at

    for loop in every_step(run, way):
        fault.tried(loop.was_cut)


@pytest.mark.parametrize("way", WAYS)
def test_a_job_with_an_id_of_ones_own_is_sold_once(fault: Trial, way: Way) -> None:
    async def run(loop: SteppingLoop) -> None:
        async with Till() as till, PhotaClient(KEY, till.peer.url, config=quick()) as client:
            await loop.cut(client.jobs.submit(SEA, client_request_id="order-7"))
            job = await client.jobs.submit(SEA, client_request_id="order-7")
            assert (job.job_id, till.sold) == ("job-0", {"a sea": 1}), loop.at
            count_losses(fault, till)

    for loop in every_step(run, way):
        fault.tried(loop.was_cut)


@pytest.mark.parametrize("way", TWO_WAYS)
@pytest.mark.parametrize("mode", ["job", "sync"])
def test_hooks_hear_of_every_call_that_may_have_been_charged(fault: Trial, mode: Mode, way: Way) -> None:
    async def run(loop: SteppingLoop) -> None:
        told: list[Any] = []
        async with Till() as till, PhotaClient(KEY, till.peer.url, config=quick(), hooks=[told.append]) as client:
            await loop.cut(client.send(SEA, mode=mode))
        done = sum(isinstance(each, OperationFinished) for each in told)
        cut = sum(isinstance(each, OperationFailed) and each.error == "CancelledError" for each in told)
        assert done + cut >= till.sold.total(), loop.at
        assert done + cut <= 1
        count_losses(fault, till)

    for loop in every_step(run, way):
        fault.tried(loop.was_cut)


@pytest.mark.parametrize("way", WAYS)
def test_a_creation_is_sent_once_and_the_next_one_is_not_taken_for_it(fault: Trial, way: Way) -> None:
    async def run(loop: SteppingLoop) -> None:
        async with Till() as till, PhotaClient(KEY, till.peer.url, config=quick()) as client:
            await loop.cut(client.profiles.create(LINKS, tag="user-7"))
            fault.lost("paid_twice", till.sold.total() - 1)
            made = till.sold.total()
            assert await client.profiles.create(["https://photos.example/n.jpg", *LINKS], tag="user-7") == f"p{made}"

    for loop in every_step(run, way):
        fault.tried(loop.was_cut)
