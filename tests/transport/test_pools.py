"""Connections: a pool for each event loop and process, closed with it, and nothing of a lent session is touched."""

import asyncio
import gc
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.clients import KEY, QUICK, Connect, Listen
from support.peer import Peer, answer, hold, json, script, until
from support.pictures import PHOTO, image_answer

from phota_async import ClientConfig, ConfigError, PhotaClient
from phota_async.protocol import job_call
from phota_async.transport.exchange import MAX_URLS

LISTING = json({"profiles": ["anna"]})


def run_python(code: str, *arguments: str) -> str:
    """Run a program with warnings as errors; it must end well and say nothing on stderr."""
    tests = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(PRELUDE) + textwrap.dedent(code), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


PRELUDE = """
    import asyncio, os, sys
    from support.peer import Peer, answer, json
    from support.pictures import PHOTO, image_answer
    from phota_async import Limiter, PhotaClient
"""


def test_one_client_on_one_loop_after_the_other() -> None:
    clients: list[PhotaClient] = []

    async def main(port: int) -> int:
        async with Peer(LISTING, port=port) as peer:
            if not clients:
                clients.append(PhotaClient(KEY, peer.url))
            for _ in range(2):
                assert [each.profile_id for each in await clients[0].profiles.list()] == ["anna"]
            assert peer.connections == 1
            return peer.port

    port = 0
    for _ in range(3):
        port = asyncio.run(main(port))


def test_loops_that_ended_are_forgotten() -> None:
    """A worker that calls ``asyncio.run`` for each task must not gather dead loops."""
    client = PhotaClient(KEY, "http://127.0.0.1:1")

    async def main() -> None:
        await client._transport.pools.get()

    for _ in range(5):
        asyncio.run(main())
    gc.collect()

    assert len(client._transport.pools._pools) <= 1


def test_two_loops_at_a_time_have_pools_of_their_own() -> None:
    client = PhotaClient(KEY, "http://127.0.0.1:1")
    with asyncio.Runner() as one, asyncio.Runner() as two:
        first = one.run(client._transport.pools.get())
        second = two.run(client._transport.pools.get())

        assert first is not second
        assert one.run(client._transport.pools.get()) is first
        two.run(client.aclose())
        assert second.paid.closed
        assert not first.paid.closed
    assert first.paid.closed


@pytest.mark.parametrize("how", ["kept", "dropped"])
def test_a_client_that_is_never_closed_leaves_no_warning(how: str) -> None:
    code = """
        clients = []

        async def main():
            async with Peer(answer(200, image_answer(PHOTO)), json({"profiles": []})) as peer:
                client = PhotaClient("key", peer.url)
                await client.generate("a sea")
                await client.profiles.list()
                if sys.argv[1] == "kept":
                    clients.append(client)

        asyncio.run(main())
        print("done")
    """

    assert run_python(code, how) == "done\n"


def test_a_forked_child_uses_connections_of_its_own() -> None:
    """The child finds the parent's connections, limiter and loop in its memory, and none of them is its own."""
    code = """
        import http.server, threading

        class Service(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            release = threading.Event()
            seen = []

            def do_GET(self):
                self.seen.append(self.client_address)
                if self.path.endswith("/slow/status"):
                    self.release.wait()
                body = b'{"profile_id": "anna", "status": "READY"}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        async def child():
            for _ in range(2):
                assert (await client.profiles.status("anna")).status == "READY"
            await client.aclose()

        async def main():
            await client.profiles.status("anna")
            waiting = asyncio.create_task(client.profiles.status("slow"))
            while len(Service.seen) < 2:
                await asyncio.sleep(0)
            pid = os.fork()
            if pid == 0:
                try:
                    asyncio.run(child())
                    print("the child is done", flush=True)
                finally:
                    os._exit(0)
            await asyncio.to_thread(os.waitpid, pid, 0)
            Service.release.set()
            assert (await waiting).status == "READY"
            await client.profiles.status("anna")
            await client.aclose()
            connections = [Service.seen.index(each) for each in Service.seen]
            print(connections)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = PhotaClient("key", f"http://127.0.0.1:{server.server_port}", limiter=Limiter(1))
        asyncio.run(main())
        server.shutdown()
        server.server_close()
    """

    assert run_python(code) == "the child is done\n[0, 0, 2, 2, 0]\n"


