"""Every status on every route, with whatever body a service or a gateway puts behind it."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from support.clients import Connect, Listen, quick
from support.leftovers import check_nothing_left
from support.peer import answer
from support.pictures import PHOTO

from phota_async import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentModerationError,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    InsufficientCreditsError,
    NotFoundError,
    PhotaClient,
    PhotaError,
    RateLimitError,
    RemixRequest,
    ResponseLostError,
    RetryPolicy,
    ServerError,
)
from phota_async.requests import AnyRequest

from .calls import LINKS
from .trial import Trial

REQUESTS: dict[str, AnyRequest] = {
    "edit": EditRequest(images=(PHOTO,), prompt="at sea"),
    "generate": GenerateRequest(prompt="a sea"),
    "enhance": EnhanceRequest(image=PHOTO),
    "remix": RemixRequest(input_image=PHOTO, reference_image=PHOTO),
}
Route = Callable[[PhotaClient], Awaitable[Any]]


def hold(name: str) -> Route:
    return lambda client: client.send(REQUESTS[name], mode="sync")


def submit(name: str) -> Route:
    return lambda client: client.jobs.submit(REQUESTS[name])


ROUTES: dict[str, tuple[str, Route]] = {
    **{name: ("paid", hold(name)) for name in REQUESTS},
    **{f"{name} as a job": ("job", submit(name)) for name in REQUESTS},
    "add": ("create", lambda client: client.profiles.create(LINKS)),
    "job": ("free", lambda client: client.jobs.get("job-1")),
    "secret": ("free", lambda client: client.webhooks.secret()),
    "ids": ("free", lambda client: client.profiles.list()),
    "status": ("free", lambda client: client.profiles.status("anna")),
    "picture": ("free", lambda client: client.profiles.picture("anna")),
    "delete": ("free", lambda client: client.profiles.delete("anna")),
}
BODIES: dict[str, tuple[bytes, str]] = {
    "a reason": (b'{"detail": "no", "request_id": "req-1"}', "application/json"),
    "a list": (b'{"detail": [{"loc": ["body", "images", 0], "msg": "no", "type": "x"}]}', "application/json"),
    "an envelope": (b'{"error": {"code": "NO", "message": "no"}}', "application/json"),
    "nothing": (b"", "application/json"),
    "a page": (b"<!doctype html><h1>Bad luck</h1>" * 100, "text/html"),
    "no object": (b'["no", null, 7]', "application/json"),
    "wrong kinds": (b'{"detail": {"detail": [7]}, "code": [], "request_id": 7, "error": true}', "application/json"),
    "half a text": (b'{"detail": "n', "application/json"),
    "a picture": (PHOTO, "image/jpeg"),
    "no text": (bytes(range(256)), "text/plain; charset=utf-99"),
}
KINDS: dict[int, type[PhotaError]] = {
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
}
DOCUMENTED = (400, 401, 402, 403, 404, 409, 413, 415, 422, 429, 500, 502, 503, 504)
STRANGE = (405, 406, 408, 410, 414, 418, 425, 431, 451, 499, 501, 505, 507, 511, 520, 524, 599, 600, 999)
TWICE = quick(retry=RetryPolicy(backoff=0, max_attempts=2, tokens=10**9))


def expected(kind: str, status: int) -> tuple[type[PhotaError], str, int]:
    """Say what the contract and the law on retries ask for: the error, what it cost, how often it is sent."""
    if status < 500:
        return KINDS.get(status, BadRequestError), "no", 2 if status == 429 else 1
    if kind == "free" or (status == 503 and kind != "job"):
        return ServerError, "no", 2
    if kind == "job":
        return (ServerError, "no", 2) if status == 503 else (ResponseLostError, "unknown", 2)
    return ServerError, "refunded" if (kind, status) == ("paid", 504) else "unknown", 1


@pytest.mark.parametrize("status", [*DOCUMENTED, *STRANGE])
@pytest.mark.parametrize("route", ROUTES)
async def test_a_status(fault: Trial, listen: Listen, connect: Connect, route: str, status: int) -> None:
    kind, call = ROUTES[route]
    peer = await listen()
    client = connect(peer, config=TWICE)
    bodies = BODIES if status in DOCUMENTED else itertools.islice(BODIES, 2)

    for name in bodies:
        body, content_type = BODIES[name]
        peer.script, peer.requests = [answer(status, body, {"Content-Type": content_type})], []
        error = await fault.end_of(call(client))

        assert isinstance(error, PhotaError)
        assert (type(error), error.charged, len(peer.requests)) == expected(kind, status), name
        assert error.attempts == len(peer.requests)
        assert len(str(error)) < 1000
        if kind == "job":
            assert len({msgspec.json.decode(each.body)["client_request_id"] for each in peer.requests}) == 1

    check_nothing_left(client)


MODERATED = [
    {"code": "CONTENT_MODERATION"},
    {"detail": "CONTENT_MODERATION: no"},
    {"error": {"type": "CONTENT_MODERATION"}},
    {"error_type": "CONTENT_MODERATION", "message": "no"},
]


@pytest.mark.parametrize("route", [route for route, (kind, _) in ROUTES.items() if kind != "free"])
async def test_content_that_is_refused(fault: Trial, listen: Listen, connect: Connect, route: str) -> None:
    for body in MODERATED:
        peer = await listen(answer(400, msgspec.json.encode(body)))
        error = await fault.end_of(ROUTES[route][1](connect(peer)))

        assert isinstance(error, ContentModerationError)
        assert (error.charged, error.retryable, len(peer.requests)) == ("no", False, 1)
