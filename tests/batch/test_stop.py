"""A batch that is stopped: no further item begins, those under way end, or are left as a crash would leave them."""

from collections.abc import Iterator
from pathlib import Path

from support.clients import Connect
from support.pictures import real_picture

from phota_async import Batch, BatchItem, EditRequest, EnhanceRequest, GenerateRequest, PhotaClient
from phota_async.sandbox import Sandbox


def endless(begun: list[int]) -> Iterator[BatchItem]:
    number = 0
    while True:
        number += 1
        begun.append(number)
        yield BatchItem(f"{number}.png", GenerateRequest(prompt="a sea"))


async def test_no_further_item_begins_and_those_under_way_end(phota_sandbox: Sandbox, connect: Connect) -> None:
    begun: list[int] = []
    client = connect(phota_sandbox.base_url, api_key=phota_sandbox.api_key)
    batch = Batch(client, endless(begun), max_concurrency=3)
    ended = []
    async with batch as outcomes:
        async for outcome in outcomes:
            ended.append(outcome)
            batch.stop()
    assert {outcome.status for outcome in ended} == {"done"}
    assert len(ended) == len(begun) == phota_sandbox.posts("/generate")
    assert batch.statistics().stopped is None
    assert sorted(outcome.number for outcome in ended) == begun


async def test_what_is_not_final_in_time_is_left_and_finished_by_the_next_run(tmp_path: Path, connect: Connect) -> None:
    photos = [tmp_path / f"{number}.jpg" for number in range(3)]
    for number, photo in enumerate(photos):
        photo.write_bytes(real_picture(number))
    items = [BatchItem(photo.name, EnhanceRequest(photo)) for photo in photos]
    async with Sandbox(time_scale=0, picture_scale=0.1, id_memory=float("inf")) as sandbox:
        client = connect(sandbox.base_url, api_key=sandbox.api_key)
        batch = Batch(client, items, output=tmp_path / "out", ledger=True)
        async with batch as outcomes:
            await sandbox.wait_for_requests(3)
            batch.stop(within=0.01, grace=5)
            assert [outcome async for outcome in outcomes] == []
        sandbox.clock.advance(3600)
        async with Batch(client, items, output=tmp_path / "out", ledger=True) as outcomes:
            assert [outcome.status async for outcome in outcomes] == ["done"] * 3
        assert len(sandbox.charges) == 3


async def test_begun_variations_are_all_asked_for(phota_sandbox: Sandbox, connect: Connect) -> None:
    profile = phota_sandbox.add_profile()
    request = EditRequest([real_picture()], "x", profile_ids=[profile], num_output_images=3)
    client = connect(phota_sandbox.base_url, api_key=phota_sandbox.api_key)
    begun: list[str] = []
    batch = Batch(client, [BatchItem("a", request), BatchItem("b", request)], max_concurrency=1, on_begin=begun.append)
    async with batch as outcomes:
        batch.stop()  # before the first is pulled
        assert [outcome async for outcome in outcomes] == []

    def stopping(key: str) -> None:
        begun.append(key)
        batch.stop()

    batch = Batch(client, [BatchItem("a", request), BatchItem("b", request)], max_concurrency=1, on_begin=stopping)
    async with batch as outcomes:
        [outcome] = [outcome async for outcome in outcomes]
    assert begun == ["a"]
    assert [end.status for end in outcome.variations] == ["done"] * 3


async def test_items_tell_when_they_begin_and_how_long_they_take(phota_sandbox: Sandbox, connect: Connect) -> None:
    begun: list[str] = []
    items = [BatchItem(name, GenerateRequest(prompt="a sea")) for name in ("a", "b")]
    client: PhotaClient = connect(phota_sandbox.base_url, api_key=phota_sandbox.api_key)
    async with Batch(client, items, on_begin=begun.append, ordered=True) as outcomes:
        ended = [outcome async for outcome in outcomes]
    assert begun == ["a", "b"]
    assert [(outcome.key, outcome.number) for outcome in ended] == [("a", 1), ("b", 2)]
    assert all(outcome.seconds is not None and 0 < outcome.seconds < 30 for outcome in ended)
