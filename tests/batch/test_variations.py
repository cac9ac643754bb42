"""Several variations of a named person: a request each, one outcome, and only what missed is asked for again."""

import asyncio
import io
import pickle
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.clients import QUICK, Connect, Listen
from support.folders import tree
from support.peer import Behaviour, answer, hang_up, hold, reset, until
from support.pictures import PHOTO, REAL, image_answer, picture

from phota_async import (
    AuthenticationError,
    Batch,
    BatchItem,
    Budget,
    ContentModerationError,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    Outcome,
    PhotaClient,
    ResponseLostError,
)
from phota_async.config import Mode
from phota_async.pricing import Price, PriceTable
from phota_async.sandbox import Sandbox

DOLLAR = Price(Decimal("1.00"), Decimal("1.50"))
PRICES = PriceTable(date="2026-11-21", images={"edit": DOLLAR, "generate": DOLLAR}, training={})
ANNA = EditRequest(images=(REAL,), prompt="[[anna]]", num_output_images=3)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=0.0, picture_scale=0.03) as started:
        started.add_profile("anna")
        yield started


async def run(client: PhotaClient, items: Any, **options: Any) -> dict[str, Outcome]:
    async with Batch(client, items, **({"mode": "sync"} | options)) as outcomes:
        return {outcome.key: outcome async for outcome in outcomes}


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG")
    return buffer.getvalue()


def portrait(number: int, *recognised: str) -> Behaviour:
    counts = dict(Counter(recognised))
    return answer(200, image_answer(picture(400, seed=number), known_subjects={"counts": counts}))


def item(key: str = "1.png", request: Any = ANNA) -> BatchItem:
    return BatchItem(key, request)


def bodies(peer: Any) -> list[dict[str, Any]]:
    return [request.json for request in peer.posts]


@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_each_variation_is_a_request_of_one_picture(sandbox: Sandbox, tmp_path: Path, mode: Mode) -> None:
    request = EnhanceRequest(image=png(), profile_ids=("anna",), num_output_images=4)
    async with PhotaClient(sandbox.api_key, sandbox.base_url, config=QUICK) as client:
        batch = Batch(client, [BatchItem("sub/x.png", request)], mode=mode, output=tmp_path, max_concurrency=2)
        async with batch as outcomes:
            [outcome] = [each async for each in outcomes]

    assert [seen.body["num_output_images"] for seen in sandbox.requests if seen.method == "POST"] == [1] * 4
    paths = tuple(tmp_path / "sub" / f"x.enhance-{number}.jpg" for number in range(1, 5))
    assert (outcome.status, outcome.key, outcome.request, outcome.paths) == ("done", "sub/x.png", request, paths)
    assert sorted(tree(tmp_path)) == [f"sub/x.enhance-{number}.jpg" for number in range(1, 5)]
    assert outcome.result is not None
    assert [image.path for image in outcome.result.images] == list(paths)
    assert outcome.result.known_subjects.counts == {"anna": 4}
    assert outcome.spent == sandbox.charged == Decimal("0.60")
    assert [each.paths for each in outcome.variations] == [(path,) for path in paths]
    statistics = batch.statistics()
    assert (statistics.done, statistics.running, statistics.spent) == (1, 0, Decimal("0.60"))
    again = pickle.loads(pickle.dumps(outcome))
    assert [each.paths for each in again.variations] == [each.paths for each in outcome.variations]


SENT_AS_ONE: dict[str, tuple[Any, dict[str, Any]]] = {
    "nobody is named": (GenerateRequest(prompt="a sea", num_output_images=3), {}),
    "told to": (ANNA, {"one_request": True}),
    "a stream": (
        EditRequest(images=(io.BufferedReader(io.BytesIO(REAL)),), prompt="[[a]]", num_output_images=3),
        {"prepare": False},
    ),
}


@pytest.mark.parametrize("why", SENT_AS_ONE)
async def test_what_is_sent_as_one_request(listen: Listen, connect: Connect, tmp_path: Path, why: str) -> None:
    request, options = SENT_AS_ONE[why]
    if why == "a stream":  # it cannot be set back, so that only one call gets its photo
        request.images[0].seekable = lambda: False
    pictures = [picture(400, seed=number) for number in range(3)]
    peer = await listen(answer(200, image_answer(*pictures, known_subjects={"counts": {}})))

    found = await run(connect(peer), [item(request=request)], output=tmp_path, **options)

    assert [body["num_output_images"] for body in bodies(peer)] == [3]
    assert (found["1.png"].status, found["1.png"].variations) == ("done", ())
    assert sorted(tree(tmp_path).values()) == sorted(pictures)


