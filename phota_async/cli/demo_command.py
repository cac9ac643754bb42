"""``phota demo``: the whole client at work in a few seconds."""

import asyncio
import os
import sys
from pathlib import Path

import click
from rich.console import Console

from phota_async.config import find_key
from phota_async.demo import DemoOptions, DemoReport, PlainProgress, run_demo
from phota_async.demo.live_progress import LiveProgress
from phota_async.demo.options import TIME_SCALE
from phota_async.demo.plan import live_estimate
from phota_async.demo.progress import Progress

from .exit_codes import ExitCode, code_for_items


@click.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("phota-demo"),
    show_default=True,
    help="Folder for photos, results and contact sheet.",
)
@click.option("--live", is_flag=True, help="Buy from the real service; needs PHOTA_API_KEY.")
@click.option("--profile", "profiles", multiple=True, metavar="ID", help="With --live: a trained profile; up to two.")
@click.option("--base-url", metavar="URL", help="With --live: another address of the service.")
@click.option(
    "--time-scale",
    type=click.FloatRange(1, 100_000),
    default=TIME_SCALE,
    show_default=True,
    help="How fast the sandbox's clock runs.",
)
@click.option("-y", "--yes", is_flag=True, help="With --live: do not ask before spending.")
@click.pass_context
def demo(
    ctx: click.Context,
    *,
    out: Path,
    live: bool,
    profiles: tuple[str, ...],
    base_url: str | None,
    time_scale: float,
    yes: bool,
) -> None:
    """Train two profiles, then enhance, edit, remix and generate, and lay it all on a contact sheet.

    Everything happens on a sandbox inside this program: no key, no network, no money. The second run into the
    same folder replaces what the first one made, and nothing else.

    Example: phota demo -o phota-demo
    """
    _check(live=live, profiles=profiles, base_url=base_url, yes=yes)
    options = DemoOptions(out=out, live=live, profiles=profiles, base_url=base_url, time_scale=time_scale)
    if live:
        _ask(options, yes=yes)
    report = asyncio.run(run_demo(options, progress=choose_progress()))
    _print(report)
    ctx.exit(exit_code_of(report))


def exit_code_of(report: DemoReport) -> ExitCode:
    """Return 0 when every picture was written and decodes, and else what went wrong."""
    errors = [*report.errors, *(None for _ in report.broken)]
    return code_for_items(done=report.done, errors=errors)


def choose_progress() -> Progress:
    """Return a moving picture where standard error is a terminal that can draw one, and plain lines elsewhere."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return LiveProgress(Console(stderr=True))
    return PlainProgress(lambda line: click.echo(line, err=True))


def can_ask() -> bool:
    """Whether somebody sits at a terminal to answer."""
    return sys.stdin.isatty()


def _check(*, live: bool, profiles: tuple[str, ...], base_url: str | None, yes: bool) -> None:
    if not live and (profiles or base_url or yes):
        raise click.UsageError("--profile, --base-url and --yes go with --live; the sandbox needs none of them")
    if len(profiles) > 2:  # noqa: PLR2004 - the demo has two parts to play
        raise click.UsageError(f"expected at most 2 profiles, got {len(profiles)}")


def _ask(options: DemoOptions, *, yes: bool) -> None:
    """Say what a live run costs and get a yes."""
    find_key(None)  # a missing key is told before anything else
    click.echo(live_estimate(options.profiles), err=True)
    if yes:
        return
    if not can_ask():
        raise click.UsageError("a live run spends money: without a terminal to ask on, it needs --yes")
    click.confirm("Send them to the real service?", abort=True, err=True)


def _print(report: DemoReport) -> None:
    for line in report.lines():
        click.echo(line)
    click.echo(report.sheet)
