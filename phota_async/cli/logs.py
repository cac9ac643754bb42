"""What the library logs, on standard error: warnings always, every call with ``-v``."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from phota_async.events import Hook
from phota_async.hooks import logging_hook

NAME = "phota_async"


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


class _Lines(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(self.format(record))