async def test_a_photo_that_several_requests_read_is_whole_in_each(listen: Listen, connect: Connect) -> None:
    """An open file of no descriptor, as a member of an archive is one: each request sets it back."""

    class Member:
        def __init__(self) -> None:
            self._inner = io.BytesIO(REAL)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    member: Any = Member()
    peer = await listen(portrait(1, "anna"))
    found = await run(
        connect(peer), [item(request=EditRequest(images=(member,), prompt="[[anna]]", num_output_images=4))]
    )
    assert found["1.png"].error is None
    assert len({str(body["images"]) for body in bodies(peer)}) == 1
    assert len(bodies(peer)) == 4


async def test_only_the_variation_that_missed_is_asked_for_again(
    listen: Listen, connect: Connect, tmp_path: Path
) -> None:
    """Summed over one answer the counts would have said that anna was recognised."""
    peer = await listen(portrait(1, "anna"), portrait(2), portrait(4, "anna"), portrait(3, "anna"))
    budget = Budget(20, prices=PRICES)

    found = await run(connect(peer), [item()], retry_missed=3, output=tmp_path, max_concurrency=1, budget=budget)

    outcome = found["1.png"]
    assert (outcome.status, outcome.missing) == ("done", ())
    assert [path.name for path in outcome.paths] == ["1.edit-1.jpg", "1.edit-2.jpg", "1.edit-5.jpg", "1.edit-3.jpg"]
    assert [path.read_bytes() for path in outcome.paths] == [picture(400, seed=seed) for seed in (1, 2, 4, 3)]
    assert outcome.result is not None
    assert [image.path for image in outcome.result.images] == [outcome.paths[each] for each in (0, 2, 3)]
    assert outcome.spent == budget.spent == Decimal("5.50")
    assert len(peer.posts) == 4


async def test_whoever_is_missing_in_one_of_the_pictures_is_missing(listen: Listen, connect: Connect) -> None:
    peer = await listen(portrait(1, "anna"), portrait(2), portrait(3, "anna"))

    outcome = (await run(connect(peer), [item()], max_concurrency=1))["1.png"]

    assert (outcome.status, outcome.expected, outcome.missing) == ("done", ("anna",), ("anna",))
    assert [each.missing for each in outcome.variations] == [(), ("anna",), ()]
    assert outcome.result is not None
    assert outcome.result.known_subjects.counts == {"anna": 2}


async def test_what_was_not_told_of_one_picture_is_not_told(listen: Listen, connect: Connect) -> None:
    peer = await listen(portrait(1, "anna"), answer(200, image_answer(PHOTO, known_subjects=None)), portrait(3, "anna"))

    outcome = (await run(connect(peer), [item()], max_concurrency=1, retry_missed=2))["1.png"]

    assert outcome.result is not None
    assert (outcome.missing, outcome.result.known_subjects.is_told, len(peer.posts)) == ((), False, 3)


ENDS: dict[str, tuple[Behaviour, str, type[Exception], Decimal | None]] = {
    "refused": (answer(400, b'{"code": "CONTENT_MODERATION"}'), "failed", ContentModerationError, Decimal("2.50")),
    "lost": (hang_up, "unknown", ResponseLostError, None),
}


@pytest.mark.parametrize("end", ENDS)
async def test_what_was_bought_stays_when_a_variation_fails(
    listen: Listen, connect: Connect, tmp_path: Path, end: str
) -> None:
    fault, status, kind, spent = ENDS[end]
    peer = await listen(portrait(1, "anna"), fault, portrait(3))
    budget = Budget(20, prices=PRICES)

    outcome = (await run(connect(peer), [item()], output=tmp_path, max_concurrency=1, budget=budget))["1.png"]

    assert (outcome.status, outcome.spent, outcome.missing) == (status, spent, ("anna",))
    assert [path.name for path in outcome.paths] == ["1.edit-1.jpg", "1.edit-3.jpg"]
    assert outcome.result is not None
    assert [image.path for image in outcome.result.images] == list(outcome.paths)
    assert [each.status for each in outcome.variations] == ["done", status, "done"]
    assert isinstance(outcome.error, kind)
    assert "variation 2 of 3" in str(outcome.error)
    assert "variation" not in str(outcome.variations[1].error)
    assert len(peer.posts) == 3


async def test_the_worst_end_is_the_items(listen: Listen, connect: Connect) -> None:
    """What may have been charged goes before what failed: it needs a person's eye."""
    peer = await listen(answer(400), reset(), portrait(3, "anna"))

    outcome = (await run(connect(peer), [item()], max_concurrency=1))["1.png"]

    assert [each.status for each in outcome.variations] == ["failed", "unknown", "done"]
    assert (outcome.status, outcome.spent) == ("unknown", None)
    assert "variation 2 of 3" in str(outcome.error)


