"""Ready-made hooks. `phota_async.otel` has the one for OpenTelemetry; write your own with `phota_async.events`."""

import logging

import msgspec

from .events import (
    AttemptFailed,
    BodyProgress,
    Deprecated,
    Event,
    Hook,
    OperationFailed,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    Throttled,
)

WORRIES = (AttemptFailed, Deprecated, OperationFailed, RequestFailed, Throttled)


def logging_hook(logger: logging.Logger | None = None, level: int = logging.INFO) -> Hook:
    """Return a hook that logs events, one line each: ``RequestFinished call_id=7 route='POST /edit' ...``.

    Usage::

        client = PhotaClient(hooks=[logging_hook()])

    Args:
        logger: Where to; ``None`` takes the logger ``phota_async.events``.
        level: Of what goes as it should. Failures, pauses and deprecations are logged as warnings at least,
            polls that go well and the progress of bodies as debugging at most.

    Each record has the event itself as ``record.event``, for handlers that write fields.
    """
    target = logging.getLogger("phota_async.events") if logger is None else logger

    def log(event: Event) -> None:
        at = _level(event, level)
        if target.isEnabledFor(at):
            target.log(at, "%s", _Line(event), extra={"event": event})

    return log


def _level(event: Event, level: int) -> int:
    if isinstance(event, WORRIES):
        return max(level, logging.WARNING)
    is_quiet_poll = isinstance(event, (RequestStarted, RequestFinished)) and event.is_poll
    return min(level, logging.DEBUG) if is_quiet_poll or isinstance(event, BodyProgress) else level


class _Line:
    """An event as a line, made when somebody writes it."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def __str__(self) -> str:
        fields = msgspec.structs.asdict(self._event)
        told = (f"{name}={value!r}" for name, value in fields.items() if value is not None and value is not False)
        return " ".join([type(self._event).__name__, *told])
