"""The service that a fleet buys from while it is killed: the sandbox in a process of its own, which misbehaves.

It keeps an account of its own: who was charged how often, by prompt, and how many jobs were unfinished at once.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from phota_async.sandbox import Sandbox
from phota_async.sandbox.jobs import Job

FOREVER = 1e9  # seconds
FAILING_EVERY = 33  # jobs of which one fails at the end of its work, and is refunded
FAULTS: tuple[tuple[str, Mapping[str, Any]], ...] = (  # the proportions of the kill runs of single batches
    ("POST /*", {"share": 0.10, "reset": "after"}),  # charged, and the answer is lost
    ("POST /*", {"share": 0.03, "reset": "before"}),
    ("POST /*", {"share": 0.05, "status": 503, "body": b"<html>busy", "headers": {"Content-Type": "text/html"}}),
    ("POST /*", {"share": 0.03, "status": 429, "headers": {"Retry-After": "0"}}),
    ("GET /jobs/{job_id}", {"share": 0.05, "status": 500}),
    ("GET /jobs/{job_id}", {"share": 0.02, "cut_after": 40}),
    ("GET /cdn/{name}", {"share": 0.05, "cut_after": 200}),
    ("GET /cdn/{name}", {"share": 0.05, "status": 403}),  # as an expired link is answered
)


class Account(NamedTuple):
    """What the service has to say."""

    charges: Counter[str]
    """By prompt, those that were refunded left out."""
    refunded: int
    jobs: int
    """Taken, those that failed included."""
    most: int
    """Unfinished at once."""


class Books:
    """Notes every job that the sandbox takes."""

    def __init__(self, sandbox: Sandbox, *, faults: bool) -> None:
        self._sandbox, self._faults = sandbox, faults
        self._jobs: list[Job] = []
        self._open = self._most = 0
        self._followers: set[asyncio.Task[None]] = set()
        jobs = sandbox._parts.jobs  # noqa: SLF001 - the till of a stand-in
        self._add = jobs.add
        setattr(jobs, "add", self._note)  # noqa: B010 - in its place
        for route, fields in FAULTS if faults else ():
            sandbox.fail(route, times=None, **fields)

    def account(self) -> Account:
        """Return the sums."""
        self._sandbox.requests.clear()  # nobody reads them, and they are many
        good = [job for job in self._jobs if job.error is None]
        prompts = Counter(job.order.prompt for job in good)
        return Account(prompts, len(self._jobs) - len(good), len(self._jobs), self._most)

    def _note(self, job: Job) -> None:
        self._jobs.append(job)
        self._open += 1
        self._most = max(self._most, self._open)
        if self._faults and len(self._jobs) % FAILING_EVERY == 0:
            self._sandbox.fail_jobs(times=1)
        self._add(job)
        follower = asyncio.create_task(self._follow(job))
        self._followers.add(follower)
        follower.add_done_callback(self._followers.discard)

    async def _follow(self, job: Job) -> None:
        await job.done.wait()
        self._open -= 1


def serve(pipe: Connection, faults: bool, job_seconds: float, seed: int) -> None:
    """Tell the address and the key, then give an account whenever something is said, until the pipe closes."""
    logging.disable()  # workers that die are what this is for
    with suppress(EOFError):
        asyncio.run(_serve(pipe, faults, job_seconds, seed))


async def _serve(pipe: Connection, faults: bool, job_seconds: float, seed: int) -> None:
    sandbox = Sandbox(
        job_seconds=job_seconds,
        picture_scale=1 / 32,
        id_memory=FOREVER,
        link_lifetime=FOREVER,
        seed=seed,
        keep_images=False,
    )
    async with sandbox:
        books = Books(sandbox, faults=faults)
        pipe.send((sandbox.base_url, sandbox.api_key))
        while True:
            await asyncio.to_thread(pipe.recv)
            pipe.send(books.account())
