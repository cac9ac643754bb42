"""Decide whether and when an engine delivers an item again. No I/O.

What the service or the machine failed at is worth another try, and free: the ledger knows what was bought. What would
fail every item, such as a store that is away or an account without credits, is tried until somebody mends it.
"""

import asyncio
import random

from ..batch.finishing import FATAL
from ..batch.items import Outcome
from ..batch.single import is_worth_repeating
from ..errors import LedgerError

FIRST, LONGEST = 1.0, 300.0  # seconds
MOST = 12  # deliveries of an item that the service fails at: over half an hour
_DOUBLINGS = 10  # more would pass LONGEST, and in the end any number


class NotDoneError(Exception):
    """An item did not come out; the engine is told by this, and its log says why.

    Attributes:
        cause: What was wrong.
        worth: Whether another delivery may help.
    """

    def __init__(self, text: str, cause: BaseException | None, *, worth: bool) -> None:
        super().__init__(text)
        self.cause, self.worth = cause, worth


def check_done(outcome: Outcome) -> str:
    """Return how an item ended well.

    Raises:
        NotDoneError: It did not.
    """
    if outcome.status not in ("failed", "unknown", "budget"):
        return outcome.status
    text = f"{outcome.key}: {outcome.status}: {outcome.error}"
    raise NotDoneError(text, outcome.error, worth=is_worth_repeating(outcome)) from outcome.error


def delay_before_next(error: BaseException, deliveries: int) -> float | None:
    """Return the seconds until an item is delivered again, or ``None`` for never.

    Args:
        error: What its delivery raised.
        deliveries: How many there were before this one.
    """
    if isinstance(error, asyncio.CancelledError):  # the worker ends: another one goes on at once
        return 0.0
    if isinstance(error, LedgerError):
        return _wait(deliveries)
    if not isinstance(error, NotDoneError) or not error.worth:
        return None
    is_everybodys = error.cause is None or isinstance(error.cause, FATAL)
    return _wait(deliveries) if is_everybodys or deliveries + 1 < MOST else None


def _wait(deliveries: int) -> float:
    """Return a growing wait; half of it is drawn, so that many do not come back at once."""
    most = min(LONGEST, FIRST * 2.0 ** min(deliveries, _DOUBLINGS))
    return random.uniform(most / 2, most)  # noqa: S311 - nobody is to be kept from guessing it
