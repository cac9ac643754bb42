"""A dry run without a ledger: each item ends as it would before anything is sent, and nothing comes of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.clients import QUICK, Connect
from support.folders import tree
from support.pictures import PHOTO

from phota_async import (
    Batch,
    BatchItem,
    Budget,
    BudgetExceededError,
    ConfigError,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    InputError,
    Outcome,
    PhotaClient,
)
from phota_async.pricing import Price, PriceTable
from phota_async.sandbox import Sandbox

NOWHERE = "http://127.0.0.1:1"
ZERO = Decimal(0)
NOTHING = (ZERO, ZERO)
CENTS = Price(Decimal("0.09"), Decimal("0.09"))
PRICES = PriceTable(
    date="2026-11-21", images={"generate": CENTS, "edit": Price(CENTS.plain, Decimal("0.12"))}, training={}
)
SEA = GenerateRequest(prompt="a sea")
ANNA = EditRequest(images=(PHOTO,), prompt="[[anna]]")


def budget(usd: Any = 100) -> Budget:
    return Budget(usd, prices=PRICES)


async def foresee(client: PhotaClient, items: Any, **options: Any) -> tuple[dict[str, Outcome], Batch]:
    batch = Batch(client, items, dry_run=True, **options)
    async with batch as outcomes:
        return {outcome.key: outcome async for outcome in outcomes}, batch


@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_nothing_is_sent_and_nothing_is_written(connect: Connect, tmp_path: Path, mode: Any) -> None:
    items = [BatchItem(f"sub/{number}.png", SEA) for number in range(40)]
    cap = budget()

    found, batch = await foresee(connect(NOWHERE), items, output=tmp_path / "out", mode=mode, budget=cap)

    assert {(each.status, each.estimate, each.spent) for each in found.values()} == {
        ("planned", (CENTS.plain, CENTS.plain), ZERO)
    }
    assert found["sub/7.png"].paths == (tmp_path / "out/sub/7.generate-1.jpg",)
    statistics = batch.statistics()
    assert (statistics.planned, statistics.done, statistics.spent, statistics.unpriced) == (40, 0, ZERO, 0)
    assert statistics.estimated_low == statistics.estimated_high == 40 * CENTS.plain
    assert repr(batch) == "<Batch 0/16 running, 40 planned>"
    assert (cap.spent, cap.reserved) == NOTHING
    assert not (tmp_path / "out").exists()


async def test_a_price_that_is_not_known(connect: Connect) -> None:
    items = [BatchItem("1", SEA), BatchItem("2", EnhanceRequest(image=PHOTO, profile_ids=("anna",)))]

    found, batch = await foresee(connect(NOWHERE), items)

    assert [(found[key].status, found[key].estimate) for key in "12"] == [
        ("planned", None),
        ("planned", (Decimal("0.12"), Decimal("0.15"))),
    ]
    statistics = batch.statistics()
    assert (statistics.estimated_low, statistics.estimated_high) == (Decimal("0.12"), Decimal("0.15"))
    assert (statistics.planned, statistics.unpriced) == (2, 1)
    capped, _ = await foresee(connect(NOWHERE), items, budget=Budget(1))
    assert [capped[key].status for key in "12"] == ["failed", "planned"]
    assert isinstance(capped["1"].error, ConfigError)


FAULTY: dict[str, tuple[Any, str]] = {
    "a missing photo": (EditRequest(images=("{folder}/missing.jpg",)), "no such file"),
    "no picture": (EditRequest(images=("{folder}/text.jpg",)), "expected a picture"),
    "an empty photo": (EditRequest(images=("{folder}/empty.jpg",)), "got an empty one"),
    "a directory": (EditRequest(images=("{folder}",)), "got a directory"),
    "a wrong number": (GenerateRequest(prompt="x", num_output_images=9), "1 to 4 output images"),
    "what JSON cannot carry": (GenerateRequest(prompt="x", extra={"a": object()}), "that JSON can carry"),
    "an original's place": (EditRequest(images=("{folder}/out/an original's place.edit-1.jpg",)), "of an original"),
}


def sentence(error: object) -> str:
    """Return an error's words up to what was found instead of a picture."""
    return str(error).split("a picture")[0]


