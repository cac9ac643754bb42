"""Ctrl-C once: stop in good order. Twice: leave at once."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import anyio

from .streams import say

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FIRST_CODE = 128  # and the signal's number on top: 130 and 143


class Interrupted(Exception):  # noqa: N818 - no error, but what somebody wanted
    """The work was stopped by a signal and has cleaned up after itself.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int, /) -> None:
        super().__init__(number)
        self.code = FIRST_CODE + number


async def interruptible(work: Callable[[], Awaitable[T]], *, first: str, second: str) -> T:
    """Do some work that Ctrl-C cancels.

    Args:
        work: What to do. It is cancelled by the first signal and may take its time to clean up.
        first: What to say then.
        second: What to say at the second signal, which ends the process without any cleaning.

    Raises:
        Interrupted: It was stopped.
    """
    received: list[int] = []
    with anyio.CancelScope() as scope:

        def stop(number: int) -> None:
            if received:
                _leave(number, second)
            received.append(number)
            say(first)
            scope.cancel()

        with _handled(stop):
            return await work()
    raise Interrupted(received[0])


@contextmanager
def _handled(stop: Callable[[int], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    try:
        for number in SIGNALS:
            loop.add_signal_handler(number, stop, number)
    except NotImplementedError:  # pragma: no cover - Windows: Python's own way, which cancels too
        yield
        return
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def _leave(number: int, why: str) -> NoReturn:
    say(why)
    sys.stderr.flush()
    os._exit(FIRST_CODE + number)
