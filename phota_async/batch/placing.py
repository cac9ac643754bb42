"""A purchase's place among the jobs that all workers may have at the service."""

import asyncio

from ..leases import Lease, Leases
from ..leases.places import PlaceLostError

AGAIN = 2.0  # seconds between looks whether the key has a place by now


class JobPlace:
    """Holds at most one place; without a limit that is shared it does nothing.

    Args:
        leases: Gives places; ``None`` for no limit.
        key: Names the purchase, in whichever process it is carried out.
    """

    def __init__(self, leases: Leases | None, key: str) -> None:
        self._leases, self._key = leases, key
        self._lease: Lease | None = None

    async def take(self) -> None:
        """Wait for a place, unless there is one."""
        if self._leases is not None and self._lease is None:
            self._lease = await self._leases.acquire(self._key)

    async def adopt(self) -> None:
        """Take over the place that an earlier run had, if there is one: following a job needs none."""
        if self._leases is not None and self._lease is None:
            self._lease = await self._leases.adopt(self._key)

    async def confirm(self) -> None:
        """Make sure that there is a place, right before something is sent: the ledger gave the purchase to this one.

        Raises:
            LedgerError: It was lost twice, or nobody can tell: nothing may be sent.
        """
        try:
            await self._hold()
        except PlaceLostError:  # nothing was sent under it; another one is as good
            self._lease = None
            await self._hold()

    async def leave(self, *, is_over: bool) -> None:
        """Give the place back, or leave it to a job that may still run."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await (lease.release() if is_over else lease.abandon())

    async def _hold(self) -> None:
        await self.adopt()
        if self._leases is not None and self._lease is None:
            self._lease = await self._take_or_adopt(self._leases)
        if self._lease is not None:
            await self._lease.confirm()

    async def _take_or_adopt(self, leases: Leases) -> Lease:
        """Wait for a place, or take over the one that the key gets meanwhile.

        Whoever gets it was delivered the same item, and waits for the purchase that is carried out here: should this
        one wait for the place, both would wait for ever.
        """
        waiting, lease = asyncio.create_task(leases.acquire(self._key)), None
        try:
            while lease is None and not waiting.done():
                await asyncio.wait([waiting], timeout=AGAIN)
                lease = None if waiting.done() else await leases.adopt(self._key)
            lease = lease or waiting.result()
        finally:
            waiting.cancel()
            await asyncio.wait([waiting])
            if not waiting.cancelled() and waiting.exception() is None and waiting.result() is not lease:
                await waiting.result().release()  # nothing is given back that was taken over since
        return lease

    def __repr__(self) -> str:
        return f"<JobPlace {self._key[:8]} {'none' if self._lease is None else 'held'}>"
