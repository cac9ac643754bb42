"""Items carried out one by one: however often one is asked for, it is bought once, by the code that batches run."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import obstore
import pytest
from support.bucket import KEYS, Bucket, running_storage
from support.clients import QUICK
from support.pictures import real_picture

from phota_async import (
    Batch,
    BatchItem,
    Budget,
    ConfigError,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    InputError,
    ItemRunner,
    ItemSettings,
    Ledger,
    MemoryLeases,
    ObjectSink,
    Outcome,
    PhotaClient,
    run_item,
)
from phota_async.batch import is_worth_repeating
from phota_async.sandbox import Sandbox

CALLBACK = "https://127.0.0.1:1/nobody"


class Shop:
    """A client, a ledger, places for two jobs, and a directory."""

    def __init__(self, sandbox: Sandbox, client: PhotaClient, ledger: Ledger, folder: Path) -> None:
        self.sandbox, self.client, self.ledger, self.folder = sandbox, client, ledger, folder
        self.leases = MemoryLeases(2)

    async def run(self, item: BatchItem, sink: Any = None, **options: Any) -> Outcome:
        return await run_item(self.client, item, sink or self.folder, self.leases, self.ledger, **options)

    @property
    def bought(self) -> int:
        return sum(not charge.refunded for charge in self.sandbox.charges)

    @property
    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=0.0, picture_scale=0.03) as started:
        yield started


@pytest.fixture
async def shop(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Shop]:
    async with AsyncExitStack() as scope:
        client = await scope.enter_async_context(PhotaClient(sandbox.api_key, sandbox.base_url, config=QUICK))
        ledger = await scope.enter_async_context(Ledger(tmp_path / "ledger.sqlite"))
        yield Shop(sandbox, client, ledger, tmp_path / "out")


def item(number: int = 1, **fields: Any) -> BatchItem:
    return BatchItem(f"sub/{number}.png", GenerateRequest(prompt=f"a boat, {number}", **fields))


async def test_an_item_that_is_delivered_again_and_again_is_bought_once(shop: Shop) -> None:
    first = await shop.run(item())
    assert (first.status, first.number) == ("done", 1)
    assert [str(path.relative_to(shop.folder)) for path in first.paths] == ["sub/1.generate-1.jpg"]
    for _ in range(5):
        again = await shop.run(item())
        assert (again.status, again.spent) == ("skipped", Decimal(0))
        assert again.paths == first.paths
    assert shop.bought == 1
    assert shop.files == ["sub/1.generate-1.jpg"]


async def test_delivered_to_many_at_once_it_is_bought_once(shop: Shop) -> None:
    async with ItemRunner(shop.client, shop.folder, store=shop.ledger, limiter=shop.leases) as runner:
        ends = await asyncio.gather(*(runner.run(item()) for _ in range(5)))
    assert {end.status for end in ends} <= {"done", "skipped"}
    assert shop.bought == 1
    assert shop.files == ["sub/1.generate-1.jpg"]


async def test_a_file_that_is_gone_is_fetched_again_and_not_bought(shop: Shop) -> None:
    first = await shop.run(item())
    data = first.paths[0].read_bytes()
    first.paths[0].unlink()
    again = await shop.run(item())
    assert (again.status, again.spent) == ("done", Decimal(0))
    assert again.paths[0].read_bytes() == data
    assert shop.bought == 1


async def test_an_equal_item_of_another_key_is_another_item(shop: Shop) -> None:
    request = GenerateRequest(prompt="a boat")
    for _ in range(2):
        for key in ("a", "b"):
            await shop.run(BatchItem(key, request))
    assert shop.bought == 2
    assert shop.files == ["a.generate-1.jpg", "b.generate-1.jpg"]


async def test_an_item_of_variations_is_carried_out_in_parts(shop: Shop) -> None:
    anna = shop.sandbox.add_profile("anna")
    request = EditRequest(images=[real_picture()], prompt=f"[[{anna}]] smiles", num_output_images=3)
    outcome = await shop.run(BatchItem("a", request))
    assert (outcome.status, len(outcome.paths), len(outcome.variations)) == ("done", 3, 3)
    assert (await shop.run(BatchItem("a", request))).status == "skipped"
    assert shop.bought == 3


async def test_a_batch_knows_what_was_bought_item_by_item_and_the_other_way_round(shop: Shop) -> None:
    await shop.run(item(1), name="summer")
    batch = Batch(shop.client, [item(1), item(2)], output=shop.folder, ledger=shop.ledger, name="summer")
    async with batch as outcomes:
        ends = {outcome.key: outcome.status async for outcome in outcomes}
    assert ends == {"sub/1.png": "skipped", "sub/2.png": "done"}
    assert (await shop.run(item(2), settings=ItemSettings(name="summer"))).status == "skipped"
    assert shop.bought == 2


async def test_another_name_or_take_is_another_purchase(shop: Shop) -> None:
    for options in ({}, {"name": "b"}, {"take": 2}):
        assert (await shop.run(item(), **options)).status == "done"
    assert shop.bought == 3
    assert shop.files == [
        "sub/1.generate-1.jpg",
        "sub/1.generate-take2-1.jpg",
    ]  # equal pictures of two batches are one file


async def test_a_budget_counts_what_others_spent(shop: Shop) -> None:
    for number in range(8):
        photo = BatchItem(f"{number}", EnhanceRequest(image=real_picture(number)))
        outcome = await shop.run(photo, budget=Budget("0.50"))
    assert outcome.status == "budget"
    assert not is_worth_repeating(outcome)
    assert 0 < shop.bought < 8


async def test_what_the_service_refuses_is_not_worth_repeating_and_an_outage_is(shop: Shop) -> None:
    shop.sandbox.fail("POST /*", times=1, status=400)
    refused = await shop.run(item())
    assert (refused.status, is_worth_repeating(refused)) == ("failed", False)
    shop.sandbox.fail("POST /*", times=None, status=503)
    outage = await shop.run(item())
    assert (outage.status, is_worth_repeating(outage)) == ("failed", True)
    assert not shop.bought


async def test_an_item_that_cannot_be_sent_is_an_outcome(shop: Shop) -> None:
    for wrong in (BatchItem("../x", GenerateRequest(prompt="a")), item(num_output_images=9)):
        outcome = await shop.run(wrong)
        assert (outcome.status, type(outcome.error)) == ("failed", InputError)
    original = shop.folder / "a.enhance-1.png"
    shop.folder.mkdir()
    original.write_bytes(real_picture())
    outcome = await shop.run(BatchItem("a", EnhanceRequest(image=original)))
    assert "place of an original" in str(outcome.error)


async def test_wrong_arguments_are_said(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="got colour"):
        await shop.run(item(), colour="red")
    with pytest.raises(InputError, match="take"):
        await shop.run(item(), take=0)
    with pytest.raises(InputError, match="exists"):
        ItemSettings(exists="error")
    with pytest.raises(InputError, match="name"):
        ItemSettings(name=None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="callback_url: expected mode='job', got 'sync'"):
        ItemSettings(callback_url=CALLBACK, mode="sync")
    for url in ("http://hook.example/x", "hook.example", 7):
        with pytest.raises(InputError, match="callback_url: expected an https address"):
            await shop.run(item(), callback_url=url)
    with pytest.raises(InputError, match="store"):
        ItemRunner(shop.client, shop.folder, store=None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="BatchItem"):
        await shop.run("item")  # type: ignore[arg-type]


# Callbacks


async def test_the_service_is_told_whom_to_call_back_and_that_is_no_part_of_what_is_bought(shop: Shop) -> None:
    first = await shop.run(item(), callback_url=CALLBACK)
    assert first.status == "done"
    (submit,) = [request for request in shop.sandbox.requests if request.mark == "POST /generate"]
    assert submit.body["callback_url"] == CALLBACK
    for url in (None, CALLBACK + "/else"):
        assert (await shop.run(item(), callback_url=url)).status == "skipped"
    assert shop.bought == 1


async def test_what_opens_a_callbacks_address_is_not_shown(shop: Shop) -> None:
    settings = ItemSettings(callback_url=f"{CALLBACK}?token=opens-it")
    async with ItemRunner(shop.client, shop.folder, store=shop.ledger, settings=settings) as runner:
        for each in (settings, runner, runner._options):
            assert "opens-it" not in repr(each)
            assert "opens-it" not in repr([*each.__rich_repr__()] if hasattr(each, "__rich_repr__") else each)
        assert f"callback_url='{CALLBACK}?…'" in repr(settings)
        await runner.run(item())
    (submit,) = [request for request in shop.sandbox.requests if request.mark == "POST /generate"]
    assert submit.body["callback_url"] == settings.callback_url


async def test_an_answer_that_was_lost_is_found_with_the_same_callback_only(shop: Shop) -> None:
    """The service takes one body for one id: sent otherwise it is refused, and never bought again."""
    shop.sandbox.fail("POST /generate", reset="after", times=5)
    lost = await shop.run(item(), callback_url=CALLBACK)
    otherwise = await shop.run(item())
    assert (lost.status, otherwise.status) == ("unknown", "unknown")
    assert "the same callback_url=" in str(otherwise.error)
    assert (await shop.run(item(), callback_url=CALLBACK)).status == "done"
    assert shop.bought == 1


# Places for jobs


async def test_no_more_jobs_are_unfinished_than_there_are_places(shop: Shop, sandbox: Sandbox) -> None:
    async with ItemRunner(shop.client, shop.folder, store=shop.ledger, limiter=shop.leases) as runner:
        ends = await asyncio.gather(*(runner.run(item(number)) for number in range(9)))
    assert [end.status for end in ends] == ["done"] * 9
    assert shop.leases.most == 2
    assert not shop.leases.held


async def test_a_job_that_was_not_finished_keeps_its_place_for_whoever_takes_the_item_up(shop: Shop) -> None:
    shop.sandbox.fail("GET /jobs/{job_id}", times=None, status=404)
    lost = await shop.run(item(), resend_unknown=False)
    assert lost.status == "unknown"
    assert len(shop.leases.held) == 1


async def test_what_was_refused_gives_its_place_back(shop: Shop) -> None:
    shop.sandbox.fail("POST /*", times=1, status=400)
    await shop.run(item())
    assert not shop.leases.held


# An object store


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    with running_storage() as origin:
        yield origin


@pytest.fixture
def bucket(storage: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return Bucket(storage)


async def test_pictures_go_to_an_object_store_once(shop: Shop, bucket: Bucket) -> None:
    sink = ObjectSink(bucket.address("/summer"))
    outcome = await shop.run(item(), sink)
    assert outcome.addresses == (f"s3://{bucket.name}/summer/sub/1.generate-1.jpg",)
    assert (outcome.status, outcome.paths) == ("done", ())
    again = await shop.run(item(), sink)
    assert (again.status, again.addresses) == ("skipped", outcome.addresses)
    ((name, data),) = bucket.objects.items()
    assert (name, data[:3]) == ("summer/sub/1.generate-1.jpg", b"\xff\xd8\xff")
    assert [each.files[0].path async for each in shop.ledger.records()] == ["sub/1.generate-1.jpg"]
    assert shop.bought == 1


async def test_a_worker_that_died_between_the_object_and_its_record_leaves_one_object(
    shop: Shop, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*args: object) -> None:
        raise OSError("killed")

    sink = ObjectSink(bucket.address(""))
    delivered = sink.deliver
    with monkeypatch.context() as patch:

        async def then_die(*args: Any) -> None:
            await delivered(*args)
            await die()

        patch.setattr(sink, "deliver", then_die)
        with pytest.raises(OSError, match="killed"):
            await shop.run(item(), sink)
    assert len(bucket.objects) == 1
    assert (await shop.run(item(), sink)).status == "done"
    assert len(bucket.objects) == 1
    assert shop.bought == 1


async def test_an_object_of_somebody_elses_is_never_overwritten(shop: Shop, bucket: Bucket) -> None:
    obstore.put(bucket._store, "sub/1.generate-1.jpg", b"somebody else's")
    outcome = await shop.run(item(), ObjectSink(bucket.address("")))
    assert outcome.addresses[0].endswith("/sub/1.generate-1-2.jpg")
    assert bucket.objects["sub/1.generate-1.jpg"] == b"somebody else's"


async def test_a_store_that_is_away_costs_nothing_more(shop: Shop, bucket: Bucket) -> None:
    broken = ObjectSink(f"s3://no-such-bucket-{bucket.name}/x?endpoint={bucket.origin}&region=us-east-1")
    outcome = await shop.run(item(), broken)
    assert outcome.status in ("failed", "unknown")
    assert outcome.spent is None
    assert (await shop.run(item(), ObjectSink(bucket.address("")))).status == "done"
    assert shop.bought == 1


async def test_a_place_whose_holder_died_after_the_end_is_free_with_the_next_delivery(shop: Shop) -> None:
    adopted: list[str] = []
    adopt = shop.leases.adopt

    async def remember(key: str) -> Any:
        adopted.append(key)
        return await adopt(key)

    shop.leases.adopt = remember  # type: ignore[method-assign]
    await shop.run(item())
    await shop.run(item())
    (key,) = set(adopted)
    lease = await shop.leases.acquire(key)
    await lease.confirm()
    await lease.abandon()  # as it was cut off between the ledger's word and the place
    assert (await shop.run(item())).status == "skipped"
    assert not shop.leases.held


async def test_who_is_cut_off_while_its_intent_is_written_leaves_its_place_to_the_job(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, change = shop.ledger.begin, shop.ledger.change
    is_written, may_go_on, is_sent = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def begin_slowly(wish: Any) -> Any:
        begun = await begin(wish)
        is_written.set()
        await may_go_on.wait()
        return begun

    async def change_and_tell(record: Any, news: Any) -> Any:
        try:
            return await change(record, news)
        finally:
            is_sent.set()

    monkeypatch.setattr(shop.ledger, "begin", begin_slowly)
    monkeypatch.setattr(shop.ledger, "change", change_and_tell)
    async with ItemRunner(shop.client, shop.folder, store=shop.ledger, limiter=shop.leases) as runner:
        task = asyncio.create_task(runner.run(item()))
        await is_written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        may_go_on.set()
        await is_sent.wait()
    assert shop.bought == 1
    (lease,) = shop.leases.held.values()
    assert not lease.is_alive  # whoever is delivered it next takes it over
    monkeypatch.undo()
    await shop.run(item())
    assert (shop.bought, shop.leases.held) == (1, {})
