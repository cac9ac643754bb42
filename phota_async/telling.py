"""Tell hooks of a call from its beginning to its end, and how far its bodies are. Only for clients with hooks.

A logical call has a number. It is kept in a context variable, so that whatever a call does, in tasks of its own
too, bears the same number, and calls side by side do not mix.
"""

import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from .errors import PhotaError
from .events import BodyProgress, Hooks, OperationFailed, OperationFinished, OperationStarted

T = TypeVar("T")

SMALL = 64 * 1024  # bytes; bodies below are not told
STEP = 2**20  # bytes between two events of one body, at least
PAUSE = 0.25  # seconds between two events of one body, at least

_numbers = itertools.count(1)
_current: ContextVar[int | None] = ContextVar("phota_async_call", default=None)


def current_call() -> int | None:
    """Return the number of the logical call that runs here."""
    return _current.get()


@contextmanager
def numbered(*, anew: bool = False) -> Iterator[int]:
    """Give what runs inside the logical call's number; ``anew`` for what belongs to no call around it."""
    running = None if anew else _current.get()
    number = next(_numbers) if running is None else running
    token = _current.set(number)
    try:
        yield number
    finally:
        _current.reset(token)


async def tell_operation(
    hooks: Hooks, operation: str, mode: str, work: Awaitable[T], summary: Callable[[T], dict[str, Any]] | None = None
) -> T:
    """Carry out an image operation and tell how it began and ended, whatever ends it.

    Args:
        hooks: Who is told.
        operation: ``edit``, ``generate``, ``enhance`` or ``remix``.
        mode: ``sync``, ``job`` or ``submit``.
        work: The operation.
        summary: What `OperationFinished` says of its result; ``None`` takes it for an `ImageResult`.
    """
    begun = time.monotonic()
    with numbered(anew=True) as number:
        hooks(OperationStarted(call_id=number, operation=operation, mode=mode))
        try:
            result = await work
        except BaseException as error:
            seconds, about = time.monotonic() - begun, describe(error)
            job_id = getattr(error, "job_id", None)
            hooks(OperationFailed(call_id=number, operation=operation, seconds=seconds, job_id=job_id, **about))
            raise
        seconds, about = time.monotonic() - begun, (summary or summarize)(result)
        hooks(OperationFinished(call_id=number, operation=operation, seconds=seconds, **about))
        return result


def summarize(result: Any) -> dict[str, Any]:
    """Return what is told of an `ImageResult`."""
    size = sum(image.size or 0 for image in result.images)
    return {
        "images": len(result.images),
        "size": size,
        "job_id": result.job_id,
        "request_id": result.request_id,
    }


def describe(error: BaseException) -> dict[str, Any]:
    """Return what is told of an error: never its sentence, which may repeat the service's words about a prompt."""
    status = getattr(error, "status", None)
    return {
        "error": type(error).__name__,
        "status": status if isinstance(status, int) else None,  # a failed job has a word there
        "charged": error.charged if isinstance(error, PhotaError) else None,
        "request_id": error.request_id if isinstance(error, PhotaError) else None,
    }


class Meter:
    """Counts one body's bytes and tells hooks now and then."""

    def __init__(
        self,
        hooks: Hooks,
        route: str,
        direction: Literal["sent", "received"],
        total: int | None,
        *,
        begun: int = 0,
    ) -> None:
        self._hooks = hooks
        self._route, self._direction = route, direction
        self._total = total
        self._call_id = current_call()
        self._size = self._told = begun
        self._next = time.monotonic() + PAUSE

    def add(self, size: int) -> None:
        """Count bytes that have passed."""
        self._size += size
        if self._size - self._told >= STEP and time.monotonic() >= self._next:
            self._tell()

    def end(self) -> None:
        """Tell the last of a body that came through whole."""
        if self._size >= SMALL and self._size != self._told:
            self._tell()

    def through(self, write: Callable[[bytes], Awaitable[None]]) -> Callable[[bytes], Awaitable[None]]:
        """Return a ``write`` that counts what it has written."""

        async def counted(piece: bytes) -> None:
            await write(piece)
            self.add(len(piece))

        return counted

    def _tell(self) -> None:
        self._told, self._next = self._size, time.monotonic() + PAUSE
        self._hooks(
            BodyProgress(
                call_id=self._call_id,
                route=self._route,
                direction=self._direction,
                size=self._size,
                total=self._total,
            )
        )
