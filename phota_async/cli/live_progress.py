"""Draw a run's progress: a bar, done, failed, spent, rate, time left, and the current file. Needs rich."""

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from ..batch import Outcome
from ..batch.items import BatchStatistics
from ..pace import Pace
from .board import Board
from .pace import duration, speed
from .plain_text import clean
from .progress import ending

BAR, SHORTEST_BAR, GAP = 28, 8, 2  # columns
LONGEST_NAME = 300  # characters of a name that are looked at
GOOD = frozenset({"done", "skipped", "planned"})
BLOCKS, ASCII = ("━", "─"), ("#", "-")  # what is done, and what is to come


class LiveProgress:
    """A picture that moves while a batch runs, and stays as it was at the end.

    Args:
        console: Where to draw; ``None`` is standard error.
        clock: Seconds.
    """

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._board = Board(lambda: _Picture(self), console)
        self._begun = clock()
        self._pace = Pace(self._begun)
        self._total: int | None = None
        self._seen = 0
        self._bought = 0
        self._current = ""
        self._statistics: BatchStatistics | None = None

    def __enter__(self) -> Self:
        self._board.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._current = ""
        self._board.__exit__(kind, error, trace)

    def begin(self, total: int | None) -> None:
        """Show an empty bar."""
        self._total, self._begun = total, self._clock()
        self._pace = Pace(self._begun)

    def started(self, key: str) -> None:
        """Show what is at work."""
        self._current = key

    def item(self, outcome: Outcome, statistics: BatchStatistics) -> None:
        """Count an item; one that did not end well is written above the picture."""
        self._seen += 1
        self._bought += outcome.status != "skipped"
        self._statistics = statistics
        if outcome.status not in GOOD:
            self._board.note(ending(outcome))

    def say(self, line: str) -> None:
        """Write a line above the picture."""
        self._board.say(line)

    def facts(self) -> list[Text]:
        """Return what is told beside the bar, the most important first."""
        self._pace.see(self._bought, self._clock())
        facts = [Text(f"{self._seen:,}/{self._total:,}" if self._total else f"{self._seen:,}", style="bold")]
        facts += self._counts()
        if self._statistics is not None and self._statistics.spent:
            facts.append(Text(f"${self._statistics.spent:.2f}"))
        if (left := self._left()) is not None:
            facts.append(Text(f"{duration(left)} left"))
        if (rate := self._pace.rate) is not None:
            facts.append(Text(speed(rate), style="dim"))
        facts.append(Text(duration(self._clock() - self._begun), style="dim"))
        return facts

    @property
    def current(self) -> str:
        """The name of what is at work, fit to be shown."""
        return clean(self._current[-LONGEST_NAME:])  # the end of a path tells more than its beginning

    @property
    def share(self) -> float | None:
        """How much is done, 0 to 1; ``None`` where the end is not known."""
        return min(1.0, self._seen / self._total) if self._total else None

    def _counts(self) -> Iterator[Text]:
        counts = self._statistics
        if counts is None:
            return
        for count, word, style in (
            (counts.done, "done", "green"),
            (counts.failed, "failed", "red"),
            (counts.unknown, "unknown", "red"),
            (counts.over_budget, "over budget", "yellow"),
            (counts.skipped, "skipped", "dim"),
        ):
            if count:
                yield Text(f"{count:,} {word}", style=style)

    def _left(self) -> float | None:
        to_come = (self._total or 0) - self._seen
        return self._pace.left(to_come) if to_come > 0 else None


class _Picture:
    """The picture as it is now, cut to the terminal's width."""

    def __init__(self, progress: LiveProgress) -> None:
        self._progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        width = max(1, options.max_width - 1)  # the last column stays free: some terminals break the line there
        marks = ASCII if options.ascii_only else BLOCKS
        lines = [_fitted(self._progress.facts(), self._progress.share, width, marks)]
        if self._progress.current:
            lines.append(_tail(self._progress.current, width))
        yield Text("\n", no_wrap=True).join(lines)


def _fitted(facts: list[Text], share: float | None, width: int, marks: tuple[str, str]) -> Text:
    """Return as many facts as there is room for, behind a bar in what room they leave."""
    shown = Text("", no_wrap=True, end="")
    for fact in facts:
        if shown and shown.cell_len + fact.cell_len > width - 2 * GAP:
            break
        shown.append(" " * GAP).append_text(fact)
    room = min(BAR, width - shown.cell_len - GAP)
    line = Text("", no_wrap=True, end="")
    if share is not None and room >= SHORTEST_BAR:
        done = int(share * room)
        line.append(" " * GAP).append(marks[0] * done, "green").append(marks[1] * (room - done), "dim")
    line.append_text(shown)
    line.truncate(width)
    return line


def _tail(text: str, width: int) -> Text:
    """Return a line that leaves out the beginning of what is too long for it."""
    room = max(1, width - GAP)
    if cell_len(text) > room:
        while cell_len(text) >= room:
            text = text[1:]
        text = f"…{text}"
    return Text(" " * GAP + text, style="dim", no_wrap=True, end="")
