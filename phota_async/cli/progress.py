"""Show how a run goes, on standard error: plain lines, or a moving picture where a terminal can draw one."""

import os
import sys
from types import TracebackType
from typing import Protocol, Self

from ..batch import Outcome
from ..batch.items import BatchStatistics
from .plain_text import clean
from .streams import can_draw, say
from .wording import in_options

NO = frozenset({"", "0", "false", "no"})  # words by which CI= says that this is none


class Progress(Protocol):
    """What is told while a batch runs. Used as ``with progress:``."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def begin(self, total: int | None) -> None:
        """Tell that so many items are to come; ``None`` where nobody knows."""

    def item(self, outcome: Outcome, statistics: BatchStatistics) -> None:
        """Tell that an item ended."""

    def started(self, key: str) -> None:
        """Tell that an item begins: the current file."""

    def say(self, line: str) -> None:
        """Tell something else, without spoiling what is drawn."""


class PlainProgress:
    """One line an item, for pipes, logs and terminals that cannot move the cursor.

    Args:
        quiet: Whether to say nothing but what `say` is asked to.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._total: int | None = None
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing to undo."""

    def begin(self, total: int | None) -> None:
        """Remember how many are to come."""
        self._total = total

    def item(self, outcome: Outcome, statistics: BatchStatistics) -> None:  # noqa: ARG002 - lines need no sums
        """Write how an item ended."""
        self._seen += 1
        if not self._quiet:
            place = f"{self._seen}/{self._total}" if self._total else str(self._seen)
            say(f"[{place}] {ending(outcome)}")

    def started(self, key: str) -> None:
        """Say nothing: the end of an item is told."""

    def say(self, line: str) -> None:
        """Write a line, or several."""
        for each in line.splitlines():
            say(clean(each))


def ending(outcome: Outcome) -> str:
    """Return the line that tells how an item ended, whatever its name holds."""
    why = f": {in_options(outcome.error)}" if outcome.error else ""
    return clean(f"{outcome.key}: {outcome.status}{why}")


def choose_progress(*, quiet: bool = False, no_progress: bool = False, verbose: bool = False) -> Progress:
    """Return what suits standard error and the flags ``-q``, ``-v`` and ``--no-progress``."""
    if may_draw(quiet=quiet, no_progress=no_progress, verbose=verbose):
        from .live_progress import LiveProgress  # noqa: PLC0415 - rich takes a tenth of a second

        return LiveProgress()
    return PlainProgress(quiet=quiet)


def may_draw(*, quiet: bool = False, no_progress: bool = False, verbose: bool = False) -> bool:
    """Whether a moving picture is wanted, and standard error a terminal for it; FORCE_COLOR has no say in this."""
    is_off = quiet or no_progress or verbose or os.environ.get("CI", "").strip().lower() not in NO
    return not is_off and can_draw() and _has_rich()


def shares_the_terminal() -> bool:
    """Whether what is written to standard output appears in the midst of what standard error draws."""
    return sys.stdout.isatty()


def _has_rich() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415 - only terminals ask

    return find_spec("rich") is not None
