"""``phota check``: look at a folder's photos before a training is paid for."""

import asyncio
from pathlib import Path
from typing import Any

import click
import msgspec

from ..pricing import PUBLISHED
from ..training import refuse_errors
from .photo_check import Selection, check_json, need_sheet, run_check, show_findings, summary, write_sheet
from .streams import result, say
from .training_display import choose_display

TIERS = tuple(PUBLISHED.training)


def selection_options(command: Any) -> Any:
    """Add the options that say which photos are meant."""
    for option in (
        click.option(
            "--exclude", multiple=True, metavar="GLOB", help="Leave these out: a file's name, or its path below DIR."
        ),
        click.option("--include", multiple=True, metavar="GLOB", help="Take only these."),
        click.option("-r", "--recursive", is_flag=True, help="Take the folders below DIR too."),
        click.option("--tier", type=click.Choice(TIERS), default=TIERS[0], show_default=True, help="Of the training."),
    ):
        command = option(command)
    return command


def display_options(command: Any) -> Any:
    """Add the options that say what is written."""
    for option in (
        click.option("--no-progress", is_flag=True, help="Write lines instead of a moving picture."),
        click.option("-q", "--quiet", is_flag=True, help="Write results and errors only."),
        click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object."),
        click.option(
            "--sheet",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Also write the photos that something speaks against on one HTML page.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@selection_options
@display_options
def check(*, folder: Path, sheet: Path | None, as_json: bool, quiet: bool, no_progress: bool, **selection: Any) -> None:
    """Check the photos in DIR for a training: free, and nothing leaves this machine.

    Errors would be refused or paid for in vain: too few or too many photos, unreadable files, the same file twice.
    Doubtful are small and blurred photos and those that look like a better one: look at them yourself.

    Example: phota check ./mia

    \b
    Exit codes: 0 they can be trained with, 2 usage, 9 they cannot.
    """  # noqa: D301 - \b keeps click from joining the lines
    chosen = Selection(folder=folder, **selection)
    if sheet is not None:
        need_sheet()
    found = asyncio.run(run_check(chosen, choose_display(quiet=quiet, no_progress=no_progress)))
    if sheet is not None:
        asyncio.run(write_sheet(found, chosen, sheet))
        say(f"what was found, on one page: {sheet}")
    if as_json:
        result(msgspec.json.encode(check_json(found, chosen)).decode())
    else:
        show_findings(found, chosen, err=False)
    if not quiet:
        say(summary(found))
    refuse_errors(found)
