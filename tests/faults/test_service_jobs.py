"""Jobs that vanish, flap, never end or end oddly; links that expire, mislead or hold something else."""

import itertools
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.clients import Connect, quick
from support.folders import names
from support.leftovers import check_nothing_left
from support.peer import Behaviour, Exchange, Peer, answer, redirect
from support.pictures import picture

from phota_async import (
    DownloadError,
    GenerateRequest,
    ImageResult,
    InputError,
    JobFailedError,
    NotFoundError,
    PhotaClient,
    PhotaError,
    ResponseLostError,
)

from .shop import PHOTO, Fault, Shop, Work, refuse, whole
from .trial import Leap, Trial

RUNNING, GONE = (200, {"status": "running"}), (404, {"detail": "no such job"})
Look = tuple[int, dict[str, Any]]

PASSING: dict[str, list[Look]] = {
    "vanishes and comes back": [RUNNING, GONE, RUNNING],
    "is not there at first": [GONE],
    "goes back in the queue": [RUNNING, (200, {"status": "queued"}), RUNNING],
    "says words that nobody knows": [(200, {"status": word}) for word in ("", "DREAMING", "half done", "\u2603", "0")],
    "says no word": [(200, {}), (200, {"status": None}), (200, {"status": 7}), (200, {"progress": 0.5})],
    "has empty links while it runs": [(200, {"status": "running", "download_urls": []}), (200, {"result": {}})],
    "has an empty error while it runs": [(200, {"status": "running", "error": None}), (200, {"error": {}})],
    "fails to answer": [(500, {}), RUNNING, (502, {}), (504, {})],
    "calls itself otherwise": [(200, {"job_id": "job-99", "status": "running"}), (200, {"id": "result-3"})],
    "says no object": [(200, []), (200, "running"), RUNNING],  # type: ignore[list-item]
}
WAYS: dict[str, Callable[[PhotaClient], Awaitable[ImageResult]]] = {
    "generate": lambda client: client.generate("a sea", mode="job"),
    "wait": lambda client: client.jobs.wait("job-0"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", PASSING)
async def test_what_passes_is_survived(fault: Trial, connect: Connect, shop: Shop, what: str, way: str) -> None:
    shop.looks = iter(PASSING[what])
    client = connect(shop.peer)

    result = await fault.end_of(WAYS[way](client))

    assert isinstance(result, ImageResult), result
    assert [await image.read() for image in result.images] == [PHOTO]
    assert len(shop.peer.posts) == (way == "generate")
    check_nothing_left(client)
    fault.lost("paid_twice", shop.paid_twice)


async def test_a_job_that_calls_itself_otherwise_gives_new_links_all_the_same(
    fault: Trial, connect: Connect, shop: Shop
) -> None:
    """It is asked for by the id that led to it."""
    done = {"job_id": "job-99", "id": "result-3", "status": "done", "download_urls": [shop.link("expired")]}
    shop.looks = iter([(200, done)])
    shop.faults = iter([whole, refuse(403)])
    result = await fault.end_of(connect(shop.peer).jobs.wait("job-0"))

    assert isinstance(result, ImageResult)
    assert await result.images[0].read() == PHOTO
    assert shop.peer.paths == ["/jobs/job-0", "/expired.jpg", "/jobs/job-0", "/job-0.jpg"]


ENDS: dict[str, tuple[Look, type[PhotaError]]] = {
    "vanished for good": (GONE, NotFoundError),
    "failed": ((200, {"status": "failed", "error": "no face"}), JobFailedError),
    "failed without a reason": ((200, {"status": "EXPIRED"}), JobFailedError),
    "failed though it says done": ((200, {"status": "done", "error": {"code": "X"}}), JobFailedError),
    "never ends": (RUNNING, ResponseLostError),
    "never says anything known": ((200, {"status": "DREAMING"}), ResponseLostError),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_bought_job_that_brings_nothing_may_have_been_charged(
    fault: Trial, connect: Connect, shop: Shop, leap: Leap, end: str
) -> None:
    look, expected = ENDS[end]
    shop.looks = for_ever(look, leap)
    client = connect(shop.peer)

    error = await fault.end_of(client.generate("a sea", mode="job"), patience=100)

    assert isinstance(error, expected), error
    assert (error.charged, len(shop.peer.posts), shop.sold["a sea"]) == ("unknown", 1, 1)
    assert getattr(error, "job_id", None) == "job-1"
    if isinstance(error, ResponseLostError):  # and it can be waited for further
        shop.looks = iter(())
        assert [image.data for image in (await error.resume()).images] == [PHOTO]
        assert len(shop.peer.posts) == 1
    check_nothing_left(client)


def for_ever(look: Look, leap: Leap) -> Iterator[Look]:
    """Answer alike; after the twentieth look each takes a second."""
    for number in itertools.count():
        leap(float(number > 20))
        yield look


EMPTY: tuple[dict[str, Any], ...] = (
    {},
    {"download_urls": []},
    {"download_urls": None},
    {"download_urls": ["", None, 7, {}]},
    {"result": {}},
    {"result": {"download_urls": None, "images": None}},
    {"images": [None, ""]},
    {"output": []},
)


@pytest.mark.parametrize("more", EMPTY, ids=repr)
async def test_a_job_that_ends_without_links_is_over(
    fault: Trial, connect: Connect, shop: Shop, more: dict[str, Any]
) -> None:
    shop.looks = iter([(200, {"status": "done"} | more)])
    client = connect(shop.peer)

    result = await fault.end_of(client.generate("a sea", mode="job"))

    assert isinstance(result, ImageResult)
    assert result.images == ()
    assert (len(shop.peer.posts), result.job_id) == (1, "job-1")
    check_nothing_left(client)


STRANGE_IDS = (
    "a/b",
    "../../profiles/ids",
    "..%2f..",
    "é☃\U0001f600",
    "a b+c",
    "?x=1#y",
    "\\",
    "%",
    "\r\nX-A: b",
    "x" * 1024,
)
NO_IDS = (".", "..", "x" * 10_240)


@pytest.mark.parametrize("job_id", [*STRANGE_IDS, *NO_IDS], ids=lambda text: ascii(text)[:20])
async def test_a_job_whose_id_is_strange(fault: Trial, connect: Connect, shop: Shop, job_id: str) -> None:
    """It is one segment of the path, whatever it holds; where it cannot be, that is said, and that it was bought."""
    shop.new_id = lambda: job_id
    client = connect(shop.peer)

    outcome = await fault.end_of(client.generate("a sea", mode="job"))

    if job_id in NO_IDS:
        assert isinstance(outcome, InputError)
        assert (outcome.charged, outcome.attempts, len(shop.peer.requests)) == ("unknown", 0, 1)
    else:
        assert isinstance(outcome, ImageResult), outcome
        assert [image.data for image in outcome.images] == [PHOTO]
    assert all(each.method == "POST" or each.path.count("/") == 2 for each in shop.peer.requests[:2])
    check_nothing_left(client)
    fault.lost("paid_twice", shop.paid_twice)


# Links.


def serve(behaviour: Behaviour) -> Fault:
    async def behave(exchange: Exchange, _: Work) -> None:
        await behaviour(exchange)

    return behave


def gone(status: int) -> Behaviour:
    return answer(status, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})


BAD_PICTURES: dict[str, tuple[Behaviour, str]] = {
    "an HTML page": (
        answer(200, b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"}),
        "an HTML page",
    ),
    "an error as XML": (answer(200, b"<?xml version='1.0'?><Error/>"), "an HTML page"),
    "JSON": (answer(200, b'{"detail": "soon"}'), "something else"),
    "a PDF": (answer(200, b"%PDF-1.7 " + bytes(100)), "something else"),
    "nothing": (answer(200, b""), "something else"),
    "half a picture": (answer(200, picture(1000)[:500]), "cut off"),
    "half a picture in chunks": (answer(200, picture(1000)[:500], chunked=True), "cut off"),
    "half a PNG": (answer(200, picture(1000, "png")[:500]), "cut off"),
    "a packed picture": (answer(200, PHOTO, {"Content-Encoding": "gzip"}), "a packed one"),
    "a picture that is too large": (answer(200, picture(5000)), "at most 2000 bytes"),
    "a part of it": (answer(206, PHOTO, {"Content-Range": "bytes 5-44/99"}), "another part"),
    "no answer of its own": (answer(204, length=None), "HTTP 204"),
    "a login elsewhere": (redirect("ftp://127.0.0.1/1.jpg"), "an http.s. link"),
    "itself": (redirect("?again"), "at most 3 redirects"),
    "a link that stays expired": (gone(403), "HTTP 403"),
    "a link that is gone": (gone(410), "HTTP 410"),
    "an overload that stays": (answer(503), "HTTP 503"),
}


@pytest.mark.parametrize("what", BAD_PICTURES)
async def test_a_link_that_leads_to_something_else(
    fault: Trial, connect: Connect, shop: Shop, tmp_path: Path, what: str
) -> None:
    """Nothing gets a name, nothing is bought again, and the job still has the picture."""
    behaviour, why = BAD_PICTURES[what]
    shop.picture_fault = serve(behaviour)
    client = connect(shop.peer, config=quick(max_image_bytes=2000))

    error = await fault.end_of(client.send(GenerateRequest(prompt="a sea"), mode="job", save_to=tmp_path / "out"))

    assert isinstance(error, DownloadError), error
    assert re.search(why, str(error))
    assert error.charged == "unknown"
    assert "s3cr3t" not in f"{error} {error!r}"
    assert names(tmp_path / "out") == []
    assert len(shop.peer.posts) == 1

    shop.picture_fault = None
    again = await fault.end_of(client.jobs.wait("job-1", save_to=tmp_path / "out"))
    assert isinstance(again, ImageResult)
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [PHOTO]
    fault.lost("paid_twice", shop.paid_twice)
    fault.lost("lost_results", again.images[0].path is None)
    check_nothing_left(client)


NOWHERE = (
    *("ftp://127.0.0.1/1.jpg", "file:///etc/passwd", "javascript:alert(1)", "data:image/png;base64,AAAA", "//a/1.jpg"),
    *("/1.jpg", "1.jpg", "https://", "http://[::1", "http://a:b@127.0.0.1/1.jpg", "http://127.0.0.1:99999/1.jpg"),
    *("http://127.0.0.1:0x50/", "\x00", " ", "http://\u2603..example/", "x" * 10_240, "https://" + "x" * 10_240),
)


@pytest.mark.parametrize("link", NOWHERE, ids=lambda text: ascii(text)[:25])
async def test_a_link_that_is_none(fault: Trial, connect: Connect, shop: Shop, link: str) -> None:
    shop.looks = iter([(200, {"status": "done", "download_urls": [link]})])
    client = connect(shop.peer)

    error = await fault.end_of(client.generate("a sea", mode="job"))

    assert isinstance(error, DownloadError), error
    assert (error.charged, len(shop.peer.requests)) == ("unknown", 2)
    assert len(str(error)) < 1000
    assert [image.url for image in error.result.images] == [link]
    check_nothing_left(client)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_link_that_expires_between_the_look_and_the_download(
    fault: Trial, connect: Connect, shop: Shop, status: int, times: int
) -> None:
    """The job gives a new one; if that is expired too, somebody else has to look."""
    shop.faults = iter([whole, whole, serve(gone(status)), whole, *[serve(gone(status))] * (times - 1)])
    client = connect(shop.peer)

    outcome = await fault.end_of(client.generate("a sea", mode="job"))

    if times == 1:
        assert isinstance(outcome, ImageResult)
        assert [image.data for image in outcome.images] == [PHOTO]
    else:
        assert isinstance(outcome, DownloadError)
        assert (outcome.status, outcome.charged, outcome.job_id) == (status, "unknown", "job-1")  # type: ignore[attr-defined]
    assert shop.peer.paths == ["/generate", "/jobs/job-1", "/job-1.jpg", "/jobs/job-1", "/job-1.jpg"]
    check_nothing_left(client)
    fault.lost("paid_twice", shop.paid_twice)


async def test_a_link_to_another_origin_gets_no_key(fault: Trial, connect: Connect, shop: Shop) -> None:
    async with Peer(answer(200, PHOTO)) as elsewhere:
        shop.looks = iter([(200, {"status": "done", "download_urls": [elsewhere.link()]})])
        result = await fault.end_of(connect(shop.peer).generate("a sea", mode="job"))

        assert isinstance(result, ImageResult)
        assert [image.data for image in result.images] == [PHOTO]
        assert all("x-api-key" not in each.headers for each in elsewhere.requests)
