"""``phota spend``: what runs have cost, read from their ledgers without disturbing whoever writes them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import click
from click.core import ParameterSource

from ..errors import InputError
from ..ledger import Record
from ..ledger.looking import View
from ..ledger.shared_view import PostgresView
from ..ledger.view import LedgerView
from ..runs import RunFolder, list_runs
from .common import dsn_option, json_option, table
from .spending import Spending, by_batch, by_day, by_operation, by_tag, rows, sum_up, to_json, total
from .streams import result, say
from .usual import usual_folder

LEDGER = Path(".phota") / "ledger.sqlite"
COLUMNS = ("", "done", "spent $", "open $", "doubtful $", "unpriced")
GROUPS = {"day": by_day, "op": by_operation, "batch": by_batch}


@click.command()
@click.argument("outs", nargs=-1, type=click.Path(path_type=Path), metavar="[OUT]...")
@click.option("--by", type=click.Choice([*GROUPS, "tag"]), default="day", show_default=True, help="One line for each.")
@dsn_option()
@json_option
@click.pass_context
def spend(ctx: click.Context, *, outs: tuple[Path, ...], by: str, dsn: str | None, as_json: bool) -> None:
    """Sum up what was spent into folders of results, by their ledgers; the default is ./phota-out, or this folder.

    Columns: purchases that were delivered and what they cost by the price table; what is under way may cost at most;
    what may have been charged although nothing came of it (lost answers, failed jobs); and how many purchases have
    no published price, and are in none of the sums.

    A ledger is only read, also while a run writes it. OUT may be a ledger's file too. With --dsn it is the ledger
    that machines share, in place of the folders' own; OUT then only tells the tags of runs. What PHOTA_DSN says
    counts where no OUT is given.

    \b
    Example: phota spend out
             phota spend out other --by op --json
             phota spend --dsn postgresql://studio@db/photos --by batch
    """  # noqa: D301 - \b keeps click from joining the lines
    if outs and ctx.get_parameter_source("dsn") is ParameterSource.ENVIRONMENT:
        dsn = None
    places = outs or (usual_folder(),)
    sums = asyncio.run(_sum_up(_views(places) if dsn is None else [PostgresView(dsn)], _group(by, places)))
    if as_json:
        for name in sorted(sums):
            result(to_json(name, sums[name]))
        return
    for line in table(rows(sums), COLUMNS):
        result(line)
    if unpriced := total(sums.values()).unpriced:
        say(f"{unpriced:,} purchases have no published price: what they cost stands on your account's page alone")


def ledger_of(out: Path) -> Path:
    """Return the ledger of a folder of results, or the file itself.

    Raises:
        InputError: There is none.
    """
    path = out / LEDGER if out.is_dir() else out
    if not path.is_file():
        raise InputError(f"{out}: expected a folder with {LEDGER}, got none").with_context(
            hint="a run with -o OUT writes it; give that folder"
        )
    return path


def _group(by: str, outs: Sequence[Path]) -> Callable[[Record], str]:
    return by_tag(_tags(outs)) if by == "tag" else GROUPS[by]


def _tags(outs: Sequence[Path]) -> dict[str, str]:
    """Return the tag of the run that each item belonged to last."""
    tags: dict[str, str] = {}
    for run in (run for out in outs for run in list_runs(out)):
        if tag := _tag_of(run):
            tags.update((record.key, tag) for record in run.records())
    return tags


def _tag_of(run: RunFolder) -> str | None:
    """Return the tag among a run's options, wherever the program that made the run has put them."""
    settings = run.record().settings
    options = settings.get("run")
    tag = (options if isinstance(options, dict) else settings).get("tag")
    return tag if isinstance(tag, str) else None


def _views(places: Sequence[Path]) -> list[View]:
    """Return a look into each ledger, into each once, however it was named."""
    return [LedgerView(path) for path in dict.fromkeys(ledger_of(out).resolve() for out in places)]


async def _sum_up(views: Sequence[View], group: Callable[[Record], str]) -> dict[str, Spending]:
    sums: dict[str, Spending] = {}
    for view in views:
        async with aclosing(view):
            await view.open()
            async for record in view.records():
                sum_up([record], group, sums)
    return sums