@pytest.mark.parametrize("what", FAULTY)
async def test_what_would_fail_before_it_is_sent(connect: Connect, tmp_path: Path, what: str) -> None:
    """With the words of the run that is none, as far as they can be known without decoding."""
    request, why = FAULTY[what]
    (tmp_path / "text.jpg").write_bytes(b"no picture at all, but long enough")
    (tmp_path / "empty.jpg").touch()
    if isinstance(request, EditRequest):
        request = EditRequest(images=[image.format(folder=tmp_path) for image in request.images])
    items = [BatchItem(what, request), BatchItem("fine", ANNA)]
    before = tree(tmp_path)
    cap = budget()

    found, batch = await foresee(connect(NOWHERE), items, output=tmp_path / "out", budget=cap)
    async with Batch(connect(NOWHERE), items[:1], output=tmp_path / "out", budget=cap) as outcomes:
        [real] = [outcome async for outcome in outcomes]

    assert (found[what].status, found[what].estimate, found["fine"].status) == ("failed", NOTHING, "planned")
    assert isinstance(found[what].error, InputError)
    assert why in str(found[what].error)
    assert sentence(found[what].error) == sentence(real.error)
    assert (batch.statistics().failed, batch.statistics().planned) == (1, 1)
    assert tree(tmp_path) == before


async def test_items_that_share_a_place_are_told_one_by_one(connect: Connect, tmp_path: Path) -> None:
    """A run that is none raises for them; this one says which ones to mend."""
    items = [BatchItem(key, SEA) for key in ("a.png", "b", "A.jpg", "B")]

    found, _ = await foresee(connect(NOWHERE), items, output=tmp_path, max_concurrency=1)

    assert {key: outcome.status for key, outcome in found.items()} == {
        "a.png": "planned",
        "b": "planned",
        "A.jpg": "failed",
        "B": "failed",
    }


