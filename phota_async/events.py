"""What hooks are told: small frozen values, without prompts, photos or keys.

A hook is any callable that takes an event. It must be quick, since it runs on the event loop; one that raises
is logged and never breaks a call.
"""

import inspect
import logging
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from .errors import ConfigError

logger = logging.getLogger("phota_async")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""


class OperationStarted(Event, frozen=True, kw_only=True):
    """An image operation begins. Its requests and downloads bear its ``call_id``; polls may be shared, and do not."""

    call_id: int
    """Number of the logical call in this process."""
    operation: str
    """``edit``, ``generate``, ``enhance`` or ``remix``."""
    mode: str
    """``sync``, ``job``, or ``submit`` where the result is fetched by somebody else."""


class OperationFinished(Event, frozen=True, kw_only=True):
    """An image operation succeeded."""

    call_id: int
    operation: str
    seconds: float
    images: int = 0
    """Pictures in the result."""
    size: int = 0
    """Bytes of those pictures that were received."""
    job_id: str | None = None
    request_id: str | None = None
    is_kept: bool = False
    """Whether a batch had it already, so that nothing was bought or fetched."""


class OperationFailed(Event, frozen=True, kw_only=True):
    """An image operation failed or was cancelled."""

    call_id: int
    operation: str
    seconds: float
    error: str
    """Name of the error's class; ``CancelledError`` when the caller gave up."""
    status: int | None = None
    """HTTP status, where the service gave one."""
    charged: str | None = None
    """What it cost, in the words of `PhotaError`; ``None`` for what is no error of this package."""
    job_id: str | None = None
    request_id: str | None = None


class ItemStarted(Event, frozen=True, kw_only=True):
    """An item of a batch begins, also one that turns out to be there already. It ends as `ItemEnded`."""

    key: str
    operation: str
    batch: str = ""
    """The batch's name in its ledger."""


class ItemEnded(Event, frozen=True, kw_only=True):
    """An item of a batch ended."""

    key: str
    operation: str
    status: str
    """As of `Outcome`; ``cancelled`` where the batch was left before it ended."""
    seconds: float
    batch: str = ""
    images: int = 0
    """Pictures in its result."""
    spent: Decimal | None = Decimal(0)
    """US dollars by the price table; ``None`` where they are not known."""


class RequestStarted(Event, frozen=True, kw_only=True):
    """A request begins, before it waits for the limiter. It ends as `RequestFinished` or `RequestFailed`."""

    call_id: int
    """Number of the logical call: the operation's where the request belongs to one, else its own."""
    route: str
    """Method and path without ids: ``POST /edit``."""
    is_poll: bool = False
    """Whether it is one of many looks that a wait or a watch takes."""


class RequestFinished(Event, frozen=True, kw_only=True):
    """A request succeeded."""

    call_id: int
    route: str
    seconds: float
    attempts: int
    status: int
    """HTTP status."""
    request_id: str | None
    is_poll: bool = False


class RequestFailed(Event, frozen=True, kw_only=True):
    """A request failed for good or was cancelled."""

    call_id: int
    route: str
    seconds: float
    attempts: int
    """Attempts that were begun; 0 when a photo could not be read."""
    error: str
    """Name of the error's class; ``CancelledError`` when the caller gave up."""
    status: int | None = None
    charged: str | None = None
    request_id: str | None = None
    is_poll: bool = False


class AttemptFailed(Event, frozen=True, kw_only=True):
    """One attempt failed; ``delay`` says when the next follows."""

    call_id: int
    route: str
    attempt: int
    error: str
    """Name of the error's class."""
    status: int | None
    delay: float | None
    """Seconds until the next attempt; ``None`` when there will be none."""


class Throttled(Event, frozen=True, kw_only=True):
    """The service asked for a pause, which every call of the client keeps."""

    call_id: int
    route: str
    seconds: float


class BodyProgress(Event, frozen=True, kw_only=True):
    """A body is on its way: at most four events a second and one a megabyte, and one at its end.

    Bodies below 64 KB are over before anybody could look, and are not told. A new attempt begins at 0 again.
    """

    call_id: int | None
    """``None`` for a picture that is fetched after its call, by ``image.read()`` or ``save()``."""
    route: str
    """As in `RequestStarted`; ``GET picture`` for a download."""
    direction: Literal["sent", "received"]
    size: int
    """Bytes so far."""
    total: int | None
    """Bytes of the whole body; ``None`` when the answer does not tell."""


class Deprecated(Event, frozen=True, kw_only=True):
    """The service announced that a behaviour will change."""

    call_id: int | None
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
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # also a CancelledError: it would pass for the caller's, in the midst of a paid call
                logger.exception("a hook failed on %s", type(event).__name__)
