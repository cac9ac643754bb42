import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from phota_async.sandbox import Sandbox
from phota_async.sandbox.callbacks import Callbacks, Scheme, Signing

from .conftest import Api

BODY = b'{"job_id": "job_1"}'


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[str, list[tuple[bytes, str]]]]:
    received: list[tuple[bytes, str]] = []

    async def receive(request: web.Request) -> web.Response:
        received.append((await request.read(), request.headers["X-Phota-Signature"]))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", received
    await runner.cleanup()


@pytest.mark.parametrize("prompt", ["x", "WORK_FAILS"])
async def test_the_end_of_a_job_is_told(api: Api, receiver: tuple[str, list[tuple[bytes, str]]], prompt: str) -> None:
    url, received = receiver
    job_id = await api.submit(callback_url=url, prompt=prompt)
    await api.sandbox.settle()
    before = list(received)
    api.sandbox.clock.advance(40)
    await api.sandbox.settle()
    [(body, signature)] = received
    key = api.sandbox.webhook_secret.encode()

    assert before == []
    assert signature == "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    assert msgspec.json.decode(body)["job_id"] == job_id
    assert msgspec.json.decode(body)["status"] == ("succeeded" if prompt == "x" else "failed")
    assert [(sent.url, sent.status) for sent in api.sandbox.callbacks] == [(url, 204)]


async def test_a_receiver_that_is_away_does_no_harm(api: Api) -> None:
    job_id = await api.submit(callback_url="http://127.0.0.1:1/hook")
    api.sandbox.clock.advance(40)
    await api.sandbox.settle()
    [sent] = api.sandbox.callbacks

    assert sent.status is None
    assert sent.error is not None
    assert sent.error.startswith("ClientConnectorError")
    assert (await api.get(f"/jobs/{job_id}")).json["status"] == "succeeded"


async def test_copies(session: Any, receiver: tuple[str, list[tuple[bytes, str]]]) -> None:
    async with Sandbox(time_scale=0, callback_copies=2, allow_http_callbacks=True, picture_scale=0.05) as sandbox:
        await Api(sandbox, session).submit(callback_url=receiver[0])
        sandbox.clock.advance(40)
        await sandbox.settle()

    assert receiver[1][0] == receiver[1][1]


def digest(message: bytes, key: bytes = b"secret") -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("sha256", "sha256=" + digest(BODY).hex()),
        ("hex", digest(BODY).hex()),
        ("v1", "v1=" + digest(BODY).hex()),
        ("base64", base64.b64encode(digest(BODY)).decode()),
        ("timestamp", "t=1700000000,v1=" + digest(b"1700000000." + BODY).hex()),
    ],
)
def test_schemes(scheme: Scheme, expected: str) -> None:
    callbacks = Callbacks(Signing(scheme=scheme), secret="secret")

    assert callbacks.sign(BODY, moment=1_700_000_000) == expected


def test_a_timestamp_is_of_now() -> None:
    signature = Callbacks(Signing(scheme="timestamp"), secret="secret").sign(BODY)

    assert int(signature.split(",")[0].removeprefix("t=")) > 1_700_000_000


def test_the_secret_may_be_decoded() -> None:
    secret = "whsec_" + base64.b64encode(b"bytes").decode()
    callbacks = Callbacks(Signing(scheme="hex", decode_secret=True), secret=secret)

    assert callbacks.sign(BODY) == digest(BODY, b"bytes").hex()


def test_a_closed_sandbox_sends_nothing() -> None:
    callbacks = Callbacks(Signing(), secret="secret")
    asyncio.run(callbacks.send("http://127.0.0.1:1/", {}))

    assert callbacks.sent[0].error == "the sandbox is not running"
