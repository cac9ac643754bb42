"""Steps that must come to their end once begun: they run in tasks of the batch, whoever is cancelled meanwhile."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
GRACE = 10.0  # seconds that steps under way get when the batch is left; a submit takes one or two


class OwnedTasks:
    """A scope of tasks that outlive the callers that wait for them, and end with the scope.

    An anyio shield would not do: it stops anyio's cancellation only, and ``task.cancel()`` goes through it.
    """

    def __init__(self, grace: float = GRACE) -> None:
        self.grace = grace
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_closing = False
        """Whether the scope is ending: nothing new should be begun."""

    async def run(self, step: Coroutine[Any, Any, T]) -> T:
        """Run a step and return what it returns; when the caller is cancelled, the step goes on."""
        task = asyncio.create_task(step)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Wait for the steps under way, for as long as the grace lasts, then cancel them."""
        self.is_closing = True
        try:
            if self._tasks:
                await asyncio.wait(tuple(self._tasks), timeout=self.grace)
        finally:
            late = tuple(self._tasks)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def __repr__(self) -> str:
        return f"<OwnedTasks {len(self._tasks)} running{', closing' if self.is_closing else ''}>"

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody warns of it when the caller is gone
