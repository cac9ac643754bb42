"""``phota report``: a run laid on one page, every source beside what came of it."""

import asyncio
import webbrowser
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from phota_async.ledger import Record
from phota_async.ledger.shared_view import PostgresView
from phota_async.report import sheet_of_ledger, sheet_of_run
from phota_async.runs import find_run, list_runs

from .common import dsn_option
from .plain_text import clean
from .settings import load_settings
from .streams import result, say
from .usual import usual_folder

PAIR = "="  # between an id and a name
SHOWN = 5  # names of batches in an error


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path), default=usual_folder)
@click.option("--run", metavar="ID", help="Which run, by its name or the beginning of it; the latest if not given.")
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The page; OUT/.phota/report-RUN.html if not given. Only an earlier page is replaced.",
)
@click.option("--title", metavar="TEXT", help="The heading; the operation and the folder if not given.")
@click.option("--name", "names", multiple=True, metavar="ID=NAME", help="What people call a profile. May be repeated.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@dsn_option()
@click.option("--batch", metavar="NAME", help="With --dsn: which batch; needed where the ledger has several.")
@click.option(
    "--photos",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="With --dsn: where the sources lie under the names of their items; none are shown if not given.",
)
@click.pass_context
def report(
    ctx: click.Context,
    *,
    out: Path,
    run: str | None,
    file: Path | None,
    title: str | None,
    names: tuple[str, ...],
    opens: bool,
    dsn: str | None,
    batch: str | None,
    photos: Path | None,
) -> None:
    """Lay a run on one page: sources beside results, who is in them, prices, and problems first.

    OUT is the folder that a run wrote to: ./phota-out or this one if not given. The page is one file that needs no
    network; its path is printed. A run that is not finished is shown as far as it got.

    With --dsn the page shows what the ledger that machines share knows of a batch, whose results lie in OUT as this
    machine sees it. What PHOTA_DSN says counts where OUT has no run of its own.

    \b
    Example: phota report better --open
             phota report /mnt/results --dsn postgresql://studio@db/photos --batch summer --photos /mnt/photos
    """  # noqa: D301 - \b keeps click from joining the lines
    if dsn is not None and ctx.get_parameter_source("dsn") is ParameterSource.ENVIRONMENT and list_runs(out):
        dsn = None
    _check_fit(dsn, run=run, batch=batch, photos=photos)
    known = _aliases() | dict(_pairs(names))
    how: dict[str, Any] = {"title": title, "names": known}
    if dsn is None:
        page = asyncio.run(sheet_of_run(find_run(out, run), file, **how))
    else:
        page = asyncio.run(_sheet_of_batch(dsn, batch, out, file, photos=photos, **how))
    result(str(page))
    if opens and not webbrowser.open(page.as_uri()):
        say("no browser was found to open it with")


def _check_fit(dsn: str | None, *, run: str | None, batch: str | None, photos: Path | None) -> None:
    if dsn is None and (batch is not None or photos is not None):
        raise click.UsageError("--batch and --photos are about a shared ledger: add --dsn")
    if dsn is not None and run is not None:
        raise click.UsageError("--run is about a folder's own runs: with --dsn, --batch names what is shown")


async def _sheet_of_batch(dsn: str, batch: str | None, out: Path, file: Path | None, **how: Any) -> Path:
    async with aclosing(PostgresView(dsn)) as view:
        await view.open()
        records = [record async for record in view.records(batch)]
    name = _only_batch(records) if batch is None else batch
    if not records:
        which = "purchases" if batch is None else f"purchases of the batch {clean(batch)!r}"
        raise click.UsageError(f"--dsn: expected a ledger with {which}, got none")
    return await sheet_of_ledger(records, out, file, batch=name, **how)


def _only_batch(records: Iterable[Record]) -> str:
    found = sorted({record.batch for record in records})
    if len(found) > 1:
        some = ", ".join(repr(clean(name)) for name in found[:SHOWN])
        raise click.UsageError(f"--batch: expected one of the ledger's {len(found)} ({some}), got none")
    return found[0] if found else ""


def _aliases() -> dict[str, str]:
    """Return what the settings call profiles, by their ids."""
    return {profile_id: alias for alias, profile_id in load_settings().people.items()}


def _pairs(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for pair in names:
        profile_id, sign, name = pair.partition(PAIR)
        if not (profile_id and sign and name):
            raise click.UsageError(f"--name: expected ID=NAME, got {pair!r}")
        yield profile_id, name
