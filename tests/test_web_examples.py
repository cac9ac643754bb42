"""The web examples over real HTTP, as real processes: two workers, callbacks, leavers, restarts, kills."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from edits import judge
from job_store import AT_ONCE, Edit, JobStore
from support.web_services import WebService

from phota_async import (
    AuthenticationError,
    DeadlineError,
    DownloadError,
    InputError,
    InsufficientCreditsError,
    JobFailedError,
    NotFoundError,
    PhotaError,
    RateLimitError,
    ResponseLostError,
)
from phota_async.media.formats import sniff
from phota_async.sandbox import Sandbox, SandboxThread
from phota_async.webhooks import sign_callback

PHOTO = Path(__file__).parent.parent / "phota_async" / "demo" / "photos" / "cat.jpg"
PUBLIC_URL = "https://edits.example"
JOB = 40.0  # seconds of the sandbox's clock that a job takes
DEADLINE = 8.0  # seconds: sooner than the examples' second look at a job, so that only callbacks can bring the end
SETTINGS = {"PUBLIC_URL": PUBLIC_URL, "POLL_SECONDS": "10", "LEASE_SECONDS": "1", "KEEP_ALIVE_SECONDS": "0.1"}

each_example = pytest.mark.parametrize("name", ["web_fastapi", "web_starlette", "web_aiohttp"])
Start = Callable[[str], WebService]


@pytest.fixture
def phota_sandbox_options() -> dict[str, Any]:
    return {"time_scale": 0, "picture_scale": 0.05, "job_seconds": JOB, "id_memory": float("inf")}


@pytest.fixture
def start(phota_sandbox: SandboxThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start an example against the sandbox, whose callbacks reach it as through a proxy that ends TLS."""
    services: list[WebService] = []
    where = {"PHOTA_BASE_URL": phota_sandbox.base_url, "PHOTA_API_KEY": phota_sandbox.api_key}
    callbacks = phota_sandbox.sandbox._parts.callbacks
    deliver = callbacks._deliver
    monkeypatch.setattr(callbacks, "_deliver", lambda url, body: deliver(to_local(url), body))

    def to_local(url: str) -> str:
        return url.replace(PUBLIC_URL, services[0].last)

    def start(name: str) -> WebService:
        services.append(WebService(name, SETTINGS | where | {"EDITS_FOLDER": str(tmp_path)}))
        services[-1].start()
        return services[-1]

    yield start
    for service in services:
        service.kill()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(DEADLINE)) as session:
        yield session


async def begin(
    http: aiohttp.ClientSession, address: str, *, prompt: str = "as an oil painting", photo: bytes = PHOTO.read_bytes()
) -> str:
    async with http.post(f"{address}/edits", data=form_of(photo, prompt)) as answer:
        assert answer.status == 202
        edit = await answer.json()
    assert (edit["status"], edit["image"], edit["is_final"]) == ("accepted", None, False)
    edit_id: str = edit["id"]
    return edit_id


def form_of(photo: bytes, prompt: str) -> aiohttp.FormData:
    form = aiohttp.FormData({"prompt": prompt})
    form.add_field("photo", photo, filename="cat.jpg")
    return form


