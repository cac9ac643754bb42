import asyncio
import errno
import io
from typing import Any

import aiohttp
import msgspec
import pytest

from phota_async.sandbox import Fault, Sandbox

from .conftest import BODIES, PHOTO, Api

SENT = {"prompt": "x"}


async def statuses(api: Api, count: int, path: str = "/generate") -> list[int]:
    return [(await api.post(path, BODIES[path])).status for _ in range(count)]


async def test_a_status_for_some_requests(api: Api) -> None:
    api.sandbox.fail("POST /generate", status=503, times=2, skip=1, headers={"Retry-After": "1"})
    ids = await statuses(api, 1)
    refused = await api.post("/generate", SENT)

    assert ids == [200]
    assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
    assert refused.json["request_id"] == refused.headers["X-Request-Id"]
    assert repr(api.sandbox.faults) == "<FaultScript 1 pending>"
    assert await statuses(api, 2) == [503, 200]
    assert api.sandbox.faults.pending == []
    assert len(api.sandbox.charges) == 2
    assert [seen.struck for seen in api.sandbox.requests] == [False, True, True, False]


async def test_faults_strike_in_their_order_one_a_request(api: Api) -> None:
    api.sandbox.fail(Fault(route="POST *", status=500))
    api.sandbox.fail(Fault(status=429))

    assert await statuses(api, 3) == [500, 429, 200]


async def test_a_fault_for_ever_until_cleared(api: Api) -> None:
    api.sandbox.fail("*", status=500, times=None)
    before = await statuses(api, 3)
    api.sandbox.faults.clear()

    assert before + await statuses(api, 1) == [500, 500, 500, 200]


async def test_a_fault_by_route_and_fields(api: Api) -> None:
    api.sandbox.fail("GET /jobs/{job_id}", status=502)
    api.sandbox.fail("POST /generate", when={"prompt": "y"}, status=418)
    answers = [
        (await api.get("/profiles/ids")).status,
        (await api.get("/jobs/a")).status,
        (await api.post("/generate", {"prompt": "x"})).status,
        (await api.post("/generate", [])).status,
        (await api.post("/generate", {"prompt": "y"})).status,
    ]

    assert answers == [200, 502, 200, 422, 418]


async def test_a_share_of_requests_the_same_ones_each_time(session: Any) -> None:
    runs = []
    for _ in range(2):
        async with Sandbox(seed=4) as sandbox:
            sandbox.fail("*", status=500, share=0.5, times=None)
            runs.append([(await Api(sandbox, session).get("/profiles/ids")).status for _ in range(20)])

    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


@pytest.mark.parametrize("route", ["POST /edits", "/edit", "PUT /edit", ""])
def test_a_route_that_does_not_exist(route: str) -> None:
    with pytest.raises(ValueError, match="expected a route"):
        Sandbox().fail(route, status=500)


def test_a_field_that_does_not_exist() -> None:
    with pytest.raises(msgspec.ValidationError):
        Sandbox().fail("*", status="500")


@pytest.mark.parametrize(
    ("body", "content", "kind"),
    [
        (b"<html>", b"<html>", "text/html"),
        ({"a": 1}, b'{"a":1}', "application/json"),
        (b"", b"", "text/html"),
    ],
)
async def test_a_body_of_its_own(api: Api, body: bytes | dict[str, Any], content: bytes, kind: str) -> None:
    api.sandbox.fail("*", body=body)
    answer = await api.post("/generate", SENT)

    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["Content-Type"].startswith(kind)
    assert api.sandbox.charges == []


async def test_a_header_overrides(api: Api) -> None:
    api.sandbox.fail("*", body=b"{}", headers={"Content-Type": "text/plain", "X-Request-Id": "mine"})
    answer = await api.get("/profiles/ids")

    assert (answer.headers["Content-Type"], answer.headers["X-Request-Id"]) == ("text/plain", "mine")


async def test_an_answer_replaced_after_the_charge(api: Api) -> None:
    api.sandbox.fail("*", status=502, body=b"<html>", process=True)
    answer = await api.post("/generate", SENT)

    assert (answer.status, answer.body) == (502, b"<html>")
    assert len(api.sandbox.charges) == 1


@pytest.mark.parametrize(("reset", "charges"), [("before", 0), ("after", 1), ("during", 0)])
async def test_resets(api: Api, reset: str, charges: int) -> None:
    api.sandbox.fail("POST /generate", reset=reset)
    with pytest.raises(aiohttp.ClientOSError) as caught:
        await api.post("/generate", SENT)
    await api.sandbox.settle()
    [seen] = api.sandbox.requests

    assert caught.value.errno == errno.ECONNRESET
    assert len(api.sandbox.charges) == charges
    assert (seen.status, seen.struck) == (None, True)
    assert seen.body == (None if reset == "during" else SENT)


async def test_a_reset_while_a_large_body_is_on_its_way(api: Api) -> None:
    api.sandbox.fail("POST /edit", reset="during")
    with pytest.raises(aiohttp.ClientError):
        await api.session.post(api.sandbox.base_url + "/edit", data=io.BytesIO(b"x" * 30_000_000))

    assert api.sandbox.requests[0].size == 0


@pytest.mark.parametrize("sent", [0, 100, 1000])
async def test_a_cut_answer(api: Api, sent: int) -> None:
    api.sandbox.fail("*", cut_after=sent)
    url = api.sandbox.base_url + "/generate"
    async with api.session.post(url, json=SENT, headers={"X-API-Key": "sandbox-key"}) as answer:
        received = await answer.content.readexactly(sent)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()

    assert answer.status == 200
    assert len(received) == sent < int(answer.headers["Content-Length"])
    assert len(api.sandbox.charges) == 1


async def test_a_cut_download(api: Api) -> None:
    url = api.sandbox.upload(PHOTO)
    api.sandbox.fail("GET /uploads/{name}", cut_after=10)
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.get(url)

    assert (await api.get(url)).body == PHOTO


async def test_a_delay_on_the_clock(api: Api) -> None:
    api.sandbox.fail("*", delay=30)
    waiting = asyncio.create_task(api.get("/profiles/ids"))
    await api.sandbox.wait_for_requests(1)
    await api.sandbox.settle()
    early = waiting.done()
    api.sandbox.clock.advance(30)

    assert not early
    assert (await waiting).status == 200


async def test_a_slow_answer(api: Api) -> None:
    url = api.sandbox.upload(b"x" * 800)
    api.sandbox.fail("*", rate=100)
    async with api.session.get(url) as answer:
        received = b""
        for _ in range(8):
            await api.sandbox.settle()
            api.sandbox.clock.advance(1)
            received += await answer.content.readexactly(100)

    assert received == b"x" * 800


async def test_a_slow_and_empty_answer(api: Api) -> None:
    api.sandbox.fail("*", rate=100, body=b"")

    assert (await api.get("/profiles/ids")).body == b""


async def test_a_client_that_hangs_up_while_sending(api: Api) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.sandbox.port)
    head = "POST /v1/phota/edit HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"
    writer.write(head.encode())
    await writer.drain()
    await api.sandbox.wait_for_requests(1)
    writer.transport.abort()
    await api.sandbox.settle()

    assert api.sandbox.requests[0].status is None


async def test_a_body_that_is_too_large(monkeypatch: Any, session: Any) -> None:
    monkeypatch.setattr("phota_async.sandbox.app.MAX_BODY_BYTES", 1000)
    async with Sandbox() as sandbox:
        answer = await Api(sandbox, session).post("/edit", b"x" * 2000)

    assert answer.status == 413
    assert answer.json["request_id"]
