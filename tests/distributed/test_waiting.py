"""How a process waits for a place that others have, whatever keeps the places."""

import asyncio
from collections.abc import Collection

import pytest
from support.virtual_time import virtual_time

from phota_async.leases.shared import LOOK, PAUSE, SharedLease, SharedLeases


class OnePlace(SharedLeases):
    """One place, which is somebody else's until it is free."""

    where = "here"

    def __init__(self) -> None:
        super().__init__(1, name="jobs", ttl=30.0, longest=60.0, expected_workers=None)
        self.is_free, self.looks = False, list[float]()

    async def held(self) -> int:
        return int(not self.is_free)

    async def tell(self, times: int, every: float) -> None:
        """Tell that a place is free, again and again."""
        for _ in range(times):
            self._news.set()
            await asyncio.sleep(every)

    async def _open(self) -> None: ...

    async def _close(self) -> None: ...

    async def _listen(self) -> None: ...

    async def _take(self, key: str, token: str, *, patience: float | None) -> bool:
        self.looks.append(asyncio.get_running_loop().time())
        return self.is_free

    async def _is_at(self, key: str, *, patience: float | None) -> bool:
        return False

    async def _take_over(self, key: str, token: str) -> bool:
        return False

    async def _keep(self, lease: SharedLease) -> bool:
        return True

    async def _free(self, lease: SharedLease) -> None: ...

    async def _leave(self, lease: SharedLease) -> None: ...

    async def _renew(self, leases: Collection[SharedLease]) -> set[str]:
        return {lease.token for lease in leases}


@virtual_time
async def test_news_that_come_quickly_are_followed_with_pauses() -> None:
    async with OnePlace() as leases:
        waiting = asyncio.create_task(leases.acquire("a"))
        await leases.tell(10_000, every=0.001)
        looks = len(leases.looks) / 2  # each time once more, as a place may have become free just before
        assert 0.6 * 10 / PAUSE < looks <= 2 * 10 / PAUSE
        leases.is_free = True
        await leases.tell(1, every=0.0)
        await waiting


@pytest.mark.parametrize(("is_told", "within"), [(True, PAUSE / 10), (False, LOOK)])
@virtual_time
async def test_news_after_a_quiet_time_are_followed_at_once_and_lost_ones_cost_seconds(
    is_told: bool, within: float
) -> None:
    async with OnePlace() as leases:
        waiting = asyncio.create_task(leases.acquire("a"))
        await asyncio.sleep(1.0)
        before, leases.is_free = asyncio.get_running_loop().time(), True
        if is_told:
            await leases.tell(1, every=0.0)
        await waiting
        assert leases.looks[-1] - before <= within
