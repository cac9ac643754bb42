"""Show a check and a training on standard error: lines, or a moving picture where a terminal can draw one."""

import time
from types import TracebackType
from typing import Self

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ..training import TrainingProgress
from .board import Board
from .pace import duration
from .plain_text import clean
from .progress import may_draw
from .streams import say

BAR = 28  # characters


class Display:
    """One line a step. Used as ``with display:``.

    Args:
        quiet: Whether to say nothing but what must not be missed.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing to undo."""

    def checked(self, done: int, total: int) -> None:
        """Tell how many photos were looked at."""
        if done == total:
            self.step(f"{total} photos are checked")

    def told(self, progress: TrainingProgress) -> None:
        """Tell a step of a training."""
        if progress.stage == "left":
            for name, why in progress.left.items():
                say(f"not deleted: {name} at {progress.place}: {why}")
            say("remove them yourself, or try once more with: phota train --resume")
        elif progress.stage != "uploading" or progress.done in (1, progress.total):
            self.step(sentence(progress))

    def step(self, line: str) -> None:
        """Write a line, unless it says what the last one said."""
        if not self._quiet and line != self._last:
            say(line)
        self._last = line


class LiveDisplay(Display):
    """A line that moves: what is done, how far it is, and how long it takes."""

    def __init__(self) -> None:
        super().__init__()
        self._spinner = Spinner("dots")
        self._text, self._done, self._total = "", 0.0, 0.0
        self._since: float | None = None
        self._board = Board(self._render, is_kept=False)

    def __enter__(self) -> Self:
        self._board.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._board.__exit__(kind, error, trace)

    def checked(self, done: int, total: int) -> None:
        """Move the bar."""
        self._show("checking photos", done, total)

    def told(self, progress: TrainingProgress) -> None:
        """Move the line; what must not be missed is written above it."""
        if progress.stage == "left":
            super().told(progress)
        elif progress.stage == "training":
            self._show(f"{progress.profile_id} {words(progress.status)}", 0, progress.expected or 0)
            self._since = time.monotonic() - progress.elapsed
        else:
            self._show(sentence(progress), progress.done, progress.total)

    def _show(self, text: str, done: float, total: float) -> None:
        self._text, self._done, self._total, self._since = text, done, total, None

    def _render(self) -> RenderableType:
        line = Table.grid(padding=(0, 1))
        parts: list[RenderableType] = [self._spinner, Text(clean(self._text))]
        done, clock = self._done, ""
        if self._since is not None:
            done = time.monotonic() - self._since
            clock = f"{duration(done)} of about {duration(self._total)}" if self._total else duration(done)
        if self._total and done:
            parts.append(ProgressBar(total=self._total, completed=min(done, self._total), width=BAR))
        line.add_row(*parts, Text(clock, style="dim"))
        return line


def choose_display(*, quiet: bool = False, no_progress: bool = False) -> Display:
    """Return what suits standard error and the flags ``-q`` and ``--no-progress``."""
    return LiveDisplay() if may_draw(quiet=quiet, no_progress=no_progress) else Display(quiet=quiet)


def sentence(progress: TrainingProgress) -> str:
    """Say a step in one line."""
    if progress.stage == "uploading":
        return f"uploading to {progress.place}: {progress.done} of {progress.total} photos"
    if progress.stage == "creating":
        return f"creating the profile from {progress.total} photos"
    if progress.stage == "deleting":
        return f"deleting {progress.total} uploads at {progress.place}"
    expected = f" of about {duration(progress.expected)}" if progress.expected else ""
    return f"profile {progress.profile_id}: {words(progress.status)} after {duration(progress.elapsed)}{expected}"


def words(status: str) -> str:
    """Return a status as people write it."""
    return status.lower().replace("_", " ")
