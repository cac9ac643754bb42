"""``phota train``: a profile from a folder of photos, and the end of what an earlier training left."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from ..client import PhotaClient
from ..errors import PhotaError
from ..profiles import WAIT
from ..training import (
    PhotoCheck,
    Training,
    Uploader,
    Via,
    Waiting,
    finish_trainings,
    left_over,
    open_uploader,
    train_photos,
)
from ..training.journal import UploadRecord
from .asking import dollars
from .check_command import display_options, selection_options
from .common import account_option, usd
from .exit_codes import ExitCode
from .photo_check import Selection, need_sheet, run_check, show_findings, summary, write_sheet
from .settings import Settings, connect, load_settings, state_folder
from .stopping import Interrupted, interruptible
from .streams import say
from .sums import in_words
from .train_options import TrainOptions, agree, decide
from .train_outcomes import RESUME, Reporter, say_what_stays, write_finished
from .training_display import Display, choose_display

T = TypeVar("T")

VIA_VARIABLE = "PHOTA_UPLOAD"
FIRST = "stopping; once more leaves at once"
SECOND = f"left; what is uploaded is noted, finish with: {RESUME}"


def via_options(command: Any) -> Any:
    """Add the options that say how photos get to the service."""
    for option in (
        click.option("--public-dir", default="", metavar="DIR", help="That folder; copies are put there for a while."),
        click.option(
            "--public-base-url", default="", metavar="URL", help="Address of a folder that your server shows."
        ),
        click.option("--via-delete", default="", metavar="CMD", help="With cmd:, what removes {name}: 'cmd:...'."),
        click.option(
            "--via",
            default="",
            envvar=VIA_VARIABLE,
            metavar="WHERE",
            help="s3://BUCKET/PREFIX?endpoint=URL&region=NAME, gs://..., az://...?account=NAME, or 'cmd:...' with "
            "{path} and {name}, which prints the link last.",
        ),
    ):
        command = option(command)
    return command


def deciding_options(command: Any) -> Any:
    """Add the options that decide instead of a person."""
    for option in (
        click.option("-n", "--dry-run", is_flag=True, help="Check and say the price; send nothing."),
        click.option("--max-spend", type=usd, metavar="USD", help="Pay no more than this; asks no question."),
        click.option("--skip-doubtful", is_flag=True, help="Leave out what the check finds, and train with the rest."),
        click.option("-y", "--yes", is_flag=True, help="Ask nothing: doubtful photos are used, the price is paid."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@selection_options
@click.option("--tag", metavar="TEXT", help="Your label for the person; a pseudonym, since it leaves your system.")
@via_options
@deciding_options
@click.option("--resume", is_flag=True, help="Finish what earlier trainings left: wait, and delete their uploads.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=WAIT, show_default=True, help="Seconds to wait.")
@click.option("--interval", type=click.FloatRange(min=0.01), metavar="SECONDS", help="Between two looks.")
@click.option("--link-check/--no-link-check", default=True, help="Whether to fetch the first link back.")
@account_option
@display_options
@click.pass_context
def train(
    ctx: click.Context,
    /,
    *,
    folder: Path | None,
    resume: bool,
    account: str | None,
    quiet: bool,
    no_progress: bool,
    **given: Any,
) -> None:
    """Train a profile from the photos in DIR.

    They are checked, stripped of all metadata, uploaded under random names, and deleted there when the training has
    ended. The training goes on when this command is stopped: --resume finishes it.

    Example: phota train ./mia --tag u_17 --via "s3://bucket/tmp?region=eu-central-1"

    \b
    Exit codes: 0 READY, 2 usage, 3 authentication, 4 balance, 7 above --max-spend,
    9 the check or the training failed, 10 service unavailable, 130 and 143 stopped.
    """  # noqa: D301 - \b keeps click from joining the lines
    display = choose_display(quiet=quiet, no_progress=no_progress)
    if resume:
        if folder is not None:
            raise click.UsageError("--resume finishes what was begun before: it takes no DIR")
        ctx.exit(_resume(account, given, display))
    if folder is None:
        raise click.UsageError("Missing argument 'DIR'; or finish what an earlier training left with --resume")
    if given["public_base_url"] and ctx.get_parameter_source("via") is ParameterSource.ENVIRONMENT:
        given["via"] = ""  # a flag goes before the environment
    ctx.exit(_train(_options(folder, given), account, display, quiet=quiet))


def _options(folder: Path, given: dict[str, Any]) -> TrainOptions:
    selection = Selection(
        folder=folder, **{name: given.pop(name) for name in ("tier", "recursive", "include", "exclude")}
    )
    names = {"address": "via", "delete": "via_delete", "public_base_url": "public_base_url", "public_dir": "public_dir"}
    via = Via(**{field: given.pop(name) for field, name in names.items()})
    max_spend = dollars(given.pop("max_spend"))
    return TrainOptions(selection=selection, via=via, max_spend=max_spend, **given)


def _train(options: TrainOptions, account: str | None, display: Display, *, quiet: bool) -> ExitCode:
    """Check, ask, and train; returns the exit code."""
    if options.sheet is not None:
        need_sheet()
    settings = load_settings(account)
    via = options.via if options.via != Via() else Via(address=settings.upload or "")
    uploader = open_uploader(via) if via != Via() or not options.dry_run else None
    client = None if options.dry_run else connect(settings)  # a missing key is told before any work
    journals = journal_folder(settings)
    earlier = asyncio.run(left_over(journals))
    if earlier and not quiet:
        say(f"{in_words(len(earlier), 'earlier training')} left uploads behind: {RESUME}")
    reporter = Reporter(options)
    try:
        check = _chosen(options, reporter, display, quiet=quiet)
        if client is None or uploader is None:
            say(f"would train a {check.tier} profile from {len(check.paths)} photos for ${options.price}")
            reporter.planned()
            return ExitCode.DONE
        agree(len(check.paths), options, settings)
        reporter.done(_interruptible(lambda: _run(client, check, uploader, options, display, journals)))
    except Interrupted as stopped:
        left = _left_since(journals, earlier)
        say_what_stays(left)
        if not left:
            say("nothing was paid, and nothing is left")
        reporter.stopped(left)
        return ExitCode(stopped.code)
    except PhotaError as error:
        left = _left_since(journals, earlier)
        say_what_stays(left)
        reporter.failed(error, left)
        raise
    return ExitCode.DONE


def _chosen(options: TrainOptions, reporter: Reporter, display: Display, *, quiet: bool) -> PhotoCheck:
    """Check the photos and have it decided which are used."""
    selection = options.selection
    reporter.check = check = asyncio.run(run_check(selection, display))
    show_findings(check, selection, err=True)
    if not quiet:
        say(summary(check))
    if options.sheet is not None:
        asyncio.run(write_sheet(check, selection, options.sheet))
        say(f"what was found, on one page: {options.sheet}")
    reporter.check = check = decide(check, options)
    return check


async def _run(
    client: PhotaClient,
    check: PhotoCheck,
    uploader: Uploader,
    options: TrainOptions,
    display: Display,
    journals: Path,
) -> Training:
    waiting = Waiting(timeout=options.timeout, interval=options.interval, tell=display.told)
    async with client:
        with display:
            return await train_photos(
                client,
                check.paths,
                uploader,
                tag=options.tag,
                tier=options.selection.tier,
                waiting=waiting,
                journal_folder=journals,
                fetch_back=options.link_check,
            )


def _resume(account: str | None, given: dict[str, Any], display: Display) -> ExitCode:
    """Finish what earlier trainings left; returns the gravest exit code."""
    settings = load_settings(account)
    client, journals = connect(settings), journal_folder(settings)
    waiting = Waiting(timeout=given["timeout"], interval=given["interval"], tell=display.told)

    async def finish() -> list[Any]:
        async with client:
            with display:
                return await finish_trainings(client, journals, waiting=waiting)

    try:
        finished = _interruptible(finish)
    except Interrupted as stopped:
        say_what_stays(asyncio.run(left_over(journals)))
        return ExitCode(stopped.code)
    if not finished:
        say("no earlier training left anything behind")
    return max((write_finished(each, as_json=given["as_json"]) for each in finished), default=ExitCode.DONE)


def _left_since(journals: Path, earlier: Sequence[UploadRecord]) -> list[UploadRecord]:
    """Return what this training has left."""
    return [each for each in asyncio.run(left_over(journals)) if each not in earlier]


def _interruptible(work: Callable[[], Any]) -> Any:
    return asyncio.run(interruptible(work, first=FIRST, second=SECOND))


def journal_folder(settings: Settings) -> Path:
    """Return where uploads are noted."""
    return state_folder(settings) / "trainings"
