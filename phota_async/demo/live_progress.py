"""Draw the demo's progress on a terminal with rich: a table of profiles, then a bar of the batch."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .progress import Tally

STATE_STYLES = {"READY": "green", "ERROR": "red", "INACTIVE": "red"}


class LiveProgress:
    """A picture that moves while the demo runs, and stays as it was at the end.

    Args:
        console: Where to draw; give it standard error.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._profiles: dict[str, tuple[str, float]] = {}
        self._bar = Progress(
            TextColumn("  batch"),
            BarColumn(bar_width=28, complete_style="green", finished_style="green"),
            MofNCompleteColumn(),
            TextColumn("[green]{task.fields[done]} done[/]"),
            TextColumn("{task.fields[failed]}"),
            TextColumn("{task.fields[spent]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task: TaskID | None = None
        self._live = Live(console=console, refresh_per_second=12, get_renderable=self._render)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Write one step above the picture."""
        self._live.console.print(Text(text))

    def profile(self, name: str, status: str, seconds: float) -> None:
        """Show a profile's state in the table."""
        self._profiles[name] = (status, seconds)

    def begin(self, total: int) -> None:
        """Show an empty bar."""
        self._task = self._bar.add_task("batch", total=total, **_fields(Tally(total=total)))

    def item(self, key: str, status: str, tally: Tally) -> None:
        """Move the bar; a request that did not end well is written above it."""
        if status != "done":
            self.say(f"  {key}: {status}")
        if self._task is not None:
            self._bar.update(self._task, completed=tally.done + tally.failed, **_fields(tally))

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self._profiles:
            parts.append(self._table())
        if self._task is not None:
            parts.append(self._bar)
        return Group(*parts)

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2), pad_edge=True, header_style="dim")
        table.add_column("profile")
        table.add_column("state", min_width=11)
        table.add_column("after", justify="right")
        for name, (status, seconds) in self._profiles.items():
            state = Text(status.lower().replace("_", " "), style=STATE_STYLES.get(status, "yellow"))
            table.add_row(Text(name), state, Text(f"{seconds:.1f} s", style="dim"))
        return table


def _fields(tally: Tally) -> dict[str, Any]:
    """Return the bar's words beside its length."""
    return {
        "done": tally.done,
        "failed": f"[red]{tally.failed} failed[/]" if tally.failed else "[dim]0 failed[/]",
        "spent": f"{tally.spent} at list price" if tally.spent else "",
    }
