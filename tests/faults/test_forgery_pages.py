"""Pages of strangers, in the person's own browser: what they can do to a review, and to a sandbox on this machine."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.reviews import Visitor, make_run, serving

from phota_async.review import ReviewServer
from phota_async.review.handlers import MAX_BODY
from phota_async.sandbox import Sandbox

from .trial import Trial

DEEP = b'{"item":0,"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
BODIES = (
    *(
        DEEP,
        b" " * (MAX_BODY + 1),
        b"\xff\xfe",
        b'{"item":"\xff"}',
        b'{"item":1e999}',
        b'{"item":-1}',
        b'{"item":99}',
        b'{"item":"0"}',
    ),
    *(b'{"item":0,"picture":"../../etc/passwd"}', b"[]", b"null", b"", b'{"item":0,"tab":' + b"9" * 5000 + b"}"),
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ReviewServer]:
    async with serving(make_run(tmp_path, items=1)) as opened:
        yield opened


async def raw(address: str, request: bytes) -> bytes:
    """Send bytes as no HTTP library would, and return the answer's head."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await reader.read(2**16)
    writer.close()
    await writer.wait_closed()
    return answer.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("path", ["/pick", "/reject", "/clear", "/undo", "/ask", "/finish", "/token"])
async def test_no_body_breaks_a_review(fault: Trial, server: ReviewServer, path: str) -> None:
    async with Visitor(server) as visitor, aiohttp.ClientSession() as session:
        for body in BODIES:
            fault.tried()
            async with session.post(server.address + path, data=body, headers=visitor.headers) as answer:
                wanted = (413,) if len(body) > MAX_BODY else (200, 400, 401, 409)
                assert answer.status in wanted, body[:40]
        assert (await visitor.ask("GET", "/state"))[0] == 200


HOSTS = ("evil.example", "127.0.0.1", "127.0.0.1:1", "localhost", "[::1]:{port}", "127.0.0.1.evil.example:{port}", "")


async def test_a_name_that_leads_here_is_refused(fault: Trial, server: ReviewServer) -> None:
    """As a stranger's DNS does once its page is loaded: the browser then takes it for the page's own origin."""
    port, token = server.address.rpartition(":")[2], server.url.partition("#")[2]
    for host in HOSTS:
        fault.tried()
        name = host.format(port=port)
        head = f"GET /state HTTP/1.1\r\nHost: {name}\r\nOrigin: http://{name}\r\nPhota-Review-Token: {token}\r\n\r\n"
        assert b" 421 " in (await raw(server.address, head.encode())).partition(b"\r\n")[0]


async def test_two_hosts_or_an_address_in_the_first_line_are_refused(fault: Trial, server: ReviewServer) -> None:
    host = server.address.removeprefix("http://")
    for head in (
        f"GET /state HTTP/1.1\r\nHost: evil.example\r\nHost: {host}\r\n\r\n",
        "GET http://evil.example/state HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        f"GET /state HTTP/1.1\r\nHost: {host}\r\nX: a\nPhota-Review-Token: x\r\n\r\n",
        "GET /state HTTP/1.0\r\n\r\n",
    ):
        fault.tried()
        status = (await raw(server.address, head.encode())).split(b" ")[1]
        assert status in (b"400", b"401", b"421"), status


# The sandbox: no page of another origin can read its answers, or send what a browser asks leave for.


async def test_a_sandbox_is_on_this_machine_only(fault: Trial) -> None:
    async with Sandbox() as sandbox:
        fault.tried()
        assert sandbox.origin.startswith("http://127.0.0.1:")
        own = {str(each[4][0]) for each in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
        for address in own - {"127.0.0.1", "127.0.1.1"}:
            with pytest.raises(OSError):  # noqa: PT011 - refused, or no way there
                await asyncio.open_connection(address, sandbox.port)


ROUTES = ("GET /openapi.json", "POST /generate", "POST /profiles/add", "GET /profiles/ids", "DELETE /profiles/anna")


@pytest.mark.parametrize("route", ROUTES)
async def test_a_page_of_another_origin_gets_nothing_of_a_sandbox(fault: Trial, route: str) -> None:
    method, path = route.split(" ")
    async with Sandbox(time_scale=0) as sandbox, aiohttp.ClientSession() as session:
        sandbox.add_profile("anna")
        asks: list[tuple[str, dict[str, str]]] = [
            ("OPTIONS", {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-api-key"}),
            (method, {"Content-Type": "text/plain"}),
        ]
        for asked, headers in asks:
            fault.tried()
            sent = {"Origin": "http://evil.example"} | headers
            body = json.dumps({"prompt": "x"})
            async with session.request(asked, sandbox.base_url + path, data=body, headers=sent) as answer:
                assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
                assert answer.status >= 400 or path == "/openapi.json"
        assert (len(sandbox.charges), list(sandbox.profiles)) == (0, ["anna"])


@pytest.mark.parametrize("body", [DEEP, b"[" * 10**6, b"\xff", b"9" * 10**5, b'{"prompt":"\\ud800"}', b"null"])
async def test_no_body_breaks_a_sandbox(fault: Trial, body: bytes) -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        headers: dict[str, Any] = {"X-API-Key": sandbox.api_key, "Content-Type": "application/json"}
        fault.tried()
        async with session.post(sandbox.base_url + "/generate", data=body, headers=headers) as answer:
            assert answer.status == 422