async def test_an_answer_that_was_lost_can_be_resumed(sandbox: Sandbox) -> None:
    sandbox.fail("POST /enhance", reset="after", times=5)
    request = EnhanceRequest(image=png(), profile_ids=("anna",), num_output_images=2)
    async with PhotaClient(sandbox.api_key, sandbox.base_url, config=QUICK) as client:
        outcome = (await run(client, [item(request=request)], mode="job", max_concurrency=1))["1.png"]
        assert isinstance(outcome.error, ResponseLostError)
        result = await outcome.error.resume()
    assert (outcome.status, len(result.images), len(sandbox.charges)) == ("unknown", 1, 2)


async def test_each_variation_has_its_own_place_in_the_budget(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    """Two of three fit; the next run, with more to spend, buys the third only."""
    peer = await listen(portrait(1, "anna"), portrait(2, "anna"), portrait(3, "anna"))
    budget = Budget(3, prices=PRICES)

    first = (await run(connect(peer), [item()], output=tmp_path, budget=budget, max_concurrency=1))["1.png"]
    assert (first.status, first.spent, len(first.paths), budget.left) == ("budget", Decimal(3), 2, Decimal(0))
    second = (await run(connect(peer), [item()], output=tmp_path, budget=Budget(2, prices=PRICES)))["1.png"]

    assert (second.status, second.spent, len(second.paths)) == ("done", Decimal("1.50"), 3)
    assert [each.status for each in second.variations] == ["skipped", "skipped", "done"]
    assert len(peer.posts) == 3
    assert (await run(connect(peer), [item()], output=tmp_path))["1.png"].status == "skipped"


@pytest.mark.parametrize("most", [1, 2, 16])
async def test_variations_take_places_as_items_do(listen: Listen, connect: Connect, most: int) -> None:
    release = asyncio.Event()
    peer = await listen(hold(release, portrait(1, "anna")))
    batch = Batch(connect(peer), [item(str(number)) for number in range(8)], max_concurrency=most, mode="sync")
    async with batch as outcomes:
        await until(lambda: len(peer.posts) == most)
        assert batch.statistics().running == most
        release.set()
        assert [outcome.status async for outcome in outcomes] == ["done"] * 8
    assert len(peer.posts) == 24


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_items_of_several_variations_come_in_their_order(sandbox: Sandbox, most: int) -> None:
    items = [
        item(str(number), EnhanceRequest(image=png(), profile_ids=("anna",), num_output_images=1 + number % 4))
        for number in range(12)
    ]

    async def stream() -> AsyncIterator[BatchItem]:
        for each in items:
            yield each

    async with PhotaClient(sandbox.api_key, sandbox.base_url, config=QUICK) as client:
        for given in (items, stream()):
            async with Batch(client, given, ordered=True, max_concurrency=most) as outcomes:
                found = [(outcome.key, len(outcome.result.images)) async for outcome in outcomes if outcome.result]
            assert found == [(str(number), 1 + number % 4) for number in range(12)]


async def test_a_refused_key_begins_no_further_variation_and_loses_none(listen: Listen, connect: Connect) -> None:
    peer = await listen(portrait(1, "anna"), answer(401))
    batch = Batch(connect(peer), [item("1"), item("2")], max_concurrency=1, mode="sync")
    async with batch as outcomes:
        found = [outcome async for outcome in outcomes]

    assert [(outcome.key, outcome.status) for outcome in found] == [("1", "failed")]
    assert found[0].result is not None
    assert found[0].result.images[0].data == picture(400, seed=1)
    assert [each.status for each in found[0].variations] == ["done", "failed", "failed"]
    assert [type(each.error) for each in found[0].variations[1:]] == [AuthenticationError] * 2
    stopped = batch.statistics().stopped
    assert isinstance(stopped, AuthenticationError)
    assert "variation" not in str(stopped)
    assert len(peer.posts) == 2


async def test_an_item_that_is_refused_is_not_taken_apart(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen(portrait(1, "anna"))
    plain = GenerateRequest(prompt="[[anna]]")
    wrong = GenerateRequest(prompt="[[anna]]", num_output_images=9)
    same = GenerateRequest(prompt="[[anna]]", num_output_images=4)

    found = await run(connect(peer), iter([item("a", plain), item("b", wrong), item("A", same)]), output=tmp_path)

    assert {key: outcome.status for key, outcome in found.items()} == {"a": "done", "b": "failed", "A": "failed"}
    assert "place of another item" in str(found["A"].error)
    assert (found["b"].variations, found["A"].variations, len(peer.posts)) == ((), (), 1)
