"""Ctrl-C and SIGTERM: the first one ends a run in good order, the second one at once."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
BASE = 128  # what a shell adds to a signal's number


class Stopping:
    """Hears of signals while an event loop runs.

    Usage::

        with Stopping(lambda: batch.stop(within=10)) as stopping:
            ...
        stopping.code  # 130, 143, or None

    Args:
        on_first: Is called for the first signal, on the loop.
        on_second: Is called for the second one, just before the process leaves without looking back.
    """

    def __init__(self, on_first: Callable[[], None], on_second: Callable[[], None] = lambda: None) -> None:
        self._on_first, self._on_second = on_first, on_second
        self.code: int | None = None
        """The exit code that says which signal came first."""

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            try:
                loop.add_signal_handler(number, self._hear, number)
            except NotImplementedError:  # pragma: no cover, Windows
                signal.signal(number, lambda heard, _: loop.call_soon_threadsafe(self._hear, heard))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            try:
                loop.remove_signal_handler(number)
            except NotImplementedError:  # pragma: no cover, Windows
                signal.signal(number, signal.SIG_DFL)

    def __repr__(self) -> str:
        return f"<Stopping {self.code or 'not yet'}>"

    def _hear(self, number: int) -> None:
        if self.code is not None:
            self._on_second()
            os._exit(BASE + number)  # what was paid for stands in the ledger, as after a crash
        self.code = BASE + number
        self._on_first()