class Stream:
    """The server-sent events of an edit."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def until(self, wanted: str) -> Any:
        """Read on to the first event of a kind or with a status, and return its data; ``comment`` is a comment."""
        while True:
            lines = (await self.answer.content.readuntil(b"\n\n")).decode().splitlines()
            assert lines, "the stream ended"
            if lines[0].startswith(":"):
                data, names = None, {"comment"}
            else:
                data = msgspec.json.decode(lines[1].removeprefix("data: "))
                names = {lines[0].removeprefix("event: "), data["status"]}
            if wanted in names:
                return data


@asynccontextmanager
async def following(http: aiohttp.ClientSession, address: str, edit_id: str) -> AsyncIterator[Stream]:
    async with http.get(f"{address}/edits/{edit_id}/events") as answer:
        assert answer.content_type == "text/event-stream"
        yield Stream(answer)


def pass_time(sandbox: SandboxThread) -> None:
    sandbox.clock.advance(JOB)


async def assert_done(http: aiohttp.ClientSession, address: str, edit_id: str, edit: Any) -> None:
    image = f"/edits/{edit_id}/image"
    assert edit == {"id": edit_id, "status": "done", "message": "", "image": image, "is_final": True}
    async with http.get(f"{address}/edits/{edit_id}") as answer:
        assert await answer.json() == edit
    async with http.get(address + edit["image"]) as answer:
        assert answer.content_type == "image/jpeg"
        assert sniff(await answer.read()) == "jpg"


def assert_quiet(log: str) -> None:
    assert not [word for word in ("Traceback", "ERROR", "Error", "Warning", "another time") if word in log], log


@each_example
async def test_an_edit_is_followed_called_back_and_served(
    name: str, start: Start, phota_sandbox: SandboxThread, http: aiohttp.ClientSession
) -> None:
    service = start(name)
    edit_id = await begin(http, service.first)
    async with following(http, service.first, edit_id) as here, following(http, service.last, edit_id) as there:
        await here.until("queued")
        await there.until("comment")
        async with http.get(f"{service.first}/edits/{edit_id}/image") as answer:
            assert answer.status == 404
        pass_time(phota_sandbox)
        edit = await here.until("end")
        assert await there.until("end") == edit
        assert await here.answer.content.read() == b""
    await assert_done(http, service.last, edit_id, edit)
    phota_sandbox.settle()
    assert [callback.status for callback in phota_sandbox.callbacks] == [204]
    assert len(phota_sandbox.charges) == phota_sandbox.posts("/edit") == 1
    assert_quiet(service.stop())


@each_example
async def test_what_is_not_from_the_service_is_refused(
    name: str, start: Start, phota_sandbox: SandboxThread, http: aiohttp.ClientSession
) -> None:
    service = start(name)
    body = b'{"job_id": "job_1", "status": "succeeded"}'
    forged = sign_callback(body, "a guess")
    for headers, status in ((forged, 401), ({}, 401), (sign_callback(body, phota_sandbox.webhook_secret), 204)):
        async with http.post(f"{service.first}/callbacks", data=body, headers=headers) as answer:
            assert answer.status == status
    for path in ("", "/events", "/image"):
        async with http.get(f"{service.first}/edits/nobody{path}") as answer:
            assert answer.status == 404
    for form in ({"prompt": "x"}, {"prompt": "x", "photo": "/etc/passwd"}):
        async with http.post(f"{service.first}/edits", data=form) as answer:
            assert answer.status == 422
    assert phota_sandbox.posts() == 0
    assert_quiet(service.stop())


@each_example
async def test_whoever_leaves_stops_nothing_but_their_own_stream(
    name: str, start: Start, phota_sandbox: SandboxThread, http: aiohttp.ClientSession
) -> None:
    service = start(name)
    edit_id = await begin(http, service.first)
    async with following(http, service.first, edit_id) as staying:
        async with aiohttp.ClientSession() as leaver, following(leaver, service.first, edit_id) as leaving:
            await leaving.until("queued")
            leaving.answer.close()
        for _ in range(3):  # the server writes to whoever has left
            await staying.until("comment")
        pass_time(phota_sandbox)
        await assert_done(http, service.first, edit_id, await staying.until("end"))
    assert_quiet(service.stop())


@each_example
async def test_a_restart_carries_on(
    name: str, start: Start, phota_sandbox: SandboxThread, http: aiohttp.ClientSession
) -> None:
    service = start(name)
    edit_id = await begin(http, service.first)
    async with following(http, service.first, edit_id) as stream:
        await stream.until("queued")
        log = await asyncio.to_thread(service.stop)
        rest = await stream.answer.content.read()
    assert b"event: end" not in rest  # a browser asks again
    assert_quiet(log)
    pass_time(phota_sandbox)  # nobody is there to be called back
    service.start()
    async with following(http, service.last, edit_id) as stream:
        await assert_done(http, service.last, edit_id, await stream.until("end"))
    assert len(phota_sandbox.charges) == phota_sandbox.posts("/edit") == 1


@pytest.mark.parametrize(
    ("name", "fault", "end"),
    [
        pytest.param("web_aiohttp", {"delay": 1e6}, WebService.kill, id="before it is bought"),
        pytest.param("web_aiohttp", {"rate": 1.0}, WebService.kill, id="when it is bought and nobody knows"),
        pytest.param("web_fastapi", {"rate": 1.0}, WebService.kill, id="the same, uvicorn"),
        pytest.param("web_aiohttp", {"rate": 1.0}, WebService.stop, id="the same, told to stop"),
        pytest.param("web_fastapi", {"rate": 1.0}, WebService.stop, id="the same, told to stop, uvicorn"),
    ],
)
async def test_ended_while_it_submits_it_pays_once(
    name: str,
    fault: dict[str, float],
    end: Callable[[WebService], Any],
    start: Start,
    phota_sandbox: SandboxThread,
    http: aiohttp.ClientSession,
) -> None:
    phota_sandbox.fail("POST /edit", **fault)  # the clock stands still: no answer comes
    service = start(name)
    edit_id = await begin(http, service.first)
    await posted(phota_sandbox, 1)
    phota_sandbox.settle()
    assert len(phota_sandbox.charges) == ("rate" in fault)
    log: str | None = await asyncio.to_thread(end, service)
    assert_quiet(log or "")
    service.start()
    async with following(http, service.first, edit_id) as stream:
        await stream.until("queued")
        pass_time(phota_sandbox)
        await assert_done(http, service.first, edit_id, await stream.until("end"))
    assert len(phota_sandbox.charges) == 1
    first, second = [seen for seen in phota_sandbox.requests if seen.mark == "POST /edit"]
    assert first.body == second.body
    assert first.body["client_request_id"] == edit_id


async def test_ten_lines_do_it(start: Start, phota_sandbox: SandboxThread, http: aiohttp.ClientSession) -> None:
    service = start("web_ten_lines")
    async with http.post(f"{service.first}/edits", data=form_of(PHOTO.read_bytes(), "as an oil painting")) as answer:
        assert answer.status == 202
        job_id = (await answer.json())["job_id"]
    pass_time(phota_sandbox)
    async with http.get(f"{service.first}/edits/{job_id}") as answer:
        edit = await answer.json()
    assert edit["status"] == "succeeded"
    async with http.get(edit["links"][0]) as answer:
        assert sniff(await answer.read()) == "jpg"
    assert_quiet(service.stop())


async def test_what_the_service_may_have_forgotten_is_left_to_a_person(
    start: Start, phota_sandbox: SandboxThread, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    phota_sandbox.fail("POST /edit", delay=1e6)
    service = start("web_aiohttp")
    edit_id = await begin(http, service.first)
    await posted(phota_sandbox, 1)
    service.kill()
    with closing(sqlite3.connect(tmp_path / "edits.sqlite")) as database, database:
        database.execute("UPDATE edits SET first_sent_at = first_sent_at - 49 * 60")
    service.start()
    async with following(http, service.first, edit_id) as stream:
        assert (await stream.until("end"))["status"] == "unknown"
    assert phota_sandbox.posts("/edit") == 1


async def test_what_is_refused_says_why(
    start: Start, phota_sandbox: SandboxThread, http: aiohttp.ClientSession
) -> None:
    service = start("web_aiohttp")
    moderated = await begin(http, service.first, prompt="CONTENT_MODERATION")
    broken = await begin(http, service.first, photo=b"no picture")
    failing = await begin(http, service.first, prompt="WORK_FAILS")
    for edit_id, why in ((moderated, "CONTENT_MODERATION"), (broken, "(the photo): "), (failing, "The model failed")):
        async with following(http, service.first, edit_id) as stream:
            if edit_id == failing:
                await stream.until("queued")
                pass_time(phota_sandbox)
            edit = await stream.until("end")
        assert edit["status"] == "failed"
        assert why in edit["message"]
        assert edit["image"] is None
    assert_quiet(service.stop())


async def test_what_is_left_for_another_time_is_done_then_and_logged_without_words(
    start: Start, phota_sandbox: SandboxThread, http: aiohttp.ClientSession
) -> None:
    phota_sandbox.fail("GET /jobs/{job_id}", status=401)
    service = start("web_aiohttp")
    edit_id = await begin(http, service.first, prompt="a private wish")
    async with following(http, service.first, edit_id) as stream:
        await stream.until("queued")  # at the second try, when nobody's lease is left
        pass_time(phota_sandbox)
        await assert_done(http, service.first, edit_id, await stream.until("end"))
    [line] = [line for line in service.stop().splitlines() if edit_id in line]
    assert f"edit {edit_id} is left for another time: AuthenticationError (request " in line
    assert len(phota_sandbox.charges) == 1


async def test_no_two_workers_get_the_same_edit(tmp_path: Path) -> None:
    path = tmp_path / "edits.sqlite"
    async with JobStore(path, lease=60) as living, JobStore(path, lease=60) as other:
        async with JobStore(path, lease=60) as leaving:
            edits = [await leaving.add(str(number), "photo.jpg", "", None) for number in range(AT_ONCE + 50)]
            assert await living.adopt() == []
        mine, theirs, rest = await asyncio.gather(living.adopt(), other.adopt(), living.adopt())
        assert sorted(mine + theirs + rest) == sorted(edits)
        assert await other.adopt() == []


async def test_workers_may_start_at_the_same_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "edits.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as another:
        another.execute("CREATE TABLE half_way (empty)")
        another.execute("BEGIN IMMEDIATE")  # it sets the file up too, and is a step ahead
        breaks: list[float] = []

        def take_a_break(seconds: float) -> None:
            breaks.append(seconds)
            another.execute("COMMIT")

        monkeypatch.setattr("time.sleep", take_a_break)
        async with JobStore(path, lease=60) as store:
            assert await store.adopt() == []
    assert len(breaks) == 1


async def test_what_is_not_renewed_is_anybodys(tmp_path: Path) -> None:
    path = tmp_path / "edits.sqlite"
    async with JobStore(path, lease=0) as stalled, JobStore(path, lease=60) as other:
        for name in ("a", "b", "c"):
            await stalled.add(name, "photo.jpg", "", None)
        await stalled.finish("c", "done")
        await stalled.finish("c", "failed")  # the first end stands
        assert [edit.edit_id for edit in await other.adopt()] == ["a", "b"]
        await stalled.renew(["a", "b"])  # too late: they are another's
        await other.renew(["a"])
        assert await stalled.adopt() == []
        found = await stalled.get("c")
        assert found is not None
        assert found.status == "done"


LOST, REFUSED, BUSY = ResponseLostError("POST /edit"), InsufficientCreditsError(402), RateLimitError(429)
DOUBTFUL = InsufficientCreditsError(402).with_context(charged="unknown")  # an earlier attempt may have been taken
UNREADABLE, KEY = InputError("the photo is gone"), AuthenticationError(401)
GONE, FAILED, LATE = NotFoundError(404), JobFailedError("j", "failed"), DeadlineError("late")


@pytest.mark.parametrize(
    ("job_id", "is_first", "age", "error", "end"),
    [
        (None, True, 0, REFUSED, "failed"),
        (None, True, 0, UNREADABLE, "failed"),
        (None, True, 0, BUSY, None),
        (None, True, 0, DOUBTFUL, None),
        (None, True, 0, LOST, None),
        (None, False, 2879, UNREADABLE, None),
        (None, False, 2879, LOST, None),
        (None, False, 2881, LOST, "unknown"),
        (None, False, 2881, DOUBTFUL, "unknown"),
        ("j", True, 0, KEY, None),
        ("j", True, 9999, LATE, None),
        ("j", True, 0, DownloadError("link", "broken"), None),
        ("j", True, 0, GONE, "failed"),
        ("j", False, 0, FAILED, "failed"),
    ],
)
def test_only_clear_words_end_what_may_be_paid_for(
    job_id: str | None, is_first: bool, age: float, error: PhotaError, end: str | None
) -> None:
    edit = Edit("e", "photo.jpg", "", None, time.time() - age, job_id, "accepted", "", None, 0)
    assert judge(edit, error, is_first=is_first, guard=2880) == end


async def test_the_first_sending_counts(tmp_path: Path) -> None:
    async with JobStore(tmp_path / "edits.sqlite", lease=60) as store:
        await store.add("a", "photo.jpg", "", None)
        assert (await store.mark_sent("a", 1.0)).first_sent_at == 1.0
        await store.mark_submitted("a", "job_1")
        marked = await store.mark_sent("a", 2.0)
        assert (marked.first_sent_at, marked.job_id) == (1.0, "job_1")


async def posted(sandbox: SandboxThread, count: int) -> None:
    """Wait until so many edits have arrived at the service."""

    async def wait(inner: Sandbox) -> None:
        while inner.posts("/edit") < count:
            await inner.wait_for_requests(len(inner.requests) + 1)

    waiting = asyncio.run_coroutine_threadsafe(wait(sandbox.sandbox), sandbox._ready.result())
    async with asyncio.timeout(DEADLINE):
        await asyncio.wrap_future(waiting)
