"""The fleet's example as its users run it: a web service and workers as processes, callbacks, a kill, one command."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import fleet
import fleet_web
import local_postgres
import order_store
import psycopg
import pytest
from fleet_web import Orders
from psycopg_pool import AsyncConnectionPool
from support.web_services import EXAMPLES, WARNINGS, WebService

from phota_async import PhotaClient
from phota_async.distributed import enqueue_in, prepare
from phota_async.media.formats import sniff
from phota_async.sandbox import Sandbox, SandboxThread
from phota_async.webhooks import sign_callback

pytestmark = pytest.mark.system

PHOTO = (Path(__file__).parents[2] / "phota_async" / "demo" / "photos" / "cat.jpg").read_bytes()
JOB = 40.0  # seconds of the sandbox's clock, which stands still
SOON = 20.0  # seconds: less than between two looks at a job, so that only callbacks can bring its end
COMMAND = 45.0  # seconds for the fleet in one command, on a busy machine


@pytest.fixture
def phota_sandbox_options() -> dict[str, Any]:
    return {"time_scale": 0, "picture_scale": 0.05, "job_seconds": JOB, "allow_http_callbacks": True}


@pytest.fixture
def settings(phota_sandbox: SandboxThread, dsn: str, tmp_path: Path) -> dict[str, str]:
    where = {"PHOTA_BASE_URL": phota_sandbox.base_url, "PHOTA_API_KEY": phota_sandbox.api_key}
    return where | {"FLEET_DSN": dsn, "FLEET_FOLDER": str(tmp_path), "FLEET_HEARTBEAT": "1", "FLEET_CONCURRENCY": "4"}


@pytest.fixture
def web(settings: dict[str, str]) -> Iterator[WebService]:
    """Two processes behind one port."""
    service = WebService("fleet_web", settings)
    service.start()
    try:
        yield service
        log = service.stop()
        assert not [word for word in ("Traceback", "ERROR", "Warning") if word in log], log
    finally:
        service.kill()


@pytest.fixture
async def http(web: WebService) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(web.first, timeout=aiohttp.ClientTimeout(SOON)) as session:
        yield session


@asynccontextmanager
async def working(settings: dict[str, str], web: WebService) -> AsyncIterator[list[str]]:
    """Run a worker, which finishes what it is at and ends well when it is told to; the list gets what it said."""
    said = list[str]()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *WARNINGS, str(EXAMPLES / "fleet_worker.py")),
        env=inherited | settings | {"PUBLIC_URL": web.first},
        stdout=PIPE,
        stderr=STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SOON):
            line = await process.stdout.readline()
        assert line.endswith(b"is at work\n"), line + await process.stdout.read()
        yield said
        process.terminate()
        async with asyncio.timeout(SOON):
            said.append((await process.stdout.read()).decode())
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def place(
    http: aiohttp.ClientSession,
    photos: Sequence[bytes],
    key: str | None = "customer-1",
    *,
    prompt: str = "warmer",
    status: int = 202,
) -> Any:
    form = aiohttp.FormData({"prompt": prompt})
    for photo in photos:
        form.add_field("photos", photo, filename="cat.jpg")
    headers = {} if key is None else {"Idempotency-Key": key}
    async with http.post("/orders", data=form, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def get(http: aiohttp.ClientSession, path: str) -> Any:
    async with http.get(path) as answer:
        assert answer.status == 200
        return await answer.json()


async def ended(http: aiohttp.ClientSession, path: str) -> Any:
    """Ask for an order until it has ended, as customers do."""
    async with asyncio.timeout(SOON):
        while (order := await get(http, path))["status"] == "working":  # noqa: ASYNC110 - other processes are at it
            await asyncio.sleep(0.05)
    return order


async def arrived(sandbox: SandboxThread, **marks: int) -> None:
    """Wait until so many different requests of a kind have arrived: ``posts`` of jobs and ``looks`` at them."""

    async def wait(inner: Sandbox) -> None:
        routes = {"posts": "POST /enhance", "looks": "GET /jobs/{job_id}"}
        while any(
            len({seen.request_id if mark == "posts" else seen.path for seen in inner.requests if seen.mark == route})
            < marks.get(mark, 0)
            for mark, route in routes.items()
        ):
            await inner.wait_for_requests(len(inner.requests) + 1)

    waiting = asyncio.run_coroutine_threadsafe(wait(sandbox.sandbox), sandbox._ready.result())
    async with asyncio.timeout(SOON):
        await asyncio.wrap_future(waiting)


async def test_an_order_is_carried_out_by_workers_that_callbacks_wake(
    phota_sandbox: SandboxThread, settings: dict[str, str], web: WebService, http: aiohttp.ClientSession
) -> None:
    async with working(settings, web) as one, working(settings, web) as other:
        placed = await place(http, [PHOTO] * 3)
        await arrived(phota_sandbox, posts=3, looks=3)
        assert {photo["status"] for photo in (await get(http, placed["self"]))["photos"]} == {"running"}
        phota_sandbox.clock.advance(JOB)
        order = await ended(http, placed["self"])
        again = await place(http, [PHOTO] * 3)
    assert one == other == [""]
    assert order["status"] == "done"
    assert again == placed
    for place_, photo in enumerate(order["photos"], 1):
        assert photo == {"status": "done", "message": "", "picture": f"{placed['self']}/pictures/{place_}"}
        async with http.get(photo["picture"]) as answer:
            assert sniff(await answer.read()) == "jpg"
    assert [callback.status for callback in phota_sandbox.callbacks] == [204] * 3
    assert len(phota_sandbox.charges) == phota_sandbox.posts("/enhance") == 3


async def test_the_same_key_is_the_same_order_and_another_order_needs_another(
    http: aiohttp.ClientSession, dsn: str, tmp_path: Path
) -> None:
    """Sent many times at once, to two processes of the service, it is one order whose photos wait once."""
    first, *others = await asyncio.gather(*(place(http, [PHOTO] * 2) for _ in range(6)))
    assert others == [first] * 5
    assert len(list((tmp_path / "photos").iterdir())) == 1
    assert (await get(http, first["self"]))["status"] == "working"
    refused = await place(http, [PHOTO], status=422)
    assert "Idempotency-Key: expected a new one" in refused["detail"]
    assert (await place(http, [PHOTO], "customer-2"))["id"] != first["id"]
    assert await counts(dsn) == (2, 3, 3)


async def test_what_is_no_order_is_refused(http: aiohttp.ClientSession, dsn: str) -> None:
    await place(http, [PHOTO], None, status=422)
    await place(http, [PHOTO], "short", status=422)
    for photos in ([], [b""], [PHOTO] * 101):
        await place(http, photos, status=422)
    await place(http, [PHOTO], prompt="\0", status=422)  # what no database can hold
    for path in ("/orders/nobody", "/orders/nobody/pictures/1"):
        async with http.get(path) as answer:
            assert answer.status == 404
    placed = await place(http, [PHOTO])
    for number in (0, 1, 2):
        async with http.get(f"{placed['self']}/pictures/{number}") as answer:
            assert answer.status == 404
    assert await counts(dsn) == (1, 1, 1)


async def test_what_cannot_be_done_is_told_without_its_words(
    phota_sandbox: SandboxThread, settings: dict[str, str], web: WebService, http: aiohttp.ClientSession
) -> None:
    async with working(settings, web) as said:
        placed = await place(http, [b"no picture"])
        order = await ended(http, placed["self"])
    assert "warmer" not in said[0]
    assert order["status"] == "ended"
    assert order["photos"] == [{"status": "failed", "message": "InputError", "picture": None}]
    assert not phota_sandbox.charges


async def test_a_forged_callback_is_refused_and_wakes_nobody(
    phota_sandbox: SandboxThread, web: WebService, http: aiohttp.ClientSession, dsn: str
) -> None:
    forged = b'{"job_id": "job_of_somebody", "status": "succeeded"}'
    true = b'{"job_id": "job_1", "status": "succeeded"}'
    nobodys = b'{"status": "succeeded"}'
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as listener:
        await listener.execute("LISTEN phota_job")
        secret = phota_sandbox.webhook_secret
        for body, headers, status in (
            (forged, {}, 401),
            (forged, sign_callback(forged, "a guess"), 401),
            (forged, sign_callback(true, secret), 401),
            (nobodys, sign_callback(nobodys, secret), 204),
            (true, sign_callback(true, secret), 204),
        ):
            async with http.post("/phota/callback", data=body, headers=headers) as answer:
                assert (answer.status, await answer.read()) == (status, b"")
        heard = [notice.payload async for notice in listener.notifies(timeout=SOON, stop_after=1)]
    assert heard == ["job_1"]


# In one process


async def counts(dsn: str) -> tuple[int, ...]:
    """Count orders, their photos and what waits in the queue."""
    query = """SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM order_photos),
        (SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'phota.item')"""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return tuple(row)


@pytest.fixture
async def pool(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncConnectionPool]:
    monkeypatch.setattr(order_store, "DSN", dsn)
    monkeypatch.setattr(fleet_web, "FOLDER", tmp_path)
    async with order_store.make_queue().open_async() as queue:
        await prepare(queue)
    async with AsyncConnectionPool(dsn, min_size=1, open=False) as opened:
        async with opened.connection() as connection:
            await order_store.make_tables(connection)
        yield opened


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_order_that_is_rolled_back_enqueues_nothing_and_may_come_again(
    pool: AsyncConnectionPool, dsn: str, phota_sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    async def fail(connection: Any, items: Any, **options: Any) -> int:
        if when == "after":
            assert await enqueue_in(connection, items, **options) == 2
        raise RuntimeError("the process broke off")

    async with PhotaClient(phota_sandbox.api_key, phota_sandbox.base_url) as client:
        orders = Orders(pool, client)
        with monkeypatch.context() as patch:
            patch.setattr(fleet_web, "enqueue_in", fail)
            with pytest.raises(RuntimeError, match="broke off"):
                await orders.place("customer-1", "", [io.BytesIO(PHOTO)] * 2)
        assert await counts(dsn) == (0, 0, 0)
        order_id = await orders.place("customer-1", "", [io.BytesIO(PHOTO)] * 2)
        assert [photo.status for photo in await orders.photos(order_id)] == ["waiting"] * 2
    assert await counts(dsn) == (1, 2, 2)


async def test_without_the_database_or_the_service_a_callback_may_come_again(
    pool: AsyncConnectionPool, phota_sandbox: SandboxThread
) -> None:
    body = b'{"job_id": "job_1", "status": "succeeded"}'
    headers = sign_callback(body, phota_sandbox.webhook_secret)
    async with PhotaClient(phota_sandbox.api_key, phota_sandbox.base_url) as client:
        orders = Orders(pool, client)
        phota_sandbox.fail("GET /webhook-secret", status=403)
        assert await orders.deliver(body, headers) == 503
    async with PhotaClient(phota_sandbox.api_key, phota_sandbox.base_url) as client:
        orders = Orders(pool, client)
        assert await orders.deliver(body, headers) == 204
        await pool.close()
        assert await orders.deliver(body, headers) == 503
        assert await orders.deliver(body, {}) == 401


# One command


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder that everybody may enter, with a path short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101
        yield Path(folder)


def left_running(mark: str) -> list[str]:
    """Return the commands of processes that have a text among their settings."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:  # it ended
            continue
    return found


