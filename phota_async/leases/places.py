"""What a limit that many processes share must do, and one of a single process.

A place stands for a job that the service has not finished. Processes die, but their jobs go on there. So a place
outlives its holder: until whoever takes the item up again takes its place over too, by its key, or until no job can
run any more. Only a place under which nothing was sent yet is free again soon.
"""

import asyncio
from collections import deque
from typing import Protocol

from ..errors import InputError


class Lease(Protocol):
    """The right to one unfinished job."""

    async def confirm(self) -> None:
        """Make sure that it is still held; called right before something is sent under it.

        From then on the place outlives its holder: a job may be running.

        Raises:
            LedgerError: It is lost, or cannot be confirmed: nothing may be sent.
        """
        ...

    async def release(self) -> None:
        """Give the place back: its job is terminal, or nothing was sent. Never raises; safe to call again."""
        ...

    async def abandon(self) -> None:
        """Leave the place to its job, of which nobody knows. Never raises; safe to call again."""
        ...


class Leases(Protocol):
    """Gives places, at most so many at once over all who share them."""

    async def acquire(self, key: str) -> Lease:
        """Wait for a place, in fair order; the place that the key has already is taken over at once.

        Args:
            key: Names the item's purchase, in whichever process it is carried out.
        """
        ...

    async def adopt(self, key: str) -> Lease | None:
        """Take over the place that a key has, of a job that is only followed; ``None`` when it has none."""
        ...


class MemoryLeases:
    """Places of one process, for tests and for one machine.

    Args:
        cap: Unfinished jobs at once.
    """

    def __init__(self, cap: int) -> None:
        if isinstance(cap, bool) or not isinstance(cap, int) or cap < 1:
            raise InputError(f"cap: expected 1 or more, got {cap!r}")
        self.cap = cap
        self.held: dict[str, MemoryLease] = {}
        """Places by key."""
        self.most = 0
        """The most that were held at once."""
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self, key: str) -> "MemoryLease":
        """Wait for a place; the first who came is the first who gets one."""
        while key not in self.held and len(self.held) >= self.cap:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake()
                raise
        lease = self.held[key] = MemoryLease(self, key)
        self.most = max(self.most, len(self.held))
        return lease

    async def adopt(self, key: str) -> "MemoryLease | None":
        """Take over the place that a key has."""
        return await self.acquire(key) if key in self.held else None

    def free(self, lease: "MemoryLease") -> None:
        """Take a place back, unless somebody took it over."""
        if self.held.get(lease.key) is lease:
            del self.held[lease.key]
            self._wake()

    def __repr__(self) -> str:
        return f"<MemoryLeases {len(self.held)}/{self.cap} held>"

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class MemoryLease:
    """A place of `MemoryLeases`."""

    def __init__(self, leases: MemoryLeases, key: str) -> None:
        self._leases, self.key = leases, key

    async def confirm(self) -> None:
        """Nothing can take it away but a takeover, whose job is the same."""

    async def release(self) -> None:
        """Give the place back."""
        self._leases.free(self)

    async def abandon(self) -> None:
        """Leave the place to its job."""

    def __repr__(self) -> str:
        return f"<MemoryLease {self.key[:8]}>"
