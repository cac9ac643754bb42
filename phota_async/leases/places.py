"""What a limit that many processes share must do, and one of a single process.

A place stands for a job that the service has not finished. Processes die, but their jobs go on there. So a place
outlives its holder: until whoever takes the item up again takes its place over too, by its key, or until no job can
run any more. Only a place under which nothing was sent yet is free again soon.
"""

import asyncio
from typing import Protocol

from ..errors import InputError, LedgerError


class PlaceLostError(LedgerError):
    """A place was lost before anything was sent under it: it ran out, or a crash of the server undid it."""


class Lease(Protocol):
    """The right to one unfinished job."""

    async def confirm(self) -> None:
        """Make sure that it is still held; called right before something is sent under it.

        From then on the place outlives its holder: a job may be running.

        Raises:
            PlaceLostError: It is lost: nothing may be sent under it.
            LedgerError: It cannot be confirmed: likewise.
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
        """Wait for a place, in fair order; the place that the key has already is taken over from who died or left it.

        Args:
            key: Names the item's purchase, in whichever process it is carried out.
        """
        ...

    async def adopt(self, key: str) -> Lease | None:
        """Take over the place that a key has, by whoever the ledger gave its purchase to; ``None`` when it has none."""
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
        self._changed = asyncio.Condition()  # wakes in the order of waiting

    async def acquire(self, key: str) -> "MemoryLease":
        """Wait for a place; the first who came is the first who gets one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_free(key))
            return self._hold(key)

    async def adopt(self, key: str) -> "MemoryLease | None":
        """Take over the place that a key has."""
        return self._hold(key) if key in self.held else None

    async def changed(self) -> None:
        """Let those who wait look again; for `MemoryLease`."""
        async with self._changed:
            self._changed.notify_all()

    def __repr__(self) -> str:
        return f"<MemoryLeases {len(self.held)}/{self.cap} held>"

    def _is_free(self, key: str) -> bool:
        held = self.held.get(key)
        return len(self.held) < self.cap if held is None else not held.is_alive

    def _hold(self, key: str) -> "MemoryLease":
        lease = self.held[key] = MemoryLease(self, key)
        self.most = max(self.most, len(self.held))
        return lease


class MemoryLease:
    """A place of `MemoryLeases`."""

    def __init__(self, leases: MemoryLeases, key: str) -> None:
        self._leases, self.key = leases, key
        self.is_alive = True
        """Whether somebody is at it; a place that was left is taken over by its key."""

    async def confirm(self) -> None:
        """Make sure that it is still held."""
        if self._leases.held.get(self.key) is not self:
            raise PlaceLostError("a place among jobs was taken over before anything was sent")

    async def release(self) -> None:
        """Give the place back, unless somebody took it over."""
        if self._leases.held.get(self.key) is self:
            del self._leases.held[self.key]
            await self._leases.changed()

    async def abandon(self) -> None:
        """Leave the place to its job."""
        self.is_alive = False
        await self._leases.changed()

    def __repr__(self) -> str:
        return f"<MemoryLease {self.key[:8]}>"
