"""What the library logs, on standard error: warnings always, every call with ``-v``."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from phota_async.events import Hook
from phota_async.hooks import logging_hook

NAME = "phota_async"
ENGINES = ("procrastinate", "psycopg")  # what they log is told in one line each by this package


def hooks_for(*, verbose: bool) -> list[Hook]:
    """Return the observers of a client."""
    return [logging_hook()] if verbose else []


@contextmanager
def logging_to(say: Callable[[str], None], *, verbose: bool) -> Iterator[None]:
    """Hand what is logged to ``say``, a line each. Neither key, prompts nor links are ever logged."""
    logger, handler = logging.getLogger(NAME), _Lines(say)
    before = (logger.level, logger.propagate)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before


@contextmanager
def engines_are_quiet(*, verbose: bool) -> Iterator[None]:
    """Keep tracebacks of the engine and lines of its pool from people who did not ask for all."""
    loggers = [logging.getLogger(name) for name in ("procrastinate", "psycopg.pool")]
    before, loop = [logger.level for logger in loggers], logging.getLogger("asyncio")
    for logger in loggers:
        logger.setLevel(logging.WARNING if verbose else logging.CRITICAL)
    if not verbose:
        loop.addFilter(_is_not_engines)
    try:
        yield
    finally:
        loop.removeFilter(_is_not_engines)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _is_not_engines(record: logging.LogRecord) -> bool:
    """Whether the event loop tells of something else than an engine's task that broke off with the database."""
    error = record.exc_info[1] if record.exc_info else None
    return error is None or type(error).__module__.partition(".")[0] not in ENGINES


class _Lines(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(self.format(record))
