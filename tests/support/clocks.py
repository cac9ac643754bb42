"""Clocks that jump: the wall clock, which anybody can set, and the true time, which nobody can."""

import time
from collections.abc import Iterator

import pytest

_wall, _true = time.time, time.monotonic


class Clocks:
    """Stand in for ``time.time`` and ``time.monotonic``, and so for the event loop's clock too."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.was_set = 0.0

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds

    def set_by(self, seconds: float) -> None:
        """Set the wall clock forwards, or backwards."""
        self.was_set += seconds

    def wall(self) -> float:
        return _wall() + self.passed + self.was_set

    def true(self) -> float:
        return _true() + self.passed


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clocks]:
    made = Clocks()
    monkeypatch.setattr(time, "time", made.wall)
    monkeypatch.setattr(time, "monotonic", made.true)
    yield made
    monkeypatch.undo()
