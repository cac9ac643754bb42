"""Tasks that nobody carries out though their worker lives: the database broke off as it was told how they ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol, TypeVar

from ..ledger.database import end


class Task(Protocol):
    """An engine's task."""

    @property
    def id(self) -> int | None:
        """Its number."""
        ...

    @property
    def worker_id(self) -> int | None:
        """The number of the worker that has it."""
        ...


T = TypeVar("T", bound=Task)


class UnderWay:
    """What this process is at."""

    def __init__(self) -> None:
        self.worker: int | None = None
        """The worker's number, as the last task told it."""
        self._tasks: set[int | None] = set()
        self._suspects: set[int | None] = set()

    @contextmanager
    def of(self, task: Task) -> Iterator[None]:
        """Be at a task."""
        self.worker = task.worker_id
        self._tasks.add(task.id)
        try:
            yield
        finally:
            self._tasks.discard(task.id)

    def strays_among(self, tasks: Iterable[T]) -> list[T]:
        """Return those of the worker's tasks that nobody is at now, nor was at the last look: one may just end."""
        idle = {task.id: task for task in tasks if task.id not in self._tasks}
        strays = [task for number, task in idle.items() if number in self._suspects]
        self._suspects = set(idle)
        return strays

    @asynccontextmanager
    async def looked_after(self, look: Callable[[], Awaitable[None]], *, every: float) -> AsyncIterator[None]:
        """Look every so many seconds, as soon as a worker's number is known."""

        async def look_at_times() -> None:
            while True:
                await asyncio.sleep(every)
                if self.worker is not None:
                    await look()

        looking = asyncio.create_task(look_at_times())
        try:
            yield
        finally:
            await end(looking)

    def __repr__(self) -> str:
        return f"<UnderWay {len(self._tasks)} tasks>"
