"""Traces for OpenTelemetry: one span a logical call, its attempts as events. Needs the extra ``otel``."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from .errors import ConfigError
from .events import (
    AttemptFailed,
    BodyProgress,
    Event,
    OperationFailed,
    OperationFinished,
    OperationStarted,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    Throttled,
)

try:
    from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider, get_tracer
except ImportError:
    raise ConfigError("tracing needs opentelemetry-api").with_context(hint='pip install "phota-async[otel]"') from None

ATTRIBUTES = {  # what of an event's fields becomes an attribute, always with the prefix "phota."
    *("mode", "attempts", "status", "request_id", "job_id", "images", "charged", "is_kept"),
}


class TracingHook:
    """A hook that makes one span of each logical call, below the caller's current span.

    Usage::

        client = PhotaClient(hooks=[TracingHook()])

    An edit, generate, enhance or remix is one span, whatever it takes: retries, a job, polls, downloads. Any other
    call, such as the listing of profiles, is one too. Attempts that fail and pauses are events of the span. Single
    polls make none, since waits share them.

    The attributes are ``phota.operation``, ``mode``, ``route``, ``attempts``, ``status``, ``request_id``, ``job_id``,
    ``images``, ``bytes`` (of the pictures), ``bytes_sent``, ``bytes_received`` (of large bodies), ``charged``,
    ``is_kept``, each after ``phota.``, and ``error.type``. Prompts, photos, links, profile ids and the key are not
    among them. No header is added to requests: the service is not told of your traces.

    Args:
        tracer_provider: Whose tracer is used; ``None`` takes the global one.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        self._tracer = get_tracer("phota_async", tracer_provider=tracer_provider)
        self._spans: dict[int, Span] = {}  # those under way
        self._operations: set[int] = set()  # of them, those that an operation ends
        self._handlers: Mapping[type[Event], Callable[[Any], None]] = {
            OperationStarted: self._begin_operation,
            OperationFinished: self._end_operation,
            OperationFailed: self._end_operation,
            RequestStarted: self._begin_request,
            RequestFinished: self._end_request,
            RequestFailed: self._end_request,
            AttemptFailed: self._add_attempt,
            Throttled: self._add_pause,
            BodyProgress: self._count,
        }

    def __call__(self, event: Event) -> None:
        """Take an event."""
        handle = self._handlers.get(type(event))
        if handle is not None:
            handle(event)

    def __repr__(self) -> str:
        return f"<TracingHook {len(self._spans)} spans under way>"

    def _begin_operation(self, event: OperationStarted) -> None:
        self._operations.add(event.call_id)
        self._begin(event.call_id, f"phota {event.operation}", {"operation": event.operation, "mode": event.mode})

    def _begin_request(self, event: RequestStarted) -> None:
        span = self._spans.get(event.call_id)
        if span is not None:
            span.add_event("request", {"phota.route": event.route})
        elif not event.is_poll:
            self._begin(event.call_id, f"phota {event.route}", {"operation": event.route, "route": event.route})

    def _begin(self, call_id: int, name: str, fields: Mapping[str, str]) -> None:
        attributes = {f"phota.{field}": value for field, value in fields.items()}
        self._spans[call_id] = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)

    def _end_request(self, event: RequestFinished | RequestFailed) -> None:
        span = self._spans.get(event.call_id)
        if span is None:
            return
        _describe(span, event)
        if event.call_id not in self._operations:
            self._end(event)

    def _end_operation(self, event: OperationFinished | OperationFailed) -> None:
        self._operations.discard(event.call_id)
        if event.call_id in self._spans:
            _describe(self._spans[event.call_id], event)
            self._end(event)

    def _end(self, event: OperationFinished | OperationFailed | RequestFinished | RequestFailed) -> None:
        span = self._spans.pop(event.call_id)
        if isinstance(event, (OperationFailed, RequestFailed)):
            span.set_attribute("error.type", event.error)
            span.set_status(StatusCode.ERROR, event.error)  # not its sentence: that may repeat the service's words
        span.end()

    def _add_attempt(self, event: AttemptFailed) -> None:
        fields = ("route", "attempt", "error", "status", "delay")
        self._add(event.call_id, "attempt failed", {name: getattr(event, name) for name in fields})

    def _add_pause(self, event: Throttled) -> None:
        self._add(event.call_id, "throttled", {"route": event.route, "seconds": event.seconds})

    def _add(self, call_id: int, name: str, fields: Mapping[str, Any]) -> None:
        if span := self._spans.get(call_id):
            span.add_event(name, {f"phota.{field}": value for field, value in fields.items() if value is not None})

    def _count(self, event: BodyProgress) -> None:
        if span := self._spans.get(event.call_id or 0):
            span.set_attribute(f"phota.bytes_{event.direction}", event.size)


def _describe(span: Span, event: Event) -> None:
    """Put an ended call's fields on its span."""
    for name, value in msgspec.structs.asdict(event).items():
        if name in ATTRIBUTES and value is not None and value is not False:
            span.set_attribute(f"phota.{name}", value)
    if isinstance(event, OperationFinished) and event.images:
        span.set_attribute("phota.bytes", event.size)
