"""What hooks are told: small frozen values, without prompts, photos or keys.

A hook is any callable that takes an event. It must be quick, since it runs on the event loop; one that raises
is logged and never breaks a call.
"""

import inspect
import logging
from collections.abc import Callable, Iterable

import msgspec

from .errors import ConfigError

logger = logging.getLogger("phota_async")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""


class RequestStarted(Event, frozen=True, kw_only=True):
    """A call begins, before it waits for the limiter."""

    route: str
    """Method and path without ids: ``POST /edit``."""


class RequestFinished(Event, frozen=True, kw_only=True):
    """A call succeeded."""

    route: str
    seconds: float
    attempts: int
    request_id: str | None


class AttemptFailed(Event, frozen=True, kw_only=True):
    """One attempt failed; ``delay`` says when the next follows."""

    route: str
    attempt: int
    error: str
    """Name of the error's class."""
    status: int | None
    delay: float | None
    """Seconds until the next attempt; ``None`` when there will be none."""


class Throttled(Event, frozen=True, kw_only=True):
    """The service asked for a pause, which every call of the client keeps."""

    route: str
    seconds: float


class Deprecated(Event, frozen=True, kw_only=True):
    """The service announced that a behaviour will change."""

    route: str
    date: str
    """The day it takes effect, as the service wrote it."""


class JobChanged(Event, frozen=True, kw_only=True):
    """A job's status changed, as somebody who waits for it has seen it: told once, however many wait.

    The first look of a wait or watch that nobody else has begun is a change too, with ``previous=None``.
    """

    job_id: str
    previous: str | None
    status: str


class ProfileChanged(Event, frozen=True, kw_only=True):
    """A profile's status changed; otherwise as `JobChanged`."""

    profile_id: str
    previous: str | None
    status: str


class ImageSaved(Event, frozen=True, kw_only=True):
    """A picture lies whole under its final name."""

    path: str
    size: int
    """Bytes."""


Hook = Callable[[Event], object]


class Hooks:
    """The client's hooks: ``hooks(event)`` tells them all."""

    def __init__(self, hooks: Iterable[Hook] | None = ()) -> None:
        if hooks is not None and not isinstance(hooks, Iterable):
            raise ConfigError(f"hooks: expected a list of callables, got {type(hooks).__name__}")
        self._hooks = tuple(hooks or ())
        for hook in self._hooks:
            if not callable(hook):
                raise ConfigError(f"hooks: expected a list of callables, got {type(hook).__name__} in it")
            if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(type(hook).__call__):
                raise ConfigError("hooks: expected plain functions, got an asynchronous one").with_context(
                    hint="nobody would await it: let it put events into a queue, or start a task"
                )

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def __call__(self, event: Event) -> None:
        """Tell every hook, come what may."""
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:
                logger.exception("a hook failed on %s", type(event).__name__)
