"""Batches in a world of faults, run again until it is quiet: each item paid once, and none that is paid lost."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.clients import Connect, quick
from support.leftovers import check_nothing_left
from support.peer import answer

from phota_async import Batch, BatchItem, GenerateRequest, Outcome, PhotaClient, RetryPolicy
from phota_async.config import Mode

from .shop import PHOTO, Fault, Shop, cut, fail, refuse, reset_within, whole
from .trial import Trial

HASTY = quick(retry=RetryPolicy(backoff=0, max_attempts=3, tokens=10**9))
FAULTS: dict[str, Fault] = {
    "reset before it is read": reset_within(0),
    "reset before the answer": cut(0, rst=True),
    "closed before the answer": cut(0),
    "cut within the head": cut(30),
    "cut within the body": cut(120, rst=True),
    "429": refuse(429),
    "503": refuse(503),
    "500": refuse(500),
    "500 though it is done": fail(500),
    "502 though it is done": fail(502),
    "504 though it is done": fail(504),
}
REFUNDED = {"504 though it is done": refuse(504)}  # of a held call: the contract says that its cost is given back
KEYS = [f"{number}" for number in range(6)]
AS_THEY_COME: dict[str, Any] = {"metadata": "none", "mark": False}


async def run(client: PhotaClient, folder: Path, mode: Mode, keys: list[str] = KEYS) -> dict[str, Outcome]:
    items = [BatchItem(key, GenerateRequest(prompt=key)) for key in keys]
    ledger = folder / "ledger.sqlite"
    batch = Batch(client, items, max_concurrency=4, mode=mode, output=folder / "out", ledger=ledger, **AS_THEY_COME)
    async with batch as outcomes:
        return {outcome.key: outcome async for outcome in outcomes}


def files(folder: Path) -> list[str]:
    """Return the items whose picture lies whole under its name; nothing else may lie there."""
    found = sorted((folder / "out").glob("*.*")) if (folder / "out").exists() else []
    assert all(path.read_bytes() == PHOTO for path in found)
    return [path.name.split(".")[0] for path in found]


def faults_of(mode: Mode) -> dict[str, Fault]:
    return FAULTS if mode == "job" else FAULTS | REFUNDED


def storm(mode: Mode, seed: int, share: float) -> Iterator[Fault]:
    """Let a share of all requests meet a fault, the same ones each time."""
    dice = random.Random(seed)
    kinds = list(faults_of(mode).values())
    while True:
        yield dice.choice(kinds) if dice.random() < share else whole


def check_money(fault: Trial, shop: Shop, folder: Path, mode: Mode, found: dict[str, Outcome]) -> None:
    """Compare what was charged with what lies on the disk, or is said to be unknown."""
    delivered = files(folder)
    unknown = [key for key, outcome in found.items() if outcome.status == "unknown"]
    sold = [key for key in KEYS if shop.sold[key]]
    fault.lost("paid_twice", shop.paid_twice)
    fault.lost("lost_results", len(set(sold) - set(delivered) - set(unknown)))
    assert set(delivered) <= set(sold)
    if mode == "job":  # what has an id is never in doubt once the service is well again
        assert (delivered, sold, unknown) == (KEYS, KEYS, [])


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("mode", ["job", "sync"])
async def test_every_item_meets_a_fault(
    fault: Trial, connect: Connect, shop: Shop, tmp_path: Path, mode: Mode, name: str
) -> None:
    """Submits, looks and downloads alike: every second request; then a quiet run finds what is missing."""
    client = connect(shop.peer, config=HASTY)
    shop.faults = (each for _ in range(10**6) for each in (faults_of(mode)[name], whole))
    first = await fault.end_of(run(client, tmp_path, mode))
    fault.tried(inputs=len(KEYS) - 1)
    assert isinstance(first, dict)

    shop.faults = iter(())
    second = await fault.end_of(run(client, tmp_path, mode))
    assert isinstance(second, dict)

    check_money(fault, shop, tmp_path, mode, second)
    check_nothing_left(client)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mode", ["job", "sync"])
async def test_storms(fault: Trial, connect: Connect, shop: Shop, tmp_path: Path, mode: Mode, seed: int) -> None:
    """One request in three meets some fault, through three runs; then it is quiet."""
    client = connect(shop.peer, config=HASTY)
    shop.faults = storm(mode, seed, 1 / 3)
    for _ in range(3):
        assert isinstance(await fault.end_of(run(client, tmp_path, mode)), dict)
        fault.tried(inputs=len(KEYS) - 1)
        fault.lost("paid_twice", shop.paid_twice)

    shop.faults = iter(())
    found = await fault.end_of(run(client, tmp_path, mode))
    assert isinstance(found, dict)

    check_money(fault, shop, tmp_path, mode, found)
    check_nothing_left(client)


@pytest.mark.parametrize("at", range(0, 130, 10))
async def test_a_batch_whose_answers_end_at_any_byte(
    fault: Trial, connect: Connect, shop: Shop, tmp_path: Path, at: int
) -> None:
    """Each first answer of the submits, the looks and the downloads."""
    client = connect(shop.peer, config=HASTY)
    shop.faults = iter([cut(at, rst=at % 20 == 0)] * len(KEYS))

    found = await fault.end_of(run(client, tmp_path, "job"))
    fault.tried(inputs=len(KEYS) - 1)

    assert isinstance(found, dict)
    assert {outcome.status for outcome in found.values()} <= {"done", "unknown", "failed"}
    again = await fault.end_of(run(client, tmp_path, "job"))
    assert isinstance(again, dict)
    check_money(fault, shop, tmp_path, "job", again)


@pytest.mark.parametrize("status", [401, 402, 403])
@pytest.mark.parametrize("mode", ["job", "sync"])
async def test_a_key_that_is_revoked_or_a_balance_that_ends_in_the_middle(
    fault: Trial, connect: Connect, shop: Shop, tmp_path: Path, mode: Mode, status: int
) -> None:
    """Nothing further is begun, what was paid arrives, and the next run goes on where it stopped."""
    client = connect(shop.peer, config=HASTY)
    refused = iter([whole] * 3)

    async def only_three(exchange: Any, work: Any) -> None:
        if exchange.request.method == "POST" and next(refused, None) is None:
            await answer(status)(exchange)
        else:
            await whole(exchange, work)

    shop.faults = iter([only_three] * 1000)
    first = await fault.end_of(run(client, tmp_path, mode))
    assert isinstance(first, dict)
    assert len(files(tmp_path)) == sum(shop.sold.values()) == 3
    assert len(shop.peer.posts) <= 3 + 4  # those that were under way

    shop.faults = iter(())
    second = await fault.end_of(run(client, tmp_path, mode))
    assert isinstance(second, dict)
    assert files(tmp_path) == KEYS
    fault.lost("paid_twice", shop.paid_twice)
    check_nothing_left(client)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422])
async def test_one_item_that_is_refused_takes_no_other_along(
    fault: Trial, connect: Connect, shop: Shop, tmp_path: Path, status: int
) -> None:
    """But for 403, which is about the key."""

    async def refuse_one(exchange: Any, work: Any) -> None:
        await exchange.body()
        is_it = exchange.request.method == "POST" and exchange.request.json["prompt"] == "3"
        await (answer(status)(exchange) if is_it else whole(exchange, work))

    shop.faults = iter([refuse_one] * 1000)
    found = await fault.end_of(run(connect(shop.peer, config=HASTY), tmp_path, "job"))

    assert isinstance(found, dict)
    assert found["3"].status in ("failed", "unknown")
    done = [key for key, outcome in found.items() if outcome.status == "done"]
    assert sorted(done) == files(tmp_path)
    assert status == 403 or sorted(done) == [key for key in KEYS if key != "3"]
    fault.lost("paid_twice", shop.paid_twice)


async def test_an_item_without_pictures_is_not_done_and_its_job_is_asked_again(
    fault: Trial, shop: Shop, tmp_path: Path
) -> None:
    """It says that it ended well and has none: the next run knows more."""
    fault.tried()
    shop.looks = iter([(200, {"job_id": "job-1", "status": "succeeded"})])
    async with PhotaClient("key", shop.peer.url, config=HASTY) as client:
        first = await run(client, tmp_path, "job", ["1"])
        second = await run(client, tmp_path, "job", ["1"])
    assert (first["1"].status, first["1"].error and first["1"].error.charged) == ("failed", "unknown")
    assert (second["1"].status, files(tmp_path)) == ("done", ["1"])
    fault.lost("paid_twice", shop.paid_twice)