async def test_a_lent_session_is_used_as_it_is_and_stays_open(listen: Listen) -> None:
    peer = await listen(LISTING, answer(200, image_answer(PHOTO)), LISTING)
    async with aiohttp.ClientSession(headers={"X-Mine": "1"}) as session:
        before = (dict(session.headers), session.connector, session.timeout)
        async with PhotaClient(KEY, peer.url, config=QUICK, session=session) as client:
            await client.profiles.list()
            result = await client.generate("a sea")

        assert result.images[0].data == PHOTO
        assert not session.closed
        assert (dict(session.headers), session.connector, session.timeout) == before
        async with session.get(peer.url) as mine:
            assert mine.status == 200
    assert [each.headers.get("x-api-key") for each in peer.requests] == [KEY, KEY, None]
    assert {each.headers["x-mine"] for each in peer.requests} == {"1"}


async def test_a_lent_session_never_serves_downloads(listen: Listen) -> None:
    storage = await listen(answer(200, PHOTO))
    peer = await listen(json({"images": [], "download_urls": [storage.link()]}))
    async with (
        aiohttp.ClientSession(headers={"Authorization": "mine"}, cookies={"mine": "1"}) as session,
        PhotaClient(KEY, peer.url, config=QUICK, session=session) as client,
    ):
        await client.generate("a sea")

    assert peer.requests[0].headers["authorization"] == "mine"
    assert not {"authorization", "cookie", "x-api-key"} & storage.requests[0].headers.keys()


async def test_a_lent_session_that_raises_for_a_status_changes_nothing(listen: Listen) -> None:
    peer = await listen(json({"detail": "no such profile"}, 404))
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        PhotaClient(KEY, peer.url, config=QUICK, session=session) as client,
    ):
        with pytest.raises(Exception, match="no such profile") as caught:
            await client.profiles.status("anna")
        assert KEY not in repr(caught.value.__context__)


def test_a_lent_session_of_another_loop_is_refused() -> None:
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    with asyncio.Runner() as one, asyncio.Runner() as two:
        session = one.run(make())
        client = PhotaClient(KEY, "http://127.0.0.1:1", session=session)
        with pytest.raises(ConfigError, match="another event loop"):
            two.run(client.profiles.list())
        one.run(session.close())


async def test_a_lent_session_that_is_closed_is_refused() -> None:
    session = aiohttp.ClientSession()
    await session.close()
    client = PhotaClient(KEY, "http://127.0.0.1:1", session=session)

    with pytest.raises(ConfigError, match="is closed"):
        await client.generate("a sea")


CLOSED = {
    "generate": lambda client: client.generate("a sea"),
    "list": lambda client: client.profiles.list(),
    "create": lambda client: client.profiles.create(["https://a.example/"] * 10),
    "delete": lambda client: client.profiles.delete("anna"),
    "picture": lambda client: client.profiles.picture("anna"),
    "job": lambda client: client.jobs.get("1"),
    "wait": lambda client: client.jobs.wait("1"),
    "secret": lambda client: client.webhooks.secret(),
}


@pytest.mark.parametrize("call", CLOSED)
async def test_a_closed_client_says_so(listen: Listen, connect: Connect, call: str) -> None:
    peer = await listen(LISTING)
    client = connect(peer)
    await client.profiles.list()
    await client.aclose()
    await client.aclose()

    with pytest.raises(ConfigError, match="is closed"):
        await CLOSED[call](client)

    assert len(peer.requests) == 1
    assert "closed" in repr(client)


async def test_a_picture_of_a_closed_client_cannot_be_downloaded(listen: Listen, connect: Connect) -> None:
    peer = await listen()
    peer.script = [json({"images": [], "download_urls": [peer.link()]})]
    client = connect(peer)
    result = await client.generate("a sea", response_mode="urls")
    await client.aclose()

    with pytest.raises(ConfigError, match="is closed"):
        await result.images[0].read()


async def test_closing_ends_connections(listen: Listen, connect: Connect) -> None:
    gone = asyncio.Event()

    async def watch(exchange: Any) -> None:
        await LISTING(exchange)
        await exchange.gone()
        gone.set()

    peer = await listen(watch)
    client = connect(peer)
    await client.profiles.list()
    await client.aclose()

    await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize("turns", range(1, 6))
async def test_closing_that_is_cut_off_closes_every_pool(listen: Listen, connect: Connect, turns: int) -> None:
    peer = await listen(LISTING, json({"images": [], "download_urls": []}))
    client = connect(peer)
    await client.profiles.list()
    await client.generate("a sea")
    pools = await client._transport.pools.get()
    closing = asyncio.create_task(client.aclose())
    for _ in range(turns):
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])

    assert (pools.paid.closed, pools.free.closed, pools.downloads.closed) == (True, True, True)


async def test_sockets_probe_a_silent_line(listen: Listen, connect: Connect) -> None:
    release = asyncio.Event()
    peer = await listen(hold(release, LISTING))
    client = connect(peer)
    task = asyncio.create_task(client.profiles.list())
    await peer.heard.wait()

    pools = await client._transport.pools.get()
    assert isinstance(pools.free.connector, aiohttp.TCPConnector)
    [protocol] = pools.free.connector._acquired
    assert protocol.transport is not None
    found = protocol.transport.get_extra_info("socket")
    release.set()
    options = {name: found.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in PROBES}
    assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    await task

    assert options == PROBES


