"""The adaptive limit and its gate: grows while all is well, halves once for a bunch of refusals, never above."""

import asyncio
from pathlib import Path

import pytest

from phota_async import Batch, BatchItem, ClientConfig, EnhanceRequest, PhotaClient, RetryPolicy
from phota_async.batch.adaptive import AdaptiveLimit
from phota_async.batch.gate import Gate
from phota_async.sandbox import Sandbox

PHOTO = Path(__file__).parents[2] / "phota_async" / "demo" / "photos" / "cat.jpg"


def round_of(limit: AdaptiveLimit) -> None:
    """As many items as may run begin and end well."""
    for mark in [limit.begin() for _ in range(limit.limit)]:
        limit.succeeded(mark)


def test_a_young_limit_doubles_and_stops_at_the_highest() -> None:
    limit = AdaptiveLimit(50, start=4)
    seen = []
    for _ in range(6):
        seen.append(limit.limit)
        round_of(limit)
    assert seen == [4, 8, 16, 32, 50, 50]


def test_a_limit_never_begins_above_the_highest() -> None:
    assert AdaptiveLimit(3).limit == 3


def test_a_bunch_of_refusals_halves_once_and_growth_is_slow_afterwards() -> None:
    limit = AdaptiveLimit(100, start=40)
    marks = [limit.begin() for _ in range(40)]
    assert [limit.refused(mark) for mark in marks[:3]] == [True, False, False]
    assert limit.limit == 20
    for mark in marks[3:]:
        limit.succeeded(mark)  # they began before the cut and know nothing new
    assert limit.limit == 20
    round_of(limit)
    assert 36 <= limit.limit <= 38  # quickly near to where it was refused
    round_of(limit)
    assert 37 <= limit.limit <= 40  # and slowly from there


def test_a_limit_never_falls_below_one() -> None:
    limit = AdaptiveLimit(8, start=1)
    for _ in range(5):
        limit.refused(limit.begin())
    assert limit.limit == 1


async def test_the_gate_admits_as_many_as_the_limit_says() -> None:
    gate = Gate(2)
    first, second = await gate.enter(), await gate.enter()
    third = asyncio.ensure_future(gate.enter())
    await asyncio.sleep(0)
    assert not third.done()
    gate.leave(first, well=True)
    await third
    gate.refused()  # heard in this task, whose mark is the second's
    assert gate.limit == 1
    gate.leave(second, well=False)
    assert repr(gate) == "<Gate 1 inside, 1 of 2 admitted>"


async def test_a_waiter_that_left_takes_nobodys_turn() -> None:
    gate = Gate(1)
    mark = await gate.enter()
    gone, stays = asyncio.ensure_future(gate.enter()), asyncio.ensure_future(gate.enter())
    await asyncio.sleep(0)
    gone.cancel()
    gate.leave(mark, well=True)
    await stays
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_batch_keeps_to_what_a_full_service_takes_and_finishes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service takes three jobs at once: the batch finds out, pays for nothing twice and loses nothing."""
    really_refused, cuts = AdaptiveLimit.refused, list[int]()

    def refused(limit: AdaptiveLimit, mark: int) -> bool:
        was_cut = really_refused(limit, mark)
        cuts.extend([limit.limit] * was_cut)
        return was_cut

    monkeypatch.setattr(AdaptiveLimit, "refused", refused)
    async with Sandbox(time_scale=300, picture_scale=0.05, id_memory=1e9, link_lifetime=1e9) as sandbox:
        sandbox.capacity = 3
        config = ClientConfig(
            job_interval=0.01, max_job_interval=0.02, retry=RetryPolicy(max_attempts=1000, backoff=0.01, tokens=10**6)
        )
        async with PhotaClient(base_url=sandbox.base_url, api_key=sandbox.api_key, config=config) as client:
            items = [BatchItem(str(number), EnhanceRequest(PHOTO)) for number in range(12)]
            batch = Batch(client, items, max_concurrency=12)
            async with batch as outcomes:
                statuses = [outcome.status async for outcome in outcomes]
        assert statuses == ["done"] * 12
        assert len(sandbox.charges) == 12
        assert min(cuts) < 12
