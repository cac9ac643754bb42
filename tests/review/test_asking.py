"""Further variations: priced before, bought once, within the budget, and not lost by a crash."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.clients import QUICK
from support.reviews import Visitor, make_run, record_with, serving, size_of, write_picture

from phota_async import Budget, PhotaClient
from phota_async.errors import DownloadError, LedgerError
from phota_async.ledger import Ledger
from phota_async.pricing import PUBLISHED
from phota_async.review import Asking, Journal, read_picks
from phota_async.review.asking import key_of
from phota_async.review.events import Event, event_of
from phota_async.review.picks import Ask
from phota_async.runs import RunFolder
from phota_async.sandbox import Sandbox

PRICE = "0.12"
News = Callable[[dict[str, Any]], bool]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path, items=2, variations=2)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(time_scale=1000, picture_scale=1 / 16, id_memory=float("inf"), link_lifetime=1e8) as opened:
        yield opened


@asynccontextmanager
async def asking_on(folder: RunFolder, sandbox: Sandbox, *, usd: str = "1", **options: Any) -> AsyncIterator[Visitor]:
    """Serve a review that can ask a sandbox."""
    async with (
        PhotaClient(sandbox.api_key, sandbox.base_url, QUICK) as client,
        serving(folder, asking=Asking(client, Budget(usd), options=options)) as server,
        Visitor(server) as visitor,
    ):
        yield visitor


async def until(visitor: Visitor, holds: News, number: int = 0) -> dict[str, Any]:
    """Wait for news until an item is as it should be."""
    async with asyncio.timeout(20):
        state = await visitor.get("/state")
        while not holds(item := state["items"][number]):
            await visitor.get(f"/changes?after={state['version']}")
            state = await visitor.get("/state")
    return item  # type: ignore[no-any-return]


async def ask(visitor: Visitor, ask_id: str = "one", *, number: int = 0, price: str = PRICE) -> tuple[int, Any]:
    status, _, body = await visitor.ask("POST", "/ask", {"item": number, "id": ask_id, "price": price})
    return status, body


async def items_bought(folder: RunFolder) -> list[str]:
    """Look into the ledger, which is free as soon as nothing is under way."""
    async with asyncio.timeout(20):
        while True:
            try:
                async with Ledger(folder.output / ".phota/ledger.sqlite") as ledger:
                    return [record.item async for record in ledger.records()]
            except LedgerError:
                await asyncio.sleep(0)


def settled(item: dict[str, Any]) -> bool:
    return not any(each["state"] == "open" and not each["trouble"] for each in item["asks"])


async def test_a_further_variation_arrives_and_can_be_picked(sandbox: Sandbox, folder: RunFolder) -> None:
    async with asking_on(folder, sandbox) as visitor:
        state = await visitor.get("/state")
        assert state["budget"] == {"reason": "", "cap": "$1.00", "left": "$1.00", "exact": "1"}
        assert state["items"][0]["further"] == {"price": PRICE, "text": "$0.12", "reason": ""}
        assert (await ask(visitor))[0] == 200
        item = await until(visitor, lambda item: len(item["variations"]) == 3)
        made = item["variations"][2]
        assert (made["name"], made["further"], made["price"]) == ("1.again-1.enhance-1.jpg", True, "$0.12")
        assert item["asks"] == []
        status, _, picture = await visitor.ask("GET", f"/pictures/{made['picture']}/screen")
        assert status == 200
        assert max(size_of(picture)) <= 2048
        await visitor.post("/pick", item=0, picture=made["picture"])
        assert (await visitor.get("/state"))["budget"]["left"] == "$0.88"
    choice = read_picks(folder).choice("set/1.jpg")
    assert choice is not None
    assert choice.output == "set/1.again-1.enhance-1.jpg"
    assert (folder.output / choice.output).is_file()
    assert len(sandbox.charges) == 1


async def test_a_click_is_bought_once_however_often_it_comes(sandbox: Sandbox, folder: RunFolder) -> None:
    async with asking_on(folder, sandbox) as visitor:
        await asyncio.gather(*(ask(visitor, "same") for _ in range(5)))
        await until(visitor, lambda item: len(item["variations"]) == 3)
        await ask(visitor, "same")
    assert len(sandbox.charges) == 1
    assert len(read_picks(folder).asks()) == 1


async def test_two_asks_are_two_pictures(sandbox: Sandbox, folder: RunFolder) -> None:
    async with asking_on(folder, sandbox) as visitor:
        await asyncio.gather(ask(visitor, "one"), ask(visitor, "two"), ask(visitor, "other", number=1))
        item = await until(visitor, lambda item: len(item["variations"]) == 4)
        await until(visitor, lambda item: len(item["variations"]) == 3, 1)
    names = {each["name"] for each in item["variations"][2:]}
    assert names == {"1.again-1.enhance-1.jpg", "1.again-2.enhance-1.jpg"}
    assert len(sandbox.charges) == 3


async def test_another_price_than_the_page_showed_is_refused(sandbox: Sandbox, folder: RunFolder) -> None:
    async with asking_on(folder, sandbox) as visitor:
        status, body = await ask(visitor, price="0.11")
        assert (status, body["error"]) == (409, "expected a price of 0.12, got 0.11: look at it again")
    assert sandbox.charges == []
    assert read_picks(folder).asks() == []


async def test_the_budget_is_kept_over_reviews(sandbox: Sandbox, folder: RunFolder) -> None:
    async with asking_on(folder, sandbox, usd="0.30") as visitor:
        await ask(visitor, "one")
        await until(visitor, lambda item: len(item["variations"]) == 3)
    async with asking_on(folder, sandbox, usd="0.30") as visitor:
        assert (await visitor.get("/state"))["budget"]["left"] == "$0.18"
        await ask(visitor, "two")
        await until(visitor, lambda item: len(item["variations"]) == 4)
        status, body = await ask(visitor, "three")
        assert status == 409
        assert "expected at most $0.06 left of the budget" in body["error"]
    assert sandbox.charged == Decimal("0.24")


async def test_the_ledger_keeps_the_cap_even_if_the_page_did_not(sandbox: Sandbox, folder: RunFolder) -> None:
    """What an earlier review spent stands in the ledger: a file of picks that was tampered with changes nothing."""
    async with asking_on(folder, sandbox, usd="0.20") as visitor:
        await ask(visitor, "one")
        await until(visitor, lambda item: len(item["variations"]) == 3)
    picks = folder.path / "picks.jsonl"
    picks.write_bytes(picks.read_bytes().replace(b'"settled":"0.12"', b'"settled":"0.00"'))
    async with asking_on(folder, sandbox, usd="0.20") as visitor:
        assert (await ask(visitor, "two"))[0] == 200
        item = await until(visitor, settled)
        assert "expected a request that the budget can pay" in item["asks"][0]["trouble"]
    assert sandbox.charged == Decimal("0.12")


async def test_what_was_asked_for_before_a_crash_is_fetched_and_paid_once(sandbox: Sandbox, folder: RunFolder) -> None:
    async with asking_on(folder, sandbox) as visitor:
        await ask(visitor)
        await until(visitor, lambda item: len(item["variations"]) == 3)
    # the picture was bought and lies there, but the line that says so was lost
    picks = folder.path / "picks.jsonl"
    first, second = picks.read_bytes().splitlines(keepends=True)
    assert b'"kind":"made"' in second
    picks.write_bytes(first + second[: len(second) // 2])
    async with asking_on(folder, sandbox) as visitor:
        item = await until(visitor, lambda item: len(item["variations"]) == 3)
        assert item["variations"][2]["name"] == "1.again-1.enhance-1.jpg"
    assert len(sandbox.charges) == 1


async def test_a_review_that_ends_early_leaves_its_jobs_to_the_next(folder: RunFolder) -> None:
    async with Sandbox(time_scale=0) as sandbox:
        async with asking_on(folder, sandbox) as visitor:
            await ask(visitor)
            await sandbox.wait_for_requests(2)  # it was submitted, and is polled
        assert read_picks(folder).asks()[0].state == "open"
        sandbox.clock.advance(3600)
        async with asking_on(folder, sandbox) as visitor:
            await until(visitor, lambda item: len(item["variations"]) == 3)
        assert len(sandbox.charges) == 1
        assert sandbox.posts("/enhance") == 1


async def test_without_asking_what_is_open_waits(sandbox: Sandbox, folder: RunFolder) -> None:
    async with serving(folder) as server, Visitor(server) as visitor:
        await server.session.note(event_of("ask", "set/1.jpg", ask="one", price=Decimal(PRICE)))
        item = (await visitor.get("/state"))["items"][0]
        assert item["asks"] == [{"id": "one", "state": "open", "price": "$0.12", "trouble": ""}]
        assert server.session.open_asks == 1
    assert sandbox.charges == []


async def test_a_refusal_is_told_and_costs_nothing(sandbox: Sandbox, folder: RunFolder) -> None:
    sandbox.fail("POST /enhance", status=400)
    async with asking_on(folder, sandbox) as visitor:
        await ask(visitor)
        item = await until(visitor, settled)
        assert item["asks"][0]["state"] == "failed"
        assert item["asks"][0]["trouble"]
        assert (await visitor.get("/state"))["budget"]["left"] == "$1.00"
        await ask(visitor, "two")
        await until(visitor, lambda item: len(item["variations"]) == 3)


async def test_what_cannot_be_written_down_stops_nobody(
    sandbox: Sandbox, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when an ask ends, well or badly: the picture is bought, and the next review finds it."""
    real = Journal.append

    def append(journal: Journal, event: Event) -> None:
        if event.kind in ("made", "failed"):
            raise DownloadError("picks.jsonl", "No space left on device")
        real(journal, event)

    monkeypatch.setattr(Journal, "append", append)
    sandbox.fail("POST /enhance", status=400)
    async with asking_on(folder, sandbox) as visitor:
        for name, number in (("one", 0), ("two", 1)):
            await ask(visitor, name, number=number)
            item = await until(visitor, settled, number)
            assert item["asks"][0]["state"] == "open"
            assert "No space left" in item["asks"][0]["trouble"]
    monkeypatch.undo()
    async with asking_on(folder, sandbox) as visitor:
        for number in (0, 1):
            await until(visitor, lambda item: len(item["variations"]) == 3, number)
    assert len(sandbox.charges) == 2


