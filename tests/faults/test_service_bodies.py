"""Successful answers of every wrong shape on every route: a value that makes sense, or an error of ours."""

from typing import Any

import msgspec
import pytest
from support.clients import Connect, Listen, quick
from support.leftovers import check_nothing_left
from support.peer import Peer, Received, answer, by_path, json, script
from support.pictures import PHOTO

from phota_async import (
    ImageResult,
    Job,
    OutputImage,
    PhotaError,
    Profile,
    RetryPolicy,
)

from .test_service_statuses import ROUTES
from .trial import Trial

TWICE = quick(retry=RetryPolicy(backoff=0, max_attempts=2, tokens=10**9), max_answer_bytes=2**20)
DEEP = 20_000
DONE = json({"status": "done"})  # of a held call that is taken as a job

SHAPES: dict[str, bytes] = {
    **{
        text: text.encode()
        for text in ("null", "true", "7", "-1e5", '"text"', "[]", "{}", "[[]]", "{", "}", "nul", "NaN")
    },
    "nothing": b"",
    "blanks": b" \r\n\t ",
    "a page": b"<html>Please log in</html>",
    "a picture": PHOTO,
    "zeros": bytes(100),
    "no UTF-8": b'{"job_id": "\xff"}',
    "UTF-16": '{"job_id": "a"}'.encode("utf-16"),
    "a mark of byte order alone": b"\xef\xbb\xbf",
    "two documents": b'{"job_id": "a"}{"job_id": "b"}',
    "one name twice": b'{"job_id": "a", "job_id": 7, "images": [], "images": null}',
    "half a character": rb'{"job_id": "\ud800", "profile_id": "\udfff", "secret": "\ud800"}',
    "NULs": rb'{"job_id": "a\u0000b", "profile_id": "\u0000", "images": ["\u0000"]}',
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep lists": b'{"images":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a number of a thousand digits": b'{"job_id": ' + b"9" * 1000 + b"}",
    "a number beyond all": b'{"known_subjects": {"counts": {"anna": 1e999}}}',
    "an endless exponent": b'{"known_subjects": {"counts": {"anna": 1e-99999999999}}}',
}
ODD: tuple[Any, ...] = (None, True, 0, -1, 1.5, "", "x", "..", "a/b", "x" * 10_000, [], [None], [[]], [7], {}, {"a": 1})
FIELDS = (
    *("job_id", "id", "status", "error", "client_request_id", "poll_url", "message", "code", "request_id"),
    *("known_subjects", "images", "download_urls", "result", "output", "response"),
    *("profile_id", "profiles", "tag", "webhook_secret", "secret"),
)


@pytest.mark.parametrize("route", ROUTES)
async def test_a_body_that_is_no_answer(fault: Trial, listen: Listen, connect: Connect, route: str) -> None:
    kind, call = ROUTES[route]
    peer = await listen()
    client = connect(peer, config=TWICE)

    for name, body in SHAPES.items():
        for content_type in ("application/json", "text/html"):
            odd = answer(200, body, {"Content-Type": content_type})
            peer.script, peer.requests = [odd if kind in ("free", "job") else script(odd, DONE)], []
            check(kind, await fault.end_of(call(client)), not_polls(kind, peer), name)
    check_nothing_left(client)


ALIKE = ("generate", "enhance", "remix")  # their answers are read as edit's is


@pytest.mark.parametrize("route", [each for each in ROUTES if each.split()[0] not in ALIKE])
async def test_a_field_of_the_wrong_kind(fault: Trial, listen: Listen, connect: Connect, route: str) -> None:
    """One at a time, in an answer that is right otherwise."""
    kind, call = ROUTES[route]
    peer = await listen()
    client = connect(peer, config=TWICE)
    right = {"job_id": "job-1", "status": "queued", "profile_id": "anna", "profiles": [], "secret": "s"}

    for field in FIELDS:
        for value in ODD:
            asked = json(right | {field: value}, 202 if kind == "job" else 200)
            peer.script, peer.requests = [asked, DONE], []
            outcome = await fault.end_of(call(client))
            check(kind, outcome, not_polls(kind, peer), (field, value))
    check_nothing_left(client)


def not_polls(kind: str, peer: Peer) -> list[Received]:
    """Return what was sent of the call itself: a held call that is taken as a job is followed."""
    return peer.requests if kind == "free" else peer.posts


def check(kind: str, outcome: object, requests: list[Any], what: object) -> None:
    """Compare with what any answer must come to: money first."""
    if kind in ("paid", "create"):
        assert len(requests) == 1, what
    assert len(requests) <= 2, what
    if isinstance(outcome, PhotaError):
        assert outcome.charged == ("no" if kind == "free" else "unknown"), (what, outcome)
        assert len(str(outcome)) < 2000, what
        return
    assert isinstance(outcome, (ImageResult, Job, OutputImage, str, bytes, list, Profile, type(None))), what
    msgspec.json.encode(repr(outcome))  # whatever it holds, it can be shown


@pytest.mark.parametrize("job_id", ["job-7", 7])
async def test_a_held_call_that_becomes_a_job_is_followed(
    fault: Trial, listen: Listen, connect: Connect, job_id: object
) -> None:
    """Whatever its id is made of: what it brings is paid for."""
    peer = await listen()
    done = json({"status": "done", "download_urls": [peer.link()]})
    taken = json({"job_id": job_id, "status": "queued", "images": []}, 202)
    peer.script = [by_path({"/generate": taken, f"/jobs/{job_id}": done, ".jpg": answer(200, PHOTO)})]

    result = await fault.end_of(connect(peer).generate("a sea"))

    assert isinstance(result, ImageResult)
    assert [image.data for image in result.images] == [PHOTO]
    assert len(peer.posts) == 1
