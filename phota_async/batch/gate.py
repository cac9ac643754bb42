"""Let items begin while the service takes them: the place where a batch and its adaptive limit meet."""

import asyncio
from collections import deque
from contextvars import ContextVar

from .adaptive import AdaptiveLimit

_mark: ContextVar[int] = ContextVar("phota_batch_mark", default=0)


class Gate:
    """Admits as many items at once as the service was found to take.

    Usage::

        mark = await gate.enter()
        ...                            # whatever is refused meanwhile in this task, or in its children, counts
        gate.leave(mark, well=True)

    Args:
        highest: Never more than that.
    """

    def __init__(self, highest: int) -> None:
        self._limit = AdaptiveLimit(highest)
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        """How many are admitted now."""
        return self._limit.limit

    async def enter(self) -> int:
        """Wait for admission and return the item's mark."""
        while not (mark := self.enter_nowait()):
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
        return mark

    def enter_nowait(self) -> int:
        """Return the item's mark, or 0 when it is not admitted now."""
        if self._inside >= self._limit.limit:
            return 0
        self._inside += 1
        mark = self._limit.begin()
        _mark.set(mark)
        return mark

    def leave(self, mark: int, *, well: bool) -> None:
        """End an item; a good end lets more in."""
        self._inside -= 1
        if well:
            self._limit.succeeded(mark)
        for _ in range(self._limit.limit - self._inside if self._waiting else 0):
            if not self._wake():
                return

    def refused(self) -> None:
        """Hear that the service said 429 or 503 to a call of the running item."""
        self._limit.refused(_mark.get())

    def _wake(self) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return True
        return False

    def __repr__(self) -> str:
        return f"<Gate {self._inside} inside, {self._limit.limit} of {self._limit.highest} admitted>"
