"""Find the run that is to go on, and its settings."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from phota_async.ledger.records import Record, State
from phota_async.ledger.view import LedgerView
from phota_async.media.formats import KNOWN_SUFFIXES
from phota_async.media.sources import is_link
from phota_async.runs import RunFolder, RunRecord, latest_run
from phota_async.runs.paths import from_text, to_text
from phota_async.runs.translate import SKIPPED_LINK

from .exit_codes import ExitCode
from .places import shown
from .run_options import PIPE, RunOptions, from_record, invocation_of
from .running import run
from .streams import say
from .usual import DEFAULT

OVERRIDES = ("max_spend", "price", "account", "concurrency")
SWITCHES = ("yes", "resend_unknown")


def resume_run(values: Mapping[str, Any]) -> int:
    """Go on with the last run into a folder and return the exit code.

    Raises:
        click.UsageError: There is nothing to go on with, or what it needs is gone.
        PhotaError: There is no run of this command.
    """
    folder = latest_run(os.fsdecode(values["out"] or DEFAULT))
    record = folder.record()
    if record.exit_code == ExitCode.DONE:
        raise click.UsageError(f"nothing to resume in {shown(folder.output)}: the last run, {record.run}, was finished")
    options = _changed(from_record(record), values)
    jobs = asyncio.run(_open_jobs(folder))
    _check_sources(options, jobs)
    if not values["quiet"]:
        say(_about(options, record))
    keys = tuple(each.item for each in jobs if each.operation == options.operation and each.take == options.take)
    return run(replace(_moved(options, folder), allow_missing=True, open_keys=keys), invocation_of(values), folder)


def _about(options: RunOptions, record: RunRecord) -> str:
    """Say what goes on: the record may be a stranger's, and name any photos of this machine."""
    named = [each for each in (options.manifest, *options.sources) if each is not None]
    of = f" of {shown(Path(from_text(named[0])))}" if named else ""
    more = f" and {len(named) - 1} more" if len(named) > 1 else ""
    return f"going on with the run {record.run}: {options.operation}{of}{more}"


def _changed(options: RunOptions, values: Mapping[str, Any]) -> RunOptions:
    """Return the options with what is said now."""
    changes = {name: values[name] for name in OVERRIDES if values[name] is not None}
    changes |= {name: True for name in SWITCHES if values[name]}
    changes |= {"is_cap_agreed": True} if values["max_spend"] is not None else {}
    changes |= {"is_price_told": True} if values["price"] is not None else {}
    return replace(options, **changes)


def _moved(options: RunOptions, folder: RunFolder) -> RunOptions:
    """Return the options with the folder where it is now."""
    if options.out == PIPE:
        return options
    given = None if options.out is None else Path(from_text(options.out))
    if given is None or given.suffix.lower() not in KNOWN_SUFFIXES or folder.output.name == given.name:
        return replace(options, out=to_text(folder.output))
    return replace(options, out=to_text(folder.output / given.name))


def _check_sources(options: RunOptions, jobs: Sequence[Record]) -> None:
    """Raise for what is gone, unless there are jobs of it, which need no photo to be fetched."""
    if options.is_from_pipe:
        raise click.UsageError("the photo came through standard input: run the same command again with it")
    if any(source.endswith(SKIPPED_LINK) for source in (*options.sources, options.request_plan.reference or "")):
        raise click.UsageError("a photo is behind a signed link, which no record keeps: run the same command again")
    needed = [*options.sources, *([options.manifest] if options.manifest else [])]
    gone = [path for path in map(from_text, needed) if not is_link(path) and not os.path.exists(path)]  # noqa: PTH110
    if gone and (options.manifest or not jobs):
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        raise click.UsageError(f"cannot resume: {gone[0]}{more} is gone; put it back where it was")


async def _open_jobs(folder: RunFolder) -> list[Record]:
    """Return what was submitted and not fetched yet."""
    view = LedgerView(folder.output / ".phota" / "ledger.sqlite")
    await view.open()
    try:
        return [record async for record in view.records() if record.state is State.SUBMITTED]
    finally:
        view.close()