async def test_a_failed_job_is_told_and_counts_since_its_charge_is_not_known(
    sandbox: Sandbox, folder: RunFolder
) -> None:
    sandbox.fail_jobs()
    async with asking_on(folder, sandbox) as visitor:
        await ask(visitor)
        item = await until(visitor, settled)
        assert item["asks"][0]["state"] == "failed"
        assert (await visitor.get("/state"))["budget"]["left"] == "$0.88"
    async with asking_on(folder, sandbox) as visitor:
        await visitor.get("/state")
    assert sandbox.posts("/enhance") == 1  # nobody asked for another one


async def test_a_ledger_that_a_run_holds_is_said_and_left_alone(sandbox: Sandbox, folder: RunFolder) -> None:
    async with asking_on(folder, sandbox) as visitor:
        async with Ledger(folder.output / ".phota/ledger.sqlite"):
            await ask(visitor)
            item = await until(visitor, settled)
            assert "is held by process" in item["asks"][0]["trouble"]
        assert (await visitor.get("/state"))["budget"]["left"] == "$1.00"
        await ask(visitor, "two")
        await until(visitor, lambda item: len(item["variations"]) == 3)
        assert await items_bought(folder) == ["set/1.again-2.jpg"]


async def test_what_cannot_be_asked_for_says_why(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="mixed")
    write_picture(tmp_path / "out" / "a.jpg")
    source = write_picture(tmp_path / "a.jpg")
    folder.append(record_with(source, "unpriced", ["a.jpg"], 1, operation="edit"))
    folder.append(record_with(None, "memory", ["a.jpg"], 2, sources=("",)))
    async with asking_on(folder, sandbox) as visitor:
        unpriced, memory = (await visitor.get("/state"))["items"]
        assert "the price of edit is not published" in unpriced["further"]["reason"]
        assert "one from memory or a link" in memory["further"]["reason"]
        for number in (0, 1):
            assert (await ask(visitor, number=number))[0] == 409
    assert sandbox.posts() == 0


