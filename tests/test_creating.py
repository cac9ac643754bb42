"""A creation is paid for once: a lost answer leads to the profile that was made, or to an error that says why not."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.clients import KEY, Connect, Listen, connect, listen, quick
from support.peer import Behaviour, Exchange, answer, by_path, json, reset, script, until

from phota_async import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    DecodeError,
    PhotaClient,
    PhotaError,
    ResponseLostError,
    ServerError,
    creating,
)
from phota_async.sandbox import Sandbox

__all__ = ["connect", "listen"]
LINKS = [f"https://photos.example/{number}.jpg" for number in range(10)]
POST = "POST /profiles/add"


@pytest.fixture(autouse=True)
def _quick_and_untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creating, "LOOKS", (0.0, 0.01, 0.01))
    creating._running.clear()
    monkeypatch.setattr(creating, "_warned", [])


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(time_scale=0) as running:
        yield running


@pytest.fixture
def links(sandbox: Sandbox) -> list[str]:
    return [sandbox.upload(b"photo") for _ in range(10)]


@pytest.fixture
def client(sandbox: Sandbox, connect: Connect) -> PhotaClient:
    return connect(sandbox.base_url, api_key=sandbox.api_key)


def listing(*ids: str) -> Behaviour:
    return json({"profiles": [{"profile_id": each, "status": "QUEUING", "tag": "anna"} for each in ids]})


# Found

LOST: dict[str, dict[str, Any]] = {
    "reset": {"reset": "after"},
    "cut off": {"cut_after": 3},
    "500": {"status": 500, "process": True},
    "502": {"status": 502, "process": True, "body": b"<html>"},
    "504": {"status": 504, "process": True},
    "nonsense": {"body": b"not JSON", "process": True},
    "no id": {"body": {"status": "ok"}, "process": True},
}


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
async def test_the_profile_that_was_made_is_found(
    fault: dict[str, Any],
    sandbox: Sandbox,
    client: PhotaClient,
    links: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    sandbox.add_profile("earlier", tag="anna")
    sandbox.add_profile("stranger", tag="berta")
    sandbox.fail(POST, **fault)

    made = await client.profiles.create(links, tag="anna")

    assert made in sandbox.profiles
    assert sandbox.profiles[made].tag == "anna"
    assert made not in ("earlier", "stranger")
    assert sandbox.posts("/profiles/add") == len(sandbox.charges) == 1
    assert made in caplog.text


async def test_a_profile_that_is_listed_late_is_found(listen: Listen, connect: Connect) -> None:
    looks = script(listing("old"), listing("old"), listing("old"), listing("old", "new"))
    peer = await listen(by_path({"/profiles/add": reset(), "/ids": looks}))

    assert await connect(peer).profiles.create(LINKS, tag="anna") == "new"
    assert [request.method for request in peer.requests] == ["GET", "POST", "GET", "GET", "GET"]


async def test_a_creation_that_takes_too_long_is_looked_for_beyond_its_deadline(
    listen: Listen, connect: Connect
) -> None:
    async def hang(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.gone()
        raise ConnectionError("gone")

    peer = await listen(by_path({"/profiles/add": hang, "/ids": script(listing(), listing("new"))}))
    assert await connect(peer).profiles.create(LINKS, tag="anna", timeout=0.3) == "new"


async def test_an_answer_that_comes_needs_no_second_look(sandbox: Sandbox, client: PhotaClient, links: Any) -> None:
    assert await client.profiles.create(links, tag="anna") in sandbox.profiles
    assert [request.method for request in sandbox.requests] == ["GET", "POST"]
    assert await client.profiles.create(links) in sandbox.profiles
    assert sandbox.gets("/profiles/ids") == 1  # none without a tag


# Not found, and said so


async def test_without_a_tag_nobody_can_know(sandbox: Sandbox, client: PhotaClient, links: list[str]) -> None:
    sandbox.fail(POST, reset="after")
    with pytest.raises(ResponseLostError) as caught:
        await client.profiles.create(links)
    assert "without a tag" in caught.value.hint
    assert (caught.value.charged, caught.value.retryable) == ("unknown", False)
    assert sandbox.posts() == 1
    assert sandbox.gets() == 0


@pytest.mark.parametrize("fault", [{"reset": "before"}, {"status": 500}])
async def test_nothing_new_proves_nothing(
    fault: dict[str, Any], sandbox: Sandbox, client: PhotaClient, links: list[str]
) -> None:
    sandbox.fail(POST, **fault)
    with pytest.raises((ResponseLostError, ServerError)) as caught:
        await client.profiles.create(links, tag="anna")
    assert caught.value.charged == "unknown"
    assert "nothing new bears its tag yet" in caught.value.hint
    assert sandbox.posts() == 1  # never sent again


async def test_two_new_ones_cannot_be_told_apart(listen: Listen, connect: Connect) -> None:
    looks = script(listing("old"), listing("old", "one", "two"))
    peer = await listen(by_path({"/profiles/add": reset(), "/ids": looks}))
    with pytest.raises(ResponseLostError) as caught:
        await connect(peer).profiles.create(LINKS, tag="anna")
    assert "one, two" in caught.value.hint


async def test_a_listing_that_does_not_filter_is_filtered_here(listen: Listen, connect: Connect) -> None:
    foreign = {"profile_id": "foreign", "status": "QUEUING", "tag": "berta"}
    looks = script(listing(), json({"profiles": [foreign]}))
    peer = await listen(by_path({"/profiles/add": reset(), "/ids": looks}))
    with pytest.raises(ResponseLostError) as caught:
        await connect(peer).profiles.create(LINKS, tag="anna")
    assert "foreign" not in str(caught.value)


async def test_without_the_first_look_nobody_can_know(sandbox: Sandbox, connect: Connect, links: list[str]) -> None:
    sandbox.fail("GET /profiles/ids", status=400)
    sandbox.fail(POST, reset="after")
    with pytest.raises(ResponseLostError) as caught:
        await connect(sandbox.base_url, api_key=sandbox.api_key).profiles.create(links, tag="anna")
    assert "profiles.list(tag=...)" in caught.value.hint
    assert (sandbox.posts(), sandbox.gets()) == (1, 1)


async def test_a_look_that_fails_afterwards_leaves_the_first_error(
    sandbox: Sandbox, client: PhotaClient, links: list[str]
) -> None:
    sandbox.fail(POST, reset="after")
    sandbox.fail("GET /profiles/ids", skip=1, times=None, status=401)
    with pytest.raises(ResponseLostError) as caught:
        await client.profiles.create(links, tag="anna")
    assert "profiles.list(tag=...)" in caught.value.hint


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"status": 400}, BadRequestError), ({"status": 401}, AuthenticationError), ({"status": 503}, ServerError)],
)
async def test_what_was_refused_is_not_looked_for(
    fault: dict[str, Any], kind: type[PhotaError], sandbox: Sandbox, client: PhotaClient, links: list[str]
) -> None:
    sandbox.fail(POST, times=None, **fault)
    with pytest.raises(kind) as caught:
        await client.profiles.create(links, tag="anna")
    assert caught.value.charged == "no"
    assert sandbox.gets("/profiles/ids") == 1


async def test_a_service_that_is_not_there_is_said_so(connect: Connect) -> None:
    with pytest.raises(ConnectError):
        await connect("http://127.0.0.1:9/v1/phota").profiles.create(LINKS, tag="anna")


async def test_what_only_the_service_can_refuse_goes_out(listen: Listen, connect: Connect) -> None:
    peer = await listen(json({"detail": "no"}, 422))
    with pytest.raises(BadRequestError):
        await connect(peer).profiles.create(LINKS, tag=["a"], validate=False)  # type: ignore[arg-type]  # that is the test
    assert [request.method for request in peer.requests] == ["POST"]


# Side by side


async def test_creations_side_by_side_do_not_take_each_others(
    sandbox: Sandbox, client: PhotaClient, links: list[str]
) -> None:
    """Two answers are lost: each of the two new profiles may be either's."""
    sandbox.fail(POST, skip=1, times=2, reset="after")
    ends = await asyncio.gather(*(client.profiles.create(links, tag="anna") for _ in range(4)), return_exceptions=True)
    made = [end for end in ends if isinstance(end, str)]
    lost = [end for end in ends if isinstance(end, ResponseLostError)]

    assert (len(made), len(lost)) == (2, 2)
    assert len(set(made)) == 2
    assert all("were created there meanwhile" in error.hint for error in lost)
    assert len(sandbox.charges) == sandbox.posts() == 4


