"""What a worker tells the engine of each item, and what it leaves out of the log; workers run in this process."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from procrastinate import App, PsycopgConnector
from support.clients import Connect
from support.waiting import until

from phota_async import (
    BatchItem,
    Budget,
    ConfigError,
    EnhanceRequest,
    GenerateRequest,
    ItemRunner,
    ItemSettings,
    LedgerError,
    PhotaClient,
    PostgresLedger,
)
from phota_async.distributed import engine, enqueue, install, repeating, work
from phota_async.sandbox import Sandbox

pytestmark = pytest.mark.system

BOAT = BatchItem("boat", GenerateRequest(prompt="a canary in a boat"))


class Queue:
    """A queue, and a worker for it in this process."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.app = App(connector=PsycopgConnector(conninfo=dsn))

    @asynccontextmanager
    async def worked_on(self, runners: Any, **options: Any) -> AsyncIterator[None]:
        install(self.app, runners)
        working = asyncio.create_task(work(self.app, **{"heartbeat": 0.2, "stalled_after": 0.5, **options}))
        try:
            yield
        finally:
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working

    async def ask(self, statement: str) -> list[tuple[Any, ...]]:
        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as connection:
            answer = await connection.execute(statement.encode())
            return await answer.fetchall() if answer.description else []

    async def states(self) -> list[tuple[str, int]]:
        statement = "SELECT status::text, attempts FROM procrastinate_jobs WHERE task_name = 'phota.item'"
        return await self.ask(statement)

    async def until(self, is_so: Callable[[list[tuple[str, int]]], bool]) -> None:
        async def it_is() -> bool:
            return is_so(await self.states())

        await until(it_is)


@pytest.fixture
async def queue(dsn: str) -> AsyncIterator[Queue]:
    made = Queue(dsn)
    async with made.app.open_async():
        yield made


@pytest.fixture
async def ledger(dsn: str) -> AsyncIterator[PostgresLedger]:
    async with PostgresLedger(dsn) as made:
        yield made


@pytest.fixture
def client(sandbox: Sandbox, connect: Connect) -> PhotaClient:
    return connect(sandbox.base_url, api_key=sandbox.api_key)


@pytest.fixture
async def runner(client: PhotaClient, ledger: PostgresLedger, tmp_path: Path) -> AsyncIterator[ItemRunner]:
    async with ItemRunner(client, tmp_path / "out", store=ledger) as made:
        yield made


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeating, "FIRST", 0.0)
    monkeypatch.setattr(repeating, "LONGEST", 0.0)
    monkeypatch.setattr(engine, "POLL", 0.02)


# Ends


async def test_what_is_done_leaves_the_queue_and_is_free_from_then_on(
    queue: Queue, runner: ItemRunner, sandbox: Sandbox, tmp_path: Path
) -> None:
    async with queue.worked_on(runner):
        for _ in range(3):
            assert await enqueue(queue.app, [BOAT]) == 1
            await queue.until(lambda states: not states)
    assert len(sandbox.charges) == 1
    assert (tmp_path / "out" / "boat.generate-1.jpg").is_file()


async def test_an_item_that_cannot_come_out_is_not_delivered_again(
    queue: Queue, runner: ItemRunner, sandbox: Sandbox, tmp_path: Path
) -> None:
    async with queue.worked_on(runner):
        await enqueue(queue.app, [BatchItem("gone", EnhanceRequest(image=tmp_path / "gone.jpg"))])
        await queue.until(lambda states: states == [("failed", 1)])
    assert sandbox.charges == []


@pytest.mark.usefixtures("hasty")
async def test_what_the_service_fails_at_is_delivered_again(queue: Queue, runner: ItemRunner, sandbox: Sandbox) -> None:
    sandbox.fail("POST /*", status=500, times=12)  # more than one delivery's attempts
    async with queue.worked_on(runner):
        await enqueue(queue.app, [BOAT])
        await queue.until(lambda states: not states)
    assert len(sandbox.charges) == 1


@pytest.mark.usefixtures("hasty")
async def test_what_the_service_always_fails_at_ends(
    queue: Queue, runner: ItemRunner, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeating, "MOST", 3)
    sandbox.fail("POST /*", status=500, times=None)
    async with queue.worked_on(runner):
        await enqueue(queue.app, [BOAT])
        await queue.until(lambda states: states == [("failed", 3)])


