"""Tell hooks of one request: its beginning, its attempts, its end. Only for clients with hooks."""

import time
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import PhotaError
from ..events import AttemptFailed, Hooks, RequestFailed, RequestFinished, RequestStarted, Throttled
from ..media.sources import Source
from ..retry import Fault, fault_of
from ..telling import Meter, current_call, describe, numbered
from .upload import StreamedBody, body_size

if TYPE_CHECKING:
    from .attempts import Reply

T = TypeVar("T")


async def tell_request(
    hooks: Hooks, route: str, work: "Coroutine[Any, Any, Reply[T]]", attempts: "AttemptCounter", *, is_poll: bool
) -> "Reply[T]":
    """Carry out a request and tell how it began and ended, whatever ends it."""
    begun = time.monotonic()
    with numbered(anew=is_poll) as number:  # a poll may run in a task that some other call began
        marks: dict[str, Any] = {"call_id": number, "route": route, "is_poll": is_poll}
        hooks(RequestStarted(**marks))
        try:
            reply = await work
        except BaseException as error:
            marks |= {"seconds": time.monotonic() - begun, "attempts": attempts.attempt}
            hooks(RequestFailed(**marks, **describe(error)))
            raise
        marks |= {"seconds": time.monotonic() - begun, "attempts": reply.attempts}
        hooks(RequestFinished(**marks, status=reply.status, request_id=reply.request_id))
        return reply


class AttemptCounter:
    """Has the number of the attempt under way, from 1."""

    attempt = 0


def tell_attempt(hooks: Hooks, route: str, attempt: int, error: PhotaError, delay: float | None) -> None:
    """Tell of an attempt that failed, and of the pause that the service asked for."""
    number = current_call() or 0
    kind, status = type(error).__name__, getattr(error, "status", None)
    hooks(AttemptFailed(call_id=number, route=route, attempt=attempt, error=kind, status=status, delay=delay))
    if fault_of(error) is Fault.REFUSED and delay is not None:
        hooks(Throttled(call_id=number, route=route, seconds=delay))


def counted_body(hooks: Hooks, route: str, parts: Sequence[bytes | Source]) -> StreamedBody:
    """Return an attempt's body that tells how far it is."""
    return StreamedBody(parts, Meter(hooks, route, "sent", body_size(parts)))
