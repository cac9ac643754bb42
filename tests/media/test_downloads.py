"""Links are fetched whole or not at all: resumed where a line broke, renewed through the job, never led astray."""

import asyncio
import errno
import os
import socket
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, Connect, Listen, quick
from support.folders import names
from support.peer import Behaviour, Peer, answer, by_path, hang_up, json, raw, redirect, reset, script, silence
from support.pictures import PHOTO, job_answer, link_answer, picture

from phota_async import DownloadError, Limiter, OutputImage, PhotaClient, PhotaError, RetryPolicy
from phota_async.media.addresses import check_link, is_public, show_link
from phota_async.media.sinks import FileSink, MemorySink

BIG = picture(300_000)
TAG = {"ETag": '"v1"', "Content-Type": "image/jpeg"}


async def fetch(client: PhotaClient, url: str) -> bytes:
    """Download one link into memory."""
    sink = MemorySink()
    await client._get_downloader().fetch(url, sink)
    return b"".join(sink.pieces)


def ranges(
    data: bytes, headers: dict[str, str], *, cuts: list[int], rst: bool = False, chunked: bool = False
) -> Behaviour:
    """Serve ranges; each connection breaks after so many more bytes, as long as there are cuts."""
    left = iter(cuts)

    async def behave(exchange: Any) -> None:
        wanted = exchange.request.headers.get("range")
        start = int(wanted[len("bytes=") : -1]) if wanted else 0
        part = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if wanted else {}
        cut = next(left, None)
        status = 206 if wanted else 200
        how = answer(status, data[start:], headers | part, cut=cut, rst=rst and cut is not None, chunked=chunked)
        await how(exchange)

    return behave


# Broken lines.


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("rst", [False, True])
async def test_a_download_goes_on_where_it_broke(listen: Listen, connect: Connect, rst: bool, chunked: bool) -> None:
    peer = await listen(ranges(BIG, TAG, cuts=[100_000, 50_000, 1], rst=rst, chunked=chunked))

    assert await fetch(connect(peer), peer.link()) == BIG

    first, *others = peer.requests
    assert "range" not in first.headers
    assert others
    starts = [int(each.headers["range"][6:-1]) for each in others]
    assert starts == sorted(starts)
    assert starts[0] > 0
    assert {each.headers["if-range"] for each in others} == {'"v1"'}
    assert {each.headers["accept-encoding"] for each in peer.requests} == {"identity"}


async def test_a_download_into_a_file_goes_on_where_it_broke(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    data = picture(5 * 2**20)
    peer = await listen(ranges(data, TAG, cuts=[2**20 + 7, 2**21]))
    image = OutputImage(url=peer.link(), fetch=fetcher(connect(peer)))

    path = await image.save(tmp_path / "a")

    assert path.read_bytes() == data
    assert len(peer.requests) == 3
    assert names(tmp_path) == ["a.jpg"]


def fetcher(client: PhotaClient) -> Any:
    async def run(image: OutputImage, sink: Any) -> None:
        await client._get_downloader().fetch(image.url or "", sink)

    return run


@pytest.mark.parametrize("tag", [{}, {"ETag": 'W/"v1"'}, {"ETag": ""}], ids=["none", "weak", "empty"])
async def test_without_a_strong_tag_a_download_begins_again(
    listen: Listen, connect: Connect, tag: dict[str, str]
) -> None:
    """A rest of other bytes would pass for a whole picture."""
    peer = await listen(answer(200, BIG, tag, cut=100_000), answer(200, BIG, tag))

    assert await fetch(connect(peer), peer.link()) == BIG
    assert all("range" not in each.headers for each in peer.requests)


async def test_a_server_that_knows_no_ranges(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, BIG, TAG, cut=100_000), answer(200, BIG, TAG))

    assert await fetch(connect(peer), peer.link()) == BIG
    assert "range" in peer.requests[1].headers


