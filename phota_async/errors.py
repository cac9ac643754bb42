"""Every error that the client raises.

    PhotaError
    ├── ConfigError                  settings: no key, bad address, closed client
    ├── InputError                   found before anything was sent (also a ValueError)
    │   └── CheckError               photos that a training should not be paid for
    ├── ScopeError                   a profile outside the end user's scope
    ├── TransportError
    │   ├── ConnectError             never sent
    │   ├── ResponseLostError        sent, and the answer of a paid call is lost: it may have been charged
    │   ├── DeadlineError            out of time; nothing was sent, or the call is free (also a TimeoutError)
    │   └── DecodeError              the answer cannot be understood
    ├── StatusError                  the service answered with an error status
    │   ├── BadRequestError          400, 422 and other 4xx
    │   │   └── ContentModerationError
    │   ├── AuthenticationError      401, 403
    │   ├── InsufficientCreditsError 402
    │   ├── NotFoundError            404
    │   ├── ConflictError            409
    │   ├── RateLimitError           429
    │   └── ServerError              5xx
    ├── JobFailedError               the job ended badly
    ├── TrainingError                the profile ended in ERROR or INACTIVE
    ├── UploadError                  a training photo could not be put where the service can fetch it
    ├── DownloadError                a picture could not be fetched or stored
    ├── SignatureError               a callback is not from the service
    ├── BudgetExceededError          the next item could pass the budget
    └── LedgerError                  the account of a batch cannot be kept

Errors carry plain data only, so they pickle and never hold the key; no library's exception is kept behind
them, since some print request headers.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Literal, Self

from .links import without_queries

Charged = Literal["no", "refunded", "unknown"]

MAX_SENTENCE = 400  # characters of a foreign message that an error repeats


class PhotaError(Exception):
    """Base of every error of this package.

    Attributes:
        retryable: Whether the same call may succeed later, unchanged and without paying twice.
        charged: What the call has cost: ``"no"``, ``"refunded"`` or ``"unknown"``.
        hint: What to do next, in one sentence; ``""`` when nothing is known.
        request_id: The service's mark of the exchange, or ``None``.
        attempts: How often the call was sent or tried, retries included.
    """

    retryable: bool = False
    charged: Charged = "no"
    hint: str = ""
    request_id: str | None = None
    attempts: int = 0

    _private: ClassVar[frozenset[str]] = frozenset()  # attributes that do not travel in a pickle

    def with_context(self, **context: Any) -> Self:
        """Set attributes of this error and return it: ``raise error.with_context(attempts=2)``."""
        for name, value in context.items():
            setattr(self, name, value)
        return self

    def __str__(self) -> str:
        sentence = self.sentence()
        if self.request_id:
            sentence += f" (request {shorten(self.request_id, 80)})"
        return f"{sentence}; {self.hint}" if self.hint else sentence

    def sentence(self) -> str:
        """Say what happened, without the hint."""
        return "; ".join(str(argument) for argument in self.args) or type(self).__name__

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: value for name, value in self.__dict__.items() if name not in self._private}
        return _rebuild, (type(self), self.args, state)


def _rebuild(kind: type[PhotaError], args: tuple[Any, ...], state: Mapping[str, Any]) -> PhotaError:
    error = kind.__new__(kind, *args)  # not __init__: its defaults are already part of the state
    error.args = args
    error.__dict__.update(state)
    return error


def shorten(text: str, limit: int = MAX_SENTENCE) -> str:
    """Return ``text`` on one printable line of at most ``limit`` characters, without what opens its links."""
    line = " ".join("".join(c if c.isprintable() else " " for c in without_queries(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class ConfigError(PhotaError):
    """The client cannot work as it is set up: no key, a bad address, a closed client."""


class InputError(PhotaError, ValueError):
    """An argument, a photo or a path cannot be used. Found before anything was sent, so nothing was charged."""


class CheckError(InputError):
    """Photos that should not be trained with: the training would be refused, or paid for in vain."""


class ScopeError(PhotaError):
    """A profile outside the end user's scope was named, or might be; nothing was sent."""


class TransportError(PhotaError):
    """The exchange with the service broke."""


