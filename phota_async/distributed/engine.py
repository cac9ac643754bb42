"""All that this package asks of procrastinate: two tasks, and a worker. Another engine would take its place."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status

from ..ledger.database import lasting
from .encoding import TASK
from .lasting import run_again
from .preparing import commit_at_once
from .repeating import delay_before_next
from .runners import Runners
from .strays import UnderWay

RECLAIM = "phota.reclaim"  # a task and its queue
EVERY = "* * * * * *"  # each second one worker looks for what dead ones had
AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)  # whatever this machine's clock says
POLL = 1.0  # seconds between looks for tasks that are delivered again, of which nobody is notified
STALLED_AFTER = 30.0  # seconds, where a worker was not begun with `serve`


class _Again(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        delay = delay_before_next(exception, job.attempts)
        return None if delay is None else RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=delay))


@asynccontextmanager
async def open_app(dsn: str) -> AsyncIterator[App]:
    """Open an app of one's own; `LedgerError` when the database is away."""
    app = App(connector=PsycopgConnector(conninfo=dsn, configure=commit_at_once, min_size=1, max_size=3))
    await lasting(app.open_async, "the queue's database", patience=0)
    try:
        yield app
    finally:
        await app.close_async()


def register(app: App, runners: Runners, queue: str) -> None:
    """Register the task that carries out an item, and the one that takes from dead workers what they had."""

    async def carry_out(context: JobContext, batch: str, item: Any) -> str:
        with context.additional_context.get("under_way", UnderWay()).of(context.job):
            return await runners.deliver(batch, item)

    async def reclaim(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - the engine's
        after = context.additional_context.get("stalled_after", STALLED_AFTER)
        for name in (TASK, RECLAIM):
            await _deliver_again(
                app, await app.job_manager.get_stalled_jobs(task_name=name, seconds_since_heartbeat=after)
            )

    app.task(name=TASK, queue=queue, retry=_Again(), pass_context=True)(carry_out)
    options: Any = {"name": RECLAIM, "queue": RECLAIM, "queueing_lock": RECLAIM, "priority": 1, "pass_context": True}
    app.periodic(cron=EVERY)(app.task(**options)(reclaim))  # no lock: one that a dead worker had would hold up all


async def serve(
    app: App, queue: str, *, concurrency: int, heartbeat: float, stalled_after: float, grace: float
) -> None:
    """Run workers, one after another when the database broke one off, until cancelled."""
    under_way = UnderWay()

    async def run_worker() -> None:
        await app.run_worker_async(
            queues=[queue, RECLAIM],  # without names it would take up, and fail, what is others'
            concurrency=concurrency,
            name="phota",
            fetch_job_polling_interval=POLL,
            shutdown_graceful_timeout=grace,
            delete_jobs="successful",  # the ledger remembers
            additional_context={"under_way": under_way, "stalled_after": stalled_after},
            install_signal_handlers=False,
            update_heartbeat_interval=heartbeat,
            stalled_worker_timeout=stalled_after,
        )

    async def return_strays() -> None:
        with suppress(ConnectorException):
            here = await app.job_manager.list_jobs_async(task=TASK, status="doing", worker_id=under_way.worker)
            await _deliver_again(app, under_way.strays_among(here))

    async with under_way.looked_after(return_strays, every=stalled_after):
        await run_again(run_worker, ConnectorException)


async def _deliver_again(app: App, jobs: Iterable[Job]) -> None:
    for job in jobs:
        try:
            await app.job_manager.retry_job(job, retry_at=AT_ONCE)
        except UniqueViolation:  # the same item was enqueued meanwhile: that one stands for both
            with suppress(ConnectorException):
                await app.job_manager.finish_job(job, Status.ABORTED, delete_job=True)
        except ConnectorException:  # it ended meanwhile, or the server is away: the next look will tell
            continue
