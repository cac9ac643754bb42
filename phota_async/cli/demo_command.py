"""``phota demo``: the whole client at work in a few seconds."""

import asyncio
from pathlib import Path

import click
from rich.console import Console

from phota_async.client import PhotaClient
from phota_async.config import BASE_URL_VARIABLE
from phota_async.demo import DemoOptions, DemoReport, PlainProgress, run_demo
from phota_async.demo.live_progress import LiveProgress
from phota_async.demo.options import TIME_SCALE
from phota_async.demo.plan import live_estimate
from phota_async.demo.progress import Progress

from .common import account_option, agree
from .exit_codes import ExitCode, code_for_items
from .settings import connect, settings_of
from .sources import read_sources
from .streams import can_draw, result, say


@click.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("phota-demo"),
    show_default=True,
    help="Folder for photos, results and contact sheet.",
)
@click.option("--live", is_flag=True, help="Buy from the real service; needs a key.")
@click.option("--profile", "profiles", multiple=True, metavar="ID", help="With --live: a trained profile; up to two.")
@click.option("--base-url", metavar="URL", help="With --live: another address of the service.")
@account_option
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
    account: str | None,
    time_scale: float,
    yes: bool,
) -> None:
    """Train two profiles, then enhance, edit, remix and generate, and lay it all on a contact sheet.

    Everything happens on a sandbox inside this program: no key, no network, no money. The second run into the
    same folder replaces what the first one made, and nothing else.

    Example: phota demo -o phota-demo
    """
    _check(live=live, profiles=profiles, base_url=base_url, account=account, yes=yes)
    options = DemoOptions(out=out, live=live, profiles=profiles, time_scale=time_scale)
    client = _live_client(account, base_url) if live else None  # a missing key is told before anything else
    if live:
        say(live_estimate(profiles))
        agree("Send them to the real service?", yes=yes)
    report = asyncio.run(run_demo(options, progress=choose_progress(), client=client))
    _print(report)
    ctx.exit(exit_code_of(report))


def exit_code_of(report: DemoReport) -> ExitCode:
    """Return 0 when every picture was written and decodes, and else what went wrong."""
    errors = [*report.errors, *(None for _ in report.broken)]
    return code_for_items(done=report.done, errors=errors)


def choose_progress() -> Progress:
    """Return a moving picture where standard error is a terminal that can draw one, and plain lines elsewhere."""
    if can_draw():
        return LiveProgress(Console(stderr=True))
    return PlainProgress(say)


def _check(*, live: bool, profiles: tuple[str, ...], base_url: str | None, account: str | None, yes: bool) -> None:
    if not live and (profiles or base_url or account or yes):
        raise click.UsageError(
            "--profile, --base-url, --account and --yes go with --live; the sandbox needs none of them"
        )
    if len(profiles) > 2:  # noqa: PLR2004 - the demo has two parts to play
        raise click.UsageError(f"expected at most 2 profiles, got {len(profiles)}")


def _live_client(account: str | None, base_url: str | None) -> PhotaClient:
    """Return the client of the settings; a flag's address goes before all others, as far as the key may go there."""
    sources = read_sources()
    told = {} if base_url is None else {BASE_URL_VARIABLE: base_url}
    return connect(settings_of(sources._replace(environment={**sources.environment, **told}), account))


def _print(report: DemoReport) -> None:
    for line in report.lines():
        result(line)
    result(str(report.sheet))
