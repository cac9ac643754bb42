"""Ctrl-C and SIGTERM: the first one ends a run in good order, the second one at once."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

import anyio

from .streams import say

T = TypeVar("T")

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
            sys.stderr.flush()
            os._exit(BASE + number)  # what was paid for stands in the ledger, as after a crash
        self.code = BASE + number
        self._on_first()


class Interrupted(Exception):  # noqa: N818 - no error, but what somebody wanted
    """The work was stopped by a signal and has cleaned up after itself.

    Args:
        code: The exit code that says which signal it was: 130 or 143.
    """

    def __init__(self, code: int, /) -> None:
        super().__init__(code)
        self.code = code


async def interruptible(work: Callable[[], Awaitable[T]], *, first: str, second: str) -> T:
    """Do some work that a signal cancels.

    Args:
        work: What to do. It is cancelled by the first signal and may take its time to clean up.
        first: What to say then.
        second: What to say at the second signal, which ends the process without any cleaning.

    Raises:
        Interrupted: It was stopped.
    """
    with anyio.CancelScope() as scope:

        def stop() -> None:
            say(first)
            scope.cancel()

        with Stopping(stop, lambda: say(second)) as stopping:
            return await work()
    raise Interrupted(stopping.code or BASE)
