"""Callbacks in a fleet: the worker that waits looks at once, believes nothing, and does without when it must."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp import web
from support.clients import quick

from phota_async import (
    BatchItem,
    GenerateRequest,
    InputError,
    ItemRunner,
    ItemSettings,
    Job,
    LedgerError,
    PhotaClient,
    PostgresLedger,
    SignatureError,
)
from phota_async.distributed import CallbackListener, callbacks, notify
from phota_async.ledger.database import Database
from phota_async.models import JobStatus
from phota_async.protocol import MAX_ID
from phota_async.sandbox import Sandbox
from phota_async.signatures import CallbackEvent

pytestmark = pytest.mark.system

JOB = 40.0  # seconds of the sandbox's clock, which stands still
SOON = 20.0  # seconds: far less than between two looks
FAR = quick(job_interval=1000.0, max_job_interval=1000.0, timeout=5000)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(time_scale=0, job_seconds=JOB, picture_scale=0.03, allow_http_callbacks=True) as started:
        yield started


class Worker:
    """A client, and what wakes it."""

    def __init__(self, sandbox: Sandbox, client: PhotaClient, listener: CallbackListener) -> None:
        self.sandbox, self.client, self.listener = sandbox, client, listener

    async def submit(self, **options: Any) -> Job:
        return await self.client.jobs.submit(GenerateRequest(prompt="a boat"), **options)

    async def wait_for(self, job: Job) -> "asyncio.Task[Any]":
        """Wait for a job, which was looked at once when this returns."""
        waiter = asyncio.create_task(self.client.jobs.wait(job))
        await looks(self.sandbox, job, 1)
        return waiter


@asynccontextmanager
async def working(sandbox: Sandbox, dsn: str) -> AsyncIterator[Worker]:
    async with (
        PhotaClient(sandbox.api_key, sandbox.base_url, config=FAR) as client,
        CallbackListener(dsn, client) as listener,
    ):
        await listener.listening()
        yield Worker(sandbox, client, listener)


@pytest.fixture
async def worker(sandbox: Sandbox, dsn: str) -> AsyncIterator[Worker]:
    async with working(sandbox, dsn) as started:
        yield started


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as opened:
        yield opened


@asynccontextmanager
async def receiving(sandbox: Sandbox, dsn: str) -> AsyncIterator[str]:
    """Take callbacks as a web service does; yields its address."""
    async with AsyncExitStack() as scope:
        client = await scope.enter_async_context(PhotaClient(sandbox.api_key, sandbox.base_url))
        connection = await scope.enter_async_context(await psycopg.AsyncConnection.connect(dsn, autocommit=True))

        async def take(request: web.Request) -> web.Response:
            try:
                event = await client.webhooks.deliver(await request.read(), request.headers)
            except SignatureError:
                return web.Response(status=401)
            await notify(connection, event)
            return web.Response(status=204)

        service = web.Application()
        service.router.add_post("/callback", take)
        runner = web.AppRunner(service)
        await runner.setup()
        scope.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/callback"


async def looks(sandbox: Sandbox, job: Job, count: int) -> None:
    """Wait until a job was looked at so often."""
    async with asyncio.timeout(SOON):
        while seen(sandbox, job) < count:
            await sandbox.wait_for_requests(len(sandbox.requests) + 1)


def seen(sandbox: Sandbox, job: Job) -> int:
    return sum(request.path.endswith(f"/jobs/{job.job_id}") for request in sandbox.requests)


def event_of(job_id: Any) -> CallbackEvent:
    return CallbackEvent(job_id=job_id, status=JobStatus("succeeded"), raw={})


async def test_the_worker_that_waits_looks_at_once_and_nobody_else(sandbox: Sandbox, dsn: str) -> None:
    async with working(sandbox, dsn) as one, working(sandbox, dsn) as other, receiving(sandbox, dsn) as url:
        job = await one.submit(callback_url=url)
        others = await other.submit()  # nobody calls back for it
        waiter, theirs = await one.wait_for(job), await other.wait_for(others)
        sandbox.clock.advance(JOB)
        async with asyncio.timeout(SOON):
            assert (await waiter).job_id == job.job_id
        theirs.cancel()
        await asyncio.wait([theirs])
        assert (seen(sandbox, job), seen(sandbox, others)) == (2, 1)
        assert (one.listener.heard, one.listener.woken, other.listener.woken) == (1, 1, 0)
    assert [callback.status for callback in sandbox.callbacks] == [204]


async def test_an_item_runner_is_woken_too(sandbox: Sandbox, dsn: str, tmp_path: Path) -> None:
    async with (
        working(sandbox, dsn) as worker,
        receiving(sandbox, dsn) as url,
        PostgresLedger(dsn) as ledger,
        ItemRunner(worker.client, tmp_path, store=ledger, settings=ItemSettings(callback_url=url)) as runner,
    ):
        running = asyncio.create_task(runner.run(BatchItem("boat", GenerateRequest(prompt="a boat"))))
        async with asyncio.timeout(SOON):
            await sandbox.wait_for_requests(2)  # the submit and the first look
            sandbox.clock.advance(JOB)
            outcome = await running
    assert outcome.status == "done"
    assert len(sandbox.charges) == 1


async def test_news_are_heard_when_the_callers_transaction_commits(
    worker: Worker, connection: psycopg.AsyncConnection[Any]
) -> None:
    gone, told = await worker.submit(), await worker.submit()
    waiters = [await worker.wait_for(job) for job in (gone, told)]
    async with connection.transaction(force_rollback=True):
        assert await notify(connection, event_of(gone.job_id))
    async with connection.transaction():
        assert await notify(connection, event_of(told.job_id))
        await connection.execute("SELECT 1")
        assert worker.listener.heard == 0
    await looks(worker.sandbox, told, 2)
    assert seen(worker.sandbox, gone) == 1
    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)


async def test_nothing_is_believed(worker: Worker, connection: psycopg.AsyncConnection[Any]) -> None:
    """Whoever may write to the database can cost a question, for a job that is waited for, and nothing else."""
    job = await worker.submit()
    waiter = await worker.wait_for(job)
    before = len(worker.sandbox.requests)
    for payload in ("", "nobody", "../profiles/ids", "x" * 7999, f"{job.job_id}/", "\n", "☃", job.job_id):
        await connection.execute("SELECT pg_notify('phota_job', %s)", (payload,))
    await looks(worker.sandbox, job, 2)
    assert not waiter.done()  # whatever is said of it, it is not done
    assert len(worker.sandbox.requests) == before + 1
    assert (worker.listener.heard, worker.listener.woken) == (8, 1)
    worker.sandbox.clock.advance(JOB)
    await notify(connection, event_of(job.job_id))
    await waiter


async def test_it_comes_back_when_the_server_does(
    worker: Worker,
    connection: psycopg.AsyncConnection[Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, connect = asyncio.Semaphore(0), Database.connect

    async def note(self: Database) -> Any:
        made.release()
        return await connect(self)

    monkeypatch.setattr(callbacks, "AGAIN", 0.01)
    monkeypatch.setattr(Database, "connect", note)
    job = await worker.submit()
    waiter = await worker.wait_for(job)
    for times in (1, 2):
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN phota_job%'"
        )
        async with asyncio.timeout(SOON):
            await made.acquire()
            await worker.listener.listening()
        await notify(connection, event_of(job.job_id))
        await looks(worker.sandbox, job, 1 + times)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "no callbacks are heard" in caplog.text
    worker.sandbox.clock.advance(JOB)
    await notify(connection, event_of(job.job_id))
    await waiter


async def test_it_begins_without_the_server_and_says_so_once(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = asyncio.Semaphore(0)

    async def refuse(self: Any) -> Any:
        attempts.release()
        raise psycopg.OperationalError("no such server")

    monkeypatch.setattr(callbacks, "AGAIN", 0.0)
    monkeypatch.setattr(Database, "connect", refuse)
    client = PhotaClient(sandbox.api_key, sandbox.base_url)
    async with client, CallbackListener(f"host={tmp_path} dbname=none password=geheim", client) as listener:
        for _ in range(3):
            await attempts.acquire()
        assert repr(listener).endswith("0 heard, 0 woken, away>")
        with pytest.raises(LedgerError, match="entered once"):
            await listener.__aenter__()
    assert len(caplog.records) == 1
    assert "geheim" not in caplog.text + repr(listener)


async def test_only_what_was_verified_is_told(connection: psycopg.AsyncConnection[Any]) -> None:
    for wrong in (None, "job_1", {"job_id": "job_1"}):
        with pytest.raises(InputError, match="expected a verified CallbackEvent, got"):
            await notify(connection, wrong)  # type: ignore[arg-type]
    assert await notify(connection, event_of("j" * MAX_ID))
    for odd in (None, "", "j" * (MAX_ID + 1), "a\0b", "a\ud800"):
        assert await notify(connection, event_of(odd)) is bool(odd == "")


async def test_a_connection_that_is_cut_without_a_word_is_found_out(worker: Worker, dsn: str) -> None:
    connection = await worker.listener._database.connect()
    async with connection:
        assert connection.info.get_parameters().items() >= {"keepalives_idle": "10", "connect_timeout": "5"}.items()
