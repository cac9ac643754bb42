"""``phota jobs``: look at what was submitted, and fetch what was paid for."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import click
import msgspec

from ..client import PhotaClient
from ..errors import PhotaError
from ..events import Event, JobChanged
from ..jobs import WAIT
from ..models import Job, JobStatus
from .common import account_option, end, interval_option, json_option, quiet_options, table, timeout_option
from .following import States, choose_states
from .settings import Settings, connect, load_settings
from .stopping import interruptible
from .streams import offer, result

SCHEMA = "phota.job/1"
COLUMNS = ("job", "status", "pictures", "error")
FIRST = "stopped; the jobs go on and are paid for: wait for the same ids again"
MAX_STEM = 100  # characters of an id in a file's name


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def jobs() -> None:
    """Look at jobs, and fetch what was paid for. Runs fetch their own: this is for single jobs.

    Example: phota jobs wait job_0123 -o out
    """


@jobs.command(short_help="Say where a job stands.")
@click.argument("job_id", metavar="JOB")
@json_option
@account_option
def show(*, job_id: str, as_json: bool, account: str | None) -> None:
    """Say where a job stands, how many pictures it has, and why it failed.

    Example: phota jobs show job_0123
    """
    job = asyncio.run(_get(load_settings(account), job_id))
    if as_json:
        result(_to_json(job))
        return
    for line in table([(job.job_id, str(job.status), str(_pictures(job)), job.error or "")], COLUMNS):
        result(line)


@jobs.command(short_help="Wait for jobs and save their pictures.")
@click.argument("job_ids", nargs=-1, required=True, metavar="JOB...")
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the pictures, named by their job; nothing is overwritten.",
)
@timeout_option(WAIT)
@interval_option
@quiet_options
@account_option
@click.pass_context
def wait(
    ctx: click.Context,
    *,
    job_ids: tuple[str, ...],
    out: Path,
    timeout: float,
    interval: float | None,
    quiet: bool,
    no_progress: bool,
    account: str | None,
) -> None:
    """Wait for jobs and save their pictures; the paths are written as they lie whole.

    Exits with 10 when the time is up: the job goes on and is paid for, so wait for the same id again.

    Example: phota jobs wait job_0123 job_4567 -o out
    """
    settings = load_settings(account)
    ids = list(dict.fromkeys(job_ids))
    with choose_states(ids, quiet=quiet, no_progress=no_progress) as states:
        work = partial(_wait_all, settings, ids, out, states, timeout=timeout, interval=interval)
        errors = asyncio.run(interruptible(work, first=FIRST, second=FIRST))
    ctx.exit(end(len(ids) - len(errors), errors))


async def _get(settings: Settings, job_id: str) -> Job:
    async with connect(settings) as client:
        return await client.jobs.get(job_id)


async def _wait_all(
    settings: Settings,
    ids: Sequence[str],
    out: Path,
    states: States,
    *,
    timeout: float,
    interval: float | None,
) -> list[PhotaError]:
    errors: list[PhotaError] = []

    def tell(event: Event) -> None:
        if isinstance(event, JobChanged):
            states.change(event.job_id, event.status, is_end=JobStatus(event.status).is_terminal)

    async def fetch(client: PhotaClient, job_id: str) -> None:
        try:
            found = await client.jobs.wait(job_id, timeout=timeout, interval=interval, save_to=out / _name(job_id))
            for image in found.images:
                offer(str(image.path))
        except PhotaError as error:
            errors.append(error)

    async with connect(settings, hooks=[tell]) as client, anyio.create_task_group() as group:
        for job_id in ids:
            group.start_soon(fetch, client, job_id)
    return errors


def _name(job_id: str) -> str:
    """Return the first picture's name; its suffix becomes that of the bytes."""
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "-_") else "_" for each in job_id)
    return f"{plain[:MAX_STEM]}-1.jpg"


def _pictures(job: Job) -> int:
    return 0 if job.answer is None else max(len(job.answer.images), len(job.answer.download_urls))


def _to_json(job: Job) -> str:
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "job_id": job.job_id,
        "status": str(job.status),
        "is_terminal": job.is_terminal,
        "pictures": _pictures(job),
        "known_subjects": job.answer.known_subjects.counts
        if job.answer and job.answer.known_subjects.is_told
        else None,
        "error": job.error,
        "error_code": job.error_code,
        "request_id": job.request_id,
    }
    return msgspec.json.encode(told).decode()
