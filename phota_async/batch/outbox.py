"""Outcomes on their way from the workers to the reader: few wait, as they finish or in the items' order."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Self

from anyio.lowlevel import checkpoint_if_cancelled

from .items import Outcome


class Outbox:
    """Holds outcomes, as they finish, until they are read. A worker that brings one too many waits with it.

    Usage::

        await outbox.put(number, outcome)     # a worker
        outbox.leave()                        # a worker, at its end
        async for outcome in outbox: ...      # the reader; ends when all have left and nothing waits

    Args:
        most: Outcomes that may wait to be read before workers wait; each of them may hold one more.
        workers: How many bring outcomes.
    """

    def __init__(self, most: int, workers: int) -> None:
        self._most = most
        self._workers = workers
        self._finished: deque[Outcome] = deque()
        self._changed = asyncio.Event()
        self._blocked: deque[asyncio.Future[None]] = deque()
        self._is_waking = False

    def __len__(self) -> int:
        return len(self._finished)

    def put_nowait(self, number: int, outcome: Outcome) -> bool:  # noqa: ARG002 - `OrderedOutbox` asks for it
        """Bring an outcome as `put` does, if that needs no waiting; says whether it did."""
        if len(self._finished) >= self._most:
            return False
        self._finished.append(outcome)
        self._changed.set()
        if self._blocked:
            self._wake()
        return True

    async def put(self, number: int, outcome: Outcome) -> None:
        """Bring the outcome of item ``number``, counted from 0, and wait while there is no room for more."""
        while not self.put_nowait(number, outcome):
            await self._until_read()

    def leave(self) -> None:
        """Bring no more: the worker is at its end."""
        self._workers -= 1
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[None, None, Outcome]:
        return self._next()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self)} waiting, {len(self._blocked)} workers blocked>"

    async def _next(self) -> Outcome:
        while (outcome := self._take()) is None:
            if not self._workers:
                await checkpoint_if_cancelled()  # a scope that is cut off ends the workers first: that is no end
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        self._wake()
        return outcome

    def _take(self) -> Outcome | None:
        return self._finished.popleft() if self._finished else None

    def _is_full(self) -> bool:
        return len(self._finished) >= self._most

    async def _until_read(self) -> None:
        """Wait while the reader has plenty. Workers are woken one by one: all at once, most would wait again."""
        waiter: asyncio.Future[None] | None = None
        while self._is_full():
            join = self._blocked.append if waiter is None else self._blocked.appendleft  # who waited stays first
            waiter = asyncio.get_running_loop().create_future()
            join(waiter)
            await waiter
            self._is_waking = False

    def _wake(self) -> None:
        """Let the next worker go on if there is room and none is about to."""
        if self._blocked and not self._is_waking and not self._is_full():
            waiter = self._blocked.popleft()
            if not waiter.done():  # as it is when the batch was left
                self._is_waking = True
                waiter.set_result(None)


class OrderedOutbox(Outbox):
    """Gives outcomes in the items' order: those that finished early wait for the ones before them.

    A worker hands over what it brings at once, since it may be what everybody waits for, and waits afterwards
    while more than ``most`` outcomes lie here: behind a slow item no further one is begun then.
    """

    def __init__(self, most: int, workers: int) -> None:
        super().__init__(most, workers)
        self._early: dict[int, Outcome] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._early)

    def put_nowait(self, number: int, outcome: Outcome) -> bool:
        """Bring an outcome as `put` does, if that needs no waiting; says whether it did."""
        if len(self._early) >= self._most:
            return False
        self._early[number] = outcome
        self._changed.set()
        return True

    async def put(self, number: int, outcome: Outcome) -> None:
        """Bring the outcome of item ``number``, counted from 0, and wait while too many lie here."""
        self._early[number] = outcome
        self._changed.set()
        while self._is_full():
            await self._until_read()
        self._wake()

    def _take(self) -> Outcome | None:
        outcome = self._early.pop(self._turn, None)
        self._turn += outcome is not None
        return outcome

    def _is_full(self) -> bool:
        return len(self._early) > self._most
