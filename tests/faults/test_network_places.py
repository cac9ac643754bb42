"""Where calls go: over IPv6, through proxies that fail, and never along a redirect that leaves TLS."""

import socket
import ssl
from typing import Any

import pytest
import trustme
from support.clients import Connect, Listen, quick
from support.leftovers import check_nothing_left
from support.peer import Behaviour, Exchange, answer, hang_up, raw, redirect, reset, silence
from support.pictures import PHOTO

from phota_async import ConnectError, DownloadError, PhotaError, RetryPolicy

from .calls import CALLS, PAID, is_right
from .shop import Shop
from .trial import Leap, Trial


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


# IPv6.


@pytest.mark.parametrize("call", CALLS)
async def test_a_service_that_has_an_ipv6_address_only(fault: Trial, connect: Connect, call: str) -> None:
    async with Shop("::1") as shop:
        shop.prompts["job-0"] = "a sea"
        assert is_right(await fault.end_of(CALLS[call](connect(shop.peer), "a sea")))


@pytest.mark.parametrize("alive", ["::1", "127.0.0.1"])
@pytest.mark.parametrize("call", CALLS)
async def test_a_name_with_two_addresses_of_which_one_is_dead(
    fault: Trial, connect: Connect, monkeypatch: pytest.MonkeyPatch, call: str, alive: str
) -> None:
    """The other one is tried within the same attempt."""
    resolve(monkeypatch, "::1", "127.0.0.1")
    async with Shop(alive) as shop:
        shop.prompts["job-0"] = "a sea"
        client = connect(f"http://photos.localhost:{shop.peer.port}/v1/phota")

        assert is_right(await fault.end_of(CALLS[call](client, "a sea")))
        assert len(shop.peer.requests) == 1


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every host name have these addresses."""

    def getaddrinfo(_: Any, port: int, *__: Any, **___: Any) -> Any:
        v6, v4 = [(each, port, 0, 0) for each in addresses if ":" in each], [(each, port) for each in addresses]
        found = [(socket.AF_INET6, each) for each in v6] + [(socket.AF_INET, each) for each in v4 if ":" not in each[0]]
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


# Proxies.

OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


def opened(then: bytes | None) -> Behaviour:
    """Open the tunnel, and say something that is no TLS, or nothing, at its end."""

    async def behave(exchange: Exchange) -> None:
        await exchange.send(OPEN)
        if then is not None:
            await exchange.send(then)
        exchange.close()

    return behave


async def deaf_tunnel(exchange: Exchange) -> None:
    await exchange.send(OPEN)
    await exchange.gone()


DEAF = ("silence", "a tunnel that is deaf")
PROXIES: dict[str, Behaviour] = {
    "403": answer(403, b"<html>not from here</html>", {"Content-Type": "text/html"}),
    "407": answer(407),
    "503": answer(503, headers={"Retry-After": "86400"}),
    "a redirect": redirect("http://127.0.0.1:1/login"),
    "a reset": reset(),
    "the end": hang_up,
    "silence": silence,
    "nonsense": raw(b"nonsense\r\n\r\n"),
    "a tunnel that ends": opened(None),
    "a tunnel without TLS": opened(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "a tunnel that is deaf": deaf_tunnel,
}


@pytest.mark.parametrize("what", PROXIES)
@pytest.mark.parametrize("call", CALLS)
async def test_a_proxy_that_makes_no_tunnel_has_sent_nothing(
    fault: Trial, listen: Listen, connect: Connect, leap: Leap, call: str, what: str
) -> None:
    async def behave(exchange: Exchange) -> None:
        if what in DEAF:
            leap(12)  # longer than a connection may take
        await PROXIES[what](exchange)

    proxy = await listen(behave)
    config = quick(timeout=60, free_timeout=60, proxy=proxy.origin, retry=RetryPolicy(backoff=0, max_attempts=2))
    client = connect("https://photos.example", config=config)

    outcome = await fault.end_of(CALLS[call](client, "a sea"), patience=100)

    assert isinstance(outcome, PhotaError)
    assert isinstance(outcome, ConnectError) or call not in PAID
    assert (outcome.charged, outcome.retryable, outcome.attempts) == ("no", True, 2)
    assert len(proxy.requests) == 2
    assert {each.method for each in proxy.requests} == {"CONNECT"}
    assert all("x-api-key" not in each.headers for each in proxy.requests)
    check_nothing_left(client)


# Redirects that leave TLS.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("what", ["download", "picture"])
async def test_a_picture_is_not_followed_from_https_to_http(
    fault: Trial, listen: Listen, connect: Connect, tls: ssl.SSLContext, trust: ssl.SSLContext, what: str, status: int
) -> None:
    """Whoever listens on the way would see the photo, and could send another one."""
    thief = await listen(answer(200, PHOTO))
    for target in (thief.link(), thief.link().replace("http:", "HTTP:")):
        peer = await listen(redirect(target, status), ssl_context=tls)
        client = connect(peer, config=quick(ssl_context=trust))

        outcome = await fault.end_of(CALLS[what](client, ""))

        assert isinstance(outcome, DownloadError)
        assert "stays with https" in str(outcome)
        assert "s3cr3t" not in str(outcome)
        assert len(peer.requests) == 1
    assert thief.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", [call for call in CALLS if call not in ("download", "picture")])
async def test_no_call_is_followed_from_https_to_http(
    fault: Trial, listen: Listen, connect: Connect, tls: ssl.SSLContext, trust: ssl.SSLContext, call: str, status: int
) -> None:
    thief = await listen(answer(200, b"{}"))
    peer = await listen(redirect(thief.link(), status), ssl_context=tls)

    outcome = await fault.end_of(CALLS[call](connect(peer, config=quick(ssl_context=trust)), "a sea"))

    assert isinstance(outcome, PhotaError)
    assert (outcome.charged, len(peer.requests), thief.connections) == ("no", 1, 0)


# Names.

NAMELESS: dict[str, Any] = {
    "no such name": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "no answer for now": socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "a failure for good": socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution"),
    "no network": OSError(101, "Network is unreachable"),
    "no addresses": [],
}


@pytest.mark.parametrize("what", NAMELESS)
@pytest.mark.parametrize("call", CALLS)
async def test_a_name_that_leads_nowhere(
    fault: Trial, connect: Connect, monkeypatch: pytest.MonkeyPatch, call: str, what: str
) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> Any:
        if isinstance(NAMELESS[what], Exception):
            raise NAMELESS[what]
        return NAMELESS[what]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    client = connect("https://photos.example")

    outcome = await fault.end_of(CALLS[call](client, "a sea"))

    assert isinstance(outcome, PhotaError)
    assert isinstance(outcome, ConnectError) or call not in PAID
    assert (outcome.charged, outcome.attempts, outcome.retryable) == ("no", 5, True)
    check_nothing_left(client)


# Certificates.


@pytest.mark.parametrize("name", ["127.0.0.1", "photos.example"])
@pytest.mark.parametrize("call", CALLS)
async def test_a_certificate_that_proves_nothing(
    fault: Trial, listen: Listen, connect: Connect, authority: trustme.CA, trust: ssl.SSLContext, call: str, name: str
) -> None:
    """Of an authority that nobody trusts, or of another host: once, and nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (authority if name == "photos.example" else trustme.CA()).issue_cert(name).configure_cert(context)
    peer = await listen(answer(200, PHOTO), ssl_context=context)
    client = connect(peer, config=quick(ssl_context=trust))

    outcome = await fault.end_of(CALLS[call](client, "a sea"))

    assert isinstance(outcome, DownloadError if call == "download" else ConnectError)
    assert "certificate" in str(outcome)
    assert (outcome.charged, outcome.attempts, outcome.retryable) == ("no", 1, False)
    assert (peer.requests, peer.connections) == ([], 0)
    check_nothing_left(client)
