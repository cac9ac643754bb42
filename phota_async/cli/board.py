"""Draw a picture at the bottom of a terminal, with lines above it that stay. Needs rich.

Whoever tells something only leaves it here; a thread draws, `DRAWINGS` times a second at most, so that a million
items cost what their counting costs. The picture goes to standard error. What others write to either stream
meanwhile comes out above it, where both streams lead to this terminal; a pipe is never touched.
"""

import io
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, redirect_stderr, redirect_stdout
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from .plain_text import clean
from .progress import shares_the_terminal

DRAWINGS = 8  # a second, at most
LONGEST = 100_000  # characters of a line that is said: a result is shown whole
MOST_NOTES = 20  # lines of the kind that may be left out, each time it draws


class Board:
    """A moving picture. Used as ``with board:``.

    Args:
        render: Returns the picture as it is now; called by a thread.
        console: Where to draw; ``None`` is standard error.
        is_kept: Whether the last picture stays.
    """

    def __init__(
        self, render: Callable[[], RenderableType], console: Console | None = None, *, is_kept: bool = True
    ) -> None:
        self.console = console or _Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
        self._lines: deque[str] = deque()
        self._notes: deque[str] = deque(maxlen=MOST_NOTES)
        self._left_out = 0
        self._turn = threading.Lock()
        self._live = _Live(self._flush, render, self.console, is_kept=is_kept)
        self._streams = ExitStack()

    def __enter__(self) -> Self:
        self._live.start()
        self._put_above(sys.stderr, redirect_stderr)
        if shares_the_terminal():
            self._put_above(sys.stdout, redirect_stdout)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._streams.close()
        self._live.stop()

    def say(self, text: str) -> None:
        """Write lines above the picture, the next time it is drawn."""
        self._lines.extend(clean(line, LONGEST) for line in text.splitlines())

    def note(self, line: str) -> None:
        """Do as `say`, unless there are too many of them: then only their number is told."""
        with self._turn:
            if len(self._notes) == MOST_NOTES:
                self._left_out += 1
                return
            self._notes.append(clean(line))

    def _put_above(self, stream: TextIO, redirect: Callable[[TextIO], AbstractContextManager[object]]) -> None:
        above = _Above(self, stream)
        self._streams.callback(above.close)
        self._streams.enter_context(redirect(above))

    def _flush(self) -> bool:
        """Write what waits, and say whether there was anything."""
        with self._turn:
            lines = [*self._notes]
            lines += [f"... and {self._left_out:,} more"] if self._left_out else []
            self._notes.clear()
            self._left_out = 0
        lines += [self._lines.popleft() for _ in range(len(self._lines))]
        if lines:
            self.console.print(Text("\n".join(lines)), soft_wrap=True)
        return bool(lines)


class _Console(Console):
    """Leaves the cursor where people see it: a program that is killed could not bring it back."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002 - rich's
        """Do nothing."""
        return False


class _Live(Live):
    """Draws the picture, and what is to stand above it first."""

    def __init__(
        self, flush: Callable[[], bool], render: Callable[[], RenderableType], console: Console, *, is_kept: bool
    ) -> None:
        super().__init__(
            console=console,
            refresh_per_second=DRAWINGS,
            get_renderable=render,
            transient=not is_kept,
            redirect_stdout=False,  # rich's own would wrap long lines, and take a pipe's
            redirect_stderr=False,
        )
        self._flush_lines = flush

    def refresh(self) -> None:
        """Draw; lines that are written bring the picture along."""
        if not self._flush_lines():
            super().refresh()


class _Above(io.StringIO):
    """Stands in for a stream while the picture is there: whole lines go above it."""

    def __init__(self, board: Board, stream: TextIO) -> None:
        super().__init__()
        self._board, self._stream, self._rest = board, stream, ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only here, as on the real streams
        """The stream's own."""
        return self._stream.encoding

    def write(self, text: str, /) -> int:
        """Hand whole lines to the board and keep the beginning of another."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._board.say(line or " ")
        return len(text)

    def isatty(self) -> bool:
        """As the stream that it stands for."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's own."""
        return self._stream.fileno()

    def close(self) -> None:
        """Write what has no line's end yet."""
        if self._rest:
            self._board.say(self._rest)
            self._rest = ""
