"""Each item ends in one outcome that says what happened, what it cost, and whether the batch can go on."""

import asyncio
import errno
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.clients import Connect, Listen, quick
from support.folders import names, tree
from support.peer import Behaviour, Peer, answer, by_path, hang_up, hold, json, reset, until
from support.pictures import PHOTO, REAL, image_answer, job_answer, picture
from support.stranger import Stranger

from phota_async import (
    AuthenticationError,
    Batch,
    BatchItem,
    Budget,
    ConfigError,
    ContentModerationError,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    InputError,
    InsufficientCreditsError,
    JobFailedError,
    Outcome,
    PhotaClient,
    ResponseLostError,
    RetryPolicy,
    ServerError,
)
from phota_async.batch.adaptive import START
from phota_async.config import Mode
from phota_async.pricing import Price, PriceTable
from phota_async.requests import AnyRequest

DOLLAR = Price(Decimal("1.00"), Decimal("1.50"))
PRICES = PriceTable(date="2026-11-21", images={"generate": DOLLAR, "edit": DOLLAR}, training={})
SEA = GenerateRequest(prompt="a sea")


async def run(client: PhotaClient, items: Any, **options: Any) -> dict[str, Outcome]:
    async with Batch(client, items, **options) as outcomes:
        return {outcome.key: outcome async for outcome in outcomes}


def by_prompt(routes: dict[str, Behaviour]) -> Behaviour:
    """Answer an image call as its prompt says."""

    async def behave(exchange: Any) -> None:
        await exchange.body()
        await routes[exchange.request.json["prompt"]](exchange)

    return behave


def items_of(*prompts: str) -> list[BatchItem]:
    return [BatchItem(prompt, GenerateRequest(prompt=prompt)) for prompt in prompts]


ENDS: dict[str, tuple[Behaviour, str, type[Exception] | None, Decimal | None]] = {
    "fine": (answer(200, image_answer(PHOTO)), "done", None, None),
    "refused": (json({"code": "CONTENT_MODERATION"}, 400), "failed", ContentModerationError, Decimal(0)),
    "busy": (answer(503), "failed", ServerError, Decimal(0)),
    "timed out": (answer(504), "failed", ServerError, Decimal(0)),
    "broken": (answer(500), "failed", ServerError, None),
    "lost": (hang_up, "unknown", ResponseLostError, None),
    "cut": (answer(200, image_answer(PHOTO), cut=50), "unknown", ResponseLostError, None),
}


async def test_every_end_of_a_held_call(listen: Listen, connect: Connect) -> None:
    peer = await listen(by_prompt({prompt: end[0] for prompt, end in ENDS.items()}))
    batch = Batch(connect(peer), items_of(*ENDS), mode="sync")
    async with batch as outcomes:
        found = {outcome.key: outcome async for outcome in outcomes}

    for prompt, (_, status, error, spent) in ENDS.items():
        outcome = found[prompt]
        assert (outcome.status, outcome.spent) == (status, spent)
        assert isinstance(outcome.error, error) if error else outcome.error is None
        assert outcome.request == GenerateRequest(prompt=prompt)
        assert repr(outcome) == f"<Outcome {prompt} {status}>"
    assert found["fine"].result
    assert found["fine"].result.images[0].data == PHOTO
    statistics = batch.statistics()
    counted = (statistics.done, statistics.failed, statistics.unknown, statistics.skipped, statistics.over_budget)
    assert counted == (1, 4, 2, 0, 0)
    assert (statistics.running, statistics.waiting, statistics.stopped) == (0, 0, None)


