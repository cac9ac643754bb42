"""Draw where trainings and jobs stand, with the time that passed beside the time they take. Needs rich."""

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from .board import Board
from .following import Standing
from .plain_text import clean


class LiveStates:
    """A small table that moves while something is waited for.

    Args:
        names: What is waited for.
        expected: Seconds that it takes, about; ``None`` where nobody knows.
        console: Where to draw; ``None`` is standard error.
        clock: Seconds.
    """

    def __init__(
        self,
        names: Iterable[str],
        *,
        expected: float | None = None,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._expected = clock, expected
        self._standing = Standing(names, clock())
        self._board = Board(lambda: self, console)

    def __enter__(self) -> Self:
        self._board.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._board.__exit__(kind, error, trace)

    def change(self, name: str, status: str, *, is_end: bool) -> None:
        """Show another state, the next time it is drawn."""
        self._standing.change(name, status, is_end=is_end)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        lines = []
        for line in self._standing.lines(self._clock(), self._expected):
            text = Text(clean(line), no_wrap=True, end="")
            text.truncate(max(1, options.max_width - 1), overflow="ellipsis")
            lines.append(text)
        yield Text("\n", no_wrap=True).join(lines)
