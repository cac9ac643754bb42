"""Outcomes in the items' order: few wait behind a slow one, and a batch ends as cleanly as without it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clients import Connect, Listen
from support.peer import answer, reset, until
from support.pictures import PHOTO, image_answer
from support.stranger import Stranger

from phota_async import AuthenticationError, Batch, BatchItem, GenerateRequest, Outcome
from phota_async.batch.outbox import OrderedOutbox, Outbox

DONE = answer(200, image_answer(PHOTO))


def item(number: int) -> BatchItem:
    return BatchItem(str(number), GenerateRequest(prompt=str(number)))


def outcome(number: int) -> Outcome:
    return Outcome(key=str(number), request=item(number).request, status="done")


class Slow:
    """Answers at once, except to the prompts that have to wait."""

    def __init__(self, *slow: str) -> None:
        self.waiting = {prompt: asyncio.Event() for prompt in slow}
        self.seen: list[str] = []

    async def __call__(self, exchange: Any) -> None:
        await exchange.body()
        prompt = exchange.request.json["prompt"]
        self.seen.append(prompt)
        if prompt in self.waiting:
            await self.waiting[prompt].wait()
        await DONE(exchange)


class Endless:
    """Items that count how many were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def plain(self) -> Iterator[BatchItem]:
        while True:
            self.taken += 1
            yield item(self.taken)

    async def asynchronous(self) -> AsyncIterator[BatchItem]:
        for each in self.plain():
            await asyncio.sleep(0)
            yield each


@pytest.mark.parametrize("mode", ["sync", "job"])
@pytest.mark.parametrize("most", [1, 3, 16])
async def test_outcomes_come_in_the_items_order(connect: Connect, mode: Any, most: int) -> None:
    async with Stranger() as stranger:
        items = [item(number) for number in range(40)]
        batch = Batch(connect(stranger, api_key="key"), items, ordered=True, max_concurrency=most, mode=mode)
        async with batch as outcomes:
            assert [each.key async for each in outcomes] == [each.key for each in items]
    assert batch.statistics().done == 40


@pytest.mark.parametrize("how", ["plain", "asynchronous"])
@pytest.mark.parametrize("most", [2, 4])
async def test_few_wait_behind_a_slow_item(listen: Listen, connect: Connect, most: int, how: str) -> None:
    """Its followers finish; then nothing is begun until it is done, and all come in their order."""
    slow, items = Slow("1"), Endless()
    peer = await listen(slow)
    batch = Batch(connect(peer), getattr(items, how)(), ordered=True, max_concurrency=most, mode="sync")
    async with batch as outcomes:
        first = asyncio.ensure_future(anext(outcomes))
        held = 2 * most - 1  # most of them, and one more in each worker's hands but the slow one's
        await until(lambda: batch.statistics().waiting == held and batch.statistics().running == 1)
        for _ in range(50):
            await asyncio.sleep(0)
        assert items.taken == len(slow.seen) == 2 * most
        assert not first.done()
        slow.waiting["1"].set()
        assert (await first).key == "1"
        for number in range(2, 20):
            assert (await anext(outcomes)).key == str(number)
            assert items.taken <= 2 * most + number


async def test_an_item_that_fails_takes_its_turn(listen: Listen, connect: Connect) -> None:
    async def behave(exchange: Any) -> None:
        await exchange.body()
        prompt = exchange.request.json["prompt"]
        await {"1": answer(400), "3": reset()}.get(prompt, DONE)(exchange)

    peer = await listen(behave)
    batch = Batch(connect(peer), [item(number) for number in range(5)], ordered=True, max_concurrency=3, mode="sync")
    async with batch as outcomes:
        found = [(each.key, each.status) async for each in outcomes]
    assert found == [("0", "done"), ("1", "failed"), ("2", "done"), ("3", "unknown"), ("4", "done")]


async def test_what_is_under_way_when_the_key_is_refused_is_told_in_order(listen: Listen, connect: Connect) -> None:
    slow = Slow("0")

    async def behave(exchange: Any) -> None:
        await exchange.body()
        await (answer(401) if exchange.request.json["prompt"] == "1" else slow)(exchange)

    peer = await listen(behave)
    items = [item(number) for number in range(50)]
    batch = Batch(connect(peer), items, ordered=True, max_concurrency=2, mode="sync")
    async with batch as outcomes:
        await until(lambda: batch.statistics().stopped is not None)
        slow.waiting["0"].set()
        assert [(each.key, each.status) async for each in outcomes] == [("0", "done"), ("1", "failed")]
    assert isinstance(batch.statistics().stopped, AuthenticationError)
    assert len(peer.posts) == 2


async def test_leaving_while_workers_wait_leaves_nothing_running(listen: Listen, connect: Connect) -> None:
    slow = Slow("1")
    peer = await listen(slow)
    before = asyncio.all_tasks()
    batch = Batch(connect(peer), Endless().plain(), ordered=True, max_concurrency=4, mode="sync")
    async with batch:
        await until(lambda: batch.statistics().waiting == 7)
    await until(lambda: asyncio.all_tasks() - peer.tasks == before - peer.tasks)
    assert batch.statistics().running == 0


async def test_no_items(connect: Connect) -> None:
    async with Batch(connect("http://127.0.0.1:1"), [], ordered=True) as outcomes:
        assert [each async for each in outcomes] == []


@given(order=st.permutations(range(12)), most=st.integers(1, 5), readings=st.lists(st.booleans(), max_size=40))
def test_any_order_of_finishing_gives_the_items_order(order: list[int], most: int, readings: list[bool]) -> None:
    """One writer a number: however they finish and whenever somebody reads, all come, in turn, and none is lost."""

    async def check() -> None:
        outbox = OrderedOutbox(most, len(order))

        async def write(number: int) -> None:
            await outbox.put(number, outcome(number))
            outbox.leave()

        found: list[str] = []
        writers = []
        for number, reads in zip(order, [*readings, *[False] * len(order)], strict=False):
            writers.append(asyncio.ensure_future(write(number)))
            await asyncio.sleep(0)
            if reads and str(len(found)) in {each.key for each in outbox._early.values()}:
                found.append((await anext(outbox)).key)
        found += [each.key async for each in outbox]
        await asyncio.gather(*writers)
        assert found == [str(number) for number in range(len(order))]

    asyncio.run(check())


async def test_what_an_outbox_shows() -> None:
    outbox = Outbox(1, 2)
    await outbox.put(0, outcome(0))
    blocked = asyncio.ensure_future(outbox.put(1, outcome(1)))
    await asyncio.sleep(0)
    assert repr(outbox) == "<Outbox 1 waiting, 1 workers blocked>"
    assert [(await anext(outbox)).key for _ in range(2)] == ["0", "1"]
    await blocked