PROBES = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 5}


async def test_pools_keep_connections_as_long_as_they_are_worth_it(connect: Connect) -> None:
    pools = await connect("http://127.0.0.1:1")._transport.pools.get()
    kept = {name: getattr(pools, name).connector._keepalive_timeout for name in ("paid", "free", "downloads")}

    assert kept == {"paid": 2.0, "free": 75.0, "downloads": 75.0}
    assert len({id(getattr(pools, name).connector) for name in kept}) == 3


async def test_a_paid_call_goes_on_a_new_connection_when_the_kept_one_is_old(
    listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phota_async.transport.pools.PAID_KEEPALIVE", 0.2)
    peer = await listen(answer(200, image_answer(PHOTO)))
    client = connect(peer)

    await client.generate("a sea")
    await client.generate("a sea")
    assert peer.connections == 1
    await asyncio.sleep(0.25)
    await client.generate("a sea")

    assert peer.connections == 2


async def test_a_kept_connection_that_the_service_closes_costs_no_purchase(listen: Listen, connect: Connect) -> None:
    """It closes between two calls: the second goes on a new connection, once."""
    picture = image_answer(PHOTO)
    peer = await listen(answer(200, picture, close=True), answer(200, picture))
    client = connect(peer)

    await client.generate("a sea")
    await asyncio.gather(*peer.tasks)
    await client.generate("a sea")

    assert [each.connection for each in peer.requests] == [1, 2]


async def test_a_kept_connection_that_breaks_under_a_paid_call_is_not_used_again(
    listen: Listen, connect: Connect
) -> None:
    """aiohttp sends a GET once more behind our back; a POST never."""
    picture = image_answer(PHOTO)

    async def reset_at_once(exchange: Any) -> None:
        exchange.reset()

    peer = await listen(answer(200, picture), reset_at_once, answer(200, picture))
    client = connect(peer)
    await client.generate("a sea")

    with pytest.raises(Exception, match="is lost"):
        await client.generate("a sea")

    assert [each.connection for each in peer.requests] == [1, 1]


async def test_a_lent_session_that_is_closed_later_is_refused(listen: Listen) -> None:
    peer = await listen(LISTING)
    session = aiohttp.ClientSession()
    client = PhotaClient(KEY, peer.url, session=session)
    await client.profiles.list()
    await session.close()

    with pytest.raises(ConfigError, match="is closed"):
        await client.profiles.list()
    await client.aclose()


async def test_many_calls_share_a_connection_each_at_a_time(listen: Listen, connect: Connect) -> None:
    """No bound in the pool holds calls back: that is the limiter's."""
    release = asyncio.Event()
    peer = await listen(hold(release, LISTING))
    client = connect(peer)
    tasks = [asyncio.create_task(client.profiles.list()) for _ in range(64)]
    await until(lambda: len(peer.requests) == 64)
    release.set()
    await asyncio.gather(*tasks)

    assert peer.connections == 64


async def test_a_proxy_is_used_when_it_is_set_and_never_taken_from_outside(
    listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await listen(LISTING)
    peer = await listen(LISTING)
    monkeypatch.setenv("HTTP_PROXY", proxy.origin)
    monkeypatch.setenv("http_proxy", proxy.origin)

    await connect(peer).profiles.list()
    assert (len(peer.requests), len(proxy.requests)) == (1, 0)
    await connect(peer, config=ClientConfig(proxy=proxy.origin)).profiles.list()
    assert (len(peer.requests), len(proxy.requests)) == (1, 1)
    assert proxy.requests[0].target == peer.url + "/profiles/ids"


async def test_cookies_are_not_kept(listen: Listen, connect: Connect) -> None:
    peer = await listen(script(json({"profiles": []}, headers={"Set-Cookie": "track=1"})))
    client = connect(peer)

    await client.profiles.list()
    await client.profiles.list()

    assert "cookie" not in peer.requests[1].headers


async def test_addresses_are_remembered_within_bounds(connect: Connect) -> None:
    """A watch of ten thousand jobs must not keep ten thousand addresses."""
    transport = connect("http://127.0.0.1:1")._transport

    addresses = [transport.address(job_call(f"job {number}/é")) for number in range(MAX_URLS + 10)]

    assert len(transport._urls) <= MAX_URLS
    assert addresses[-1] == f"http://127.0.0.1:1/jobs/job%20{MAX_URLS + 9}%2F%C3%A9"
    assert len(set(addresses)) == MAX_URLS + 10
