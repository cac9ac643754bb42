"""A sandbox in a process of its own, for clients that are killed: it draws quickly, misbehaves, and keeps accounts.

    python kill_server.py SEED FAULTS      # FAULTS: 0 or 1

Prints its address, serves until its input is closed, then prints what it charged and delivered as JSON.
"""

import asyncio
import logging
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from phota_async.photos import carry_over
from phota_async.sandbox import Sandbox
from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.jobs import Job
from phota_async.sandbox.studio import Studio

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import kill_client

FOREVER = 1e9  # seconds
HTML = {"Content-Type": "text/html"}


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """A job, as the service remembers it."""

    prompt: str
    client_request_id: str
    refunded: bool
    sha256: list[str]
    """Digests of its pictures, as they should lie on the client's disk: with what their originals say."""


def misbehave(sandbox: Sandbox, chance: random.Random) -> None:
    """Break a share of everything, in the proportions of the reliability notes."""
    sandbox.fail("POST /*", share=0.10, times=None, reset="after")  # charged, and the answer is lost
    sandbox.fail("POST /*", share=0.03, times=None, reset="before")
    sandbox.fail("POST /*", share=0.05, times=None, status=503, body=b"<html>busy", headers=HTML)
    sandbox.fail("POST /*", share=0.03, times=None, status=429, headers={"Retry-After": "0"})
    sandbox.fail("GET /jobs/{job_id}", share=0.05, times=None, status=500)
    sandbox.fail("GET /jobs/{job_id}", share=0.02, times=None, cut_after=40)
    sandbox.fail("GET /cdn/{name}", share=0.05, times=None, cut_after=200)
    sandbox.fail("GET /cdn/{name}", share=0.05, times=None, status=403)  # as an expired link is answered
    real = Studio._failure

    def failure(studio: Studio, order: Any) -> ServiceError | None:
        return ServiceError(500, "The model failed") if chance.random() < 0.05 else real(studio, order)

    setattr(Studio, "_failure", failure)  # noqa: B010 - a share of jobs fails


def keep(sandbox: Sandbox, jobs: list[Job]) -> None:
    """Note every job, also those of synchronous calls, which the sandbox does not list."""
    add = sandbox._parts.jobs.add

    def note(job: Job) -> None:
        jobs.append(job)
        add(job)

    setattr(sandbox._parts.jobs, "add", note)  # noqa: B010 - in its place


def account(sandbox: Sandbox, jobs: list[Job]) -> list[Sold]:
    return [_sold(sandbox, job) for job in jobs]


def _sold(sandbox: Sandbox, job: Job) -> Sold:
    prompt, _, _ = job.order.prompt.partition(" [[")  # who is named belongs to no item's words
    return Sold(
        prompt=prompt,
        client_request_id=job.order.client_request_id or "",
        refunded=job.error is not None,
        sha256=[_digest(picture, prompt) for picture in _pictures(sandbox, job)],
    )


def _pictures(sandbox: Sandbox, job: Job) -> list[bytes]:
    folder = sandbox._parts.links._folder
    return [*job.pictures, *((folder / name).read_bytes() for name in job.results)]


def _digest(picture: bytes, prompt: str) -> str:
    name, _, number = prompt.partition(" item ")
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        Path(file.name).write_bytes(picture)
        return carry_over(kill_client.photo(name, int(number)), file.name, operation="enhance").sha256


async def main(seed: int, *, faults: bool) -> None:
    sandbox = Sandbox(
        job_seconds=0.05, picture_scale=0.03, id_memory=FOREVER, link_lifetime=FOREVER, seed=seed, keep_images=False
    )
    async with sandbox:
        jobs: list[Job] = []
        keep(sandbox, jobs)
        sandbox.add_profile("anna")
        if faults:
            misbehave(sandbox, random.Random(seed))
        sys.stdout.write(sandbox.base_url + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        await asyncio.gather(*(_ended(job) for job in jobs))
        sys.stdout.write(msgspec.json.encode(account(sandbox, jobs)).decode() + "\n")


async def _ended(job: Job) -> None:
    await job.done.wait()


if __name__ == "__main__":
    logging.disable()  # clients that die are what this is for
    asyncio.run(main(int(sys.argv[1]), faults=sys.argv[2] == "1"))
