"""A purchase's place among the jobs that all workers may have at the service."""

from ..leases import Lease, Leases


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
        """Make sure that there is a place, right before something is sent.

        Raises:
            LedgerError: It was lost: nothing may be sent.
        """
        await self.adopt()
        await self.take()
        if self._lease is not None:
            await self._lease.confirm()

    async def leave(self, *, is_over: bool) -> None:
        """Give the place back, or leave it to a job that may still run."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await (lease.release() if is_over else lease.abandon())

    def __repr__(self) -> str:
        return f"<JobPlace {self._key[:8]} {'none' if self._lease is None else 'held'}>"
