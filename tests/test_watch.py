"""A watch tells changes as they come, survives what passes, ends when all is settled, and leaves nothing behind."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from support.looks import Change, Script, all_changes, subject_of, to_change, wait_script, watch_script
from support.service import KEY, FakeService, image_answer
from support.virtual_time import near, now, settle, virtual_time

from phota_async import PhotaClient, watch
from phota_async.config import ClientConfig
from phota_async.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ConnectError,
    DeadlineError,
    DecodeError,
    InputError,
    InsufficientCreditsError,
    JobFailedError,
    NotFoundError,
    PhotaError,
    RateLimitError,
    ResponseLostError,
    ServerError,
    TrainingError,
)
from phota_async.events import Event, JobChanged, ProfileChanged
from phota_async.models import Job, JobStatus, Profile, ProfileStatus
from phota_async.watch import Poller, Watch, growing, ids_of, schedule, steady

CURABLE = [
    ConnectError("https://x", "refused"),
    ResponseLostError("GET /x"),
    DeadlineError("silence"),
    DecodeError("cut"),
    RateLimitError(429),
    ServerError(500),
    ServerError(503),
    ServerError(504),
]


# Changes


@virtual_time
async def test_changes_and_what_was_before() -> None:
    script = Script(a=["QUEUING", "QUEUING", "IN_PROGRESS", "READY"])
    assert await all_changes(watch_script(script)) == [
        ("a", None, "QUEUING", None),
        ("a", "QUEUING", "IN_PROGRESS", None),
        ("a", "IN_PROGRESS", "READY", None),
    ]
    assert len(script.looks) == 4


@virtual_time
async def test_what_is_settled_at_the_first_look_is_a_change_too() -> None:
    script = Script(a=["READY"], b=["ERROR"], c=["INACTIVE"])
    changes = await all_changes(watch_script(script))
    assert sorted(changes) == [("a", None, "READY", None), ("b", None, "ERROR", None), ("c", None, "INACTIVE", None)]
    assert len(script.looks) == 3


@virtual_time
async def test_it_ends_when_all_are_terminal() -> None:
    script = Script(a=["READY"], b=["QUEUING"] * 50 + ["READY"], c=["ERROR"])
    start = now()
    changes = await all_changes(watch_script(script))
    assert changes[-1] == ("b", "QUEUING", "READY", None)
    assert now() - start == pytest.approx(500, rel=0.11)
    assert len(script.times("a")) == len(script.times("c")) == 1  # what is settled is not asked again


@virtual_time
async def test_nothing_to_watch_ends_at_once() -> None:
    assert await all_changes(watch_script(Script())) == []


@virtual_time
async def test_an_id_is_watched_once_however_often_it_is_given() -> None:
    script = Script(a=["READY"])
    assert len(await all_changes(watch_script(script, ["a", "a", "a"]))) == 1
    assert len(script.looks) == 1


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ("j1", ("j1",)),
        (["j1", "j2", "j1"], ("j1", "j2")),
        (Job(job_id="j1", status=JobStatus("queued")), ("j1",)),
        ([Job(job_id="j1", status=JobStatus("queued")), "j2"], ("j1", "j2")),
        ({"j1": 1}, ("j1",)),
        ([], ()),
    ],
)
def test_ids_however_they_are_given(given: Any, ids: tuple[str, ...]) -> None:
    assert ids_of(given) == ids


@virtual_time
async def test_one_id_may_stand_alone() -> None:
    script = Script(abc=["READY"])
    assert await all_changes(watch_script(script, "abc")) == [("abc", None, "READY", None)]


@virtual_time
async def test_the_reader_may_ask_again_after_the_end() -> None:
    async with watch_script(Script(a=["READY"])) as changes:
        assert await anext(changes) == ("a", None, "READY", None)
        for _ in range(3):
            with pytest.raises(StopAsyncIteration):
                await anext(changes)


@virtual_time
async def test_words_that_nobody_knows_are_changes_and_never_the_end(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(a=["PUBLISHING", "PUBLISHING", "MOONING", "READY"], b=["PUBLISHING", "READY"])
    with caplog.at_level(logging.WARNING, "phota_async"):
        changes = await all_changes(watch_script(script))
    assert [change[2] for change in changes if change[0] == "a"] == ["PUBLISHING", "MOONING", "READY"]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2, told  # once a word
    assert "PUBLISHING" in told[0]
    assert "MOONING" in told[1]


@pytest.mark.parametrize(
    ("ids", "got"), [(None, "None"), (5, "5"), ([["a"]], "list"), (["a", None], "None"), (b"a", "97")]
)
def test_what_is_no_id_is_refused(ids: Any, got: str) -> None:
    client = PhotaClient(KEY)
    for follow in (client.jobs.watch, client.profiles.watch):
        with pytest.raises(InputError, match=f"watch: expected .*, got {got}$"):
            follow(ids)


@virtual_time
async def test_known_words_are_not_told_however_they_are_written(
    caplog: pytest.LogCaptureFixture, service: FakeService
) -> None:
    pending = ["queued", "pending", "running", "processing", "in_progress", "started", "submitted", "created"]
    script = Script(a=["queuing", "Validating", *pending, *(word.upper() for word in pending), "ready"])
    service.answer("GET", "/jobs/j1", {"status": "ILLUMINATED", "result": image_answer(links=["https://x/1.jpg"])})
    with caplog.at_level(logging.WARNING, "phota_async"):
        await all_changes(watch_script(script))
        async with PhotaClient(KEY) as client:
            await client.jobs.wait("j1")  # its result is there, whatever the word says
            async with client.jobs.watch("j1") as changes:
                assert [change.status async for change in changes] == ["ILLUMINATED"]
    assert caplog.records == []


# Faults


@virtual_time
async def test_faults_that_pass_are_survived() -> None:
    script = Script(a=["QUEUING", *CURABLE, "READY"], b=[*CURABLE, "READY"])
    changes = await all_changes(watch_script(script))
    assert [change for change in changes if change[0] == "a"] == [
        ("a", None, "QUEUING", None),
        ("a", "QUEUING", "READY", None),
    ]
    assert [change for change in changes if change[0] == "b"] == [("b", None, "READY", None)]


@virtual_time
async def test_an_id_that_vanished_is_told_and_the_others_go_on() -> None:
    gone = NotFoundError(404, "Not Found")
    script = Script(a=["QUEUING", gone], b=["QUEUING"] * 9 + ["READY"], c=[gone])
    changes = await all_changes(watch_script(script))
    assert ("a", "QUEUING", None, gone) in changes
    assert ("c", None, None, gone) in changes
    assert changes[-1] == ("b", "QUEUING", "READY", None)
    assert len(changes) == 5


@virtual_time
async def test_a_404_is_believed_when_it_is_confirmed() -> None:
    blink = NotFoundError(404)
    script = Script(a=[blink, "QUEUING", blink, "QUEUING", blink, "READY"])
    assert [change[2] for change in await all_changes(watch_script(script))] == ["QUEUING", "READY"]


@pytest.mark.parametrize("error", [BadRequestError(422), BadRequestError(400), InputError("job_id: expected a str")])
def test_an_id_that_is_refused_is_told_and_the_others_go_on(error: PhotaError) -> None:
    @virtual_time
    async def run() -> None:
        script = Script(a=["QUEUING", error], b=["QUEUING"] * 9 + ["READY"], c=[error])
        changes = await all_changes(watch_script(script))
        assert ("a", "QUEUING", None, error) in changes
        assert ("c", None, None, error) in changes
        assert changes[-1] == ("b", "QUEUING", "READY", None)
        assert len(script.times("c")) == 1

    run()


@virtual_time
async def test_an_empty_id_is_told_and_the_others_go_on(service: FakeService) -> None:
    service.answer("GET", "/jobs/j1", {"status": "done"})
    service.answer("GET", "/profiles/p1/status", {"status": "READY"})
    async with PhotaClient(KEY) as client:
        async with client.jobs.watch(["", "j1"]) as jobs:
            seen = {change.job_id: change async for change in jobs}
        async with client.profiles.watch(["", "p1"]) as profiles:
            seen_profiles = {change.profile_id: change async for change in profiles}
    assert isinstance(seen[""].error, InputError)
    assert isinstance(seen_profiles[""].error, InputError)
    assert (seen["j1"].status, seen_profiles["p1"].status) == ("done", "READY")


@pytest.mark.parametrize(
    "error", [AuthenticationError(401), AuthenticationError(403), InsufficientCreditsError(402), ConfigError("closed")]
)
def test_what_will_not_get_better_ends_it_all(error: PhotaError) -> None:
    @virtual_time
    async def run() -> None:
        script = Script(a=["QUEUING", error], b=["QUEUING"])
        seen: list[Change] = []
        with pytest.raises(type(error)) as caught:  # the error itself, in no group
            await all_changes(watch_script(script), seen)
        assert caught.value is error
        assert sorted(change[:3] for change in seen) == [("a", None, "QUEUING"), ("b", None, "QUEUING")]
        looks = len(script.looks)
        await asyncio.sleep(1000)
        assert len(script.looks) == looks  # nobody looks any more

    run()


@virtual_time
async def test_the_end_is_told_again_to_who_asks_again() -> None:
    async with watch_script(Script(a=["QUEUING", AuthenticationError(401)], b=["QUEUING"])) as changes:
        await asyncio.sleep(1000)
        assert sorted([(await anext(changes))[0] for _ in range(2)]) == ["a", "b"]  # what was seen before is not lost
        for _ in range(3):
            with pytest.raises(AuthenticationError):
                await anext(changes)


@virtual_time
async def test_an_error_of_the_reader_passes_as_it_is() -> None:
    async def read() -> None:
        async with watch_script(Script(a=["QUEUING"])) as changes:
            async for _ in changes:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):  # in no group
        await read()


@virtual_time
async def test_an_error_of_the_look_itself_is_not_hidden() -> None:
    async def look(_key: str) -> tuple[Profile, float | None]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):  # in no group
        await all_changes(Watch(["a"], Poller, subject_of(look), steady(1), to_change))


# Pace


@pytest.mark.parametrize("interval", [0.001, 0.5, 15, 3600, 10**6])
def test_any_positive_interval_is_honoured(interval: float) -> None:
    @virtual_time
    async def run() -> None:
        script = Script(a=["QUEUING"] * 20 + ["READY"])
        await all_changes(watch_script(script, interval=interval))
        times = script.times("a")
        gaps = [after - before for before, after in pairwise(times)]
        assert len(gaps) == 20
        assert all(0.9 * interval <= gap <= 1.1 * interval + 1e-4 for gap in gaps)
        assert len({round(gap / interval, 9) for gap in gaps}) > 10  # many watchers spread out

    run()


@pytest.mark.parametrize(
    ("interval", "shown"),
    [(0, "0"), (-1, "-1"), (math.nan, "nan"), (math.inf, "inf"), ("5", "'5'"), (None, "NoneType"), (True, "True")],
)
def test_other_intervals_are_refused(interval: Any, shown: str) -> None:
    with pytest.raises(InputError, match=f"interval: expected more than 0 seconds, got {shown}"):
        steady(interval)
    with pytest.raises(InputError, match="interval: expected"):
        growing(interval, 15)


def test_a_growing_pace() -> None:
    pace = growing(2, 15)
    bounds = [2, 3, 4.5, 6.75, 10.125, 15, 15]
    for look, bound in enumerate(bounds, 1):
        waits = {pace(look) for _ in range(100)}
        assert len(waits) > 50
        assert all(0.9 * bound <= wait <= bound for wait in waits)
    assert 13.5 <= pace(10**9) <= 15


@virtual_time
async def test_the_services_wish_to_wait_is_kept() -> None:
    script = Script(
        a=[("QUEUING", 77.0), ("QUEUING", 0.0), RateLimitError(429).with_context(retry_after=50.0), "READY"]
    )
    await all_changes(watch_script(script, interval=10))
    times = script.times("a")
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps[0] == near(77)
    assert 9 <= gaps[1] <= 11.01
    assert gaps[2] == near(50)


@virtual_time
async def test_looks_at_once_are_bounded() -> None:
    script = Script(**{f"p{number}": ["QUEUING", "READY"] for number in range(100)})
    script.seconds = 0.05
    changes = await all_changes(watch_script(script))
    assert len(changes) == 200
    assert script.most == watch.WORKERS == 16


@virtual_time
async def test_a_slow_service_gets_more_looks_at_once_so_that_each_interval_is_kept() -> None:
    """1,500 at 5 s and 100 ms are 30 looks at once: with 16, each would come every 9 s."""
    script = Script(**{f"p{number}": ["QUEUING"] for number in range(1500)})
    script.seconds = 0.1
    watched = watch_script(script, interval=5)
    async with watched as changes:
        reader = asyncio.create_task(read_all(changes))
        await asyncio.sleep(25)
        reader.cancel()
        await asyncio.wait([reader])
    assert script.most <= schedule.AT_ONCE_LATE == 48
    times = [script.times(key) for key in ("p0", "p700", "p1499")]
    assert max(after - before for each in times for before, after in pairwise(each)) <= 5 + 2 * schedule.LATE


async def read_all(changes: AsyncIterator[Any]) -> None:
    async for _ in changes:
        pass


@virtual_time
async def test_slow_ids_do_not_hold_up_the_others() -> None:
    script = Script(**{f"p{number}": ["QUEUING"] * 5 + ["READY"] for number in range(40)})
    script.seconds = 0.1
    start = now()
    await all_changes(watch_script(script, interval=10))
    assert now() - start < 60  # 5 intervals and a little: nobody waits behind somebody else's interval


# The reader


@virtual_time
async def test_polling_pauses_for_a_slow_reader() -> None:
    script = Script(**{f"p{number:03}": ["QUEUING", "READY"] for number in range(400)})
    async with watch_script(script) as changes:
        await asyncio.sleep(10_000)
        assert len(script.looks) <= watch.WAITING_CHANGES + watch.WORKERS
        left = [change async for change in changes]
    assert len(left) == 800
    assert sum(change[2] == "READY" for change in left) == 400


@virtual_time
async def test_leaving_early_leaves_no_task() -> None:
    script = Script(a=["QUEUING"], b=["QUEUING"])
    async with watch_script(script) as changes:
        await anext(changes)
        await settle()
        assert len(asyncio.all_tasks()) == 1  # this test: between looks there is a timer only
        await asyncio.sleep(100)
        assert len(script.looks) > 10
    assert len(asyncio.all_tasks()) == 1
    looks = len(script.looks)
    await asyncio.sleep(1000)
    assert len(script.looks) == looks


@virtual_time
async def test_leaving_in_the_middle_of_a_look_ends_the_look() -> None:
    script = Script(a=["QUEUING"])
    script.seconds = 1000
    async with watch_script(script):
        await settle()
        assert script.running == 1
    assert script.running == 0


@virtual_time
async def test_reading_after_the_block_ends_at_once() -> None:
    script = Script(a=["QUEUING"], b=["QUEUING"])
    async with watch_script(script) as changes:
        await anext(changes)
    async with asyncio.timeout(1):
        assert len([change async for change in changes]) <= 1  # what was seen before, and no waiting
        for _ in range(3):
            with pytest.raises(StopAsyncIteration):
                await anext(changes)


@virtual_time
async def test_readers_elsewhere_end_with_the_block() -> None:
    async def read(changes: Any) -> list[Change]:
        return [change async for change in changes]

    async with watch_script(Script(a=["QUEUING"])) as changes:
        readers = [asyncio.create_task(read(changes)) for _ in range(3)]
        await asyncio.sleep(25)
    async with asyncio.timeout(1):
        seen = await asyncio.gather(*readers)
    assert sum(seen, []) == [("a", None, "QUEUING", None)]  # noqa: RUF017 - three short lists


@virtual_time
async def test_a_cancelled_reader_leaves_no_task() -> None:
    script = Script(a=["QUEUING"])
    reader = asyncio.create_task(all_changes(watch_script(script)))
    await asyncio.sleep(25)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    looks = len(script.looks)
    await asyncio.sleep(1000)
    assert len(script.looks) == looks


@virtual_time
async def test_a_reader_may_have_a_deadline() -> None:
    start = now()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(100):
            await all_changes(watch_script(Script(a=["QUEUING"])))
    assert now() - start == near(100)


@virtual_time
async def test_a_watch_is_entered_once() -> None:
    watched = watch_script(Script(a=["READY"]))
    async with watched as changes:
        assert [change[0] async for change in changes] == ["a"]
        with pytest.raises(InputError, match="entered once, got a second time"):
            await watched.__aenter__()
    with pytest.raises(InputError, match="entered once, got a second time"):
        async with watched:
            raise AssertionError


# One id


async def follow(script: Script, timeout: float = 1000, interval: float = 10) -> Profile:
    return await wait_script(Poller(), subject_of(script.look), timeout=timeout, interval=interval)


@virtual_time
async def test_following_one_to_its_end() -> None:
    seen = await follow(Script(a=["QUEUING", *CURABLE, NotFoundError(404), "IN_PROGRESS", "ERROR"]))
    assert seen == Profile("a", ProfileStatus.ERROR)


@virtual_time
async def test_following_one_that_is_not_done_in_time() -> None:
    start = now()
    with pytest.raises(DeadlineError, match="profile a is not done in time, last seen QUEUING") as caught:
        await follow(Script(a=["QUEUING"]), timeout=100)
    assert "wait for the same id again" in caught.value.hint
    assert 88 <= now() - start <= 100  # it does not wait for a look that would come too late


@virtual_time
async def test_following_one_that_is_never_seen() -> None:
    with pytest.raises(DeadlineError, match=r"profile a is not done in time;"):
        await follow(Script(a=[ServerError(503)]), timeout=100)


@virtual_time
async def test_a_look_that_hangs_ends_at_the_deadline() -> None:
    script = Script(a=["READY"])
    script.seconds = 10**6
    start = now()
    with pytest.raises(DeadlineError, match="profile a is not done in time"):
        await follow(script, timeout=100)
    assert now() - start == near(100)


@pytest.mark.parametrize("error", [NotFoundError(404), AuthenticationError(401), InsufficientCreditsError(402)])
def test_following_one_that_will_not_get_better(error: PhotaError) -> None:
    @virtual_time
    async def run() -> None:
        script = Script(a=["QUEUING", error])
        with pytest.raises(type(error)):
            await follow(script)
        assert len(script.looks) == (3 if isinstance(error, NotFoundError) else 2)

    run()


# Through the client


@virtual_time
async def test_watching_profiles(service: FakeService) -> None:
    told: list[Event] = []
    for status in ("QUEUING", "IN_PROGRESS"):
        service.answer("GET", "/profiles/p1/status", {"status": status}, times=1)
    service.answer("GET", "/profiles/p1/status", {"profile_id": "p1", "status": "ERROR", "message": "blurred"})
    service.answer("GET", "/profiles/p2/status", {"detail": "Not Found"}, status=404)
    client = PhotaClient(KEY, hooks=[told.append])
    async with client, client.profiles.watch(["p1", "p2"], interval=0.5) as changes:
        seen = [change async for change in changes]
    followed = [(c.previous, c.status, c.message, c.error) for c in seen if c.profile_id == "p1"]
    assert followed == [
        (None, "QUEUING", "", None),
        ("QUEUING", "IN_PROGRESS", "", None),
        ("IN_PROGRESS", "ERROR", "blurred", None),
    ]
    (gone,) = (c for c in seen if c.profile_id == "p2")
    assert (gone.previous, gone.status) == (None, None)
    assert isinstance(gone.error, NotFoundError)
    changed = [event for event in told if isinstance(event, ProfileChanged)]
    assert [(event.profile_id, event.previous, event.status) for event in changed] == [
        ("p1", None, "QUEUING"),
        ("p1", "QUEUING", "IN_PROGRESS"),
        ("p1", "IN_PROGRESS", "ERROR"),
    ]


@virtual_time
async def test_watching_jobs(service: FakeService) -> None:
    told: list[Event] = []
    link = "https://cdn.example.com/1.jpg"
    service.answer("GET", "/jobs/j1", {"status": "queued"}, times=2)
    service.answer("GET", "/jobs/j1", {"status": "done", "result": image_answer(links=[link])})
    service.answer("GET", "/jobs/j2", {"status": "failed", "error": {"message": "no face"}})
    client = PhotaClient(KEY, hooks=[told.append])
    async with client, client.jobs.watch(["j1", "j2"]) as changes:
        seen = [change async for change in changes]
    done = [c for c in seen if c.job_id == "j1"]
    assert [(c.previous, c.status, c.message) for c in done] == [(None, "queued", ""), ("queued", "done", "")]
    assert done[-1].job is not None
    assert done[-1].job.answer is not None
    assert done[-1].job.answer.download_urls == (link,)
    (failed,) = (c for c in seen if c.job_id == "j2")
    assert (failed.status, failed.message, failed.error) == ("failed", "no face", None)
    assert [event.status for event in told if isinstance(event, JobChanged) and event.job_id == "j1"] == [
        "queued",
        "done",
    ]


@virtual_time
async def test_a_job_may_stand_for_its_id(service: FakeService) -> None:
    service.answer("GET", "/jobs/j1", {"status": "done"})
    async with PhotaClient(KEY) as client:
        job = await client.jobs.get("j1")
        given: list[Any] = [job, [job], [job, "j1"], "j1"]
        for jobs in given:
            async with client.jobs.watch(jobs) as changes:
                assert [(change.job_id, change.status) async for change in changes] == [("j1", "done")]


@pytest.mark.parametrize(("interval", "seconds"), [(None, 100), (7, 7), (0.5, 0.5)])
def test_the_configs_interval_of_profiles(interval: float | None, seconds: float, service: FakeService) -> None:
    @virtual_time
    async def run() -> None:
        async with PhotaClient(KEY, config=ClientConfig(profile_interval=100)) as client:
            for use in (client.profiles.wait, partial(watch_to_the_end, client)):
                service.answer("GET", "/profiles/p1/status", {"status": "QUEUING"}, times=1)
                service.answer("GET", "/profiles/p1/status", {"status": "READY"}, times=1)
                start = now()
                await use("p1", interval=interval)
                assert 0.89 * seconds <= now() - start <= 1.11 * seconds

    run()


async def watch_to_the_end(client: PhotaClient, profile_id: str, interval: float | None) -> None:
    async with client.profiles.watch(profile_id, interval=interval) as changes:
        assert [change.status async for change in changes] == ["QUEUING", "READY"]


@virtual_time
async def test_a_refused_key_ends_a_watch_of_the_client(service: FakeService) -> None:
    service.answer("GET", "/jobs/j1", {"detail": "Invalid API key"}, status=401)

    async def read(client: PhotaClient) -> None:
        async with client.jobs.watch("j1") as changes:
            async for _ in changes:
                raise AssertionError

    async with PhotaClient(KEY) as client:
        with pytest.raises(AuthenticationError, match="Invalid API key"):
            await read(client)
    assert service.calls == 1


@virtual_time
async def test_jobs_are_looked_at_less_and_less_often(service: FakeService) -> None:
    service.answer("GET", "/jobs/j1", {"status": "running"}, times=30)
    service.answer("GET", "/jobs/j1", {"status": "succeeded"})
    config = ClientConfig(job_interval=2, max_job_interval=15)
    start = now()
    async with PhotaClient(KEY, config=config) as client:
        await client.jobs.wait("j1")
    # 2 + 3 + 4.5 + 6.75 + 10.125 + 25 times 15 s, less up to a tenth
    assert 360 <= now() - start <= 402


@virtual_time
async def test_retry_after_of_an_answer_is_kept(service: FakeService) -> None:
    headers = {"Retry-After": "50"}
    service.answer("GET", "/jobs/j1", {"status": "running"}, headers=headers, times=1)
    service.answer("GET", "/jobs/j1", {"status": "succeeded"})
    service.answer("GET", "/profiles/p1/status", {"status": "QUEUING"}, headers=headers, times=1)
    service.answer("GET", "/profiles/p1/status", {"status": "READY"})
    async with PhotaClient(KEY) as client:
        start = now()
        await client.jobs.wait("j1")
        assert now() - start == near(50)
        await client.profiles.wait("p1")
        assert now() - start == near(100)


@virtual_time
async def test_a_date_in_retry_after_does_not_end_the_wait(service: FakeService) -> None:
    headers = {"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT"}  # long gone, and no Date to compare it with
    service.answer("GET", "/jobs/j1", {"status": "running"}, headers=headers, times=1)
    service.answer("GET", "/jobs/j1", {"status": "succeeded"})
    service.answer("GET", "/profiles/p1/status", {"status": "QUEUING"}, headers=headers, times=1)
    service.answer("GET", "/profiles/p1/status", {"status": "READY"})
    async with PhotaClient(KEY) as client:
        await client.jobs.wait("j1", timeout=60)
        await client.profiles.wait("p1", timeout=60)


@virtual_time
async def test_a_job_that_failed_says_why(service: FakeService) -> None:
    service.answer(
        "GET", "/jobs/j1", {"status": "failed", "error": {"code": "NO_FACE", "message": "no face"}, "request_id": "r1"}
    )
    async with PhotaClient(KEY) as client:
        with pytest.raises(JobFailedError, match="job j1 ended as failed NO_FACE: no face") as caught:
            await client.jobs.wait("j1")
    assert (caught.value.request_id, caught.value.charged) == ("r1", "unknown")


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"error": "no face"}, "failed"),
        ({"status": "EXPIRED"}, "EXPIRED"),
        ({"status": "running", "error": "x"}, "running"),
    ],
)
def test_a_job_that_failed_says_with_which_word(answer: dict[str, Any], word: str, service: FakeService) -> None:
    @virtual_time
    async def run() -> None:
        service.answer("GET", "/jobs/j1", answer)
        async with PhotaClient(KEY) as client:
            with pytest.raises(JobFailedError, match=f"job j1 ended as {word}"):
                await client.jobs.wait("j1")

    run()


@virtual_time
async def test_a_training_that_failed_says_why(service: FakeService) -> None:
    service.answer("GET", "/profiles/p1/status", {"status": "INACTIVE", "message": None})
    service.answer("GET", "/profiles/p2/status", {"status": "ERROR", "message": "no subject"})
    async with PhotaClient(KEY) as client:
        with pytest.raises(TrainingError, match="profile p1 ended as INACTIVE;"):
            await client.profiles.wait("p1")
        with pytest.raises(TrainingError, match="profile p2 ended as ERROR: no subject"):
            await client.profiles.wait("p2")


@virtual_time
async def test_a_profile_that_is_ready(service: FakeService) -> None:
    service.answer("GET", "/profiles/p1/status", {"status": "VALIDATING"}, times=3)
    service.answer("GET", "/profiles/p1/status", {"status": "READY", "tag": "anna"})
    start = now()
    async with PhotaClient(KEY) as client:
        profile = await client.profiles.wait("p1")
    assert profile == Profile("p1", ProfileStatus.READY, "", "anna")
    assert 40 <= now() - start <= 50  # three waits of 15 s with jitter