async def test_every_end_of_a_job(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen()
    done, failed = job_answer("1", "done", download_urls=[peer.link()]), job_answer("2", "failed", error="no face")
    submit = by_prompt(
        {
            "fine": answer(202, job_answer("1")),
            "failed": answer(202, job_answer("2")),
            "lost": reset(),
            "vanished": answer(202, job_answer("3")),
            "gone": answer(202, job_answer("4")),
        }
    )
    gone = job_answer("4", "done", download_urls=[peer.link("/gone.jpg")])
    routes = {"/generate": submit, "/jobs/1": answer(200, done), "/jobs/2": answer(200, failed), "/3": answer(404)}
    peer.script = [by_path(routes | {"/4": answer(200, gone), "/gone.jpg": answer(403), ".jpg": answer(200, PHOTO)})]

    found = await run(connect(peer), items_of("fine", "failed", "lost", "vanished", "gone"), output=tmp_path)

    ends = {key: (outcome.status, outcome.spent) for key, outcome in found.items()}
    assert ends == {
        "fine": ("done", None),
        "failed": ("failed", None),
        "lost": ("unknown", None),
        "vanished": ("failed", None),
        "gone": ("failed", None),
    }
    assert isinstance(found["failed"].error, JobFailedError)
    assert found["fine"].paths == (tmp_path / "fine.generate-1.jpg",)
    assert names(tmp_path) == ["fine.generate-1.jpg"]


async def test_a_job_that_is_not_done_in_time_is_unknown(listen: Listen, connect: Connect) -> None:
    peer = await listen(by_path({"/generate": answer(202, job_answer()), "/job-1": answer(200, job_answer())}))

    found = await run(connect(peer, config=quick(timeout=0.2)), items_of("a sea"), budget=Budget(5, prices=PRICES))

    assert (found["a sea"].status, found["a sea"].spent) == ("unknown", None)


@pytest.mark.parametrize("mode", ["sync", "job"])
@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthenticationError), (402, InsufficientCreditsError), (403, AuthenticationError)]
)
async def test_a_refused_key_or_an_empty_balance_begins_no_further_item(
    listen: Listen, connect: Connect, status: int, error: type[Exception], mode: Mode
) -> None:
    """What is under way is finished all the same: it is paid for."""
    release = asyncio.Event()
    peer = await listen()
    done = answer(202, job_answer("1", "done", download_urls=[peer.link()]))
    fine = hold(release, answer(200, image_answer(PHOTO)) if mode == "sync" else done)
    peer.script = [
        by_path({"/generate": by_prompt({"fine": fine, "refused": answer(status)}), ".jpg": answer(200, PHOTO)})
    ]
    batch = Batch(connect(peer), items_of("fine", "refused", *["never"] * 50), max_concurrency=2, mode=mode)

    async with batch as outcomes:
        first = await anext(outcomes)
        release.set()
        rest = [outcome async for outcome in outcomes]

    assert (first.key, first.status) == ("refused", "failed")
    assert [(outcome.key, outcome.status) for outcome in rest] == [("fine", "done")]
    assert isinstance(batch.statistics().stopped, error)
    assert len(peer.posts) == 2


async def test_items_that_wait_for_their_turn_are_not_begun_once_the_batch_has_stopped(
    listen: Listen, connect: Connect
) -> None:
    """A batch begins with few items at a time, until the service has shown what it takes."""
    release = asyncio.Event()
    peer = await listen(hold(release, answer(401)))
    taken = iter(items_of(*map(str, range(100))))
    batch = Batch(connect(peer), taken, max_concurrency=2 * START, mode="sync")

    async with batch as outcomes:
        await until(lambda: len(peer.posts) == START)
        release.set()
        statuses = [outcome.status async for outcome in outcomes]

    assert statuses == ["failed"] * START
    assert len(peer.posts) == START
    assert next(taken).key == str(START)


async def test_what_an_iterator_gives_after_the_batch_has_stopped_is_not_sent(listen: Listen, connect: Connect) -> None:
    """It is told that no further item is wanted; one that it gives all the same gets an outcome too."""

    async def stream() -> AsyncIterator[BatchItem]:
        yield items_of("1")[0]
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        yield items_of("2")[0]

    peer = await listen(answer(401))
    batch = Batch(connect(peer), stream(), mode="sync", max_concurrency=2)
    async with batch as outcomes:
        first, *rest = [outcome async for outcome in outcomes]

    assert [(each.key, each.status, each.spent) for each in (first, *rest)] == [
        ("1", "failed", Decimal(0)),
        ("2", "failed", Decimal(0)),
    ]
    assert rest[0].error is batch.statistics().stopped
    assert len(peer.posts) == 1


