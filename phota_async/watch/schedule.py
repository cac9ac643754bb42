"""Start what is due: one heap, one timer, a few tasks at once. It does not know what it starts."""

import asyncio
import heapq
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

import anyio

AT_ONCE = 16  # tasks at once, and so connections
AT_ONCE_LATE = 48  # likewise while turns come late: a slow service holds each for long. Fewer than a limiter's places
LATE = 1.0  # seconds
FIRST_OF_ALL = 0.0  # a moment before every other turn
AFTER_CUT = 1.0  # seconds until an item has its turn again whose task a stranger has cancelled
TIDY = 64  # abandoned turns that are left on the heap until they come up


class Item:
    """What has turns: first a moment on the heap, then a task."""

    __slots__ = ("due", "task", "turn")

    def __init__(self) -> None:
        self.due = float("inf")
        """The loop's time of its turn."""
        self.turn = 0
        """The number of its turn; 0 when it has none."""
        self.task: asyncio.Task[None] | None = None

    def is_ready(self) -> bool:
        """Whether it starts, now that its turn has come; if not, it has gone elsewhere."""
        return True

    def slack(self, now: float) -> float:  # noqa: ARG002 - for those below
        """Return the seconds by which it may start early, together with others."""
        return 0.0

    def context(self) -> Context:
        """Return the context in which it runs."""
        return Context()

    def run(self) -> Coroutine[Any, Any, None]:
        """Do it. Whatever fails is handled inside."""
        raise NotImplementedError


class Schedule:
    """The turns of one event loop.

    Between turns there is no task, only a timer, and that only while somebody has a turn.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heap: list[tuple[float, int, Item]] = []
        self._turns = 0
        self._abandoned = 0  # turns on the heap that are nobody's any more
        self._timer: asyncio.TimerHandle | None = None
        self._running: dict[asyncio.Task[None], Item] = {}
        self._cut: set[asyncio.Task[None]] = set()  # cancelled, and about to end

    def put(self, item: Item, due: float) -> None:
        """Give an item a turn in place of the one that it has. A task of its own that calls this is over with it."""
        self.take_off(item)
        self._turns += 1
        item.turn, item.due, item.task = self._turns, due, None
        heapq.heappush(self._heap, (due, self._turns, item))
        self._set_timer()

    def take_off(self, item: Item) -> None:
        """Take an item's turn away; its task, if it runs, goes on."""
        if not item.turn:
            return
        item.turn = 0
        self._abandoned += 1
        if self._abandoned > TIDY and self._abandoned > len(self._heap) // 2:
            self._heap = [each for each in self._heap if each[2].turn == each[1]]
            heapq.heapify(self._heap)
            self._abandoned = 0

    def drop(self, item: Item) -> None:
        """Let an item have no turn and no task any more; see `ended`."""
        self.take_off(item)
        task, item.task = item.task, None
        if task is not None and self._running.pop(task, None) is not None:
            self._cut.add(task)
            task.cancel()

    def clear(self) -> None:
        """Let nobody have a turn, and no timer run."""
        for _, _, item in self._heap:
            item.turn = 0
        self._heap.clear()
        self._abandoned = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def ended(self) -> None:
        """Wait until the tasks of what was dropped have ended, so that nothing of theirs is left."""
        while self._cut:
            with anyio.CancelScope(shield=True):  # they are cancelled already
                await asyncio.wait(set(self._cut))

    def _set_timer(self) -> None:
        if not self._heap or len(self._running) >= AT_ONCE_LATE:  # else the next task that ends looks
            return
        due = self._heap[0][0] + (LATE if len(self._running) >= AT_ONCE else 0.0)
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._start_due, context=Context())

    def _start_due(self) -> None:
        """Start whose turn it is, and whose turn comes so soon that waking up again would be waste."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._loop.time()
        while self._heap and len(self._running) < self._most(now):
            due, turn, item = self._heap[0]
            if item.turn == turn and due > now and due - now > item.slack(now):
                break
            heapq.heappop(self._heap)
            if item.turn != turn:
                self._abandoned -= 1
                continue
            item.turn = 0
            if item.is_ready():
                self._start(item)
        self._set_timer()

    def _most(self, now: float) -> int:
        """Return how many tasks may run."""
        return AT_ONCE_LATE if self._heap[0][0] <= now - LATE else AT_ONCE

    def _start(self, item: Item) -> None:
        task = item.context().run(self._loop.create_task, item.run())
        self._running[task] = item
        item.task = task
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._cut.discard(task)
        item = self._running.pop(task, None)
        if item is not None and item.task is task:
            item.task = None
            if task.cancelled():  # by somebody who cancels everything: whoever waits still does
                self.put(item, self._loop.time() + AFTER_CUT)
        self._start_due()

    def __repr__(self) -> str:
        return f"<Schedule {len(self._running)} running, {len(self._heap) - self._abandoned} waiting>"
