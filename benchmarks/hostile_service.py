"""The service of a hostile soak, in a process of its own: the sandbox, with faults in a share of all calls.

It keeps an account of its own of what it sold, by prompt, and forgets a batch once that was asked for.
"""

import asyncio
import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from phota_async.sandbox import Sandbox
from phota_async.sandbox.faults import Fault
from phota_async.sandbox.jobs import Job

JOB_SECONDS = 0.2
BROKEN_JOBS = 0.05  # share of the jobs that fail, which is no fault of a call
SILENCE = 1.5  # seconds for which a silent call says nothing: longer than clients wait
DRIP = 4000.0  # bytes a second
LATE = SILENCE + JOB_SECONDS  # seconds after which nothing is sold any more that was asked for before
HTML: Mapping[str, Any] = {"body": b"<html>busy</html>", "headers": {"Content-Type": "text/html"}}
FLAPS = {"body": {"status": "queued"}}
FAULTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "POST /*": {
        "reset in the request": {"reset": "during"},
        "reset before the work": {"reset": "before"},
        "answer lost after the work": {"reset": "after"},
        "answer replaced after the work": {"status": 502, "process": True},
        "answer cut": {"cut_after": 20},
        "answer drips": {"rate": DRIP},
        "silence": {"delay": SILENCE},
        "429": {"status": 429, "headers": {"Retry-After": "0"}},
        "500": {"status": 500},
        "503 in HTML": {"status": 503, **HTML},
        "200 in HTML, not done": {"status": 200, **HTML},
    },
    "GET /jobs/{job_id}": {
        "reset": {"reset": "before"},
        "answer cut": {"cut_after": 30},
        "silence": {"delay": SILENCE},
        "500": {"status": 500},
        "503 in HTML": {"status": 503, **HTML},
        "vanished": {"status": 404},
        "flaps": FLAPS,
        "unknown word": {"body": {"status": "ON_HOLD"}},
        "done without links": {"body": {"status": "succeeded"}},
    },
    "GET /cdn/{name}": {
        "reset": {"reset": "before"},
        "cut": {"cut_after": 300},
        "drips": {"rate": DRIP},
        "expired": {"status": 403},
        "gone": {"status": 404},
        "500": {"status": 500},
        "200 in HTML": {"status": 200, **HTML},
    },
}
"""By route and by name, each as likely as the others of its route."""


class Sold(NamedTuple):
    """What was bought under one prompt."""

    charges: int
    """Times that it was paid for, what was refunded left out."""
    digests: frozenset[str]
    """SHA-256 of its pictures."""


class Account(NamedTuple):
    """What the service has to say at the end."""

    calls: int
    faults: Counter[str]
    """By route and name."""
    charges: int
    """What the till has, all batches together."""
    crashes: list[str]
    """Of the sandbox itself."""


class Books:
    """What was sold and done to calls.

    Args:
        sandbox: The service.
        share: Of calls that meet a fault.
    """

    def __init__(self, sandbox: Sandbox, share: float) -> None:
        self._sandbox, self._parts = sandbox, sandbox._parts  # noqa: SLF001 - the till of a stand-in
        self._jobs: defaultdict[str, list[Job]] = defaultdict(list)  # by batch
        self._faults = Counter[str]()
        self._names: dict[int, str] = {}
        self._calls = 0
        self._listen()
        for route, kinds in FAULTS.items():
            self._script(route, kinds, share)

    def sold(self, batch: str) -> dict[str, Sold]:
        """Return what a batch has bought, by prompt, and forget it."""
        found = defaultdict[str, list[Job]](list)
        for job in self._jobs.pop(batch, ()):
            found[job.order.prompt].append(job)
        self._calls += len(self._sandbox.requests)
        self._sandbox.requests.clear()
        return {prompt: self._sum(jobs) for prompt, jobs in found.items()}

    def account(self) -> Account:
        """Return the sums."""
        charges = sum(not each.refunded for each in self._sandbox.charges)
        calls = self._calls + len(self._sandbox.requests)
        return Account(calls, self._faults, charges, [repr(each) for each in self._parts.recorder.crashes])

    def _script(self, route: str, kinds: Mapping[str, Mapping[str, Any]], share: float) -> None:
        """Script faults so that each of them strikes the same share, though one is drawn after the other."""
        each = share / len(kinds)
        for place, (name, fields) in enumerate(kinds.items()):
            fault = self._sandbox.fail(Fault(route=route, share=each / (1 - place * each), times=None, **fields))
            self._names[id(fault)] = f"{route} {name}"

    def _listen(self) -> None:
        """Note each job and each fault; the sandbox is asked in its own places."""
        jobs, faults = self._parts.jobs, self._parts.faults
        add, take = jobs.add, faults.take

        def note(job: Job) -> None:
            self._jobs[job.order.prompt.partition(" ")[0]].append(job)
            add(job)

        def count(*arguments: Any, **how: Any) -> Fault | None:
            fault = take(*arguments, **how)
            if fault is not None:
                self._faults[self._names[id(fault)]] += 1
            return fault

        setattr(jobs, "add", note)  # noqa: B010 - in its place
        setattr(faults, "take", count)  # noqa: B010

    def _sum(self, jobs: list[Job]) -> Sold:
        pictures = [picture for job in jobs for picture in (*job.pictures, *map(self._take, job.results))]
        for job in jobs:
            self._parts.jobs.records.pop(job.job_id, None)
            self._parts.jobs.forget(job)
        digests = frozenset(hashlib.sha256(picture).hexdigest() for picture in pictures)
        return Sold(sum(job.error is None for job in jobs), digests)

    def _take(self, name: str) -> bytes:
        """Return a picture and remove it."""
        path = self._parts.links._folder / name  # noqa: SLF001
        data = path.read_bytes()
        path.unlink()
        return data


def serve(pipe: Connection, share: float, seed: int) -> None:
    """Tell the address and the key, then answer: a batch's name with what it bought, ``None`` with the account."""
    logging.disable()  # calls that break off are what this is for
    with suppress(EOFError):
        asyncio.run(_serve(pipe, share, seed))


async def _serve(pipe: Connection, share: float, seed: int) -> None:
    sandbox = Sandbox(job_seconds=JOB_SECONDS, picture_scale=1 / 32, seed=seed, keep_images=False)
    async with sandbox:
        books = Books(sandbox, share)
        failing = asyncio.create_task(_fail_jobs(sandbox))
        pipe.send((sandbox.base_url, sandbox.api_key))
        try:
            while (batch := await asyncio.to_thread(pipe.recv)) is not None:
                pipe.send(books.sold(batch))
            pipe.send(books.account())
        finally:
            failing.cancel()


async def _fail_jobs(sandbox: Sandbox) -> None:
    """Let a share of the jobs fail, and be refunded."""
    seen, due = 0, 0.0
    while True:
        await asyncio.sleep(JOB_SECONDS)
        due += (len(sandbox.charges) - seen) * BROKEN_JOBS
        seen = len(sandbox.charges)
        sandbox.fail_jobs(times=int(due))
        due -= int(due)
