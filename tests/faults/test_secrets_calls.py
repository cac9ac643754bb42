"""A key goes through every operation and every kind of fault: nobody but the service's own origin gets to see it."""

import asyncio
import gc
import traceback
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.canaries import KEY, LINKS, PRIVATE, SECRET, SECRETS, SIGNATURE, WISH, Search
from support.clients import Connect, Listen, quick
from support.peer import Behaviour, Peer, answer, hang_up, json, raw, redirect, reset, silence
from support.pictures import PHOTO, image_answer, link_answer
from support.secret_calls import BODY, CALLS, EDIT, JOBS, SecretShop
from support.steps import SteppingLoop, every_step
from support.witness import Witness, log_everything, witness

from phota_async import ConfigError, PhotaClient, PhotaError
from phota_async.errors import InputError, SignatureError
from phota_async.webhooks import sign_callback, verify

from .trial import Trial

__all__ = ["witness"]


@pytest.fixture
async def shop(listen: Listen) -> AsyncIterator[SecretShop]:
    log_everything()
    yield await SecretShop.open(listen)
    gc.collect()


def heads(shop: SecretShop) -> Iterator[str]:
    """Yield what the service heard, without the one line that is to have the key."""
    for each in shop.service.requests:
        lines = each.head.decode().split("\r\n")
        own = [line for line in lines if line == f"X-API-Key: {KEY.text}"]
        assert len(own) == 1
        yield "\n".join(line for line in lines if line not in own)


def check(shop: SecretShop, witness: Witness, client: PhotaClient, *kinds: str) -> None:
    witness.see(client, client.config, client.jobs, client.profiles, client.webhooks, client.limiter)
    witness.look_at(EDIT, *JOBS)
    witness.look_at(client._transport, client._transport.pools, client._transport._secret, client._pollers)
    witness.see_peer(shop.storage, search=Search(KEY, SECRET, WISH))  # its links are its own
    witness.see_peer(shop.thief)
    for head in heads(shop):
        witness.see_text("sent to the service beside its header", head, Search(KEY))
    for each in shop.service.requests:
        witness.see_text("sent to the service", each.body, Search(KEY, SECRET))
    witness.assert_discreet(*kinds)


async def test_calls_that_go_well(
    shop: SecretShop, connect: Connect, witness: Witness, tmp_path: Path, fault: Trial
) -> None:
    client = shop.client(connect, hooks=witness.hooks)
    for name, call in CALLS.items():
        result = await fault.end_of(call(client, tmp_path))
        if name != "secret":  # the only one that is asked for a secret
            shown = (
                LINKS if "profile" in name or name in ("list", "status", "erase") else PRIVATE
            )  # a profile has its tag
            witness.see(result, getattr(result, "images", ()), pickled=SECRETS, shown=shown)  # results have links
    witness.see(*JOBS, pickled=Search(KEY))  # a request is a value: whoever stores it stores the prompt
    witness.see_folder(tmp_path)
    assert len(shop.storage.requests) == 3
    check(shop, witness, client, "OperationFinished", "RequestFinished", "ImageSaved", "JobChanged", "ProfileChanged")