class ConnectError(TransportError):
    """The service could not be reached (DNS, refused, TLS, connect timeout); nothing was sent.

    Args:
        origin: Scheme, host and port that were tried.
        reason: What the network said.
    """

    retryable = True

    def __init__(self, origin: str, reason: str = "", /) -> None:
        super().__init__(origin, reason)
        self.origin = origin
        self.reason = reason

    def sentence(self) -> str:
        """Say where it failed and why."""
        return f"cannot connect to {self.origin}" + (f": {shorten(self.reason)}" if self.reason else "")


class ResponseLostError(TransportError):
    """A request was sent and its answer is lost; a paid call may have been charged.

    For a job, ``client_request_id`` makes it safe to ask again: ``result = await error.resume()``.

    Args:
        call: What was sent, for example ``"POST /edit"``.
        reason: What broke.
    """

    charged: Charged = "unknown"
    client_request_id: str | None = None
    first_sent_at: float | None = None
    """Unix time of the first attempt, seconds; ``None`` when not known."""
    job_id: str | None = None
    """The job that was bought, where the service has told; it can be waited for."""

    _private = frozenset({"_resume", "sent_clock"})
    sent_clock: float | None = None
    """The same moment by ``time.monotonic()``, which nobody can set; ``None`` in another process."""

    def __init__(self, call: str, reason: str = "", /) -> None:
        super().__init__(call, reason)
        self.call = call
        self.reason = reason
        self._resume: Callable[[], Awaitable[Any]] | None = None

    def sentence(self) -> str:
        """Say what was lost and why."""
        return f"the answer to {self.call} is lost" + (f": {shorten(self.reason)}" if self.reason else "")

    def on_resume(self, resume: Callable[[], Awaitable[Any]]) -> Self:
        """Set what `resume` does. The client calls this; it does not survive pickling."""
        self._resume = resume
        return self

    async def resume(self) -> Any:
        """Send the job again with the same ``client_request_id`` and return what the first call would have.

        Raises:
            ConfigError: The call was not a job, the error came out of a pickle, or the service may have
                forgotten the id by now.
        """
        resume = getattr(self, "_resume", None)
        if resume is None:
            raise ConfigError("this error cannot resume").with_context(
                hint="only a job's error can, in the process that raised it; elsewhere submit the same request "
                "with client_request_id=error.client_request_id",
            )
        return await resume()


class DeadlineError(TransportError, TimeoutError):
    """The time for a call ran out. Nothing was sent, or the call is free: it costs nothing to try again."""

    retryable = True


class DecodeError(TransportError):
    """An answer cannot be understood.

    Args:
        reason: Expected and got.
        offset: Byte of the answer at which it was noticed, from 0; ``None`` when there is no single place.
    """

    is_cut: bool = False
    """Whether the answer ends too soon, rather than being wrong."""
    is_final: bool = False
    """Whether the answer came whole, so that asking again would not make it another one."""

    def __init__(self, reason: str, offset: int | None = None, /) -> None:
        super().__init__(reason, offset)
        self.reason = reason
        self.offset = offset

    def sentence(self) -> str:
        """Say what is wrong and where."""
        place = "" if self.offset is None else f" at byte {self.offset}"
        return f"the answer cannot be understood: {shorten(self.reason)}{place}"


class StatusError(PhotaError):
    """The service answered with an error status.

    Args:
        status: The HTTP status.
        message: What the service said, shortened; ``""`` when it said nothing.
        code: The service's machine code, for example ``"CONTENT_MODERATION"``, or ``None``.
    """

    retry_after: float | None = None
    """Seconds the service asked to wait, or ``None``."""
    fields: tuple[str, ...] = ()
    """The fields a 422 complains about, as dotted paths."""
    job_id: str | None = None
    client_request_id: str | None = None

    def __init__(self, status: int, message: str = "", code: str | None = None, /) -> None:
        super().__init__(status, message, code)
        self.status = status
        self.message = message
        self.code = code

    def sentence(self) -> str:
        """Say the status, the code and the service's words."""
        code = f" {self.code}" if self.code else ""
        return f"HTTP {self.status}{code}" + (f": {shorten(self.message)}" if self.message else "")


class BadRequestError(StatusError):
    """The service refused the request as it is (400, 413, 415, 422 and other 4xx); nothing was charged."""


class ContentModerationError(BadRequestError):
    """The service refused the content (400 with the word ``CONTENT_MODERATION``)."""

    hint = "the photo or the prompt was refused; change it: the same again will be refused again"


