"""Run something until the process is told to end, and again whenever it breaks off. Knows no engine."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..ledger.database import words_of

FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0  # seconds between a worker that broke off and the next
WELL = 60.0  # seconds after which a worker that breaks off counts as one that had begun well

logger = logging.getLogger("phota_async")


async def until_told(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, or until SIGTERM or Ctrl-C cancel it; a second signal does what it does without this."""
    task = asyncio.create_task(main)
    with _on_signal(task.cancel) as told:
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if told:
                return
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            raise


async def run_again(start: Callable[[], Awaitable[None]], broken: type[Exception]) -> None:
    """Run until cancelled: what returns, or raises ``broken``, is begun again after a wait that grows."""
    clock, delay = asyncio.get_running_loop().time, FIRST_DELAY
    while True:
        begun = clock()
        try:
            await start()
        except broken as error:
            _end_if_cancelled()  # an error at the end would hide it
            logger.warning("a worker broke off and begins again: %s", words_of(error.__cause__ or error))
        _end_if_cancelled()
        delay = FIRST_DELAY if clock() - begun > WELL else delay
        await asyncio.sleep(delay)
        delay = min(2 * delay, LONGEST_DELAY)


def _end_if_cancelled() -> None:
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@contextmanager
def _on_signal(end: Callable[[], object]) -> Iterator[list[int]]:
    """Call once at the first signal; what is given tells which it was."""
    loop, told, taken = asyncio.get_running_loop(), list[int](), list[int]()

    def release() -> None:
        while taken:
            loop.remove_signal_handler(taken.pop())

    def hear(number: int) -> None:
        told.append(number)
        release()
        end()

    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
            loop.add_signal_handler(number, hear, number)
            taken.append(number)
    try:
        yield told
    finally:
        release()