async def test_one_lost_answer_beside_others_that_came(sandbox: Sandbox, client: PhotaClient, links: list[str]) -> None:
    """What the others made is known, so the one that is left is the lost one's."""
    sandbox.fail(POST, skip=2, reset="after")
    made = await asyncio.gather(*(client.profiles.create(links, tag="anna") for _ in range(5)))
    assert len(set(made)) == 5
    assert set(made) == set(sandbox.profiles)


async def test_a_rival_that_is_still_under_way_may_have_made_it(listen: Listen, connect: Connect) -> None:
    rival_may_go = asyncio.Event()

    async def hold(exchange: Exchange) -> None:
        await exchange.body()
        await rival_may_go.wait()
        await json({"profile_id": "rival"})(exchange)

    looks = script(listing(), listing(), listing("rival"))
    peer = await listen(by_path({"/profiles/add": script(hold, reset()), "/ids": looks}))
    client = connect(peer)
    rival = asyncio.create_task(client.profiles.create(LINKS, tag="anna"))
    await until(lambda: len(peer.requests) == 2)

    with pytest.raises(ResponseLostError) as caught:
        await client.profiles.create(LINKS, tag="anna")
    rival_may_go.set()

    assert "rival" in caught.value.hint
    assert await rival == "rival"


async def test_an_unclear_end_is_remembered(sandbox: Sandbox, client: PhotaClient, links: list[str]) -> None:
    """What an earlier creation made may come late, and would look like the next one's."""
    sandbox.fail(POST, reset="before")
    with pytest.raises(ResponseLostError):
        await client.profiles.create(links, tag="anna")
    sandbox.fail(POST, reset="after")
    with pytest.raises(ResponseLostError, match="were created there meanwhile"):
        await client.profiles.create(links, tag="anna")
    sandbox.fail(POST, reset="after")
    assert await client.profiles.create(links, tag="berta") in sandbox.profiles


