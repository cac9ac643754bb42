"""``phota report``: a run laid on one page, every source beside what came of it."""

import asyncio
import webbrowser
from collections.abc import Iterable
from pathlib import Path

import click

from phota_async.report import sheet_of_run
from phota_async.runs import find_run

from .settings import load_settings
from .streams import result, say
from .usual import usual_folder

PAIR = "="  # between an id and a name


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
def report(
    *, out: Path, run: str | None, file: Path | None, title: str | None, names: tuple[str, ...], opens: bool
) -> None:
    """Lay a run on one page: sources beside results, who is in them, prices, and problems first.

    OUT is the folder that a run wrote to: ./phota-out or this one if not given. The page is one file that needs no
    network; its path is printed. A run that is not finished is shown as far as it got.

    Example: phota report better --open
    """
    known = _aliases() | dict(_pairs(names))
    page = asyncio.run(sheet_of_run(find_run(out, run), file, title=title, names=known))
    result(str(page))
    if opens and not webbrowser.open(page.as_uri()):
        say("no browser was found to open it with")


def _aliases() -> dict[str, str]:
    """Return what the settings call profiles, by their ids."""
    return {profile_id: alias for alias, profile_id in load_settings().people.items()}


def _pairs(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for pair in names:
        profile_id, sign, name = pair.partition(PAIR)
        if not (profile_id and sign and name):
            raise click.UsageError(f"--name: expected ID=NAME, got {pair!r}")
        yield profile_id, name
