"""The service's words for a state, and the one warning for each that this release does not know."""

import logging
from typing import Protocol

from ..errors import shorten

logger = logging.getLogger("phota_async")

PENDING_WORDS = frozenset(
    {
        *("queued", "queuing", "pending", "submitted", "created", "validating"),
        *("started", "running", "processing", "in_progress"),
    }
)  # compared without case
MOST_TOLD = 256  # words that are remembered; a service that invents more is not worth more warnings
_told: set[str] = set()  # once a process


class Status(Protocol):
    """A service's word and what it means."""

    @property
    def is_terminal(self) -> bool: ...  # noqa: D102
    @property
    def is_known(self) -> bool: ...  # noqa: D102


def word_of(seen: object) -> str:
    """Return the word of what was seen; nothing was seen: ``""``."""
    return str(getattr(seen, "status", ""))


def tell_unknown(status: Status) -> None:
    """Log the word of what is not done, once a process, when this release does not know it."""
    if status.is_known or status.is_terminal:
        return
    word = str(status).lower()
    if not word or word in PENDING_WORDS or word in _told or len(_told) >= MOST_TOLD:
        return
    _told.add(word)
    shown = shorten(str(status), 80)
    logger.warning("the service says %r, which this release does not know: taken as not finished", shown)