async def test_a_cancelled_creation_is_unclear(listen: Listen, connect: Connect) -> None:
    async def hang(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.gone()
        raise ConnectionError("gone")

    looks = script(listing(), listing(), listing("late"))
    peer = await listen(by_path({"/profiles/add": script(hang, reset()), "/ids": looks}))
    client = connect(peer)
    running = asyncio.create_task(client.profiles.create(LINKS, tag="anna"))
    await until(lambda: len(peer.requests) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    with pytest.raises(ResponseLostError, match="late"):
        await client.profiles.create(LINKS, tag="anna")


async def test_a_search_that_is_cancelled_is_unclear(
    listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creating, "LOOKS", (0.0, 60.0))
    peer = await listen(by_path({"/profiles/add": reset(), "/ids": listing()}))
    running = asyncio.create_task(connect(peer).profiles.create(LINKS, tag="anna"))
    await until(lambda: len(peer.requests) == 3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    [creations] = creating._running.values()
    assert (creations.running, creations.unclear) == (0, 1)


async def test_nothing_is_kept_of_creations_that_ended_well(
    sandbox: Sandbox, client: PhotaClient, links: list[str]
) -> None:
    await asyncio.gather(*(client.profiles.create(links, tag=f"person {number}") for number in range(5)))
    sandbox.fail(POST, status=400)
    with pytest.raises(BadRequestError):
        await client.profiles.create(links, tag="anna")
    assert creating._running == {}


def test_a_forked_child_knows_nothing_of_its_parents_creations() -> None:
    creating._running["account", "tag"] = creating.Creations()
    process = os.fork()
    if not process:
        os._exit(len(creating._running))
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


# Tags


@pytest.mark.parametrize(
    ("tag", "is_told"),
    [("anna@example.com", True), ("x anna.b+c@mail.example.org", True), ("a@b", False), ("@", False)],
)
async def test_a_tag_that_looks_like_an_address_is_warned_of_once(
    tag: str, is_told: bool, listen: Listen, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    peer = await listen(by_path({"/profiles/add": json({"profile_id": "new"}), "": json({"profiles": []})}))
    client = connect(peer, config=quick())
    with caplog.at_level(logging.WARNING, "phota_async"):
        for _ in range(2):
            await client.profiles.create(LINKS, tag=tag)
    told = [record.getMessage() for record in caplog.records if "e-mail" in record.getMessage()]
    assert len(told) == is_told
    assert "example" not in caplog.text
    assert KEY not in caplog.text


async def test_a_plain_answer_needs_no_body(listen: Listen, connect: Connect) -> None:
    peer = await listen(by_path({"/profiles/add": answer(200, b"{}"), "/ids": listing()}))
    with pytest.raises(DecodeError, match="nothing new bears its tag"):
        await connect(peer).profiles.create(LINKS, tag="anna")
