"""What several verbs share: options, people on the command line, tables, and how many things end as one exit code."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..errors import PhotaError
from .exit_codes import ExitCode, code_for, code_for_items, leading_error
from .plain_text import clean
from .questions import confirm
from .streams import can_ask, say
from .wording import in_options

F = TypeVar("F", bound=Callable[..., Any])
GAP = "  "  # between the columns of a table that people read


def usd(value: str) -> str:
    """Check an amount in US dollars, and keep it as the text it is, without its sign."""
    from decimal import Decimal  # noqa: PLC0415 - 3 ms that `--help` does not need

    text = value.removeprefix("$")
    try:
        is_amount = Decimal(text).is_finite() and Decimal(text) >= 0
    except ArithmeticError:
        is_amount = False
    if not is_amount:
        raise click.BadParameter(f"expected US dollars such as 20 or 0.15, got {value!r}")
    return text


def complete_people(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem[Any]]":  # noqa: ARG001
    """Complete an alias; settings that cannot be read complete nothing."""
    from .settings import load_settings  # noqa: PLC0415 - only the Tab key asks

    try:
        people = load_settings(ctx.params.get("account")).people
    except PhotaError:
        return []
    return [CompletionItem(name, help=people[name]) for name in sorted(people) if name.startswith(incomplete)]


def complete_accounts(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem[Any]]":  # noqa: ARG001
    """Complete an account's name."""
    from .sources import read_sources  # noqa: PLC0415 - only the Tab key asks

    try:
        sources = read_sources()
    except PhotaError:
        return []
    names = {name for name in sources.credentials if name} | set(sources.config.accounts if sources.config else ())
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def account_option(function: F) -> F:
    """Add ``--account NAME``."""
    return click.option(
        "--account", metavar="NAME", shell_complete=complete_accounts, help="Whose key to use; see phota config."
    )(function)


def json_option(function: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON Lines.")(function)


def dsn_option(*, required: bool = False) -> Callable[[F], F]:
    """Add ``--dsn ADDRESS``, which PHOTA_DSN says too: the ledger that machines share. It is shown nowhere."""
    return click.option(
        "--dsn",
        envvar="PHOTA_DSN",
        required=required,
        metavar="ADDRESS",
        help="The ledger that machines share: postgresql://USER@HOST/NAME (also PHOTA_DSN); a password is better kept "
        "in a password file.",
    )


def quiet_options(function: F) -> F:
    """Add ``-q`` and ``--no-progress``."""
    function = click.option("--no-progress", is_flag=True, help="Draw nothing that moves.")(function)
    return click.option("-q", "--quiet", is_flag=True, help="Say nothing but results and errors.")(function)


def timeout_option(default: float) -> Callable[[F], F]:
    """Add ``--timeout SECONDS``."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=default,
        show_default=True,
        metavar="SECONDS",
        help="Give up after; what is under way goes on.",
    )


def interval_option(function: F) -> F:
    """Add ``--interval SECONDS``."""
    return click.option(
        "--interval", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Between two looks."
    )(function)


def people_argument(*, required: bool = True) -> Callable[[F], F]:
    """Add ``PERSON...``: aliases or ids."""
    return click.argument(
        "people",
        nargs=-1,
        required=required,
        metavar="PERSON..." if required else "[PERSON]...",
        shell_complete=complete_people,
    )


def agree(question: str, *, yes: bool, flag: str = "--yes") -> None:
    """Get a yes for what cannot be undone.

    Raises:
        click.UsageError: Nobody can be asked.
        click.Abort: The answer is no.
    """
    if yes:
        return
    if not can_ask():
        raise click.UsageError(f"{question} There is no terminal to ask on: add {flag}")
    confirm(question)


def table(rows: Iterable[Sequence[str]], heading: Sequence[str]) -> list[str]:
    """Return rows as lines: aligned below a heading where people read, and else with a tab between columns."""
    shown = [[clean(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        return ["\t".join(row) for row in shown]
    if not shown:
        return []
    lines = [list(heading), *[[cell or "-" for cell in row] for row in shown]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [GAP.join(map(str.ljust, line, widths)).rstrip() for line in lines]


def end(done: int, errors: Sequence[PhotaError]) -> ExitCode:
    """Say every error on a line of its own, and return the exit code of all together."""
    for error in errors:
        say(f"phota: {in_options(error)}")
    if len(errors) + done == 1 and errors:
        return code_for(errors[0])
    first = code_for(leading_error(ExceptionGroup("", list(errors)))) if errors else ExitCode.DONE
    return first if first is ExitCode.TRAINING else code_for_items(done=done, errors=errors)