ECHO = f'{{"detail": "Incorrect API key provided: {KEY.text!r}", "request_id": "req-1"}}'.replace('"Xw', '\\"Xw')
FAULTS: dict[str, Behaviour] = {
    "400": json({"detail": "no such prompt"}, 400),
    "401": json({"detail": "wrong key"}, 401),
    "401 that repeats the key": answer(401, ECHO.encode()),
    "400 in plain text that repeats the key": answer(400, KEY.text.encode(), {"Content-Type": "text/plain"}),
    "402": json({"detail": "no money"}, 402),
    "404": json({"detail": "gone"}, 404),
    "422": json({"detail": [{"loc": ["body", "prompt"], "msg": "too long"}]}, 422),
    "429": json({}, 429, {"Retry-After": "1000"}),
    "500": answer(500, b"<html>gateway</html>", {"Content-Type": "text/html"}),
    "reset": reset(),
    "reset at once": reset(0),
    "closed": hang_up,
    "cut": answer(200, image_answer(PHOTO), cut=40),
    "HTML": answer(200, b"<html>welcome to the airport</html>"),
    "bad status line": raw(b"HTTP/1.1 banana\r\n\r\n"),
    "no HTTP": raw(b"SSH-2.0-OpenSSH\r\n"),
    "endless header": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
    "bad chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "not base64": json({"images": ["%%%%"]}),
    "too big": answer(200, b'{"x": "' + b"x" * 9_000 + b'"}'),
    "packed": answer(200, b"{}", {"Content-Encoding": "br"}),
    "silence": silence,
    "failed job": json({"job_id": "job-1", "status": "failed", "error": "no"}),
    "failed training": json({"profile_id": "anna", "status": "ERROR", "message": "no", "profiles": []}),
    "bad link": answer(200, link_answer("http://[", f"http://a b/?x={SIGNATURE.text}")),
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_calls_that_fail(
    kind: str, shop: SecretShop, connect: Connect, witness: Witness, tmp_path: Path, fault: Trial
) -> None:
    limits = quick(
        answer_timeout=0.02, free_answer_timeout=0.02, max_answer_bytes=8_000, timeout=0.2, free_timeout=0.05
    )
    client = shop.client(connect, hooks=witness.hooks, config=limits)
    shop.break_down(FAULTS[kind])
    for call in CALLS.values():
        result = await fault.end_of(call(client, tmp_path))
        if isinstance(result, PhotaError):
            witness.see_error(result, pickled=SECRETS)
        witness.see(result, pickled=SECRETS, shown=LINKS)
    witness.see_folder(tmp_path)
    check(shop, witness, client)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_calls_that_are_sent_elsewhere(
    status: int, shop: SecretShop, connect: Connect, witness: Witness, tmp_path: Path, fault: Trial
) -> None:
    client = shop.client(connect, hooks=witness.hooks)
    shop.break_down(redirect(shop.thief.link(f"/v1/phota/x?token={WISH.text[:4]}"), status))
    for call in CALLS.values():
        result = await fault.end_of(call(client, tmp_path))
        if isinstance(result, PhotaError):
            witness.see_error(result)
        witness.see(result)
    assert {each.path for each in shop.thief.requests} <= {"/x"}  # a profile's picture may lie elsewhere
    check(shop, witness, client, "RequestFailed")


async def test_downloads_that_fail(
    shop: SecretShop, connect: Connect, witness: Witness, tmp_path: Path, fault: Trial
) -> None:
    client = shop.client(connect, hooks=witness.hooks, config=quick(download_timeout=0.02))
    page = answer(200, b"<html>", {"Content-Type": "text/html"})
    lost = redirect(f"http://[{SIGNATURE.text}")
    for each in (answer(403), answer(500), reset(), page, lost, answer(200, PHOTO, cut=20), silence):
        shop.storage.script = [each]
        for name in ("job to a folder", "edit as a job", "picture"):
            result = await fault.end_of(CALLS[name](client, tmp_path))
            assert isinstance(result, PhotaError), name
            witness.see_error(result, pickled=SECRETS)  # what was bought, and its links, travel with the error
    witness.see_folder(tmp_path)
    check(shop, witness, client, "OperationFailed")


# Calls that are given up: the frames of the libraries below are in the traceback, and hold headers.


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_that_is_given_up(
    call: str, shop: SecretShop, connect: Connect, witness: Witness, tmp_path: Path, fault: Trial
) -> None:
    shop.break_down(silence)
    client = shop.client(connect, hooks=witness.hooks)
    fault.tried()
    with pytest.raises(TimeoutError) as caught:
        await given_up(CALLS[call](client, tmp_path), shop, witness)
    witness.see_error(caught.value)
    check(shop, witness, client, "RequestFailed")


async def given_up(call: Awaitable[Any], shop: SecretShop, witness: Witness) -> None:
    """Let the time of a call be up once the service has heard it."""

    async def watch(scope: asyncio.Timeout) -> None:
        await shop.service.heard.wait()
        witness.see_tasks()
        scope.reschedule(asyncio.get_running_loop().time())

    async with asyncio.timeout(None) as scope, asyncio.TaskGroup() as group:
        group.create_task(watch(scope))
        await call


@pytest.mark.parametrize("call", ["generate", "job to a folder", "status"])
def test_a_call_that_is_cut_off_at_any_step(call: str, tmp_path: Path, fault: Trial) -> None:
    search, found = Search(KEY), list[tuple[str, ...]]()

    async def flow(loop: SteppingLoop) -> None:
        async with opened() as shop, PhotaClient(KEY.text, shop.service.url, config=quick()) as client:
            await loop.cut(shown(client))

    async def shown(client: PhotaClient) -> None:
        try:
            await CALLS[call](client, tmp_path)
        except asyncio.CancelledError as error:
            lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
            found.append(search.hits("".join(lines)))
            raise

    for _ in every_step(flow):
        fault.tried()
    assert len(found) > 15
    assert set(found) == {()}


@asynccontextmanager
async def opened() -> AsyncIterator[SecretShop]:
    """Open the three servers without a fixture, for a loop of its own."""
    async with AsyncExitStack() as stack:

        async def listen(*script: Behaviour) -> Peer:
            return await stack.enter_async_context(Peer(*script))

        yield await SecretShop.open(listen)


# What a program gives by mistake.

WRONG_KEYS: list[Any] = [KEY.text + "\n", f" {KEY.text}", KEY.text.encode(), f"{KEY.text}\u2003", f"{KEY.text}\r\nX: y"]


@pytest.mark.parametrize("is_callable", [False, True], ids=["as it is", "from a callable"])
async def test_a_key_that_cannot_be_used(is_callable: bool, witness: Witness, fault: Trial) -> None:
    for place in range(len(WRONG_KEYS)):
        fault.tried()
        with pytest.raises(ConfigError) as caught:
            await ask(place, is_callable=is_callable)
        witness.see_error(caught.value)
    witness.assert_discreet()


async def ask(place: int, *, is_callable: bool) -> Any:
    if not is_callable:
        return PhotaClient(WRONG_KEYS[place])
    async with PhotaClient(lambda: WRONG_KEYS[place], "http://127.0.0.1:1") as client:
        return await client.profiles.list()


async def test_a_key_in_the_environment_that_cannot_be_used(
    witness: Witness, monkeypatch: pytest.MonkeyPatch, fault: Trial
) -> None:
    monkeypatch.setenv("PHOTA_API_KEY", WRONG_KEYS[0])
    fault.tried()
    with pytest.raises(ConfigError) as caught:
        PhotaClient()
    witness.see_error(caught.value)
    witness.assert_discreet()


async def test_a_vault_that_fails_with_the_key_in_its_words(witness: Witness, fault: Trial) -> None:
    def vault() -> str:
        raise RuntimeError(f"cannot rotate {KEY.text}")

    fault.tried()
    async with PhotaClient(vault, "http://127.0.0.1:1", hooks=witness.hooks) as client:
        with pytest.raises(ConfigError) as caught:
            await client.profiles.list()
    witness.see_error(caught.value)
    witness.assert_discreet("RequestFailed")


@pytest.mark.parametrize("way", ["verify", "deliver", "verify without a client"])
async def test_a_callback_that_is_forged(way: str, witness: Witness, fault: Trial) -> None:
    forged = sign_callback(BODY, "another secret")
    config = quick(webhook_secret=(SECRET.text, "older"))
    async with PhotaClient(KEY.text, "http://127.0.0.1:1", config=config, hooks=witness.hooks) as client:
        ways: dict[str, Any] = {
            "verify": lambda headers, body: client.webhooks.verify(body, headers, [SECRET.text]),
            "deliver": client_deliver(client),
            "verify without a client": lambda headers, body: verify(body, headers, SECRET.text),
        }
        for headers, body in [(forged, BODY), ({}, BODY), (sign_callback(b"[]", SECRET.text), b"[]"), (forged, "")]:
            fault.tried()
            with pytest.raises((SignatureError, InputError)) as caught:
                await answer_of(ways[way](headers, body))
            witness.see_error(caught.value)
    witness.assert_discreet()


def client_deliver(client: PhotaClient) -> Any:
    return lambda headers, body: client.webhooks.deliver(body, headers)


async def answer_of(value: Any) -> Any:
    return await value if asyncio.iscoroutine(value) else value
