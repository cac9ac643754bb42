"""Turns of those who wait: so many at once, the longest waiting first, paid calls before free ones."""

import asyncio
from collections import deque

MOST_IN_A_ROW = 8  # paid calls that go before a waiting free one: a status must come through in the end
PAID, FREE = 0, 1  # priorities: a poll never goes before a call that waits to be paid for


class Turns:
    """So many places, and two queues before them.

    Usage::

        await turns.take(FREE)
        try: ...
        finally: turns.give_back()

    Args:
        places: How many at once.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self.running = 0
        """Places that are taken."""
        self._paid_in_a_row = 0  # places that went past waiting free calls
        self._queues: tuple[deque[asyncio.Future[None]], ...] = (deque(), deque())

    def take_nowait(self) -> bool:
        """Take a place if there is one and nobody waits for it."""
        if self.running >= self.places or self._queues[PAID] or self._queues[FREE]:
            return False
        self.running += 1
        return True

    async def take(self, priority: int) -> None:
        """Wait for a place."""
        if self.take_nowait():
            return
        waiter = asyncio.get_running_loop().create_future()
        self._queues[priority].append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self.give_back()  # the place had been handed over in the same moment
            else:
                waiter.cancel()
            raise

    def give_back(self) -> None:
        """Give a place back; it goes straight to whoever waits longest."""
        paid, free = self._queues
        turn = (free, paid) if self._paid_in_a_row >= MOST_IN_A_ROW else (paid, free)
        for queue in turn:
            while queue:
                waiter = queue.popleft()
                if not waiter.done():
                    self._paid_in_a_row = self._paid_in_a_row + 1 if queue is paid and free else 0
                    waiter.set_result(None)
                    return
        self.running -= 1

    def waiting(self) -> int:
        """Return how many wait."""
        return sum(not waiter.done() for queue in self._queues for waiter in queue)

    def __repr__(self) -> str:
        return f"<Turns {self.running}/{self.places} running, {self.waiting()} waiting>"
