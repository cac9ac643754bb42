"""Draw a fleet as tables: its workers, its batches, and the places that they share. Needs rich."""

import io
import shutil
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..ledger.fleet import FleetStatus
from .board import Board
from .fleet_words import BATCH_COLUMNS, NAMES, WORKER_COLUMNS, batch_cells, places_line, used, worker_cells
from .plain_text import clean

LEFT = NAMES | {"state"}  # columns of words; numbers stand at the right
STYLES = {"working": "green", "idle": "dim", "ended": "dim", "dead": "red"}
WIDE = 240  # columns where no terminal says how many there are
MOST_BATCHES, LEAST_WORKERS = 6, 3  # lines of the moving picture
FRAME = 7  # its lines besides: headings, gaps, places, what went wrong


class LiveFleet:
    """A picture that moves while somebody looks.

    Args:
        console: Where to draw; ``None`` is standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.fleet = FleetStatus()
        """As it was seen last."""
        self.trouble = ""
        """Why it cannot be seen now."""
        self.board = Board(lambda: self, console)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        height = options.height or console.size.height
        fleet = self.fleet
        batches = min(len(fleet.batches), MOST_BATCHES)
        yield picture(fleet, workers=max(LEAST_WORKERS, height - FRAME - batches), batches=batches)
        if self.trouble:
            yield Text(clean(self.trouble), style="red", no_wrap=True, overflow="ellipsis")


def picture(fleet: FleetStatus, *, workers: int | None = None, batches: int | None = None) -> RenderableType:
    """Return a fleet as tables.

    Args:
        fleet: What is shown.
        workers: Lines of them at most; ``None`` for all.
        batches: The same of batches.
    """
    shown, listed = fleet.workers[:workers], fleet.batches[:batches]
    silent = {"unknown"} if len(fleet.batches) > 1 else {"unknown", "batch"}
    parts: list[RenderableType] = [
        _table(WORKER_COLUMNS, [worker_cells(each, fleet.batch(each.batch)) for each in shown], silent),
        *_more(len(fleet.workers) - len(shown), "workers"),
        Text(""),
        _table(BATCH_COLUMNS, [batch_cells(each) for each in listed], {"unknown", "over budget", "budget left"}),
        *_more(len(fleet.batches) - len(listed) + fleet.more_batches, "batches"),
    ]
    if places := places_line(fleet):
        parts += [Text(""), Text(places, no_wrap=True, overflow="ellipsis")]
    if not fleet.workers:
        parts[0] = Text("no worker was heard of in the last hour")
    return Group(*parts)


def plain(fleet: FleetStatus) -> str:
    """Return the same as text, cut to standard output's width where that is a terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    paper = io.StringIO()
    console = Console(file=paper, width=width, color_system=None, legacy_windows=False, highlight=False, markup=False)
    console.print(picture(fleet))
    return "\n".join(line.rstrip() for line in paper.getvalue().splitlines())


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], optional: set[str]) -> Table:
    """Return a table; where there is no room, names give way, and never numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    places = used(columns, rows, frozenset(optional))
    for place in places:
        column = columns[place]
        table.add_column(
            column,
            justify="left" if column in LEFT else "right",
            no_wrap=column not in NAMES,
            overflow="ellipsis",
            min_width=None if column in NAMES else max(len(line[place]) for line in (columns, *rows)),
        )
    for row in rows:
        table.add_row(*(Text(row[place], style=_style(columns[place], row[place])) for place in places))
    return table


def _style(column: str, cell: str) -> str:
    if column == "state":
        return STYLES.get(cell.partition(",")[0], "")
    return "red" if column in ("failed", "unknown") and cell != "0" else ""


def _more(count: int, what: str) -> Iterator[Text]:
    if count > 0:
        yield Text(f"and {count:,} more {what}", style="dim")
