"""End small calls that take too long, with one timer for all that run: asyncio's own cost a tenth of such a call."""

import asyncio
from types import TracebackType

TICK = 1.0  # seconds between two looks: a call may be late by as much, as aiohttp's long timeouts may
COARSE = 5.0  # seconds: from here on that is precise enough


class Deadlines:
    """The small calls of one event loop, and when each must have ended.

    Usage::

        with Until(deadlines, loop.time() + 30):  # or up to a second later
            await call()
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.running: set[Until] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look every second for as long as something runs."""
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._look)

    def stop(self) -> None:
        """Leave no timer behind when nothing runs any more."""
        if self._timer is not None and not self.running:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._loop.time()
        for scope in [each for each in self.running if each.when <= now]:
            scope.expire()
        self._timer = None
        if self.running:
            self.start()

    def __repr__(self) -> str:
        return f"<Deadlines {len(self.running)} running>"


class Until:
    """The scope of one call: `TimeoutError` when it is not left in time.

    It cancels its task as ``asyncio.timeout`` does, and keeps to the same rules.
    """

    __slots__ = ("_cancelling", "_expired", "_owner", "_task", "when")

    def __init__(self, owner: Deadlines, when: float) -> None:
        self.when = when
        self._owner = owner
        self._expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiohttp needs a task too
        self._task, self._cancelling = task, task.cancelling()
        if not self._owner.running:
            self._owner.start()
        self._owner.running.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner.running.discard(self)
        # If somebody else cancels too, theirs counts: then more is left to undo than there was at the start.
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Cancel the call."""
        self._expired = True
        self._task.cancel()
