"""Tell what the demo is doing in plain lines, one an event. `live_progress` draws a moving picture instead."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import msgspec


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How far the batch has come."""

    total: int
    """Requests of the batch."""
    done: int = 0
    failed: int = 0
    """Requests that ended in any other way than well."""
    spent: str = ""
    """Money, as people read it; ``""`` while nothing is known."""


class Progress(Protocol):
    """What the demo tells while it runs. Used as ``with progress:``."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def say(self, text: str) -> None:
        """Tell one step."""

    def profile(self, name: str, status: str, seconds: float) -> None:
        """Tell a change of a profile, ``seconds`` after its training began."""

    def begin(self, total: int) -> None:
        """Tell that a batch of ``total`` requests begins."""

    def item(self, key: str, status: str, tally: Tally) -> None:
        """Tell that one request of the batch ended; ``status`` gives the reason of a failure."""


class PlainProgress:
    """One line an event, for pipes, logs and terminals that cannot move the cursor.

    Args:
        write: Takes each line, without its end; ``None`` keeps quiet.
    """

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self._write = write or (lambda _: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing to undo."""

    def say(self, text: str) -> None:
        """Write one step."""
        self._write(text)

    def profile(self, name: str, status: str, seconds: float) -> None:
        """Write a change of a profile."""
        self._write(f"profile {name}: {status} after {seconds:.1f} s")

    def begin(self, total: int) -> None:
        """Write how much is to come."""
        self._write(f"one batch of {total} requests")

    def item(self, key: str, status: str, tally: Tally) -> None:
        """Write how one request ended."""
        spent = f", {tally.spent} at list price" if tally.spent else ""
        self._write(f"[{tally.done + tally.failed}/{tally.total}] {key}: {status}{spent}")
