"""Decide whether and when an engine delivers an item again. No I/O.

What the service or the machine failed at is worth another try, and free: the ledger knows what was bought. What would
fail every item, such as a store that is away or an account without credits, is tried until somebody mends it.
"""

import asyncio
import random
import re

from ..batch.finishing import FATAL
from ..batch.items import Outcome
from ..batch.single import is_worth_repeating
from ..errors import LedgerError, PhotaError

FIRST, LONGEST = 1.0, 300.0  # seconds
MOST = 12  # deliveries of an item that the service fails at: over half an hour
QUOTED = 12  # characters of a prompt that make an error a quotation of it
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
    error = outcome.error
    said = _without_service_words(error) if error is not None and _is_quoted(outcome, error) else error
    text = f"{outcome.key}: {outcome.status}: {said}"
    raise NotDoneError(text, error, worth=is_worth_repeating(outcome)) from None  # a log shows causes with their words


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


def _is_quoted(outcome: Outcome, error: PhotaError) -> bool:
    """Whether an error repeats a piece of the prompt: it goes into logs, and prompts do not."""
    prompt, text = getattr(outcome.request, "prompt", None) or "", str(error)
    if len(prompt) < QUOTED:  # as words of its own: a short one may stand in any sentence
        return bool(prompt) and re.search(rf"(?<!\w){re.escape(prompt)}(?!\w)", text) is not None
    return any(prompt[start : start + QUOTED] in text for start in range(len(prompt) - QUOTED + 1))


def _without_service_words(error: PhotaError) -> str:
    """Return an error without what it repeats."""
    status = getattr(error, "status", None)
    told = type(error).__name__ if status is None else f"{type(error).__name__} {status}"
    return f"{told} (its words repeat the prompt, and are left out)"


def _wait(deliveries: int) -> float:
    """Return a growing wait; half of it is drawn, so that many do not come back at once."""
    most = min(LONGEST, FIRST * 2.0 ** min(deliveries, _DOUBLINGS))
    return random.uniform(most / 2, most)  # noqa: S311 - nobody is to be kept from guessing it