async def test_an_output_where_nothing_can_be_written(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")

    found, _ = await foresee(connect(NOWHERE), [BatchItem("a/b", SEA)], output=tmp_path / "file/out")

    assert found["a/b"].status == "failed"
    assert "file is no directory" in str(found["a/b"].error)


async def test_a_second_picture_whose_name_is_taken(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "1.generate-2.jpg").write_bytes(b"mine")
    items = [BatchItem("1", GenerateRequest(prompt="x", num_output_images=2))]

    found, _ = await foresee(connect(NOWHERE), items, output=tmp_path)
    numbered, _ = await foresee(connect(NOWHERE), items, output=tmp_path, exists="number")

    assert found["1"].status == "failed"
    assert "exists" in str(found["1"].error)
    assert [path.name for path in numbered["1"].paths] == ["1.generate-1.jpg", "1.generate-2-2.jpg"]


async def test_what_is_there_is_skipped(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "1.generate-1.webp").write_bytes(b"mine")
    items = [BatchItem("1", SEA)]

    found, _ = await foresee(connect(NOWHERE), items, output=tmp_path)
    replaced, _ = await foresee(connect(NOWHERE), items, output=tmp_path, exists="replace")

    assert (found["1"].status, found["1"].estimate) == ("skipped", NOTHING)
    assert found["1"].paths == (tmp_path / "1.generate-1.webp",)
    assert replaced["1"].status == "planned"


@pytest.mark.parametrize("most", [1, 16])
async def test_the_budget_stops_where_the_items_order_says(connect: Connect, tmp_path: Path, most: int) -> None:
    """Whatever takes longer to look at: a photo that is read, or one that is at hand."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(PHOTO)
    items = [
        BatchItem(str(number), EditRequest(images=(photo if number % 2 else PHOTO,), prompt="[[anna]]"))
        for number in range(10)
    ]

    found, batch = await foresee(connect(NOWHERE), items, budget=budget("0.50"), max_concurrency=most)

    assert [found[str(number)].status for number in range(10)] == ["planned"] * 4 + ["budget"] * 6
    assert isinstance(found["9"].error, BudgetExceededError)
    assert found["9"].estimate == NOTHING
    statistics = batch.statistics()
    assert (statistics.planned, statistics.over_budget, statistics.estimated_high) == (4, 6, Decimal("0.48"))


async def test_a_photo_that_fails_takes_nothing_from_the_budget(connect: Connect, tmp_path: Path) -> None:
    items = [BatchItem("bad", EditRequest(images=(tmp_path / "no.jpg",))), BatchItem("good", ANNA)]

    found, _ = await foresee(connect(NOWHERE), items, budget=budget("0.12"))

    assert {key: outcome.status for key, outcome in found.items()} == {"bad": "failed", "good": "planned"}


async def test_variations_are_foreseen_one_by_one(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "1.edit-2.jpg").write_bytes(PHOTO)
    items = [BatchItem("1", EditRequest(images=(PHOTO,), prompt="[[anna]]", num_output_images=3))]

    found, batch = await foresee(connect(NOWHERE), items, output=tmp_path, budget=budget(), retry_missed=1)

    outcome = found["1"]
    assert [each.status for each in outcome.variations] == ["planned", "skipped", "planned"]
    assert (outcome.status, outcome.estimate) == ("planned", (2 * CENTS.plain, 4 * Decimal("0.12")))
    assert [path.name for path in outcome.paths] == [f"1.edit-{number}.jpg" for number in (1, 2, 3)]
    assert batch.statistics().estimated_high == Decimal("0.48")
    assert (await foresee(connect(NOWHERE), items))[0]["1"].estimate is None


async def test_a_budget_that_ends_between_variations(connect: Connect) -> None:
    items = [BatchItem("1", EditRequest(images=(PHOTO,), prompt="[[anna]]", num_output_images=3))]

    found, batch = await foresee(connect(NOWHERE), items, budget=budget("0.30"))

    assert [each.status for each in found["1"].variations] == ["planned", "planned", "budget"]
    assert (found["1"].status, found["1"].estimate) == ("budget", (Decimal("0.18"), Decimal("0.24")))
    assert batch.statistics().estimated_low == Decimal("0.18")


async def test_the_loop_is_the_same(connect: Connect) -> None:
    """Lazy, in order where that was asked for, and stopped by an iterator that fails."""
    taken = 0

    def plain() -> Iterator[BatchItem]:
        nonlocal taken
        while True:
            taken += 1
            yield BatchItem(str(taken), SEA)

    batch = Batch(connect(NOWHERE), plain(), dry_run=True, ordered=True, max_concurrency=4)
    async with batch as outcomes:
        for number in range(1, 50):
            assert (await anext(outcomes)).key == str(number)
            assert taken <= number + 8

    async def broken() -> AsyncIterator[BatchItem]:
        yield BatchItem("1", SEA)
        await asyncio.sleep(0)
        raise KeyError("gone")

    found, batch = await foresee(connect(NOWHERE), broken())
    assert (found["1"].status, isinstance(batch.statistics().stopped, InputError)) == ("planned", True)


@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_the_run_does_and_costs_what_was_foreseen(tmp_path: Path, mode: Any) -> None:
    """Prices that do not depend on anybody are met to the cent."""
    async with Sandbox(job_seconds=0.0, picture_scale=0.03) as sandbox:
        sandbox.add_profile("anna")
        (tmp_path / "3.generate-1.jpg").write_bytes(PHOTO)
        items = [
            BatchItem(str(number), GenerateRequest(prompt="x", num_output_images=1 + number % 2)) for number in range(8)
        ]
        items[:0] = [BatchItem("gone", EditRequest(images=(tmp_path / "gone.jpg",)))]
        async with PhotaClient(sandbox.api_key, sandbox.base_url, config=QUICK) as client:
            how = {"mode": mode, "output": tmp_path, "max_concurrency": 1}
            _, dry = await foresee(client, items, budget=budget("0.80"), **how)
            assert sandbox.requests == []
            batch = Batch(client, items, budget=budget("0.80"), **how)
            async with batch as outcomes:
                real = [outcome async for outcome in outcomes]
        foreseen, done = dry.statistics(), batch.statistics()
        assert foreseen.estimated_low == foreseen.estimated_high == done.spent == sandbox.charged > 0
        assert (foreseen.planned, foreseen.skipped, foreseen.over_budget, foreseen.failed) == (
            done.done,
            done.skipped,
            done.over_budget,
            done.failed,
        )
        assert {outcome.status for outcome in real} == {"done", "skipped", "budget", "failed"}
