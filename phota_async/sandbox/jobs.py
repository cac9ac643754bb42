"""Keep work in hand: each job's life on the clock, the memory of client_request_ids, the running tasks."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from phota_async.sandbox.clock import Clock
from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.orders import Order

QUEUED, RUNNING, SUCCEEDED, FAILED = "queued", "running", "succeeded", "failed"
QUEUE_SHARE = 0.1  # of a job's time is spent waiting for its turn
PATIENCE = 5.0  # real seconds that a poll waits for pictures of a job that is due


class Job:
    """Work on one order, synchronous or not.

    Attributes:
        results: Names of the pictures behind links.
        pictures: The pictures themselves, where they go into the answer.
        counts: In how many pictures each profile was rendered.
        error: Why it failed.
        done: Set once its outcome is final.
    """

    def __init__(self, job_id: str, order: Order, *, submitted_at: float, seconds: float) -> None:
        self.job_id = job_id
        self.order = order
        self.submitted_at = submitted_at
        self.started_at = submitted_at + seconds * QUEUE_SHARE
        self.finish_at = submitted_at + seconds
        self.results: Sequence[str] = ()
        self.pictures: Sequence[bytes] = ()
        self.counts: Mapping[str, int] = {}
        self.error: ServiceError | None = None
        self.done = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Job {self.job_id} {self.order.operation} {self.status(self.started_at)}>"

    def status(self, now: float) -> str:
        """Tell the status at a moment."""
        if self.done.is_set():
            return SUCCEEDED if self.error is None else FAILED
        return QUEUED if now < self.started_at else RUNNING


class Jobs:
    """All jobs, and the tasks that work on them.

    An anyio task group would tie the sandbox's entering and leaving to one task, which pytest-asyncio's
    fixtures do not grant; this scope does not, and still ends with its tasks.
    """

    def __init__(self, *, clock: Clock, id_memory: float, crashes: list[Exception]) -> None:
        self.records: dict[str, Job] = {}
        self.failures: list[ServiceError] = []
        self.capacity: int | None = None
        """Image calls that may be at work at once; more are refused with 429. ``None`` is without limit."""
        self._clock = clock
        self._id_memory = id_memory
        self._crashes = crashes
        self._remembered: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Jobs {len(self.records)}, {len(self._tasks)} at work>"

    def find(self, job_id: str) -> Job:
        """Return a job, or refuse with 404."""
        if job_id not in self.records:
            raise ServiceError(404, f"Job {job_id!r} not found")
        return self.records[job_id]

    def recall(self, order: Order) -> Job | None:
        """Return the job that an idempotency value stands for: 409 when its body was another one."""
        job = self._remembered.get(order.client_request_id or "")
        if job is None:
            return None
        if self._clock.time() - job.submitted_at > self._id_memory:
            self.forget(job)
            return None
        if job.order.digest != order.digest:
            raise ServiceError(409, "client_request_id was already used with a different body")
        return job

    def add(self, job: Job) -> None:
        """Take a new job in."""
        if job.order.is_async:
            self.records[job.job_id] = job
        if job.order.client_request_id:
            self._remembered[job.order.client_request_id] = job

    def forget(self, job: Job) -> None:
        """Forget the idempotency value of a job."""
        self._remembered.pop(job.order.client_request_id or "", None)

    async def settled(self, job: Job) -> None:
        """Wait for a job that is due, though not for ever: a poll answers in time."""
        if self._clock.time() < job.finish_at:
            return
        with self._clock.at_rest(), suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await job.done.wait()

    def check_capacity(self) -> None:
        """Refuse with 429 when the service is full."""
        if self.capacity is not None and len(self._tasks) >= self.capacity:
            raise ServiceError(429)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Work in the background until done, or until the sandbox closes."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    async def aclose(self) -> None:
        """Stop all work."""
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._crashes.append(error)  # a fault of the sandbox itself: shown when it closes