class AuthenticationError(StatusError):
    """The key is missing or wrong (401, 403)."""

    hint = "check PHOTA_API_KEY or api_key=; keys are made at https://platform.photalabs.com"


class InsufficientCreditsError(StatusError):
    """The prepaid balance is too low (402)."""

    hint = "top up the balance at https://platform.photalabs.com, then run the same again"


class NotFoundError(StatusError):
    """There is no such profile, job or picture for this account (404)."""

    hint = "check the id; jobs and links expire, and a profile's picture may not exist before it is READY"
    is_after_loss: bool = False
    """Whether an earlier attempt of the same call may have been carried out, since its answer was lost."""


class ConflictError(StatusError):
    """The request contradicts an earlier one with the same ``client_request_id`` (409)."""

    hint = "the same client_request_id was used for another request; a new id is a new purchase"


class RateLimitError(StatusError):
    """Too many calls (429); nothing was charged."""

    retryable = True
    hint = "send fewer calls at once (Limiter) or wait"


class ServerError(StatusError):
    """The service failed (5xx). A 503 was not charged, a 504 is refunded, the rest is unknown for paid calls."""


class JobFailedError(PhotaError):
    """A job ended badly.

    Args:
        job_id: The job.
        status: The service's word for how it ended.
        message: The service's reason, or ``""``.
        code: The service's machine code, or ``None``.
    """

    charged: Charged = "unknown"  # whether failed jobs are refunded is not published

    def __init__(self, job_id: str, status: str, message: str = "", code: str | None = None, /) -> None:
        super().__init__(job_id, status, message, code)
        self.job_id = job_id
        self.status = status
        self.message = message
        self.code = code

    def sentence(self) -> str:
        """Say which job, how it ended and why."""
        code = f" {self.code}" if self.code else ""
        reason = f": {shorten(self.message)}" if self.message else ""
        return f"job {shorten(self.job_id, 80)} ended as {self.status}{code}{reason}"


class TrainingError(PhotaError):
    """A profile will not become READY.

    Args:
        profile_id: The profile.
        status: ``"ERROR"`` or ``"INACTIVE"``.
        message: The service's reason, or ``""``.
    """

    charged: Charged = "unknown"
    hint = "look at the message, choose other photos and create a new profile"

    def __init__(self, profile_id: str, status: str, message: str = "", /) -> None:
        super().__init__(profile_id, status, message)
        self.profile_id = profile_id
        self.status = status
        self.message = message

    def sentence(self) -> str:
        """Say which profile, its state and why."""
        reason = f": {shorten(self.message)}" if self.message else ""
        return f"training of profile {shorten(self.profile_id, 80)} ended as {self.status}{reason}"


class UploadError(PhotaError):
    """A training photo could not be put where the service can fetch it, or not be removed from there.

    An upload that fails costs nothing: the training is not sent.

    Args:
        name: The random name under which it stands, or was to stand.
        place: Where, without anything secret.
        reason: What broke.
    """

    def __init__(self, name: str, place: str, reason: str, /) -> None:
        super().__init__(name, place, reason)
        self.name = name
        self.place = place
        self.reason = reason

    def sentence(self) -> str:
        """Say which, where and why."""
        return f"upload {self.name} at {shorten(self.place)}: {shorten(self.reason)}"


class DownloadError(PhotaError):
    """A picture could not be fetched or stored. What was bought is still there: the link or the job has it.

    Args:
        source: Where the picture comes from: a link without its query string, or a path.
        reason: What broke.
    """

    status: int | None = None
    """HTTP status of the refused download, or ``None``."""
    result: Any = None
    """The `ImageResult` whose pictures could not all be fetched, with its links; ``None`` where there is none."""
    is_full: bool = False
    """Whether the disk, or its owner's share of it, is full."""

    def __init__(self, source: str, reason: str, /) -> None:
        super().__init__(source, reason)
        self.source = source
        self.reason = reason

    def sentence(self) -> str:
        """Say which picture and why."""
        return f"{self.source}: {shorten(self.reason)}"


class SignatureError(PhotaError):
    """A callback does not bear a valid, fresh signature of the service; do not believe it."""


class BudgetExceededError(PhotaError):
    """The next request could cost more than the budget has left; it was not sent."""


class LedgerError(PhotaError):
    """The durable account of a batch cannot be opened or written."""
