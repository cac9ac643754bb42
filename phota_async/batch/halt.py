"""Whether a batch begins further items, and how long those under way may go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from ..errors import PhotaError


class Halt:
    """Stops a batch in two steps: no further item first, and nothing at all later.

    Attributes:
        error: Why, where there is a reason among the items; ``None`` when somebody asked for it.
        is_set: Whether no further item is begun.
    """

    def __init__(self) -> None:
        self.error: PhotaError | None = None
        self.is_set = False
        self._pulls: set[anyio.CancelScope] = set()
        self._works: set[anyio.CancelScope] = set()

    def begin_no_more(self, error: PhotaError | None = None) -> None:
        """Begin no further item; who waits for one hears of it."""
        self.is_set = True
        self.error = self.error if error is None else error
        for scope in self._pulls:
            scope.cancel()

    def cut(self) -> None:
        """Let nothing go on."""
        for scope in self._works:
            scope.cancel()

    @contextmanager
    def pulling(self) -> Iterator[None]:
        """Wait for the next item in here; the wait ends when none is to begin."""
        with self._noted(self._pulls):
            yield

    @contextmanager
    def working(self) -> Iterator[None]:
        """Carry items out in here; it ends when nothing may go on."""
        with self._noted(self._works):
            yield

    @contextmanager
    def _noted(self, scopes: set[anyio.CancelScope]) -> Iterator[None]:
        with anyio.CancelScope() as scope:
            scopes.add(scope)
            try:
                yield
            finally:
                scopes.remove(scope)

    def __repr__(self) -> str:
        return f"<Halt {'set' if self.is_set else 'not set'}, {len(self._works)} at work>"
