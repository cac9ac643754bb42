"""The ``phota`` command: its verbs are imported when they are called, and errors become exit codes here."""

import importlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import click

from .extras import missing_message
from .streams import say

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


CLOSED_PIPE = 141  # 128 and SIGPIPE's number: what shells say of a program whose reader left


class LazyCommand(NamedTuple):
    """Where a command lives, and what can be said of it without importing it."""

    place: str
    """``module:attribute``, the module relative to this package."""
    help: str
    """One line for the list of commands."""
    modules: tuple[str, ...] = ()
    """Modules of extras without which it cannot start."""


COMMANDS = {
    "enhance": LazyCommand("run_verbs:enhance", "Improve photos: sharper, cleaner, 2K."),
    "edit": LazyCommand("run_verbs:edit", "Change photos as a prompt says, keeping the people themselves."),
    "remix": LazyCommand("run_verbs:remix", "Render photos in the look of another one."),
    "generate": LazyCommand("run_verbs:generate", "Make pictures from a prompt alone."),
    "resume": LazyCommand("resume_command:resume", "Go on with a run that was stopped, or failed in part."),
    "profiles": LazyCommand("profiles_command:profiles", "List, show, follow, picture, delete and erase people."),
    "jobs": LazyCommand("jobs_command:jobs", "Look at jobs, and fetch what was paid for."),
    "spend": LazyCommand("spend_command:spend", "Say what runs have cost, from their ledgers."),
    "status": LazyCommand(
        "status_command:status", "Show how the workers on a shared ledger stand.", ("rich", "psycopg")
    ),
    "demo": LazyCommand(
        "demo_command:demo",
        "See it all work, on this machine alone: no key, no network.",
        ("rich", "PIL", "jinja2"),
    ),
    "doctor": LazyCommand("doctor_command:doctor", "Look whether everything works: key, network, disk, files."),
    "config": LazyCommand("config_command:config", "Show the settings, and store the key."),
    "completion": LazyCommand("completion_command:completion", "Print what makes the Tab key know phota."),
    "train": LazyCommand(
        "train_command:train",
        "Make a profile of somebody from a folder of photos.",
        ("rich", "PIL", "platformdirs"),
    ),
    "check": LazyCommand(
        "check_command:check",
        "See whether a folder is fit for a training: free, offline.",
        ("rich", "PIL"),
    ),
    "review": LazyCommand(
        "review_command:review",
        "Pick the best of each photo's variations, in a browser.",
        ("PIL",),
    ),
    "ledger": LazyCommand("ledger_command:ledger", "Move a ledger into a database that machines share, or back."),
    "worker": LazyCommand(
        "worker_command:worker",
        "Carry out what was enqueued with --on, beside other workers.",
        ("psycopg", "procrastinate"),
    ),
    "report": LazyCommand(
        "report_command:report",
        "Lay a run on one page: sources beside results, problems first.",
        ("PIL", "jinja2"),
    ),
    "sandbox": LazyCommand(
        "sandbox_command:sandbox",
        "Serve a local stand-in of the service, to try things on.",
        ("PIL",),
    ),
}

SECTIONS = {  # the order of the help; what is in none of them comes last
    "Photos": ("enhance", "edit", "remix", "generate"),
    "People": ("check", "train", "profiles"),
    "Afterwards": ("resume", "jobs", "review", "report", "spend"),
    "Many machines": ("worker", "status", "ledger"),
    "Set up": ("demo", "doctor", "config", "completion", "sandbox"),
}


class LazyGroup(click.Group):
    """A group that imports a command when it is called, and turns errors into one line and a code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command, after looking whether what it needs is installed."""
        known = COMMANDS.get(cmd_name)
        if known is None:
            return super().get_command(ctx, cmd_name)
        message = missing_message(f"phota {cmd_name}", known.modules)
        if message:
            raise click.UsageError(message)
        module, _, attribute = known.place.partition(":")
        command: click.Command = getattr(importlib.import_module(f".{module}", __package__), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """List the commands by what they are for, without importing them."""
        longest = max(map(len, COMMANDS))
        for title, names in _sections():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(longest), COMMANDS[name].help) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[Any]]":
        """Complete a command's name without importing any."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only the Tab key asks

        found = [CompletionItem(name, help=each.help) for name, each in COMMANDS.items() if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*found, *options]

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; when whoever reads its results has gone, end without a word, as other programs do."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not _is_closed_pipe(error):
                raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush goes nowhere
        sys.exit(CLOSED_PIPE)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run as `click.Command.main` does, and leave with the exit code that says how it went."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            result = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except Exception as error:  # noqa: BLE001 - the border: what is not ours is raised again
            leave(error)
        sys.exit(result if isinstance(result, int) else 0)


def _is_closed_pipe(error: Exception) -> bool:
    """Whether nobody reads standard output any more; the network's broken pipes are errors of ours by now."""
    if isinstance(error, ExceptionGroup):
        return error.subgroup(BrokenPipeError) is not None
    return isinstance(error, BrokenPipeError)


def leave(error: Exception) -> NoReturn:
    """Say what went wrong on one line and exit with its code; a bug keeps its traceback and exits with 1."""
    if isinstance(error, click.Abort):
        click.echo("stopped", err=True)
        sys.exit(130)
    if isinstance(error, click.ClickException):
        told = io.StringIO()
        error.show(told)
        say(told.getvalue().rstrip())
        sys.exit(2)
    # Imported here, since `phota --help` needs neither.
    from phota_async.errors import PhotaError  # noqa: PLC0415

    from .exit_codes import code_for, is_about_a_file, leading_error  # noqa: PLC0415
    from .stopping import Interrupted  # noqa: PLC0415
    from .wording import in_options  # noqa: PLC0415

    if isinstance(error, Interrupted):
        sys.exit(error.code)
    cause = leading_error(error)
    if not isinstance(cause, PhotaError) and not is_about_a_file(cause):
        raise error
    say(f"phota: {in_options(cause)}")
    sys.exit(code_for(cause))


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version  # noqa: PLC0415 - 20 ms that only this option needs

    click.echo(f"phota-async {version('phota-async')}")
    ctx.exit()


def _sections() -> Iterator[tuple[str, list[str]]]:
    """Yield the help's sections with those of their commands that there are."""
    left = dict.fromkeys(COMMANDS)
    for title, names in SECTIONS.items():
        if found := [name for name in names if name in left]:
            yield title, found
        left = {name: None for name in left if name not in names}
    if left:
        yield "More", list(left)


EXIT_CODES = """\b
Exit codes: 0 done, 1 a bug of ours, 2 usage or settings, 3 authentication,
4 balance, 5 some failed, 6 all failed, 7 stopped by the spending cap,
8 somebody not recognised, 9 training or check failed, 10 service unavailable
(try again later), 130 stopped by Ctrl-C, 143 terminated."""  # click keeps the lines after a \b as they are


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "PHOTA"},
    epilog=EXIT_CODES,
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    allow_from_autoenv=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Edit, generate, enhance and remix photos so that the people and pets in them still look like themselves.

    An independent client of the Phota API.

    \b
    Start here:
      phota demo                         see it work: no key, no money
      phota config set-key               keys: https://platform.photalabs.com
      phota enhance photos -r -o new -n  what a folder costs; drop -n to buy it

    Each command explains itself: phota enhance --help. Results go to standard
    output, all else to standard error. Every option can stand in the
    environment too, for example PHOTA_ENHANCE_OUT=new.
    """  # noqa: D301 - \b keeps click from joining the lines


def main() -> None:
    """Run the program."""
    cli(prog_name="phota")
