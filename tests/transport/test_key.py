"""The key goes to the service's origin and nowhere else: no redirect, download, error, log or repr has it."""

import asyncio
import copy
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from support.clients import KEY, Connect, Listen, quick
from support.peer import Behaviour, Peer, answer, by_path, hang_up, json, raw, redirect, reset, silence
from support.pictures import PHOTO, image_answer, job_answer, link_answer

from phota_async import (
    ConfigError,
    DownloadError,
    EditRequest,
    GenerateRequest,
    PhotaClient,
    PhotaError,
    StatusError,
)

LINKS = [f"https://photos.example/{number}.jpg" for number in range(10)]
CALLS: dict[str, Callable[[PhotaClient], Awaitable[Any]]] = {
    "list": lambda client: client.profiles.list("tag"),
    "status": lambda client: client.profiles.status("anna"),
    "delete": lambda client: client.profiles.delete("anna"),
    "create": lambda client: client.profiles.create(LINKS),
    "edit": lambda client: client.edit(PHOTO, "at sea"),
    "submit": lambda client: client.jobs.submit(EditRequest(images=(PHOTO,))),
    "job": lambda client: client.jobs.get("job-1"),
    "secret": lambda client: client.webhooks.secret(),
}


@pytest.mark.parametrize("is_foreign", [True, False], ids=["other origin", "same origin"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", CALLS)
async def test_no_call_follows_a_redirect(
    listen: Listen, connect: Connect, call: str, status: int, is_foreign: bool
) -> None:
    thief = await listen(json({}))
    peer = await listen()
    target = thief.link() if is_foreign else peer.link()
    peer.script = [redirect(target, status), json({})]

    with pytest.raises(StatusError, match="is not followed") as caught:
        await CALLS[call](connect(peer))

    assert (caught.value.status, caught.value.attempts, caught.value.charged) == (status, 1, "no")
    assert "s3cr3t" not in str(caught.value)
    assert len(peer.requests) == 1
    assert thief.connections == 0


async def test_a_profile_picture_is_fetched_elsewhere_without_the_key(listen: Listen, connect: Connect) -> None:
    storage = await listen(answer(200, PHOTO))
    peer = await listen(redirect(storage.link()))

    picture = await connect(peer, config=quick(headers={"X-Team": "blue"})).profiles.picture("anna")

    assert picture.data == PHOTO
    assert KEY in peer.requests[0].head.decode()
    assert peer.requests[0].headers["x-team"] == "blue"
    [request] = storage.requests
    assert KEY not in request.head.decode()
    assert not {"x-team", "x-api-key", "cookie", "authorization", "referer"} & request.headers.keys()


async def test_a_profile_picture_elsewhere_on_the_service_keeps_the_key(listen: Listen, connect: Connect) -> None:
    peer = await listen(redirect("/v1/phota/files/1.jpg?v=2"), answer(200, PHOTO))

    picture = await connect(peer).profiles.picture("anna")

    assert picture.data == PHOTO
    assert [each.headers["x-api-key"] for each in peer.requests] == [KEY, KEY]
    assert peer.requests[1].target == "/v1/phota/files/1.jpg?v=2"


DISGUISES = {
    "user": "http://{host}:{port}@{thief}/x.jpg",
    "no scheme": "//{thief}/x.jpg",
    "backslash": "http://{thief}\\@{host}:{port}/x.jpg",
    "another host of the same port": "http://localhost:{port}/x.jpg",
    "another scheme": "https://{host}:{port}/x.jpg",
}


@pytest.mark.parametrize("disguise", DISGUISES)
async def test_a_picture_elsewhere_that_looks_like_ours_gets_no_key(
    listen: Listen, connect: Connect, disguise: str
) -> None:
    thief = await listen(answer(200, PHOTO))
    peer = await listen()
    target = DISGUISES[disguise].format(host="127.0.0.1", port=peer.port, thief=thief.origin.split("//")[1])
    peer.script = [redirect(target), answer(404)]

    with suppress(PhotaError):
        await connect(peer, config=quick(connect_timeout=0.05)).profiles.picture("anna")

    assert [KEY in each.head.decode() for each in peer.requests + thief.requests].count(True) == 1


@pytest.mark.parametrize("target", ["", "http://[", "gopher://x/", "http://", "http://a b/", "\\\\x"])
async def test_a_redirect_to_nowhere_is_an_error_of_ours(listen: Listen, connect: Connect, target: str) -> None:
    peer = await listen(redirect(target))

    with pytest.raises(PhotaError):
        await connect(peer).profiles.picture("anna")


async def test_pictures_that_lead_in_a_circle_come_to_an_end(listen: Listen, connect: Connect) -> None:
    peer = await listen(redirect("/v1/phota/again"))

    with pytest.raises(StatusError, match="at most 3 redirects"):
        await connect(peer).profiles.picture("anna")


async def test_downloads_never_carry_the_key(listen: Listen, connect: Connect) -> None:
    third = await listen(answer(200, PHOTO))
    storage = await listen(redirect(third.link()))
    peer = await listen()
    links = link_answer(storage.link(), peer.link())
    peer.script = [by_path({"/generate": answer(200, links), ".jpg": answer(200, PHOTO)})]

    result = await connect(peer, config=quick(headers={"X-Team": "blue"})).generate("a sea")

    assert [image.data for image in result.images] == [PHOTO, PHOTO]
    fetched = storage.requests + third.requests + peer.requests[1:]
    assert len(fetched) == 3
    for each in fetched:
        assert KEY not in each.head.decode()
        assert not {"x-team", "x-api-key", "content-type"} & each.headers.keys()


# What is left of a call that failed.

FAULTS: dict[str, Behaviour] = {
    "401": json({"detail": "wrong key"}, 401),
    "400": json({"detail": f"header X-API-Key: {KEY[:4]}..."}, 400),
    "500": answer(500),
    "redirect": redirect("https://elsewhere.example/?token=1", 307),
    "reset": reset(),
    "closed": hang_up,
    "cut": answer(200, image_answer(PHOTO), cut=40),
    "html": answer(200, b"<html>welcome to the airport</html>"),
    "bad status line": raw(b"HTTP/1.1 banana\r\n\r\n"),
    "bad header": raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
    "no HTTP": raw(b"SSH-2.0-OpenSSH\r\n"),
    "endless header": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
    "bad chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "silence": silence,
    "not base64": json({"images": ["%%%%"]}),
}
ALL = CALLS | {
    "as a job": lambda client: client.edit(PHOTO, mode="job"),
    "picture": lambda client: client.profiles.picture("anna"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ALL)
async def test_no_error_has_the_key_or_an_exception_of_aiohttp(
    listen: Listen, connect: Connect, caplog: pytest.LogCaptureFixture, call: str, fault: str
) -> None:
    caplog.set_level(logging.DEBUG)
    peer = await listen(FAULTS[fault])
    client = connect(peer, config=quick(answer_timeout=0.03, free_answer_timeout=0.03))

    try:
        await ALL[call](client)
    except PhotaError as error:
        check_error(error)
    assert KEY not in caplog.text
    assert all(KEY not in repr(record.__dict__) for record in caplog.records)


@pytest.mark.parametrize("fault", ["refused", "no TLS", "unreadable link"])
async def test_no_error_of_a_connection_has_the_key(listen: Listen, connect: Connect, fault: str) -> None:
    async with Peer() as gone:
        url = gone.url
    peer = await listen(answer(200, link_answer("http://[")))
    urls = {"refused": url, "no TLS": peer.url.replace("http", "https"), "unreadable link": peer.url}

    with pytest.raises(PhotaError) as caught:
        await connect(urls[fault], config=quick(connect_timeout=0.05)).generate("a sea")

    check_error(caught.value)


async def test_no_error_of_a_download_has_the_signature_or_an_exception_of_aiohttp(
    listen: Listen, connect: Connect
) -> None:
    peer = await listen()
    peer.script = [by_path({"/generate": answer(200, link_answer(peer.link())), ".jpg": reset()})]

    with pytest.raises(DownloadError) as caught:
        await connect(peer).generate("a sea")

    check_error(caught.value)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def check_error(error: PhotaError) -> None:
    """Look for the key in every form in which an error is shown, kept or sent on."""
    for each in chain(error):
        assert not type(each).__module__.startswith("aiohttp"), repr(each)
        texts = [repr(each), str(each), repr(each.__dict__), repr(getattr(each, "__notes__", ""))]
        assert all(KEY not in text for text in texts)
    shown = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    assert KEY not in "".join(traceback.format_exception(error))
    assert KEY not in "".join(shown)
    assert KEY.encode() not in pickle.dumps(error)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, its causes and its contexts."""
    if error is not None:
        yield error
        yield from chain(error.__cause__)
        yield from chain(error.__context__)
        for each in getattr(error, "exceptions", ()):
            yield from chain(each)


async def test_a_client_shows_and_gives_nothing_away(listen: Listen, connect: Connect) -> None:
    peer = await listen(json({"profiles": []}))
    client = connect(peer, config=quick(headers={"Authorization": KEY}))
    await client.profiles.list()
    parts = [client, client.config, client.limiter, client.profiles, client.jobs, client.webhooks]

    for each in [*parts, client._transport, client._transport.pools, await client._transport.pools.get()]:
        assert KEY not in f"{each!r} {each}"
    assert KEY not in repr(await client._transport.headers())
    for dump in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(ConfigError, match="cannot be pickled"):
            dump(client)


async def test_a_call_that_is_under_way_shows_nothing(listen: Listen, connect: Connect) -> None:
    peer = await listen(silence)
    client = connect(peer)
    task = asyncio.create_task(client.generate("a sea"))
    await peer.heard.wait()

    shown = [repr(task), "".join(traceback.format_list(traceback.extract_stack(task.get_stack()[0])))]
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    shown += traceback.format_exception(caught.value)
    assert all(KEY not in text for text in shown)


async def test_the_log_at_debug_has_no_key_photo_or_signature(
    listen: Listen, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    peer = await listen()
    done = job_answer(status="succeeded", download_urls=[peer.link()])
    peer.script = [
        by_path({"/generate": answer(202, job_answer()), "/job-1": answer(200, done), ".jpg": answer(200, PHOTO)})
    ]

    client = connect(peer, hooks=[lambda event: 1 / 0])
    request = GenerateRequest(prompt="a private wish")
    await client.send(request, mode="job")

    assert "a hook failed" in caplog.text
    assert not [secret for secret in (KEY, "s3cr3t", "private wish") if secret in caplog.text]
