"""A batch begins no more than it may, pulls no further than it must, and ends cleanly whenever it is left."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.clients import Connect, Listen
from support.folders import tree
from support.peer import answer, by_path, hold, silence, until
from support.pictures import PHOTO, image_answer, job_answer
from support.stranger import Stranger

from phota_async import Batch, BatchItem, EditRequest, GenerateRequest, InputError, Limiter
from phota_async.config import Mode

REQUEST = GenerateRequest(prompt="a sea")


class Items:
    """Endless items that count how many were taken, and can be given in every way."""

    def __init__(self, count: int | None = None) -> None:
        self.taken = 0
        self._count = count

    def plain(self) -> Iterator[BatchItem]:
        while self._count is None or self.taken < self._count:
            self.taken += 1
            yield BatchItem(f"{self.taken}", REQUEST)

    async def asynchronous(self) -> AsyncIterator[BatchItem]:
        for item in self.plain():
            await asyncio.sleep(0)
            yield item


@pytest.mark.parametrize("mode", ["sync", "job"])
@pytest.mark.parametrize("most", [1, 3, 16])
async def test_no_more_items_are_under_way_than_allowed(connect: Connect, most: int, mode: Mode) -> None:
    async with Stranger() as stranger:
        stranger.gate.clear()
        batch = Batch(connect(stranger, api_key="key"), Items(40).plain(), max_concurrency=most, mode=mode)
        async with batch as outcomes:
            await until(lambda: stranger.in_flight == most)
            stranger.gate.set()
            seen = [outcome.key async for outcome in outcomes]

    assert sorted(map(int, seen)) == list(range(1, 41))
    assert len(stranger.purchases) == 40
    assert stranger.most_in_flight == most


async def test_calls_at_once_are_the_limiters(connect: Connect) -> None:
    async with Stranger() as stranger:
        stranger.gate.clear()
        client = connect(stranger, api_key="key", limiter=Limiter(2))
        async with Batch(client, Items(20).plain(), max_concurrency=16, mode="sync") as outcomes:
            await until(lambda: stranger.in_flight == 2 and client.limiter.statistics().waiting == 14)
            stranger.gate.set()
            assert [outcome.status async for outcome in outcomes] == ["done"] * 20

    assert stranger.most_in_flight == 2


@pytest.mark.parametrize("how", ["plain", "asynchronous"])
@pytest.mark.parametrize("most", [1, 4])
async def test_items_are_pulled_as_places_become_free(listen: Listen, connect: Connect, most: int, how: str) -> None:
    """Nobody reads: work stops when the outcomes that wait and those in the workers' hands are as many."""
    release = asyncio.Event()
    peer = await listen(hold(release, answer(200, image_answer(PHOTO))))
    items = Items()
    batch = Batch(connect(peer), getattr(items, how)(), max_concurrency=most, mode="sync")
    async with batch as outcomes:
        await until(lambda: len(peer.posts) == most)
        assert items.taken == most
        release.set()
        await until(lambda: batch.statistics().waiting == most and batch.statistics().running == 0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert items.taken == 2 * most
        for read in range(1, 20):
            await anext(outcomes)
            assert items.taken <= 2 * most + read


async def test_an_endless_iterable(connect: Connect) -> None:
    async with Stranger() as stranger:
        async with Batch(connect(stranger, api_key="key"), Items().plain(), max_concurrency=4) as outcomes:
            seen = [outcome.status async for outcome, _ in azip(outcomes, range(100))]
        assert seen == ["done"] * 100


async def azip(outcomes: Any, numbers: Any) -> AsyncIterator[tuple[Any, Any]]:
    for number in numbers:
        yield await anext(outcomes), number


async def test_no_items(connect: Connect) -> None:
    async with Batch(connect("http://127.0.0.1:1"), []) as outcomes:
        assert [outcome async for outcome in outcomes] == []


async def test_outcomes_come_as_they_finish(listen: Listen, connect: Connect) -> None:
    release = asyncio.Event()
    done = answer(200, image_answer(PHOTO))

    async def first_is_slow(exchange: Any) -> None:
        await exchange.body()
        if exchange.request.json["prompt"] == "1":
            await release.wait()
        await done(exchange)

    peer = await listen(first_is_slow)
    items = [BatchItem(str(number), GenerateRequest(prompt=str(number))) for number in range(1, 6)]
    batch = Batch(connect(peer), items, max_concurrency=2, mode="sync")
    async with batch as outcomes:
        assert [(await anext(outcomes)).key for _ in range(4)] == ["2", "3", "4", "5"]
        assert batch.statistics().running == 1
        assert repr(batch) == "<Batch 1/2 running, 4 done>"
        release.set()
        assert (await anext(outcomes)).key == "1"
        with pytest.raises(StopAsyncIteration):
            await anext(outcomes)
    assert repr(batch) == "<Batch 0/2 running, 5 done>"


# Leaving.


@pytest.mark.parametrize("mode", ["sync", "job"])
@pytest.mark.parametrize("how", ["break", "error", "cancel"])
async def test_leaving_early_leaves_nothing_running(
    listen: Listen, connect: Connect, tmp_path: Path, how: str, mode: Mode
) -> None:
    """One item is done; the others wait for answers that never come."""
    peer = await listen()
    done = answer(202, job_answer(status="done", download_urls=[peer.link()]))
    first = answer(200, image_answer(PHOTO)) if mode == "sync" else done

    async def first_only(exchange: Any) -> None:
        await (first if len(peer.posts) == 1 else silence)(exchange)

    peer.script = [by_path({"/generate": first_only, ".jpg": answer(200, PHOTO)})]
    client = connect(peer)
    before = asyncio.all_tasks()
    items = Items()
    batch = Batch(client, items.plain(), max_concurrency=4, mode=mode, output=tmp_path)

    async def use() -> None:
        async with batch as outcomes:
            await anext(outcomes)
            await until(lambda: len(peer.posts) == 5)
            if how == "error":
                raise KeyError("mine")
            if how == "cancel":
                asyncio.get_running_loop().call_soon(task.cancel)
                await anext(outcomes)

    task = asyncio.create_task(use())
    [result] = await asyncio.gather(task, return_exceptions=True)

    assert isinstance(result, {"break": type(None), "error": KeyError, "cancel": asyncio.CancelledError}[how])
    await until(lambda: asyncio.all_tasks() - peer.tasks == before - peer.tasks)
    statistics = client.limiter.statistics()
    assert (statistics.running, statistics.waiting, batch.statistics().running) == (0, 0, 0)
    [(name, data)] = tree(tmp_path).items()
    assert name.endswith(".generate-1.jpg")
    assert data == PHOTO
    assert (items.taken, len(peer.posts)) == (5, 5)


async def test_an_asynchronous_iterator_that_waits_does_not_keep_the_batch(listen: Listen, connect: Connect) -> None:
    closed = asyncio.Event()

    async def stream() -> AsyncIterator[BatchItem]:
        try:
            yield BatchItem("1", REQUEST)
            await asyncio.Event().wait()
        finally:
            closed.set()

    peer = await listen(answer(200, image_answer(PHOTO)))
    async with Batch(connect(peer), stream(), mode="sync") as outcomes:
        assert (await anext(outcomes)).status == "done"

    assert closed.is_set()


async def test_a_refused_key_ends_a_batch_whose_next_item_may_never_come(listen: Listen, connect: Connect) -> None:
    """What runs is finished; those who wait for the iterator do not wait any longer."""
    paid, asked = asyncio.Event(), asyncio.Event()
    peer = await listen(by_path({"/edit": hold(paid, answer(200, image_answer(PHOTO))), "/generate": answer(402)}))

    async def queue() -> AsyncIterator[BatchItem]:
        yield BatchItem("slow", EditRequest(images=(PHOTO,), prompt="brighter"))
        await until(lambda: len(peer.posts) == 1)
        yield BatchItem("refused", REQUEST)
        asked.set()
        await asyncio.Event().wait()

    batch = Batch(connect(peer), queue(), max_concurrency=4, mode="sync", prepare=False)
    async with asyncio.timeout(10), batch as outcomes:
        refused = await anext(outcomes)
        assert asked.is_set()
        paid.set()
        rest = [outcome async for outcome in outcomes]
    assert (refused.key, refused.status) == ("refused", "failed")
    assert [(each.key, each.status) for each in rest] == [("slow", "done")]
    assert batch.statistics().stopped is refused.error


async def test_a_batch_is_entered_once(connect: Connect) -> None:
    batch = Batch(connect("http://127.0.0.1:1"), [])
    async with batch:
        pass
    with pytest.raises(InputError, match="entered once"):
        async with batch:
            pass


async def test_a_batch_that_was_never_entered_tells_zeros(connect: Connect) -> None:
    batch = Batch(connect("http://127.0.0.1:1"), [])

    assert (batch.statistics().running, batch.statistics().waiting, batch.statistics().spent) == (0, 0, Decimal(0))
    assert repr(batch) == "<Batch 0/16 running>"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "none at once": ({"max_concurrency": 0}, "max_concurrency"),
    "half at once": ({"max_concurrency": 1.5}, "max_concurrency"),
    "a truth at once": ({"max_concurrency": True}, "max_concurrency"),
    "fewer than none": ({"retry_missed": -1}, "retry_missed"),
    "a truth": ({"retry_missed": True}, "retry_missed"),
    "no path": ({"output": 7}, "path"),
    "no name": ({"name": 7}, "name"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_arguments_that_cannot_be(connect: Connect, wrong: str) -> None:
    options, why = WRONG[wrong]

    with pytest.raises(InputError, match=why):
        Batch(connect("http://127.0.0.1:1"), [], **options)


# What the items come from.


@pytest.mark.parametrize("how", ["plain", "asynchronous"])
async def test_an_iterator_that_raises_ends_the_batch_and_harms_nothing_under_way(
    listen: Listen, connect: Connect, how: str
) -> None:
    def plain() -> Iterator[BatchItem]:
        yield BatchItem("1", REQUEST)
        yield BatchItem("2", REQUEST)
        raise KeyError("the database is gone")

    async def asynchronous() -> AsyncIterator[BatchItem]:
        for item in plain():
            yield item

    peer = await listen(answer(200, image_answer(PHOTO)))
    items = plain() if how == "plain" else asynchronous()
    batch = Batch(connect(peer), items, max_concurrency=4, mode="sync")
    async with batch as outcomes:
        assert sorted([(each.key, each.status) async for each in outcomes]) == [("1", "done"), ("2", "done")]

    stopped = batch.statistics().stopped
    assert isinstance(stopped, InputError)
    assert "the iterator failed with KeyError: 'the database is gone'" in str(stopped)
    assert isinstance(stopped.__cause__, KeyError)


async def test_an_iterator_that_raises_an_error_of_ours(connect: Connect) -> None:
    mine = InputError("my own")

    def plain() -> Iterator[BatchItem]:
        raise mine
        yield

    batch = Batch(connect("http://127.0.0.1:1"), plain())
    async with batch as outcomes:
        assert [outcome async for outcome in outcomes] == []
    assert batch.statistics().stopped is mine


@pytest.mark.parametrize("item", [None, "1", ("1", REQUEST), REQUEST, BatchItem("1", None)])  # type: ignore[arg-type]
async def test_what_is_no_item_ends_the_batch(listen: Listen, connect: Connect, item: Any) -> None:
    """None too: an item that was left out by mistake must not pass for the end."""
    peer = await listen(answer(200, image_answer(PHOTO)))
    batch = Batch(connect(peer), [BatchItem("1", REQUEST), item, BatchItem("2", REQUEST)], mode="sync")
    async with batch as outcomes:
        assert [outcome.key async for outcome in outcomes] == ["1"]

    got = "one with a NoneType" if isinstance(item, BatchItem) else type(item).__name__
    assert f"expected BatchItem values with a request, got {got}" in str(batch.statistics().stopped)


async def test_what_cannot_be_iterated_is_refused_at_the_door(connect: Connect) -> None:
    with pytest.raises(InputError, match="expected an iterable of BatchItem, got int"):
        async with Batch(connect("http://127.0.0.1:1"), 7):  # type: ignore[arg-type]
            pass


async def test_one_asynchronous_iterator_is_never_asked_twice_at_once(connect: Connect) -> None:
    asking = 0

    class Stream:
        left = 20

        def __aiter__(self) -> "Stream":
            return self

        async def __anext__(self) -> BatchItem:
            nonlocal asking
            asking += 1
            assert asking == 1
            await asyncio.sleep(0)
            asking -= 1
            self.left -= 1
            if self.left < 0:
                raise StopAsyncIteration
            return BatchItem(str(self.left), REQUEST)

    async with Stranger() as stranger, Batch(connect(stranger, api_key="key"), Stream(), max_concurrency=8) as outcomes:
        assert len([outcome async for outcome in outcomes]) == 20
