"""Decide whether and when to try again. No I/O.

The service charges for image calls, so `SAFE_AGAIN` is law and this module is its only home.
"""

import math
import random
import re
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Literal

from .config import RetryPolicy
from .errors import (
    ConnectError,
    DeadlineError,
    DecodeError,
    PhotaError,
    RateLimitError,
    ResponseLostError,
    ServerError,
)

Kind = Literal["free", "job", "paid", "create"]
"""What a call is for the law: free (GET, DELETE), an image call as a job with a ``client_request_id``,
a synchronous image call, or the creation of a profile."""

CLOCK_SLACK = 60.0  # seconds that a wall clock may be set back without casting doubt on a moment's age
SERVICE_UNAVAILABLE, GATEWAY_TIMEOUT = 503, 504
SECONDS = re.compile(r"\s*\d+(\.\d+)?\s*", re.ASCII)


class Fault(Enum):
    """How an attempt failed, as far as money is concerned."""

    NOT_SENT = "not sent"  # DNS, refused, TLS, connect timeout
    REFUSED = "refused"  # 429, 503: the service says it did nothing
    FAILED = "failed"  # 500, 502: what it did is not known
    TIMED_OUT = "timed out"  # 504: the reserved cost is refunded
    LOST = "lost"  # reset, timeout or an unreadable answer after sending


#             NOT_SENT REFUSED FAILED TIMED_OUT LOST
_COLUMNS = (Fault.NOT_SENT, Fault.REFUSED, Fault.FAILED, Fault.TIMED_OUT, Fault.LOST)
_ROWS: dict[Kind, tuple[bool, ...]] = {
    "free": (True, True, True, True, True),
    "job": (True, True, True, True, True),  # with the same client_request_id
    "paid": (True, True, False, False, False),
    "create": (True, True, False, False, False),  # look the tag up first, then decide
}
SAFE_AGAIN = {kind: dict(zip(_COLUMNS, row, strict=True)) for kind, row in _ROWS.items()}


_BY_STATUS = {SERVICE_UNAVAILABLE: Fault.REFUSED, GATEWAY_TIMEOUT: Fault.TIMED_OUT}


def fault_of(error: PhotaError) -> Fault | None:
    """Return how an error failed, or ``None`` when trying again cannot help."""
    if isinstance(error, ConnectError):
        return Fault.NOT_SENT if error.retryable else None  # a bad certificate stays bad
    if isinstance(error, RateLimitError):
        return Fault.REFUSED
    if isinstance(error, ServerError):
        return _BY_STATUS.get(error.status, Fault.FAILED)
    # a DeadlineError here is one attempt's own limit: the call's deadline is the caller's to check
    if isinstance(error, DecodeError) and error.is_final:
        return None
    return Fault.LOST if isinstance(error, (ResponseLostError, DecodeError, DeadlineError)) else None


def decide(
    policy: RetryPolicy,
    attempt: int,
    error: PhotaError,
    request: Kind,
    *,
    age: float = 0.0,
    rng: Callable[[], float] | None = None,
) -> float | None:
    """Return the seconds to wait before the next attempt, or ``None`` to give up.

    Args:
        policy: The rules.
        attempt: The attempt that failed, from 1.
        error: How it failed.
        request: What kind of call it was.
        age: Seconds since the call was sent for the first time.
        rng: A random number in [0, 1); ``None`` draws one.
    """
    fault = fault_of(error)
    if fault is None or not SAFE_AGAIN[request][fault] or attempt >= policy.max_attempts:
        return None
    delay = backoff(policy, attempt, rng)
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        delay = asked + delay / 10  # a little jitter, so that not everybody comes back at once
    if request == "job" and age + delay > policy.resend_guard:
        return None  # the service may have forgotten the id: the same request would be a second purchase
    return delay


def backoff(policy: RetryPolicy, attempt: int, rng: Callable[[], float] | None = None) -> float:
    """Return a wait in seconds: full jitter below 0.5, 1, 2, 4, ... and never above ``max_backoff``."""
    exponent = min(attempt - 1, 32)  # 2**32 s is beyond every cap; floats stay finite
    return (rng or random.random)() * min(policy.backoff * 2.0**exponent, policy.max_backoff)


def age_of(moment: float, now: float) -> float:
    """Return the seconds since a moment, by the wall clock; infinitely many when it lies in the future.

    Then a clock was set, and nobody can tell how long ago it was: the service may have forgotten what was sent.
    """
    return math.inf if now - moment < -CLOCK_SLACK else max(0.0, now - moment)


def parse_retry_after(value: str | None, date: str | None, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for; garbage is ``None``.

    Args:
        value: The header: seconds or an HTTP date (RFC 9110, 10.2.3).
        date: The answer's own ``Date``: a date is measured against the service's clock, not ours.
        now: Unix time, used when there is no ``Date``.
    """
    if not value:
        return None
    if SECONDS.fullmatch(value):  # not whatever Python takes for a number: 1e9, 1_0, digits of other scripts
        seconds = float(value)
        return seconds if math.isfinite(seconds) else None
    then = _timestamp(value)
    if then is None:
        return None
    here = _timestamp(date) if date else None
    return max(0.0, then - (now if here is None else here))


def _timestamp(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        # the obsolete form has no zone: it is UTC, never the zone of this machine (RFC 9110, 5.6.7)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


class RetryBudget:
    """A client's allowance of retries, so that a broken service is not hammered: a token bucket.

    ``take()`` before a retry, ``refund()`` after a success.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self.tokens = policy.tokens

    def take(self) -> bool:
        """Pay for one retry; ``False`` when there is not enough left."""
        if self.tokens < self._policy.retry_cost:
            return False
        self.tokens -= self._policy.retry_cost
        return True

    def refund(self) -> None:
        """Give back what a success earns."""
        self.tokens = min(self._policy.tokens, self.tokens + self._policy.success_refund)

    def __repr__(self) -> str:
        return f"<RetryBudget {self.tokens}/{self._policy.tokens} tokens>"
