"""Wait for one profile or job until it is done."""

import asyncio
from contextvars import copy_context
from typing import Any, Generic

from ..errors import DeadlineError
from .pace import Pace
from .poller import Poller
from .targets import Subject, V
from .words import word_of


async def wait_for(
    poller: Poller, subject: Subject[V], key: str, pace: Pace, deadline: float, *, what: str, hint: str
) -> V:
    """Return what was seen when it was done.

    Args:
        poller: Who looks.
        subject: What kind of thing it is.
        key: Its id.
        pace: How often to look at it.
        deadline: The loop's time at which waiting ends, or earlier if no look comes before.
        what: What to call it in an error.
        hint: What to do next when it is not done in time.

    Raises:
        DeadlineError: It is not done in time. What runs at the service goes on.
        PhotaError: It cannot be followed any more.
    """
    waiter: _Waiter[V] = _Waiter(deadline)
    poller.join(subject, (key,), waiter, pace)
    try:
        async with asyncio.timeout_at(deadline):
            await waiter.over
    except TimeoutError:
        waiter.is_late = True
    finally:
        await poller.leave(subject, (key,), waiter)
    if waiter.error is not None:
        raise waiter.error
    if waiter.done is None:
        word = word_of(waiter.last)
        raise DeadlineError(f"{what} is not done in time{f', last seen {word}' if word else ''}").with_context(
            hint=hint
        )
    return waiter.done


class _Waiter(Generic[V]):
    """Who waits for one target."""

    is_full = False

    def __init__(self, deadline: float) -> None:
        self.context = copy_context()
        self.over = asyncio.get_running_loop().create_future()
        self.done: V | None = None
        self.last: V | None = None
        self.error: Exception | None = None
        self.is_late = False
        self._deadline = deadline

    def saw(self, key: str, previous: Any, seen: V, *, is_done: bool) -> bool:  # noqa: ARG002 - the protocol's
        self.last = seen
        if is_done:
            self.done = seen
            self._end()
        return True

    def waits_until(self, due: float) -> None:
        if due >= self._deadline:
            self.is_late = True
            self._end()

    def failed(self, key: str, previous: Any, error: Exception) -> None:  # noqa: ARG002 - the protocol's
        self.ended(error)

    def ended(self, error: Exception) -> None:
        self.error = error
        self._end()

    def _end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)