async def test_one_bad_item_does_not_stop_the_others(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen(answer(200, image_answer(PHOTO)))
    bad: list[AnyRequest] = [
        EditRequest(images=(tmp_path / "missing.jpg",)),
        EditRequest(images=()),
        EditRequest(images=("",)),
        EditRequest(images=(7,)),
        GenerateRequest(prompt="", num_output_images=9),
        GenerateRequest(prompt="", num_output_images="two"),  # type: ignore[arg-type]
        GenerateRequest(prompt=7),  # type: ignore[arg-type]
        EditRequest(images=(REAL,), profile_ids=([],)),  # type: ignore[arg-type]
    ]
    items = [BatchItem(f"bad {number}", request) for number, request in enumerate(bad)]
    items += [BatchItem("fine", SEA)]

    for options in ({"output": None}, {"output": tmp_path / "out"}, {"budget": Budget(5, prices=PRICES)}):
        found = await run(connect(peer), items, mode="sync", **options)
        assert {key for key, outcome in found.items() if outcome.status == "done"} == {"fine"}
        assert all(isinstance(each.error, InputError) for key, each in found.items() if key != "fine")
    assert len(peer.posts) == 3


async def test_a_full_disk_stops_the_batch(
    listen: Listen, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything further would be bought and lost."""

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    peer = await listen(answer(200, image_answer(PHOTO)))
    monkeypatch.setattr(os, "writev", fail)
    batch = Batch(connect(peer), items_of(*map(str, range(20))), max_concurrency=1, mode="sync", output=tmp_path)
    async with batch as outcomes:
        found = [outcome async for outcome in outcomes]

    assert [(outcome.status, outcome.spent) for outcome in found] == [("failed", None)]
    assert "No space left" in str(batch.statistics().stopped)
    assert len(peer.posts) == 1


async def test_a_service_that_is_busy_pauses_everybody_and_fails_nobody(connect: Connect) -> None:
    faults = iter(["503", "429", "503", "429"] + [None] * 100)
    async with Stranger(faults=faults) as stranger:
        found = await run(connect(stranger, api_key="key"), items_of(*map(str, range(20))), max_concurrency=4)

    assert {outcome.status for outcome in found.values()} == {"done"}
    assert len(stranger.purchases) == 20


async def test_jobs_are_bought_once_though_answers_are_lost(connect: Connect, tmp_path: Path) -> None:
    faults = itertools.cycle(["lose", "lose", "502", None, "lose"])
    async with Stranger(faults=faults) as stranger:
        config = quick(retry=RetryPolicy(backoff=0, max_attempts=50, tokens=100_000))
        client = connect(stranger, api_key="key", config=config)
        found = await run(client, items_of(*map(str, range(20))), output=tmp_path)

    assert {outcome.status for outcome in found.values()} == {"done"}
    assert len(stranger.purchases) == 20
    assert sorted(tree(tmp_path).values()) == sorted(stranger.purchases)


# People who were not recognised.


def portraits(*takes: dict[str, int], images: int = 1) -> list[Behaviour]:
    return [
        answer(
            200,
            image_answer(
                *[picture(400, seed=10 * take + place) for place in range(images)], known_subjects={"counts": counts}
            ),
        )
        for take, counts in enumerate(takes)
    ]


PORTRAIT = EditRequest(images=(REAL,), prompt="[[anna]] and [[ben]]")


async def test_a_missed_person_is_asked_for_again(listen: Listen, connect: Connect) -> None:
    peer = await listen(*portraits({"anna": 1}, {}, {"anna": 1, "ben": 1}))
    budget = Budget(20, prices=PRICES)

    found = await run(connect(peer), [BatchItem("1", PORTRAIT)], mode="sync", retry_missed=5, budget=budget)

    assert (found["1"].status, found["1"].missing, found["1"].expected) == ("done", (), ("anna", "ben"))
    assert len(peer.posts) == 3
    assert found["1"].spent == budget.spent == Decimal("1.50") + Decimal("1.00") + Decimal("1.50")


async def test_asking_again_has_an_end(listen: Listen, connect: Connect) -> None:
    peer = await listen(*portraits({"anna": 1}))

    found = await run(connect(peer), [BatchItem("1", PORTRAIT)], mode="sync", retry_missed=2)

    assert (found["1"].status, found["1"].missing) == ("done", ("ben",))
    assert len(peer.posts) == 3


@pytest.mark.parametrize("told", [None, {}, {"counts": None}])
async def test_nobody_is_asked_for_again_when_the_service_told_nothing(
    listen: Listen, connect: Connect, told: Any
) -> None:
    """The picture may show everybody: it is not bought again, and what it cost is not known."""
    peer = await listen(answer(200, image_answer(PHOTO, known_subjects=told)))
    budget = Budget(20, prices=PRICES)

    found = await run(connect(peer), [BatchItem("1", PORTRAIT)], mode="sync", retry_missed=5, budget=budget)

    assert (found["1"].status, found["1"].missing, found["1"].spent) == ("done", (), None)
    assert found["1"].result
    assert not found["1"].result.known_subjects.is_told
    assert (len(peer.posts), budget.spent, budget.reserved) == (1, Decimal("1.50"), Decimal(0))


async def test_what_it_cost_is_known_where_nobody_was_named(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, image_answer(PHOTO, known_subjects=None)))
    flat = PriceTable(date="2026-11-21", images={"edit": Price(Decimal(1), Decimal(1))}, training={})

    plain = await run(connect(peer), [BatchItem("1", SEA)], mode="sync", budget=Budget(20, prices=PRICES))
    named = await run(connect(peer), [BatchItem("1", PORTRAIT)], mode="sync", budget=Budget(20, prices=flat))

    assert plain["1"].spent == named["1"].spent == Decimal(1)


async def test_nobody_is_asked_for_again_by_default(listen: Listen, connect: Connect) -> None:
    peer = await listen(*portraits({}))

    found = await run(connect(peer), [BatchItem("1", PORTRAIT)], mode="sync")

    assert (found["1"].status, found["1"].missing, len(peer.posts)) == ("done", ("anna", "ben"), 1)


async def test_every_take_is_kept_under_a_number_of_its_own(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    """Two pictures a take: those of the second must not fall on the place of the first's second."""
    peer = await listen(*portraits({}, {}, {"anna": 2, "ben": 2}, images=2))
    request = EditRequest(images=(REAL,), prompt="[[anna]] and [[ben]]", num_output_images=2)

    found = await run(
        connect(peer), [BatchItem("sub/1.png", request)], mode="sync", retry_missed=2, output=tmp_path, one_request=True
    )

    expected = ["1.edit-1.jpg", "1.edit-2.jpg", "1.edit-3.jpg", "1.edit-3-2.jpg", "1.edit-5.jpg", "1.edit-5-2.jpg"]
    assert [path.name for path in found["sub/1.png"].paths] == expected
    assert [path.read_bytes() for path in found["sub/1.png"].paths] == [
        picture(400, seed=10 * take + place) for take in range(3) for place in range(2)
    ]
    assert found["sub/1.png"].missing == ()


@pytest.mark.parametrize(("fault", "spent"), [(answer(400), Decimal("1.50")), (hang_up, None)])
async def test_what_was_bought_stays_when_asking_again_fails(
    listen: Listen, connect: Connect, fault: Behaviour, spent: Decimal | None
) -> None:
    peer = await listen(*portraits({"anna": 1}), fault)
    budget = Budget(20, prices=PRICES)

    found = await run(connect(peer), [BatchItem("1", PORTRAIT)], mode="sync", retry_missed=3, budget=budget)

    outcome = found["1"]
    assert (outcome.status, outcome.missing, outcome.spent) == ("done", ("ben",), spent)
    assert outcome.result
    assert outcome.result.images[0].data == picture(400, seed=0)
    assert budget.spent == (Decimal("1.50") if spent else Decimal("3.00"))
    assert len(peer.posts) == 2


# Money.


class Till:
    """Answers image calls after all that may come have come, and keeps the most that was at stake at once."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.most = Decimal(0)

    async def __call__(self, exchange: Any) -> None:
        await exchange.body()
        for _ in range(20):
            await asyncio.sleep(0)
        self.most = max(self.most, self.budget.spent + self.budget.reserved)
        await answer(200, image_answer(PHOTO))(exchange)


@pytest.mark.parametrize("cap", ["0", "0.99", "1", "5.50", "7", "100"])
async def test_a_budget_is_never_passed_with_items_in_flight(listen: Listen, connect: Connect, cap: str) -> None:
    budget = Budget(cap, prices=PRICES)
    till = Till(budget)
    peer = await listen(till)
    batch = Batch(connect(peer), items_of(*map(str, range(12))), max_concurrency=8, mode="sync", budget=budget)
    async with batch as outcomes:
        found = [outcome async for outcome in outcomes]

    bought = min(12, int(Decimal(cap)))
    assert len(peer.posts) == bought
    assert till.most <= Decimal(cap)
    assert (budget.spent, budget.reserved) == (Decimal(bought), Decimal(0))
    assert [outcome.status for outcome in found].count("done") == bought
    assert all(outcome.spent == 0 for outcome in found if outcome.status == "budget")
    statistics = batch.statistics()
    assert (statistics.done, statistics.over_budget, statistics.spent) == (bought, 12 - bought, Decimal(bought))


async def test_a_budget_reserves_the_upper_price_and_settles_the_true_one(listen: Listen, connect: Connect) -> None:
    """With a person named an image may cost 1.50; two of them do not fit into 2.90, though they cost 2.00 here."""
    budget = Budget("2.90", prices=PRICES)
    peer = await listen(*portraits({}))
    items = [BatchItem(str(number), PORTRAIT) for number in range(2)]

    found = await run(connect(peer), items, mode="sync", budget=budget, max_concurrency=2)
    assert sorted(outcome.status for outcome in found.values()) == ["budget", "done"]
    again = await run(connect(peer), [BatchItem("2", PORTRAIT)], mode="sync", budget=budget)

    assert again["2"].status == "done"
    assert (budget.spent, budget.left) == (Decimal("2.00"), Decimal("0.90"))


@pytest.mark.parametrize(("fault", "spent"), [(answer(400), 0), (answer(503), 0), (answer(500), 1), (hang_up, 1)])
async def test_what_may_have_been_charged_counts(
    listen: Listen, connect: Connect, fault: Behaviour, spent: int
) -> None:
    budget = Budget(5, prices=PRICES)
    peer = await listen(fault)

    await run(connect(peer), items_of("a sea"), mode="sync", budget=budget)

    assert (budget.spent, budget.reserved) == (Decimal(spent), Decimal(0))


async def test_what_is_cut_off_may_have_been_charged(listen: Listen, connect: Connect) -> None:
    budget = Budget(5, prices=PRICES)
    peer = await listen(hold(asyncio.Event(), hang_up))

    async with Batch(connect(peer), items_of("a sea"), mode="sync", budget=budget):
        await until(lambda: peer.posts)
        assert (budget.spent, budget.reserved) == (Decimal(0), Decimal(1))

    assert (budget.spent, budget.reserved) == (Decimal(1), Decimal(0))


async def test_a_price_that_is_not_known_cannot_be_capped(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, image_answer(PHOTO)))
    items = [BatchItem("1", SEA), BatchItem("2", EnhanceRequest(image=REAL))]

    found = await run(connect(peer), items, mode="sync", budget=Budget(5))

    assert (found["1"].status, found["2"].status, found["2"].spent) == ("failed", "done", Decimal("0.12"))
    assert "the price of generate is not published" in str(found["1"].error)
    assert len(peer.posts) == 1


async def test_without_a_price_nothing_is_said_to_be_spent(listen: Listen, connect: Connect) -> None:
    peer: Peer = await listen(answer(200, image_answer(PHOTO)))
    batch = Batch(connect(peer), [BatchItem("1", SEA), BatchItem("2", EnhanceRequest(image=REAL))], mode="sync")
    async with batch as outcomes:
        found = {outcome.key: outcome.spent async for outcome in outcomes}

    assert found == {"1": None, "2": Decimal("0.12")}
    assert batch.statistics().spent == Decimal("0.12")


@pytest.mark.parametrize("usd", ["twenty", "", "-1", float("nan"), float("inf"), None, "1,50"])
def test_a_budget_is_an_amount(usd: Any) -> None:
    with pytest.raises(ConfigError, match="usd: expected"):
        Budget(usd)


def test_what_a_budget_shows() -> None:
    budget = Budget("2.50", prices=PRICES)
    reserved = budget.reserve(SEA)

    assert repr(budget) == "<Budget $0 of $2.50 spent, $1.00 reserved>"
    budget.settle(reserved, Decimal("0.75"))
    assert (budget.left, budget.spent) == (Decimal("1.75"), Decimal("0.75"))