def test_the_fleet_in_one_command_loses_a_worker_and_nothing_else(scratch: Path) -> None:
    begun = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "fleet.py"],
        env=environment | {"TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=2 * COMMAND,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "6 orders of 10 photos are placed; one was sent twice" in done.stdout
    assert "worker-1 is killed with -9" in done.stdout
    told = dict(line.split(None, 1) for line in done.stdout.replace("d t", "d_t").splitlines() if line)
    assert (told["done"], told["pictures"]) == ("60", "60")
    assert told["charged"].startswith("60 times, 7.20 US dollars")
    assert told["charged_twice"] == "0"
    assert time.monotonic() - begun < COMMAND
    assert left_running(str(scratch)) == []
    assert list(scratch.iterdir()) == []


def test_interrupted_it_leaves_nothing_behind(scratch: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", EXAMPLES / "fleet.py"],
        env=os.environ | {"TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert any("are placed" in line for line in process.stdout)
            assert len(left_running(str(scratch))) > 4
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=COMMAND)
        finally:
            process.kill()
    assert (process.returncode, errors) == (130, "")
    assert left_running(str(scratch)) == []
    assert list(scratch.iterdir()) == []


async def test_it_wants_a_database_to_itself(pool: AsyncConnectionPool, dsn: str, tmp_path: Path) -> None:
    with pytest.raises(local_postgres.PostgresError, match="expected an empty database, got one that has orders"):
        await fleet.connect(dsn)
    with pytest.raises(local_postgres.PostgresError, match="--dsn: "):
        await fleet.connect(f"host={tmp_path} dbname=none")


def test_without_a_server_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local_postgres, "DEBIAN", tmp_path)
    monkeypatch.setattr(sys, "argv", ["fleet.py"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fleet.main() == 2
    assert "apt-get install postgresql" in capsys.readouterr().err
