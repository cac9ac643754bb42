"""TLS that is wrong is never retried nor downgraded, and nothing is sent before it is right."""

import asyncio
import datetime as dt
import ssl

import pytest
import trustme
from support.clients import Connect, Listen, quick
from support.peer import Peer, answer, json, raw
from support.pictures import PHOTO, image_answer

from phota_async import ConfigError, ConnectError

YEAR = dt.timedelta(days=365)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serve(authority: trustme.CA, name: str = "127.0.0.1", *, is_expired: bool = False) -> ssl.SSLContext:
    then = dt.datetime.now(dt.UTC) - YEAR if is_expired else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=then).configure_cert(context)
    return context


def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_a_certificate_authority_of_ones_own(listen: Listen, connect: Connect, authority: trustme.CA) -> None:
    storage = await listen(answer(200, PHOTO), ssl_context=serve(authority))
    links = json({"images": [], "download_urls": [storage.link()]})
    peer = await listen(links, ssl_context=serve(authority))
    client = connect(peer, config=quick(ssl_context=trust(authority)))

    result = await client.generate("a sea")

    assert result.images[0].data == PHOTO


WRONG = {
    "unknown authority": ({}, "unable to get local issuer certificate|self.signed"),
    "wrong host": ({"name": "photos.example"}, "IP address mismatch"),
    "expired": ({"is_expired": True}, "certificate has expired"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_certificate_is_the_last_word(
    listen: Listen, connect: Connect, authority: trustme.CA, wrong: str
) -> None:
    how, why = WRONG[wrong]
    peer = await listen(answer(200, image_answer(PHOTO)), ssl_context=serve(authority, **how))  # type: ignore[arg-type]
    context = None if wrong == "unknown authority" else trust(authority)

    with pytest.raises(ConnectError, match=why) as caught:
        await connect(peer, config=quick(ssl_context=context)).generate("a sea")

    error = caught.value
    assert (error.attempts, error.retryable, error.charged) == (1, False, "no")
    assert "ssl_context" in error.hint
    assert peer.requests == []


async def test_a_port_without_tls(connect: Connect) -> None:
    async with Peer(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as peer:
        client = connect(peer.url.replace("http", "https"), config=quick(connect_timeout=0.03))
        with pytest.raises(ConnectError) as caught:
            await client.generate("a sea")

    assert (caught.value.attempts, caught.value.charged, peer.requests) == (5, "no", [])


async def test_a_port_that_answers_tls_in_plain_text(connect: Connect) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        with pytest.raises(ConnectError, match="TLS: WRONG_VERSION_NUMBER") as caught:
            await connect(url).generate("a sea")

    assert (caught.value.attempts, caught.value.retryable, caught.value.charged) == (5, True, "no")


@pytest.mark.parametrize("status", [407, 502])
async def test_a_proxy_that_refuses_has_sent_nothing(listen: Listen, connect: Connect, status: int) -> None:
    proxy = await listen(answer(status))
    client = connect("https://photos.example", config=quick(proxy=proxy.origin))

    with pytest.raises(ConnectError) as caught:
        await client.generate("a sea")

    assert (caught.value.charged, caught.value.retryable) == ("no", True)
    assert {each.method for each in proxy.requests} == {"CONNECT"}
    assert all("x-api-key" not in each.headers for each in proxy.requests)


async def test_a_proxy_that_is_not_there(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, image_answer(PHOTO)))
    async with Peer() as gone:
        nobody = gone.origin

    with pytest.raises(ConnectError) as caught:
        await connect(peer, config=quick(proxy=nobody)).generate("a sea")

    assert (caught.value.charged, peer.requests) == ("no", [])


@pytest.mark.parametrize("host", ["photos..example", "a" * 64 + ".example"])
async def test_a_host_that_no_network_knows_is_a_setting_that_is_wrong(connect: Connect, host: str) -> None:
    client = connect(f"https://{host}")

    for call in (client.generate("a sea"), client.profiles.list()):
        with pytest.raises(ConfigError, match="check base_url") as caught:
            await call
        assert (caught.value.charged, caught.value.attempts) == ("no", 1)
