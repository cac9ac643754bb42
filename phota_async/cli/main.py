"""The ``phota`` command: its verbs are imported when they are called, and errors become exit codes here."""

import importlib
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import click

from .extras import missing_message


class LazyCommand(NamedTuple):
    """Where a command lives, and what can be said of it without importing it."""

    place: str
    """``module:attribute``, the module relative to this package."""
    help: str
    """One line for the list of commands."""
    modules: tuple[str, ...] = ()
    """Modules of extras without which it cannot start."""


COMMANDS = {
    "demo": LazyCommand(
        "demo_command:demo",
        "Every operation on real photos, on a local sandbox: no key, no network.",
        ("rich", "PIL", "jinja2"),
    ),
    "report": LazyCommand(
        "report_command:report",
        "Lay a run on one page: sources beside results, problems first.",
        ("PIL", "jinja2"),
    ),
    "sandbox": LazyCommand(
        "sandbox_command:sandbox",
        "Serve a local stand-in of the service, for tests and first steps.",
        ("PIL",),
    ),
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
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])

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


def leave(error: Exception) -> NoReturn:
    """Say what went wrong on one line and exit with its code; a bug keeps its traceback and exits with 1."""
    if isinstance(error, click.Abort):
        click.echo("stopped", err=True)
        sys.exit(130)
    if isinstance(error, click.ClickException):
        error.show()
        sys.exit(2)
    # Imported here, since `phota --help` needs neither.
    from phota_async.errors import PhotaError  # noqa: PLC0415

    from .exit_codes import code_for, is_about_a_file, leading_error  # noqa: PLC0415

    cause = leading_error(error)
    if not isinstance(cause, PhotaError) and not is_about_a_file(cause):
        raise error
    click.echo(f"phota: {cause}", err=True)
    sys.exit(code_for(cause))


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version  # noqa: PLC0415 - 20 ms that only this option needs

    click.echo(f"phota-async {version('phota-async')}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Edit, generate, enhance and remix photos of trained people and pets.

    An independent client of the Phota API. Start with: phota demo

    \b
    Exit codes: 0 done, 1 a bug of ours, 2 usage or settings, 3 authentication, 4 balance,
    5 some failed, 6 all failed, 9 training failed, 10 service unavailable, 130 stopped.
    """  # noqa: D301 - \b keeps click from joining the lines


def main() -> None:
    """Run the program."""
    cli(prog_name="phota")
