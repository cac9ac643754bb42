"""Observers hear of everything, in order, and break nothing; a deprecation never costs a paid answer."""

import asyncio
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, Connect, Listen, quick
from support.peer import answer, by_path, json, reset, script
from support.pictures import PHOTO, image_answer, job_answer

from phota_async import GenerateRequest, PhotaError, RetryPolicy
from phota_async.events import (
    AttemptFailed,
    Deprecated,
    Event,
    ImageSaved,
    JobChanged,
    ProfileChanged,
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
    *_, finished = events
    assert isinstance(finished, RequestFinished)
    assert (finished.route, finished.attempts, finished.request_id) == (route, 3, "req-1")
    assert 0 < finished.seconds < 10
    assert events[:-1] == [
        RequestStarted(route=route),
        AttemptFailed(route=route, attempt=1, error="ServerError", status=503, delay=0.0),
        Throttled(route=route, seconds=0.0),
        AttemptFailed(route=route, attempt=2, error="RateLimitError", status=429, delay=0.0),
        Throttled(route=route, seconds=0.0),
    ]


async def test_a_call_that_fails(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(reset())

    with pytest.raises(PhotaError):
        await connect(peer, hooks=[events.append]).generate("a sea")

    route = "POST /generate"
    assert events == [
        RequestStarted(route=route),
        AttemptFailed(route=route, attempt=1, error="ResponseLostError", status=None, delay=None),
    ]


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
    assert names(events) == ["RequestStarted", "AttemptFailed", "Throttled", "RequestFinished"]
    told = [record.getMessage() for record in caplog.records if record.name == "phota_async"]
    assert told == [f"a hook failed on {name}" for name in names(events)]


async def test_events_hold_nothing_private(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    events: list[Event] = []
    peer = await listen()
    done = job_answer(status="done", download_urls=[peer.link()])
    peer.script = [by_path({"/generate": answer(202, done), ".jpg": answer(200, PHOTO)})]

    await connect(peer, hooks=[events.append]).send(REQUEST, mode="job", save_to=tmp_path)

    assert len(events) == 3
    assert not [secret for secret in (KEY, "private wish", "s3cr3t") if secret in repr(events)]


async def test_a_throttled_call_that_is_not_tried_again_is_no_pause(listen: Listen, connect: Connect) -> None:
    events: list[Event] = []
    peer = await listen(answer(429))
    client = connect(peer, hooks=[events.append], config=quick(retry=RetryPolicy(max_attempts=1)))

    with pytest.raises(PhotaError):
        await client.profiles.list()

    assert names(events) == ["RequestStarted", "AttemptFailed"]


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
    assert told == [Deprecated(route="POST /generate", date="2026-05-08")] * 2


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

    assert names(events) == ["RequestStarted", "Deprecated", "AttemptFailed"]


async def test_a_hook_is_called_where_the_call_runs(listen: Listen, connect: Connect) -> None:
    """On the loop, in the caller's task: a hook can tell calls apart by context variables."""
    tasks: list[asyncio.Task[Any] | None] = []
    peer = await listen(json({"profiles": []}))

    await connect(peer, hooks=[lambda _: tasks.append(asyncio.current_task())]).profiles.list()

    assert tasks == [asyncio.current_task()] * 2
