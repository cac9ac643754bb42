"""A purchase's place: who has the purchase gets the place, whoever else waits with it."""

import asyncio

import pytest

from phota_async import LedgerError, MemoryLeases
from phota_async.batch import placing
from phota_async.batch.placing import JobPlace
from phota_async.leases.places import MemoryLease


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "AGAIN", 0.01)


async def until_waiting() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_two_deliveries_of_an_item_do_not_wait_for_each_other() -> None:
    leases = MemoryLeases(1)
    other_job = await leases.acquire("other")
    second = asyncio.create_task(leases.acquire("a"))  # it will wait for the purchase, which the first has
    await until_waiting()
    place = JobPlace(leases, "a")
    first = asyncio.create_task(place.confirm())
    await until_waiting()
    await other_job.release()
    async with asyncio.timeout(5):
        await first
    stale = await second
    await stale.release()  # not the first one's
    assert list(leases.held) == ["a"]
    await place.leave(is_over=True)
    assert not leases.held


async def test_a_place_that_a_crash_undid_is_taken_again() -> None:
    leases = MemoryLeases(1)
    place = JobPlace(leases, "a")
    await place.take()
    leases.held.clear()
    await place.confirm()
    assert list(leases.held) == ["a"]


async def test_a_place_that_is_lost_again_and_again_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    leases = MemoryLeases(1)
    hold = leases._hold

    def lose(key: str) -> MemoryLease:
        lease = hold(key)
        leases.held.clear()
        return lease

    monkeypatch.setattr(leases, "_hold", lose)
    with pytest.raises(LedgerError, match="before anything was sent"):
        await JobPlace(leases, "a").confirm()


async def test_who_is_cut_off_while_it_waits_for_a_place_keeps_none() -> None:
    leases = MemoryLeases(1)
    other_job = await leases.acquire("other")
    waiting = asyncio.create_task(JobPlace(leases, "a").confirm())
    await until_waiting()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await other_job.release()
    assert not leases.held