async def test_a_picture_that_changed_meanwhile_begins_again(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    """``If-Range`` makes the server send the new one whole, which is shorter here."""
    new = picture(200_000, seed=2)
    changed = TAG | {"ETag": '"v2"'}
    peer = await listen(
        answer(200, BIG, TAG, cut=250_000), answer(200, new, changed, cut=50_000), ranges(new, changed, cuts=[])
    )
    sink = FileSink(tmp_path, "a")

    await connect(peer)._get_downloader().fetch(peer.link(), sink)

    assert (await sink.publish("error")).read_bytes() == new
    assert peer.requests[2].headers["if-range"] == '"v2"'


async def test_a_rest_that_is_another_part_is_not_taken(listen: Listen, connect: Connect) -> None:
    part = TAG | {"Content-Range": f"bytes 0-{len(BIG) - 1}/{len(BIG)}"}
    peer = await listen(answer(200, BIG, TAG, cut=100_000), answer(206, BIG, part))

    with pytest.raises(DownloadError, match="the rest of the picture, got another part"):
        await fetch(connect(peer), peer.link())


async def test_a_rest_that_is_beyond_the_end_begins_again(listen: Listen, connect: Connect) -> None:
    """All bytes came, but not the mark of their end."""

    async def no_end(exchange: Any) -> None:
        await exchange.body()
        wire = b"%x\r\n%b\r\n" % (len(BIG), BIG)
        await exchange.send(b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nTransfer-Encoding: chunked\r\n\r\n' + wire)
        exchange.close()

    too_far = answer(416, b"", {"Content-Range": f"bytes */{len(BIG)}"})
    peer = await listen(no_end, too_far, answer(200, BIG, TAG))

    assert await fetch(connect(peer), peer.link()) == BIG
    assert peer.requests[1].headers["range"] == f"bytes={len(BIG)}-"
    assert "range" not in peer.requests[2].headers


async def test_a_part_that_nobody_asked_for_is_not_a_picture(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(206, BIG[:1000], TAG | {"Content-Range": f"bytes 0-999/{len(BIG)}"}))

    with pytest.raises(DownloadError, match="got another part"):
        await fetch(connect(peer), peer.link())
    assert len(peer.requests) == 1


async def test_a_rest_in_several_parts(listen: Listen, connect: Connect) -> None:
    """A server may give less than what was asked for, as long as it says so."""

    async def stingy(exchange: Any) -> None:
        start = int(exchange.request.headers["range"][6:-1])
        end = min(start + 90_000, len(BIG))
        part = TAG | {"Content-Range": f"bytes {start}-{end - 1}/{len(BIG)}"}
        await answer(206, BIG[start:end], part)(exchange)

    peer = await listen(answer(200, BIG, TAG, chunked=True, cut=100_000), stingy)

    assert await fetch(connect(peer), peer.link()) == BIG
    assert len(peer.requests) == 4


@pytest.mark.parametrize("body", [BIG[:-1], BIG[:100], b""])
async def test_a_body_shorter_than_promised_is_never_a_picture(listen: Listen, connect: Connect, body: bytes) -> None:
    peer = await listen(answer(200, body, length=len(BIG), cut=len(body)))

    with pytest.raises(DownloadError, match="ClientPayloadError") as caught:
        await fetch(connect(peer), peer.link())
    assert (caught.value.attempts, caught.value.retryable) == (5, True)


FLEETING: dict[str, Behaviour] = {
    "reset": reset(),
    "closed": hang_up,
    "500": answer(500),
    "502": answer(502, b"<html>"),
    "503": answer(503),
    "504": answer(504),
    "429": answer(429),
    "408": answer(408),
    "425": answer(425),
    "silence": silence,
    "no HTTP": raw(b"nonsense\r\n\r\n"),
}


@pytest.mark.parametrize("fault", FLEETING)
async def test_what_may_pass_is_tried_again(listen: Listen, connect: Connect, fault: str) -> None:
    peer = await listen(FLEETING[fault], FLEETING[fault], answer(200, PHOTO))
    client = connect(peer, config=quick(download_timeout=0.03))

    assert await fetch(client, peer.link()) == PHOTO
    assert len(peer.requests) >= 3


@pytest.mark.parametrize("fault", FLEETING)
async def test_what_does_not_pass_is_an_error_without_the_signature(
    listen: Listen, connect: Connect, fault: str
) -> None:
    peer = await listen(FLEETING[fault])
    patience = 0.02 if fault == "silence" else 10
    client = connect(peer, config=quick(download_timeout=patience, retry=RetryPolicy(backoff=0, max_attempts=3)))

    with pytest.raises(DownloadError) as caught:
        await fetch(client, peer.link())

    error = caught.value
    assert (error.attempts, error.retryable, error.charged) == (3, True, "no")
    assert error.status == (int(fault) if fault.isdigit() else None)
    assert "picture.jpg" in str(error)
    assert "s3cr3t" not in f"{error!r} {error}"


HALVES: dict[str, Behaviour] = {
    **{f"half a {kind}": answer(200, picture(200, kind)[:100], TAG) for kind in ("jpg", "png")},
    "half a webp": answer(200, b"RIFF\xc0\x00\x00\x00WEBPVP8 " + bytes(84), TAG),
    "half, packed in chunks": answer(200, PHOTO[:100], TAG, chunked=True),
    "half, until the end": answer(200, PHOTO[:100], TAG, length=None),
    "two bytes, until the end": answer(200, PHOTO[:2], TAG, length=None),
    "nothing, until the end": answer(200, b"", TAG, length=None),
}


@pytest.mark.parametrize("half", HALVES)
async def test_half_a_picture_is_never_taken_for_a_whole_one(
    listen: Listen, connect: Connect, tmp_path: Path, half: str
) -> None:
    """Though all came that was promised: the storage itself has no more of it, for now or for good."""
    peer = await listen(HALVES[half], HALVES[half], answer(200, PHOTO, TAG))
    for_good = await listen(HALVES[half])
    client = connect(peer)

    path = await OutputImage(url=peer.link(), fetch=fetcher(client)).save(tmp_path / "a.jpg")
    assert path.read_bytes() == PHOTO
    assert ["range" in each.headers for each in peer.requests] == [False] * 3

    with pytest.raises(DownloadError, match="cut off") as caught:
        await OutputImage(url=for_good.link(), fetch=fetcher(client)).save(tmp_path / "b.jpg")
    assert (caught.value.attempts, caught.value.retryable) == (5, True)
    assert names(tmp_path) == ["a.jpg"]


async def test_a_storage_that_is_not_there(connect: Connect) -> None:
    async with Peer() as gone:
        link = gone.link()

    with pytest.raises(DownloadError, match=r"[Cc]onnect") as caught:
        await fetch(connect("http://127.0.0.1:1"), link)
    assert (caught.value.attempts, caught.value.retryable) == (5, True)


async def test_a_drip_is_ended_by_the_deadline(listen: Listen, connect: Connect) -> None:
    """Each byte comes in time, so that only the deadline of the whole can end it."""

    async def drip(exchange: Any) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n\xff\xd8\xff")
        while True:
            await exchange.send(b"x")
            await asyncio.sleep(0.005)

    peer = await listen(drip)
    client = connect(peer, config=quick(download_timeout=1, timeout=0.08))
    begun = asyncio.get_running_loop().time()

    with pytest.raises(DownloadError):
        await fetch(client, peer.link())
    assert asyncio.get_running_loop().time() - begun < 1


# What is no picture.

WRONG: dict[str, tuple[Behaviour, str]] = {
    "HTML": (answer(200, b"\n <html>Please log in</html>", {"Content-Type": "text/html"}), "an HTML page"),
    "XML": (answer(200, b"<?xml version='1.0'?><Error/>"), "an HTML page"),
    "JSON": (json({"detail": "soon"}), "something else"),
    "nothing": (answer(200, b""), "something else"),
    "packed": (answer(200, PHOTO, {"Content-Encoding": "gzip"}), "a packed one"),
    "204": (answer(204, b"", length=None), "HTTP 204"),
    "400": (answer(400), "HTTP 400"),
    "too big": (answer(200, BIG), "at most 1000 bytes, got 300000"),
    "too big in chunks": (answer(200, BIG, chunked=True), "at most 1000 bytes, got more"),
    "too big until the end": (answer(200, BIG, length=None), "at most 1000 bytes, got more"),
    "too big by its length": (answer(200, PHOTO, length=10**12, cut=300), "at most 1000 bytes, got 1000000000000"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_no_picture_is_refused_at_once(listen: Listen, connect: Connect, wrong: str) -> None:
    behaviour, why = WRONG[wrong]
    peer = await listen(behaviour)

    with pytest.raises(DownloadError, match=why) as caught:
        await fetch(connect(peer, config=quick(max_image_bytes=1000)), peer.link())

    assert len(peer.requests) == 1
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "heic"])
async def test_the_type_is_that_of_the_bytes(listen: Listen, connect: Connect, kind: str) -> None:
    peer = await listen(answer(200, picture(200, kind), {"Content-Type": "text/plain"}))
    image = OutputImage(url=peer.link(), fetch=fetcher(connect(peer)))

    await image.load()

    assert image.format == kind


# Expired links.


async def bought(listen: Listen, statuses: list[int], *, renewed: bool = True) -> Peer:
    """Serve a job whose first links answer with a status; asked again, it gives others."""
    peer: Peer = await listen()
    old, new = peer.link("/old.jpg?sig=1"), peer.link("/new.jpg?sig=2")
    done = [answer(200, job_answer(status="done", download_urls=[link])) for link in (old, new if renewed else old)]
    expired = script(*map(answer, statuses))
    peer.script = [
        by_path(
            {
                "/generate": answer(202, job_answer()),
                "/job-1": script(*done),
                "/old.jpg": expired,
                "/new.jpg": answer(200, PHOTO),
            }
        )
    ]
    return peer


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_link_that_expired_is_renewed_through_the_job(listen: Listen, connect: Connect, status: int) -> None:
    peer = await bought(listen, [status])

    result = await connect(peer).generate("a sea", mode="job")

    assert [image.data for image in result.images] == [PHOTO]
    assert result.images[0].url == peer.link("/new.jpg?sig=2")
    assert peer.paths == ["/generate", "/jobs/job-1", "/old.jpg", "/jobs/job-1", "/new.jpg"]
    assert all(KEY not in each.head.decode() for each in peer.requests if ".jpg" in each.path)


async def test_a_link_that_expired_while_it_lay_around(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await bought(listen, [403])
    client = connect(peer)
    result = await client.jobs.wait("job-1")

    paths = await result.save(tmp_path)

    assert [path.read_bytes() for path in paths] == [PHOTO]
    assert result.job_id == "job-1"


async def test_a_link_that_expires_in_the_midst_begins_again(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    """What came of the old link is not mixed with what comes of the new one."""
    peer = await bought(listen, [403])
    new = picture(9000, seed=3)
    routes = {
        "/generate": answer(202, job_answer()),
        "/job-1": script(
            *[
                answer(200, job_answer(status="done", download_urls=[peer.link(f"/{name}.jpg")]))
                for name in ("old", "new")
            ]
        ),
        "/old.jpg": script(answer(200, BIG, TAG, cut=100_000), answer(403)),
        "/new.jpg": answer(200, new, {"ETag": '"v1"'}),
    }
    peer.script = [by_path(routes)]
    result = await connect(peer).jobs.wait("job-1")

    [path] = await result.save(tmp_path)

    assert path.read_bytes() == new


async def test_a_link_that_stays_expired(listen: Listen, connect: Connect) -> None:
    peer = await bought(listen, [403], renewed=False)

    with pytest.raises(DownloadError, match="HTTP 403") as caught:
        await connect(peer).generate("a sea", mode="job")

    assert (caught.value.status, caught.value.charged) == (403, "unknown")
    assert peer.paths.count("/old.jpg") == 2


@pytest.mark.parametrize("job", [job_answer(status="done"), job_answer(status="running")])
async def test_a_job_that_has_no_links_any_more(listen: Listen, connect: Connect, job: bytes) -> None:
    peer = await bought(listen, [410])
    result = await connect(peer).jobs.wait("job-1")
    peer.script = [by_path({"/job-1": answer(200, job), "/old.jpg": answer(410)})]

    with pytest.raises(DownloadError, match="the job gives no new one") as caught:
        await result.images[0].read()
    assert caught.value.status == 410


async def test_the_right_one_of_several_links_is_renewed(listen: Listen, connect: Connect) -> None:
    peer = await listen()
    old = [peer.link(f"/old-{number}.jpg") for number in range(3)]
    new = [peer.link(f"/new-{number}.jpg") for number in range(3)]
    pictures = [picture(400, seed=number) for number in range(3)]
    routes: dict[str, Behaviour] = {f"/new-{number}.jpg": answer(200, data) for number, data in enumerate(pictures)}
    routes |= {"/old-0.jpg": answer(200, pictures[0]), "/old-1.jpg": answer(403), "/old-2.jpg": answer(403)}
    jobs = [answer(200, job_answer(status="done", download_urls=links)) for links in (old, new)]
    peer.script = [by_path(routes | {"/job-1": script(*jobs)})]
    result = await connect(peer).jobs.wait("job-1")

    assert [await image.read() for image in result.images] == pictures


async def test_without_a_job_a_link_cannot_be_renewed_and_is_not_lost(listen: Listen, connect: Connect) -> None:
    """A synchronous answer has nothing else than its links: they come with the error."""
    peer = await listen()
    peer.script = [
        by_path({"/generate": answer(200, link_answer(peer.link())), ".jpg": script(answer(403), answer(200, PHOTO))})
    ]

    with pytest.raises(DownloadError, match=r"HTTP 403; error\.result has the links") as caught:
        await connect(peer).generate("a sea")

    assert caught.value.charged == "unknown"
    [image] = caught.value.result.images
    assert await image.read() == PHOTO
    assert peer.paths == ["/generate", "/picture.jpg", "/picture.jpg"]


# Redirects and addresses.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(listen: Listen, connect: Connect, status: int) -> None:
    other = await listen(answer(200, PHOTO))
    peer = await listen(redirect(other.link("/a%2Fb.jpg?x=%2B"), status))

    assert await fetch(connect(peer), peer.link()) == PHOTO
    assert other.requests[0].target == "/a%2Fb.jpg?x=%2B"


async def test_a_relative_redirect(listen: Listen, connect: Connect) -> None:
    peer = await listen(redirect("../deep/1.jpg?a=1"), redirect("?b=2"), redirect("//127.0.0.1:{port}/x.jpg"))
    peer.script = [
        redirect("../deep/1.jpg?a=1"),
        redirect("?b=2"),
        redirect(f"//127.0.0.1:{peer.port}/x.jpg"),
        answer(200, PHOTO),
    ]

    assert await fetch(connect(peer), peer.link("/some/where.jpg")) == PHOTO
    assert [each.target for each in peer.requests] == [
        "/some/where.jpg",
        "/deep/1.jpg?a=1",
        "/deep/1.jpg?b=2",
        "/x.jpg",
    ]


async def test_a_circle_of_redirects_comes_to_an_end(listen: Listen, connect: Connect) -> None:
    peer = await listen(redirect("/again.jpg"))

    with pytest.raises(DownloadError, match="at most 3 redirects"):
        await fetch(connect(peer), peer.link())
    assert len(peer.requests) == 4


NOWHERE = [
    "",
    "http://[",
    "http://",
    "ftp://photos.example/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http://a b/",
]
NOWHERE += [
    "http://127.0.0.1:999999/",
    "http://127.0.0.1:x/",
    "http://user:pass@127.0.0.1/",
    "data:image/png;base64,AAAA",
]


@pytest.mark.parametrize("target", NOWHERE)
async def test_a_redirect_to_no_link_is_refused(listen: Listen, connect: Connect, target: str) -> None:
    peer = await listen(redirect(target))

    with pytest.raises(DownloadError):
        await fetch(connect(peer), peer.link())


@pytest.mark.parametrize("link", [*NOWHERE[1:], "picture.jpg", "//photos.example/1.jpg", "http://\ud800/"])
async def test_what_is_no_link_is_refused_without_a_request(connect: Connect, link: str) -> None:
    with pytest.raises(DownloadError) as caught:
        await fetch(connect("http://127.0.0.1:1"), link)
    assert "pass@" not in str(caught.value)
    assert not type(caught.value.__context__).__module__.startswith("aiohttp")


SPELLINGS = ["127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "017700000001", "0", "0.0.0.0"]
SPELLINGS += [
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[64:ff9b:1::1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
]
SPELLINGS += ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255"]
SPELLINGS += ["\uff11\uff12\uff17.0.0.1", "127.0.0.1.", "127\u30020\u30020\u30021"]  # full width


@pytest.mark.parametrize("host", SPELLINGS)
async def test_a_private_address_is_refused_in_every_spelling(listen: Listen, connect: Connect, host: str) -> None:
    peer = await listen(answer(200, PHOTO))
    client = connect(peer, config=quick(allow_private_downloads=False, connect_timeout=1))

    with pytest.raises(DownloadError, match=r"private address|no public address|an http.s. link|InvalidUrl|InvalidURL"):
        await fetch(client, f"http://{host}:{peer.port}/1.jpg")
    assert peer.connections == 0


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "photos.example", "metadata.google.internal"])
async def test_a_name_of_a_private_address_is_refused(
    listen: Listen, connect: Connect, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = await listen(answer(200, PHOTO))
    resolve(monkeypatch, "127.0.0.1", "169.254.169.254", "::1")

    with pytest.raises(DownloadError, match="has no public address"):
        await fetch(connect(peer, config=quick(allow_private_downloads=False)), f"http://{host}:{peer.port}/1.jpg")
    assert peer.connections == 0


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every host name have these addresses."""

    def getaddrinfo(host: Any, port: int, *_: Any, **__: Any) -> Any:
        families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in addresses]
        return [
            (family, socket.SOCK_STREAM, 6, "", (each, port, 0, 0) if ":" in each else (each, port))
            for family, each in zip(families, addresses, strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


async def test_a_redirect_to_a_private_address_is_refused(
    listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first address counts as public here, so that the way to the second one is open."""
    inside = await listen(answer(200, PHOTO))
    peer = await listen(redirect(inside.link()))
    resolve(monkeypatch, "127.0.0.1")
    monkeypatch.setattr("phota_async.transport.pools.is_public", lambda address: address == "127.0.0.1")
    client = connect(peer, config=quick(allow_private_downloads=False))

    with pytest.raises(DownloadError, match="leads to a private address"):
        await fetch(client, f"http://photos.example:{peer.port}/1.jpg")

    assert len(peer.requests) == 1
    assert inside.connections == 0


async def test_a_name_with_both_kinds_of_addresses_leads_to_the_public_one(
    listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = await listen(answer(200, PHOTO))
    resolve(monkeypatch, "10.0.0.1", "127.0.0.1")
    monkeypatch.setattr("phota_async.transport.pools.is_public", lambda address: address == "127.0.0.1")
    client = connect(peer, config=quick(allow_private_downloads=False))

    assert await fetch(client, f"http://photos.example:{peer.port}/1.jpg") == PHOTO


async def test_private_addresses_are_refused_when_the_service_is_public(listen: Listen) -> None:
    """Nothing is set: what the service's own address is decides."""
    peer = await listen(answer(200, PHOTO))
    async with PhotaClient(KEY, "https://api.photalabs.com/v1/phota") as public, PhotaClient(KEY, peer.url) as local:
        with pytest.raises(DownloadError, match=r"private address.*allow_private_downloads=True"):
            await fetch(public, peer.link())
        assert peer.connections == 0
        assert await fetch(local, peer.link()) == PHOTO


async def test_private_addresses_that_are_permitted(listen: Listen) -> None:
    peer = await listen(answer(200, PHOTO))
    config = quick(allow_private_downloads=True)
    async with PhotaClient(KEY, "https://api.photalabs.com/v1/phota", config=config) as client:
        assert await fetch(client, peer.link()) == PHOTO


@pytest.mark.parametrize(
    "link", ["http://user@{}/1.jpg", "http://user:pass@{}/1.jpg", "http://:pass@{}/1.jpg", "http://@{}/"]
)
async def test_a_link_with_a_user_is_refused(listen: Listen, connect: Connect, link: str) -> None:
    peer = await listen(answer(200, PHOTO))

    with pytest.raises(DownloadError) as caught:
        await fetch(connect(peer), link.format(f"127.0.0.1:{peer.port}"))
    assert "pass@" not in str(caught.value)
    assert peer.connections == 0


PUBLIC = {
    "8.8.8.8": True,
    "2001:4860:4860::8888": True,
    "::ffff:8.8.8.8": True,
    "64:ff9b::808:808": True,
    "64:ff9b::a00:1": False,
    "64:ff9b:1::808:808": False,
    "2002:a00:1::": False,
    "127.0.0.1": False,
    "::ffff:10.0.0.1": False,
    "fe80::1%eth0": False,
    "224.0.0.1": False,
    "ff02::1": False,
    "no address": False,
    "": False,
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address) is PUBLIC[address]


def test_public_links_pass() -> None:
    for link in (
        "https://photos.example/1.jpg",
        "http://8.8.8.8/",
        "https://[2001:4860:4860::8888]:8443/",
        "https://0x.example/",
    ):
        check_link(link, allow_private=False)


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://a.example/1.jpg?sig=s3cr3t#x", "https://a.example/1.jpg"),
        ("https://user:pass@a.example/1.jpg", "https://a.example/1.jpg"),
        ("https://a.example#s3cr3t", "https://a.example"),
        ("https://a.example/" + "x" * 500, "https://a.example/" + "x" * 181 + "…"),
        ("https://a.example/\n1", "https://a.example/ 1"),
    ],
)
def test_what_is_shown_of_a_link(link: str, shown: str) -> None:
    assert show_link(link) == shown


# Limits and disks.


async def test_the_letters_of_a_signed_link_stay_as_they_are(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, PHOTO))
    target = "/a%2Fb/%C3%A9+c.jpg?X-Sig=a%2Fb+c%3D&e=1&&u=%E2%82%AC"

    await fetch(connect(peer), peer.link(target))

    assert peer.requests[0].target == target


async def test_downloads_count_as_bytes_in_flight(listen: Listen, connect: Connect) -> None:
    release = asyncio.Event()

    async def slow(exchange: Any) -> None:
        await exchange.body()
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BIG) + BIG[:100])
        await release.wait()
        await exchange.send(BIG[100:])

    peer = await listen(slow)
    limiter = Limiter(8, max_bytes=len(BIG) + 10)
    client = connect(peer, limiter=limiter)
    tasks = [asyncio.create_task(fetch(client, peer.link())) for _ in range(3)]
    async with asyncio.timeout(5):
        while limiter.statistics().waiting < 2:  # noqa: ASYNC110 - the limiter tells nobody
            await asyncio.sleep(0)
    assert limiter.statistics().bytes_in_flight == len(BIG)
    release.set()

    assert await asyncio.gather(*tasks) == [BIG] * 3
    assert limiter.statistics().bytes_in_flight == 0


async def test_a_full_disk_ends_a_download_at_once(
    listen: Listen, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = await listen(answer(200, picture(4 * 2**20)))
    image = OutputImage(url=peer.link(), fetch=fetcher(connect(peer)))

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "writev", fail)
    with pytest.raises(DownloadError, match="No space left"):
        await image.save(tmp_path / "a.jpg")

    assert len(peer.requests) == 1
    assert names(tmp_path) == []


async def test_memory_stays_flat_when_a_file_is_downloaded(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    piece, count = picture(2**18), 96

    async def serve(exchange: Any) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(piece) * count))
        for _ in range(count):
            await exchange.send(piece)

    peer = await listen(serve)
    image = OutputImage(url=peer.link(), fetch=fetcher(connect(peer)))

    tracemalloc.start()
    try:
        path = await image.save(tmp_path / "a")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert path.stat().st_size == 24 * 2**20
    assert peak < 8 * 2**20


async def test_an_error_that_is_no_error_of_downloads_passes(listen: Listen, connect: Connect) -> None:
    """A job that vanished when its links were to be renewed: that is what is told."""
    peer = await bought(listen, [403])
    result = await connect(peer).jobs.wait("job-1")
    peer.script = [by_path({"/job-1": answer(404), "/old.jpg": answer(403)})]

    with pytest.raises(PhotaError, match=r"HTTP 40[34]"):
        await result.images[0].read()
