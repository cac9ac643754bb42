"""Hooks hear of every item, of a batch or a worker: that it began, and once how it ended, whatever ended it."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from support.clients import Connect
from support.pictures import real_picture

from phota_async import Batch, BatchItem, EditRequest, EnhanceRequest, GenerateRequest, ItemRunner, Ledger, PhotaClient
from phota_async.events import Event, ItemEnded, ItemStarted
from phota_async.sandbox import Sandbox

PNG = real_picture(1)


class Heard:
    """What a hook heard of items."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, (ItemStarted, ItemEnded)):
            self.events.append(event)

    @property
    def started(self) -> list[ItemStarted]:
        return [event for event in self.events if isinstance(event, ItemStarted)]

    @property
    def ended(self) -> list[ItemEnded]:
        return [event for event in self.events if isinstance(event, ItemEnded)]

    @property
    def statuses(self) -> dict[str, str]:
        return {event.key: event.status for event in self.ended}


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=0.0, picture_scale=0.03) as started:
        started.add_profile("anna")
        yield started


@pytest.fixture
async def slow() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=3600.0) as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox, connect: Connect, heard: Heard) -> PhotaClient:
    return connect(sandbox.base_url, api_key=sandbox.api_key, hooks=[heard])


async def run(batch: Batch) -> None:
    async with batch as outcomes:
        async for _ in outcomes:
            pass


async def test_of_each_item_its_beginning_and_its_end(client: PhotaClient, heard: Heard, tmp_path: Path) -> None:
    bad = EditRequest(images=[], prompt="a")
    items = [
        BatchItem("a.png", EnhanceRequest(PNG)),
        BatchItem("b.png", bad),
        BatchItem("c.png", EnhanceRequest("no.png")),
    ]
    for _ in range(2):
        await run(Batch(client, items, output=tmp_path, ledger=True, name="summer"))
    assert heard.started[0] == ItemStarted(key="a.png", operation="enhance", batch="summer")
    assert len(heard.started) == len(heard.ended) == 6
    first = next(event for event in heard.ended if event.key == "a.png")
    assert (first.status, first.batch, first.images, first.spent) == ("done", "summer", 1, Decimal("0.12"))
    assert first.seconds > 0
    assert heard.statuses == {"a.png": "skipped", "b.png": "failed", "c.png": "failed"}
    assert sum((event.spent or Decimal(0) for event in heard.ended), Decimal(0)) == Decimal("0.12")


async def test_an_item_in_parts_is_one(client: PhotaClient, heard: Heard) -> None:
    request = EditRequest(images=[PNG], prompt="a", profile_ids=["anna"], num_output_images=3)
    await run(Batch(client, [BatchItem("a", request)]))
    assert [type(event) for event in heard.events] == [ItemStarted, ItemEnded]
    assert (heard.ended[0].status, heard.ended[0].images) == ("done", 3)


async def test_a_price_that_is_not_known_is_told_as_such(client: PhotaClient, heard: Heard) -> None:
    await run(Batch(client, [BatchItem("a", GenerateRequest(prompt="a"))]))
    assert heard.ended[0].spent is None


async def test_what_a_batch_leaves_behind_is_cancelled(connect: Connect, heard: Heard, slow: Sandbox) -> None:
    client = connect(slow.base_url, api_key=slow.api_key, hooks=[heard])
    items = [BatchItem(f"{number}", GenerateRequest(prompt="a")) for number in range(5)]
    async with Batch(client, items, max_concurrency=3):
        await slow.wait_for_requests(4)
    assert len(heard.started) == 3
    assert heard.statuses == dict.fromkeys((event.key for event in heard.started), "cancelled")
    assert [event.spent for event in heard.ended] == [None] * 3


async def test_a_dry_run_begins_nothing(client: PhotaClient, heard: Heard) -> None:
    await run(Batch(client, [BatchItem("a", GenerateRequest(prompt="a"))], dry_run=True))
    assert heard.events == []


async def test_single_items_are_told_too(client: PhotaClient, heard: Heard, tmp_path: Path) -> None:
    async with Ledger(tmp_path / "l.sqlite") as ledger, ItemRunner(client, tmp_path / "out", store=ledger) as runner:
        for status in ("done", "skipped"):
            await runner.run(BatchItem("a", GenerateRequest(prompt="a")))
            assert heard.statuses == {"a": status}
    assert len(heard.started) == len(heard.ended) == 2


async def test_a_single_item_that_is_cancelled_ends_too(
    connect: Connect, heard: Heard, slow: Sandbox, tmp_path: Path
) -> None:
    client = connect(slow.base_url, api_key=slow.api_key, hooks=[heard])
    async with Ledger(tmp_path / "l.sqlite") as ledger, ItemRunner(client, tmp_path / "out", store=ledger) as runner:
        running = asyncio.ensure_future(runner.run(BatchItem("b", GenerateRequest(prompt="b"))))
        await slow.wait_for_requests(2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert heard.statuses == {"b": "cancelled"}


async def test_clients_without_hooks_pay_nothing_for_it(sandbox: Sandbox, connect: Connect) -> None:
    batch = Batch(connect(sandbox.base_url), [])
    assert batch._finisher._telling is None