async def test_further_files_are_treated_as_the_run_treated_its_own(sandbox: Sandbox, folder: RunFolder) -> None:
    async with asking_on(folder, sandbox, metadata="none", mark=False) as visitor:
        await ask(visitor)
        await until(visitor, lambda item: len(item["variations"]) == 3)
    written = (folder.output / "set/1.again-1.enhance-1.jpg").read_bytes()
    assert b"DigitalSourceType" not in written
    assert b"trainedAlgorithmicMedia" not in written


@pytest.mark.parametrize(
    ("item", "key"),
    [
        ("sub/12.png", "sub/12.again-2.png"),
        ("sub.jpg/12", "sub.jpg/12.again-2"),
        ("mr. x", "mr. x.again-2"),
        ("", ".again-2"),
    ],
)
def test_an_ask_has_a_place_of_its_own(item: str, key: str) -> None:
    assert key_of(Ask(id="a", item=item, number=2, price=Decimal(0))) == key


async def test_an_item_whose_key_is_no_name_fails_and_harms_nobody(
    sandbox: Sandbox, folder: RunFolder, tmp_path: Path
) -> None:
    source = write_picture(tmp_path / "a.jpg")
    folder.append(record_with(source, "../../odd.jpg", ["set/1.enhance-1.jpg"], 9))
    async with asking_on(folder, sandbox) as visitor:
        await ask(visitor, "odd", number=2)
        item = await until(visitor, settled, 2)
        assert "expected a relative path" in item["asks"][0]["trouble"]
    assert not list(tmp_path.parent.glob("odd*"))
    assert sandbox.posts() == 0


def test_the_prices_here_are_the_published_ones() -> None:
    assert str(PUBLISHED.images["enhance"].plain) == PRICE