@pytest.mark.usefixtures("hasty")
async def test_a_store_that_was_away_is_tried_again(
    queue: Queue, runner: ItemRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lost = runner.run, list[str]()

    async def lose_some(item: BatchItem) -> Any:
        if len(lost) < 2 * repeating.MOST:
            lost.append(item.key)
            raise LedgerError("away")
        return await real(item)

    monkeypatch.setattr(runner, "run", lose_some)
    async with queue.worked_on(runner):
        await enqueue(queue.app, [BOAT])
        await queue.until(lambda states: not states)
    assert len(lost) == 2 * repeating.MOST


# Batches


async def test_each_batch_has_a_runner_and_a_budget_of_its_own(
    queue: Queue, client: PhotaClient, ledger: PostgresLedger, sandbox: Sandbox, tmp_path: Path
) -> None:
    made, left = list[str](), list[ItemRunner]()

    async def make(batch: str) -> ItemRunner:
        made.append(batch)
        settings = ItemSettings(name=batch, budget=Budget(0.01) if batch == "poor" else None)
        left.append(ItemRunner(client, tmp_path / batch, store=ledger, settings=settings))
        return left[-1]

    async with queue.worked_on(make):
        items = [BatchItem(f"{number}", GenerateRequest(prompt=f"boat {number}")) for number in range(4)]
        for batch in ("rich", "poor"):
            assert await enqueue(queue.app, items, batch=batch) == 4
        await queue.until(lambda states: states == [("failed", 1)] * 4)
    assert sorted(made) == ["poor", "rich"]
    assert len(sandbox.charges) == 4
    assert all(each._buyer._owned.is_closing for each in left)


@pytest.mark.usefixtures("hasty")
async def test_a_worker_that_is_set_up_wrongly_keeps_no_item_from_others(
    queue: Queue, runner: ItemRunner, caplog: pytest.LogCaptureFixture
) -> None:
    async with queue.worked_on(runner):
        await enqueue(queue.app, [BOAT], batch="another")
        await queue.until(lambda states: states[0][1] > repeating.MOST)
    assert "ItemSettings(name='another')" in caplog.text


# Tasks that nobody is at


async def test_a_task_whose_end_the_database_did_not_hear_of_is_delivered_again(
    queue: Queue, runner: ItemRunner, sandbox: Sandbox
) -> None:
    async with queue.worked_on(runner):
        await enqueue(queue.app, [BOAT])
        await queue.until(lambda states: not states)
        await queue.ask("""INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id)
            SELECT 'phota', 'phota.item', '{"batch": "", "item": {}}', 'doing', max(id) FROM procrastinate_workers""")
        await queue.until(lambda states: bool(states) and states[0][1] > 1)
    assert len(sandbox.charges) == 1


async def test_what_was_enqueued_again_stands_for_what_a_dead_worker_had(
    queue: Queue, runner: ItemRunner, sandbox: Sandbox
) -> None:
    await enqueue(queue.app, [BOAT])
    await queue.ask("UPDATE procrastinate_jobs SET status = 'doing'")  # of no worker
    await queue.ask("""INSERT INTO procrastinate_jobs (queue_name, task_name, args, queueing_lock, scheduled_at)
        SELECT queue_name, task_name, args, queueing_lock, now() + interval '3 s' FROM procrastinate_jobs""")
    async with queue.worked_on(runner):
        await queue.until(lambda states: states == [("todo", 0)])
        await queue.until(lambda states: not states)
    assert len(sandbox.charges) == 1


async def test_tasks_of_others_are_left_alone(queue: Queue, runner: ItemRunner) -> None:
    await enqueue(queue.app, [BOAT])
    await queue.ask("INSERT INTO procrastinate_jobs (queue_name, task_name, priority) VALUES ('default', 'theirs', 9)")
    async with queue.worked_on(runner):
        await queue.until(lambda states: not states)
    assert await queue.ask("SELECT status::text FROM procrastinate_jobs WHERE task_name = 'theirs'") == [("todo",)]


# The log


async def test_prompts_and_photos_stay_out_of_the_log(
    queue: Queue, runner: ItemRunner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    photo = EnhanceRequest(image=tmp_path / "canary.jpg", prompt="a canary")
    async with queue.worked_on(runner):
        await enqueue(queue.app, [BOAT, BatchItem("gone", photo)])
        await queue.until(lambda states: states == [("failed", 1)])
    records = [record for record in caplog.records if record.name.startswith("procrastinate.")]
    assert any("phota.item[" in record.getMessage() for record in records)
    assert not [record for record in records if "a canary" in str(vars(record))]


# What is wrong


async def test_what_is_no_argument_is_said(queue: Queue, runner: ItemRunner) -> None:
    with pytest.raises(ConfigError, match="install was not called"):
        await work(queue.app)
    with pytest.raises(ConfigError, match="expected an ItemRunner or a callable"):
        install(queue.app, "results")  # type: ignore[arg-type] # what is tested
    install(queue.app, runner)
    with pytest.raises(ConfigError, match="installed before"):
        install(queue.app, runner)
    for changes in ({"concurrency": 0}, {"heartbeat": 0}, {"stalled_after": 10.0}, {"grace": -1.0}, {"queue": ""}):
        with pytest.raises(ConfigError, match=next(iter(changes))):
            await work(queue.app, **changes)
