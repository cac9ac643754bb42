"""Show how a run goes, on standard error: plain lines, or a moving picture where a terminal can draw one."""

from types import TracebackType
from typing import Protocol, Self

from ..batch import Outcome
from ..batch.items import BatchStatistics
from .streams import say


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
            why = f": {outcome.error}" if outcome.error else ""
            say(f"[{place}] {outcome.key}: {outcome.status}{why}")

    def started(self, key: str) -> None:
        """Say nothing: the end of an item is told."""

    def say(self, line: str) -> None:
        """Write a line."""
        say(line)


def choose_progress(*, quiet: bool = False, no_progress: bool = False) -> Progress:  # noqa: ARG001 - for moving pictures
    """Return what suits standard error and the flags ``-q`` and ``--no-progress``."""
    return PlainProgress(quiet=quiet)
