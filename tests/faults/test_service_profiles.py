"""Profiles that go INACTIVE, say odd words or vanish; ids of every kind on every route that takes one."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import pytest
from support.clients import Connect, Listen, quick
from support.leftovers import check_nothing_left
from support.peer import Behaviour, answer, json, script
from support.pictures import PHOTO, job_answer

from phota_async import InputError, NotFoundError, PhotaClient, PhotaError, Profile, TrainingError

from .trial import Trial

FAST = quick(profile_interval=0.001)


def says(status: Any, **more: Any) -> Behaviour:
    return json({"profile_id": "anna", "status": status} | more)


TRAINING = [says("VALIDATING"), says("QUEUING"), says("IN_PROGRESS")]
INACTIVE: dict[str, list[Behaviour]] = {
    "at once": [],
    "while it is checked": TRAINING[:1],
    "while it trains": TRAINING,
    "after words that nobody knows": [says("WARMING_UP"), says(""), says(None), says(7), says(["READY"])],
    "after faults": [answer(500), answer(503), answer(404), answer(502, b"<html>")],
}


@pytest.mark.parametrize("word", ["INACTIVE", "inactive", "ERROR"])
@pytest.mark.parametrize("when", INACTIVE)
async def test_a_profile_that_goes_inactive(
    fault: Trial, listen: Listen, connect: Connect, when: str, word: str
) -> None:
    """Whoever waits is told at once, and whoever watches sees it as the last change."""
    behaviours = [*INACTIVE[when], says(word, message="no face in most photos")]
    client = connect(await listen(*behaviours), config=FAST)
    error = await fault.end_of(client.profiles.wait("anna", timeout=10))

    assert isinstance(error, TrainingError), error
    assert (error.status.upper(), error.message, error.retryable) == (word.upper(), "no face in most photos", False)
    check_nothing_left(client)

    watcher = connect(await listen(*behaviours), config=FAST)
    fault.tried()
    async with watcher.profiles.watch("anna") as changes:
        seen = [change async for change in changes]
    assert str(seen[-1].status).upper() == word.upper()
    assert seen[-1].error is None
    check_nothing_left(watcher)


async def test_a_profile_that_was_ready_and_goes_inactive(fault: Trial, listen: Listen, connect: Connect) -> None:
    """What was READY once settles a wait; the next one sees what is."""
    client = connect(await listen(says("READY"), says("INACTIVE")), config=FAST)

    first = await fault.end_of(client.profiles.wait("anna"))
    second = await fault.end_of(client.profiles.wait("anna"))

    assert isinstance(first, Profile)
    assert isinstance(second, TrainingError)


IDS = (
    *(
        "a/b",
        "/",
        "//evil.example/x",
        "../../webhook-secret",
        "..\\..",
        "a?tag=b",
        "a#b",
        "a%2Fb",
        "%00",
        "a b",
        "+",
        "&=",
    ),
    *(
        "é",
        "\u2603",
        "\U0001f600",
        "\u202egnp",
        "a\nb",
        "a\r\nX-Evil: 1",
        "\x00",
        "\x7f",
        "...",
        "x" * 1024,
        "日" * 1024,
    ),
)
REFUSED: tuple[Any, ...] = ("", ".", "..", "x" * 1025, "x" * 10_240, "\ud800", None, 7, b"anna", ["anna"])
ROUTES: dict[str, tuple[str, str, Callable[[PhotaClient, Any], Awaitable[Any]], Behaviour]] = {
    "status": ("/profiles/", "/status", lambda client, own: client.profiles.status(own), json({"status": "READY"})),
    "picture": ("/profiles/", "/profile_picture", lambda client, own: client.profiles.picture(own), answer(200, PHOTO)),
    "delete": ("/profiles/", "", lambda client, own: client.profiles.delete(own), json({"status": "ok"})),
    "wait": ("/profiles/", "/status", lambda client, own: client.profiles.wait(own), json({"status": "READY"})),
    "job": ("/jobs/", "", lambda client, own: client.jobs.get(own), answer(200, job_answer())),
    "wait for a job": ("/jobs/", "", lambda client, own: client.jobs.wait(own), json({"status": "done"})),
}


@pytest.mark.parametrize("route", ROUTES)
async def test_an_id_is_one_segment_of_the_path_as_it_is(
    fault: Trial, listen: Listen, connect: Connect, route: str
) -> None:
    before, after, call, fine = ROUTES[route]
    peer = await listen(fine)
    client = connect(peer)

    for own in IDS:
        peer.requests.clear()
        assert not isinstance(await fault.end_of(call(client, own)), PhotaError), own
        [request] = peer.requests
        assert request.target.startswith(f"/v1/phota{before}")
        assert request.target.endswith(after)
        segment = request.target.removeprefix(f"/v1/phota{before}").removesuffix(after)
        assert (unquote(segment), "/" in segment, "?" in segment, segment.isascii()) == (own, False, False, True)
        assert "x-evil" not in request.headers

    check_nothing_left(client)


@pytest.mark.parametrize("route", ROUTES)
async def test_what_cannot_be_an_id_is_not_sent(fault: Trial, listen: Listen, connect: Connect, route: str) -> None:
    peer = await listen(json({}))
    client = connect(peer)

    for own in REFUSED:
        error = await fault.end_of(ROUTES[route][2](client, own))
        assert isinstance(error, InputError), own
        assert len(str(error)) < 1000
    assert peer.connections == 0


@pytest.mark.parametrize("route", ROUTES)
async def test_an_id_that_is_not_there(fault: Trial, listen: Listen, connect: Connect, route: str) -> None:
    peer = await listen(script(json({"detail": "not found"}, 404)))
    client = connect(peer, config=FAST)

    for own in IDS:
        error = await fault.end_of(ROUTES[route][2](client, own))
        assert isinstance(error, NotFoundError), own
        assert error.charged == "no"
    check_nothing_left(client)
