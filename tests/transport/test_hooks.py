"""Observers hear of everything, in order, and break nothing; a deprecation never costs a paid answer."""

import asyncio
import itertools
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, Connect, Listen, quick
from support.peer import Exchange, answer, by_path, json, reset, script, silence
from support.pictures import PHOTO, image_answer, job_answer, picture

from phota_async import Batch, BatchItem, GenerateRequest, InputError, PhotaError, RetryPolicy, telling
from phota_async.events import (
    AttemptFailed,
    BodyProgress,
    Deprecated,
    Event,
    Hooks,
    ImageSaved,
    JobChanged,
    OperationFailed,
    OperationFinished,
    OperationStarted,
    ProfileChanged,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    Throttled,
)
from phota_async.transport import exchange

REQUEST = GenerateRequest(prompt="a private wish")


def names(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_a_call_that_succeeds_at_last(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(
        answer(503, headers={"Retry-After": "0"}),
        answer(429),
        answer(200, image_answer(PHOTO), {"X-Request-Id": "req-1"}),
    )

    await connect(peer, hooks=[events.append]).generate("a sea")

    route = "POST /generate"
    *_, finished, whole = events
    [number] = {getattr(event, "call_id", 0) for event in events}
    assert isinstance(finished, RequestFinished)
    assert (finished.route, finished.attempts, finished.status, finished.request_id) == (route, 3, 200, "req-1")
    assert 0 < finished.seconds < 10
    assert isinstance(whole, OperationFinished)
    assert (whole.operation, whole.images, whole.size, whole.request_id) == ("generate", 1, len(PHOTO), "req-1")
    assert whole.seconds >= finished.seconds
    assert events[:-2] == [
        OperationStarted(call_id=number, operation="generate", mode="sync"),
        RequestStarted(call_id=number, route=route),
        AttemptFailed(call_id=number, route=route, attempt=1, error="ServerError", status=503, delay=0.0),
        Throttled(call_id=number, route=route, seconds=0.0),
        AttemptFailed(call_id=number, route=route, attempt=2, error="RateLimitError", status=429, delay=0.0),
        Throttled(call_id=number, route=route, seconds=0.0),
    ]


async def test_a_call_that_fails(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(reset())

    with pytest.raises(PhotaError):
        await connect(peer, hooks=[events.append]).generate("a sea")

    route = "POST /generate"
    *rest, failed, whole = events
    [number] = {getattr(event, "call_id", 0) for event in events}
    assert rest == [
        OperationStarted(call_id=number, operation="generate", mode="sync"),
        RequestStarted(call_id=number, route=route),
        AttemptFailed(call_id=number, route=route, attempt=1, error="ResponseLostError", status=None, delay=None),
    ]
    assert isinstance(failed, RequestFailed)
    assert (failed.attempts, failed.error, failed.charged) == (1, "ResponseLostError", "unknown")
    assert isinstance(whole, OperationFailed)
    assert (whole.operation, whole.error, whole.charged) == ("generate", "ResponseLostError", "unknown")


async def test_jobs_profiles_and_files(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    events: list[Event] = []
    peer = await listen()
    looks = script(
        answer(200, job_answer(status="queued")),
        answer(200, job_answer(status="running")),
        answer(200, job_answer(status="succeeded", download_urls=[peer.link()])),
    )
    training = script(
        json({"profile_id": "anna", "status": "IN_PROGRESS", "message": None}),
        json({"profile_id": "anna", "status": "READY"}),
    )
    peer.script = [by_path({"/job-1": looks, "/anna/status": training, ".jpg": answer(200, PHOTO)})]
    client = connect(peer, hooks=[events.append])

    async with client.jobs.watch(["job-1"], interval=0.001) as jobs:
        assert [change.status async for change in jobs] == ["queued", "running", "succeeded"]
    async with client.profiles.watch(["anna"], interval=0.001) as profiles:
        assert [change.status async for change in profiles] == ["IN_PROGRESS", "READY"]
    await client.jobs.wait("job-1", save_to=tmp_path)

    told = [event for event in events if not isinstance(event, (RequestStarted, RequestFinished))]
    assert told == [
        JobChanged(job_id="job-1", previous=None, status="queued"),
        JobChanged(job_id="job-1", previous="queued", status="running"),
        JobChanged(job_id="job-1", previous="running", status="succeeded"),
        ProfileChanged(profile_id="anna", previous=None, status="IN_PROGRESS"),
        ProfileChanged(profile_id="anna", previous="IN_PROGRESS", status="READY"),
        JobChanged(job_id="job-1", previous=None, status="succeeded"),  # a wait tells too
        ImageSaved(path=str(tmp_path / "image-1.jpg"), size=len(PHOTO)),
    ]


@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_each_saved_picture_is_told(listen: Listen, connect: Connect, tmp_path: Path, mode: Any) -> None:
    events: list[Event] = []
    peer = await listen()
    done = answer(202, job_answer(status="done", download_urls=[peer.link(), peer.link("/2.jpg")]))
    sync = answer(200, image_answer(PHOTO, PHOTO))
    peer.script = [by_path({"/generate": sync if mode == "sync" else done, ".jpg": answer(200, PHOTO)})]

    await connect(peer, hooks=[events.append]).send(REQUEST, mode=mode, save_to=tmp_path)

    saved = sorted(event.path for event in events if isinstance(event, ImageSaved))
    assert saved == [str(tmp_path / "generate-1.jpg"), str(tmp_path / "generate-2.jpg")]


async def test_a_hook_that_raises_is_logged_and_the_others_are_told(
    listen: Listen, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError(type(event).__name__)

    peer = await listen(answer(503), answer(200, image_answer(PHOTO)))
    result = await connect(peer, hooks=[broken, events.append]).generate("a sea")

    assert len(result.images) == 1
    expected = ["OperationStarted", "RequestStarted", "AttemptFailed", "Throttled"]
    assert names(events) == [*expected, "RequestFinished", "OperationFinished"]
    told = [record.getMessage() for record in caplog.records if record.name == "phota_async"]
    assert told == [f"a hook failed on {name}" for name in names(events)]


async def test_events_hold_nothing_private(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    events: list[Event] = []
    peer = await listen()
    done = job_answer(status="done", download_urls=[peer.link()])
    peer.script = [by_path({"/generate": answer(202, done), ".jpg": answer(200, PHOTO)})]

    await connect(peer, hooks=[events.append]).send(REQUEST, mode="job", save_to=tmp_path)

    assert names(events) == [
        *("OperationStarted", "RequestStarted", "RequestFinished", "ImageSaved", "OperationFinished")
    ]
    assert not [secret for secret in (KEY, "private wish", "s3cr3t") if secret in repr(events)]


async def test_a_throttled_call_that_is_not_tried_again_is_no_pause(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(answer(429))
    client = connect(peer, hooks=[events.append], config=quick(retry=RetryPolicy(max_attempts=1)))

    with pytest.raises(PhotaError):
        await client.profiles.list()

    assert names(events) == ["RequestStarted", "AttemptFailed", "RequestFailed"]


@pytest.fixture
def untold() -> Iterator[None]:
    """Forget what this process has warned of."""
    exchange._told.clear()
    yield
    exchange._told.clear()


ANNOUNCED = {"X-Phota-Deprecation-Date": "2026-05-08"}


@pytest.mark.usefixtures("untold")
async def test_a_deprecation_is_told_to_hooks_each_time_and_warned_of_once(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(answer(200, image_answer(PHOTO), ANNOUNCED))
    client = connect(peer, hooks=[events.append])

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await client.generate("a sea")
        await client.generate("a sea")

    [warning] = caught
    assert issubclass(warning.category, DeprecationWarning)
    assert "2026-05-08" in str(warning.message)
    told = [event for event in events if isinstance(event, Deprecated)]
    assert [(event.route, event.date) for event in told] == [("POST /generate", "2026-05-08")] * 2
    numbers = [event.call_id for event in events if isinstance(event, RequestStarted)]
    assert [event.call_id for event in told] == numbers


@pytest.mark.usefixtures("untold")
@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_a_deprecation_breaks_no_paid_call_where_warnings_are_errors(
    listen: Listen, connect: Connect, caplog: pytest.LogCaptureFixture, mode: Any
) -> None:
    peer = await listen()
    done = answer(202, job_answer(status="done", download_urls=[peer.link()]), ANNOUNCED)
    sync = answer(200, image_answer(PHOTO), ANNOUNCED)
    peer.script = [by_path({"/generate": sync if mode == "sync" else done, ".jpg": answer(200, PHOTO)})]

    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        result = await connect(peer).generate("a sea", mode=mode)

    assert [image.data for image in result.images] == [PHOTO]
    assert "2026-05-08" in caplog.text


@pytest.mark.usefixtures("untold")
async def test_a_deprecation_of_an_error_is_told_too(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(json({"detail": "no"}, 400, headers=ANNOUNCED))

    with pytest.warns(DeprecationWarning, match="2026-05-08"), pytest.raises(PhotaError, match="HTTP 400"):
        await connect(peer, hooks=[events.append]).generate("a sea")

    assert names(events)[1:4] == ["RequestStarted", "Deprecated", "AttemptFailed"]


async def test_a_hook_is_called_where_the_call_runs(listen: Listen, connect: Connect) -> None:
    """On the loop, in the caller's task: a hook can tell calls apart by context variables."""
    tasks: list[asyncio.Task[Any] | None] = []
    peer = await listen(json({"profiles": []}))

    await connect(peer, hooks=[lambda _: tasks.append(asyncio.current_task())]).profiles.list()

    assert tasks == [asyncio.current_task()] * 2


# The number of a call


def numbers_of(events: list[Event], kind: type[Event]) -> list[int]:
    return [event.call_id for event in events if isinstance(event, kind)]  # type: ignore[attr-defined]  # all have one


async def test_calls_side_by_side_have_numbers_of_their_own(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(answer(200, image_answer(PHOTO)))
    client = connect(peer, hooks=[events.append])

    await asyncio.gather(*(client.generate("a sea") for _ in range(8)), client.profiles.list(), return_exceptions=True)

    operations, requests = numbers_of(events, OperationStarted), numbers_of(events, RequestStarted)
    assert len(set(operations)) == 8
    assert len(set(requests)) == 9
    assert set(operations) < set(requests)
    assert sorted(numbers_of(events, OperationFinished)) == sorted(operations)
    assert sorted(numbers_of(events, RequestFinished) + numbers_of(events, RequestFailed)) == sorted(requests)


async def test_all_requests_of_a_job_bear_its_number_but_polls(listen: Listen, connect: Connect) -> None:
    """Polls may come to be shared by many calls, so that they belong to none."""
    events: list[Event] = []
    peer = await listen()
    looks = script(
        answer(200, job_answer(status="running")),
        answer(200, job_answer(status="done", download_urls=[peer.link(), peer.link("/2.jpg")])),
    )
    submitted, picture = answer(202, job_answer(status="queued")), answer(200, BIG)
    peer.script = [by_path({"/generate": submitted, "/job-1": looks, ".jpg": picture})]

    result = await connect(peer, hooks=[events.append]).generate("a sea", mode="job")

    [started] = [event for event in events if isinstance(event, OperationStarted)]
    [finished] = [event for event in events if isinstance(event, OperationFinished)]
    assert (finished.call_id, finished.job_id, finished.images) == (started.call_id, "job-1", len(result.images))
    of_polls = {event.call_id: event.is_poll for event in events if isinstance(event, RequestStarted)}
    assert of_polls.pop(started.call_id) is False
    assert list(of_polls.values()) == [True, True]
    assert set(numbers_of(events, BodyProgress)) == {started.call_id}


async def test_a_submitted_job_is_an_operation(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(answer(202, job_answer(status="queued")))

    await connect(peer, hooks=[events.append]).jobs.submit(REQUEST)

    assert names(events) == ["OperationStarted", "RequestStarted", "RequestFinished", "OperationFinished"]
    started, *_, finished = events
    assert isinstance(started, OperationStarted)
    assert isinstance(finished, OperationFinished)
    assert (started.mode, finished.job_id, finished.images) == ("submit", "job-1", 0)


async def test_a_batch_with_a_ledger_tells_its_operations(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    events: list[Event] = []
    peer = await listen()
    done = answer(202, job_answer(status="done", download_urls=[peer.link()]))
    peer.script = [by_path({"/generate": done, ".jpg": answer(200, PHOTO)})]
    client = connect(peer, hooks=[events.append])

    for _ in range(2):
        async with Batch(client, [BatchItem("a", REQUEST)], output=tmp_path, ledger=True) as outcomes:
            assert [outcome.error async for outcome in outcomes] == [None]

    told = [event for event in events if isinstance(event, OperationFinished)]
    assert [(event.images, event.is_kept) for event in told] == [(1, False), (1, True)]
    assert set(numbers_of(events, RequestStarted)) == {told[0].call_id}


async def test_a_cancelled_call_ends_for_hooks_too(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(silence)
    running = asyncio.create_task(connect(peer, hooks=[events.append]).generate("a sea"))
    await peer.heard.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    failed = [event for event in events if isinstance(event, (RequestFailed, OperationFailed))]
    assert [(event.error, event.charged) for event in failed] == [("CancelledError", None)] * 2


async def test_a_photo_that_cannot_be_read_is_a_failed_request(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen()

    with pytest.raises(InputError):
        await connect(peer, hooks=[events.append]).edit("missing.jpg")

    assert names(events) == ["OperationStarted", "RequestStarted", "RequestFailed", "OperationFailed"]
    assert isinstance(events[2], RequestFailed)
    assert (events[2].attempts, events[2].error) == (0, "InputError")


# Progress

BIG = picture(3 * 2**20)


def progress(events: list[Event], direction: str) -> list[BodyProgress]:
    return [event for event in events if isinstance(event, BodyProgress) and event.direction == direction]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pause between events: a loopback's bodies are over before."""
    monkeypatch.setattr(telling, "PAUSE", 0.0)


@pytest.mark.usefixtures("eager")
async def test_bodies_are_told_both_ways_once_a_megabyte(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    body = image_answer(BIG)
    peer = await listen(answer(200, body))

    await connect(peer, hooks=[events.append]).edit(BIG)

    sent, received = progress(events, "sent"), progress(events, "received")
    [request] = peer.requests
    assert (sent[-1].size, sent[-1].total) == (len(request.body), len(request.body))
    assert (received[-1].size, received[-1].total) == (len(body), len(body))
    for told in (sent, received):
        assert 3 <= len(told) <= 5
        sizes = [event.size for event in told]
        assert all(after - before >= 2**20 for before, after in itertools.pairwise(sizes[:-1]))
    assert {event.route for event in sent + received} == {"POST /edit"}


async def test_a_quick_body_is_told_once_and_a_small_one_never(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(answer(200, image_answer(PHOTO)))
    client = connect(peer, hooks=[events.append])

    await client.edit(PHOTO)
    assert progress(events, "sent") == progress(events, "received") == []
    await client.edit(PHOTO + bytes(100_000))
    assert [event.size for event in progress(events, "sent")] == [len(peer.requests[1].body)]


@pytest.mark.usefixtures("eager")
async def test_a_download_that_goes_on_is_counted_on(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    events: list[Event] = []
    peer = await listen()
    cut = answer(200, BIG, {"ETag": '"1"'}, cut=2 * 2**20 + 100)
    size = len(BIG)

    async def rest(exchange: Exchange) -> None:
        start = int(exchange.request.headers["range"].removeprefix("bytes=").removesuffix("-"))
        part = {"Content-Range": f"bytes {start}-{size - 1}/{size}", "ETag": '"1"'}
        await answer(206, BIG[start:], part)(exchange)

    done = answer(202, job_answer(status="done", download_urls=[peer.link()]))
    peer.script = [by_path({"/generate": done, ".jpg": script(cut, rest)})]

    await connect(peer, hooks=[events.append]).send(REQUEST, mode="job", save_to=tmp_path)

    told = progress(events, "received")
    assert [event.size for event in told] == sorted(event.size for event in told)
    assert (told[-1].size, told[-1].total) == (size, size)
    assert {event.route for event in told} == {"GET picture"}


async def test_a_hook_that_gives_up_does_not_cancel_a_paid_call(listen: Listen, connect: Connect) -> None:
    def broken(_: Event) -> None:
        raise asyncio.CancelledError  # as the result of a cancelled future does

    peer = await listen(answer(200, image_answer(PHOTO)))
    result = await connect(peer, hooks=[broken]).generate("a sea")

    assert [image.data for image in result.images] == [PHOTO]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_whoever_ends_the_program_in_a_hook_ends_it(error: type[BaseException]) -> None:
    def leave(_: Event) -> None:
        raise error

    with pytest.raises(error):
        Hooks([leave])(Event())
