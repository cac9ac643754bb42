"""Erasing an end user deletes everything of the tag and nothing else, and its receipt loses nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from support.clients import Connect, Listen, connect, listen
from support.peer import Exchange, by_path, json, script, until

from phota_async import AuthenticationError, PhotaClient, ServerError, erasing
from phota_async.erasing import EraseReceipt
from phota_async.sandbox import Sandbox

__all__ = ["connect", "listen"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "PAUSES", (0.0, 0.0, 0.001, 0.001))


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(time_scale=0) as running:
        for number in range(20):
            running.add_profile(f"anna-{number}", tag="user-a", status="READY" if number % 2 else "IN_PROGRESS")
        running.add_profile("berta", tag="user-b")
        running.add_profile("nobody's")
        yield running


@pytest.fixture
def client(sandbox: Sandbox, connect: Connect) -> PhotaClient:
    return connect(sandbox.base_url, api_key=sandbox.api_key)


def listing(*ids: str) -> Any:
    return json({"profiles": [{"profile_id": each, "status": "READY", "tag": "user-a"} for each in ids]})


async def test_everything_of_the_tag_is_deleted_and_nothing_else(
    client: PhotaClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phota_async.erasing.time.time", lambda: 1_800_000_000.0)
    user = await client.for_user("user-a")

    receipt = await user.erase()

    assert set(sandbox.profiles) == {"berta", "nobody's"}
    assert receipt.is_complete
    assert (receipt.tag, receipt.left, receipt.failed, receipt.verified_at) == ("user-a", (), (), 1_800_000_000.0)
    assert {each.profile_id for each in receipt.deleted} == {f"anna-{number}" for number in range(20)}
    seen = {request.path.rsplit("/", 1)[-1]: request for request in sandbox.requests if request.method == "DELETE"}
    assert len({each.request_id for each in receipt.deleted} - {None}) == 20
    assert len(seen) == 20
    assert {(each.deleted_at, each.was_gone) for each in receipt.deleted} == {(1_800_000_000.0, False)}
    assert sandbox.requests[-1].method == "GET"  # the look that verified it
    assert user.profile_ids == ()
    assert repr(receipt) == "<EraseReceipt 20 deleted, 0 left, complete>"


async def test_a_receipt_is_plain_data(client: PhotaClient) -> None:
    receipt = await (await client.for_user("user-a")).erase()
    assert msgspec.json.decode(msgspec.json.encode(receipt), type=EraseReceipt) == receipt


async def test_an_end_user_without_profiles_is_erased_at_once(client: PhotaClient, sandbox: Sandbox) -> None:
    receipt = await (await client.for_user("user-c")).erase()
    assert receipt.is_complete
    assert receipt.deleted == ()
    assert {request.method for request in sandbox.requests} == {"GET"}


async def test_a_scope_that_is_out_of_date_erases_what_is_there(client: PhotaClient, sandbox: Sandbox) -> None:
    user = await client.for_user("user-a")
    sandbox.add_profile("anna-new", tag="user-a")
    del sandbox.profiles["anna-0"]
    receipt = await user.erase()
    assert receipt.is_complete
    assert {each.profile_id for each in receipt.deleted} == {"anna-new"} | {f"anna-{n}" for n in range(1, 20)}


async def test_what_appears_meanwhile_is_deleted_too(listen: Listen, connect: Connect) -> None:
    looks = script(listing("one"), listing("one"), listing("two", "three"), listing())
    peer = await listen(by_path({"/ids": looks, "/one": json({}), "/two": json({}), "/three": json({})}))
    receipt = await (await connect(peer).for_user("user-a")).erase()
    assert receipt.is_complete
    assert {each.profile_id for each in receipt.deleted} == {"one", "two", "three"}


async def test_a_list_that_lags_is_looked_at_again(listen: Listen, connect: Connect) -> None:
    looks = script(listing("one"), listing("one"), listing("one"), listing())
    gone = script(json({}, headers={"X-Request-Id": "first"}), json({"detail": "no"}, 404))
    peer = await listen(by_path({"/ids": looks, "/one": gone}))
    receipt = await (await connect(peer).for_user("user-a")).erase()
    assert receipt.is_complete
    assert [(each.profile_id, each.request_id, each.was_gone) for each in receipt.deleted] == [("one", "first", False)]


async def test_it_gives_up_on_a_tag_that_never_empties(
    listen: Listen, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    peer = await listen(by_path({"/ids": listing("one"), "/one": json({})}))
    receipt = await (await connect(peer).for_user("user-a")).erase()
    assert not receipt.is_complete
    assert (receipt.left, receipt.verified_at) == (("one",), None)
    assert receipt.reason == "the tag still lists profiles"
    assert repr(receipt) == "<EraseReceipt 1 deleted, 1 left, not complete>"
    assert "1 are left" in caplog.text
    assert "user-a" not in caplog.text
    assert len(peer.requests) < 20


async def test_a_profile_that_was_gone_is_told_as_such(client: PhotaClient, sandbox: Sandbox) -> None:
    user = await client.for_user("user-a")
    sandbox.fail("DELETE /profiles/{profile_id}", status=404, process=True)
    receipt = await user.erase()
    assert receipt.is_complete
    assert [each.was_gone for each in receipt.deleted].count(True) == 1


async def test_a_lost_answer_to_a_deletion_is_no_failure(client: PhotaClient, sandbox: Sandbox) -> None:
    user = await client.for_user("user-a")
    sandbox.fail("DELETE /profiles/{profile_id}", reset="after", times=5)
    receipt = await user.erase()
    assert receipt.is_complete
    assert len(receipt.deleted) == 20
    assert not any(each.was_gone for each in receipt.deleted)


# Failures in the middle


async def test_a_deletion_that_fails_is_tried_again_with_the_next_look(client: PhotaClient, sandbox: Sandbox) -> None:
    user = await client.for_user("user-a")
    sandbox.fail("DELETE /profiles/{profile_id}", status=400, skip=3, times=2)
    receipt = await user.erase()
    assert receipt.is_complete
    assert len(receipt.deleted) == 20


async def test_a_profile_that_cannot_be_deleted_is_in_the_receipt(listen: Listen, connect: Connect) -> None:
    refused = json({"detail": "locked", "request_id": "req-1"}, 400)
    looks = script(listing("one", "two"), listing("one", "two"), listing("two"))
    peer = await listen(by_path({"/ids": looks, "/one": json({}), "/two": refused}))
    receipt = await (await connect(peer).for_user("user-a")).erase()
    assert not receipt.is_complete
    assert [each.profile_id for each in receipt.deleted] == ["one"]
    assert receipt.left == ("two",)
    [failed] = receipt.failed
    assert (failed.profile_id, failed.request_id) == ("two", "req-1")
    assert failed.reason == "BadRequestError: HTTP 400: locked"


async def test_a_refused_key_ends_it_with_a_receipt(client: PhotaClient, sandbox: Sandbox) -> None:
    user = await client.for_user("user-a")
    sandbox.fail("DELETE /profiles/{profile_id}", status=401, skip=5, times=None)
    receipt = await user.erase()
    assert not receipt.is_complete
    assert len(receipt.deleted) == 5
    assert len(receipt.left) == 15
    assert receipt.reason.startswith("HTTP 401")
    assert set(receipt.left) < set(sandbox.profiles)
    assert sum(request.method == "DELETE" for request in sandbox.requests) <= 5 + erasing.AT_ONCE


async def test_a_look_that_fails_leaves_it_unverified(client: PhotaClient, sandbox: Sandbox) -> None:
    user = await client.for_user("user-a")
    sandbox.fail("GET /profiles/ids", status=500, skip=1, times=None)
    receipt = await user.erase()
    assert not receipt.is_complete
    assert len(receipt.deleted) == 20
    assert (receipt.left, receipt.verified_at) == ((), None)
    assert receipt.reason.startswith("HTTP 500")


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (500, ServerError)])
async def test_without_a_list_nothing_is_deleted(
    status: int, kind: type[Exception], client: PhotaClient, sandbox: Sandbox
) -> None:
    user = await client.for_user("user-a")
    sandbox.fail("GET /profiles/ids", status=status, times=None)
    with pytest.raises(kind):
        await user.erase()
    assert {request.method for request in sandbox.requests} == {"GET"}
    assert len(sandbox.profiles) == 22


async def test_it_can_be_cancelled_and_begun_again(
    listen: Listen, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    async def hang(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.gone()
        raise ConnectionError("gone")

    looks = script(listing("one", "two"), listing("one", "two"), listing("two"), listing())
    gone = json({}, headers={"X-Request-Id": "req-1"})
    peer = await listen(by_path({"/ids": looks, "/one": gone, "/two": script(hang, gone)}))
    user = await connect(peer).for_user("user-a")
    with caplog.at_level(logging.INFO, "phota_async"):
        running = asyncio.create_task(user.erase())
        await until(lambda: len(peer.requests) == 4)
        await until(lambda: "one" not in user.profile_ids)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert "profile one is deleted (request req-1)" in caplog.text

    receipt = await user.erase()
    assert receipt.is_complete
    assert [each.profile_id for each in receipt.deleted] == ["two"]


async def test_a_few_at_once(listen: Listen, connect: Connect) -> None:
    running, most, go = 0, 0, asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go.wait()
        running -= 1
        await json({})(exchange)

    ids = [f"p{number}" for number in range(30)]
    routes: dict[str, Callable[..., Any]] = {"/ids": script(listing(*ids), listing(*ids), listing()), "": slow}
    peer = await listen(by_path(routes))
    erased = asyncio.create_task((await connect(peer).for_user("user-a")).erase())
    await until(lambda: running == erasing.AT_ONCE)
    go.set()
    assert len((await erased).deleted) == 30
    assert most == erasing.AT_ONCE
