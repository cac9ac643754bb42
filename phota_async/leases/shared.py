"""Places that processes share through a server: waiting for one, renewing those held, and what to do while it is away.

Two times matter. Before anything is sent under it, a place of a dead process is free after ``ttl`` seconds. After
that a job may be running, which outlives its process: the place stays for ``longest`` seconds, or until whoever takes
the item up takes it over by its key. Times are the server's. How places are kept there is a subclass's.
"""

import asyncio
import math
import random
import secrets
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

from ..errors import ConfigError, LedgerError
from ..ledger.database import end
from .places import PlaceLostError

TTL = 30.0  # seconds
LONGEST = 1800.0  # seconds that a job may take; the service's take 600 at most
LOOK = 2.0  # seconds after which who waits looks, should the news be lost
KEPT = 500  # places that a process gave back last: a crash of the server may undo it
PAUSE = 0.05  # seconds between looks, about: of hundreds of processes that hear of a free place, one finds it
AWAY = 2.0  # seconds after which a process goes on with its share, where it has one


class SharedLeases(ABC):
    """Places that all workers share; see `PostgresLeases` and `RedisLeases` for the arguments."""

    where: str
    """The server, for people."""

    def __init__(self, cap: int, *, name: str, ttl: float, longest: float, expected_workers: int | None) -> None:
        for argument, number in (
            ("cap", cap),
            ("expected_workers", 1 if expected_workers is None else expected_workers),
        ):
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ConfigError(f"{argument}: expected 1 or more, got {number!r}")
        for argument, seconds in (("ttl", ttl), ("longest", longest)):
            if not 0 < seconds < math.inf:
                raise ConfigError(f"{argument}: expected more than 0 seconds, got {seconds!r}")
        if expected_workers is not None and expected_workers > cap:  # with a place each they would pass it
            raise ConfigError(f"expected_workers: expected {cap} or fewer for a cap of {cap}, got {expected_workers}")
        self.cap, self.name, self.ttl, self.longest = cap, name, ttl, longest
        self._share = None if expected_workers is None else cap // expected_workers
        self._mine: dict[str, SharedLease] = {}
        self._given_up: deque[tuple[SharedLease, bool]] = deque(maxlen=KEPT)
        self._is_away = False  # as the last who looked for a place found
        self._turn = asyncio.Lock()  # one of this process looks for a place at a time, the first who came
        self._news = asyncio.Event()
        self._scope: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        if self._scope is not None:
            raise LedgerError(f"{self.where}: expected to be entered once, got a second time")
        async with AsyncExitStack() as scope:
            scope.push_async_callback(self._close)
            await self._open()
            scope.push_async_callback(end, asyncio.create_task(self._renew_all()))
            scope.push_async_callback(end, asyncio.create_task(self._listen()))
            self._scope = scope.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; places that are still held expire. Safe to call again."""
        if self._scope is not None:
            await self._scope.aclose()

    async def acquire(self, key: str) -> "SharedLease":
        """Wait for a place; the place that the key has already is taken over from who died or left it."""
        lease = None
        while lease is None:
            async with self._turn:
                lease = await self._next(key)
            if lease is None:
                await self._until_nobody_is_at(key)
        self._mine[lease.token] = lease
        return lease

    async def adopt(self, key: str) -> "SharedLease | None":
        """Take over the place that a key has, of a job that is only followed."""
        lease = SharedLease(self, key)
        if not await self._take_over(key, lease.token):
            return None
        self._mine[lease.token] = lease
        return lease

    @abstractmethod
    async def held(self) -> int:
        """Return how many places are held now, by all workers and by jobs whose worker died."""

    async def confirm(self, lease: "SharedLease") -> None:
        """Keep a place for as long as a job may run, if it is still held; for `SharedLease`."""
        if lease.token not in self._mine or not await self._keep(lease):
            self._mine.pop(lease.token, None)
            raise PlaceLostError(f"{self.where}: a place among {self.cap} jobs was lost before anything was sent")

    async def give_up(self, lease: "SharedLease", *, is_free: bool) -> None:
        """Give a place back, or leave it to its job; for `SharedLease`."""
        if self._mine.pop(lease.token, None) is None or lease.is_own:
            return
        self._given_up.append((lease, is_free))
        try:
            await (self._free(lease) if is_free else self._leave(lease))
        except LedgerError:  # it is given up again when the server is back, or expires
            return

    async def give_up_again(self) -> None:
        """Say again what was given up of late, to a server that was away: it may have forgotten. Never raises."""
        try:
            for lease, is_free in tuple(self._given_up):
                await (self._free(lease) if is_free else self._leave(lease))
        except LedgerError:
            return

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {len(self._mine)} of {self.cap} held here>"

    # What a server does

    @abstractmethod
    async def _open(self) -> None:
        """Make what is needed at the server."""

    @abstractmethod
    async def _close(self) -> None:
        """Close the connections."""

    @abstractmethod
    async def _listen(self) -> None:
        """Set ``_news`` whenever a place is free; lost news cost whoever waits some seconds."""

    @abstractmethod
    async def _take(self, key: str, token: str, *, patience: float | None) -> bool:
        """Take the key's place or a free one in one step, unless somebody alive is at the key."""

    @abstractmethod
    async def _is_at(self, key: str, *, patience: float | None) -> bool:
        """Whether somebody alive is at the key."""

    @abstractmethod
    async def _take_over(self, key: str, token: str) -> bool:
        """Take the place that a key has, whoever is at it."""

    @abstractmethod
    async def _keep(self, lease: "SharedLease") -> bool:
        """Hold a place for ``longest`` from now, if it is held."""

    @abstractmethod
    async def _free(self, lease: "SharedLease") -> None:
        """Give a place back, if it is held, and tell who waits."""

    @abstractmethod
    async def _leave(self, lease: "SharedLease") -> None:
        """Say that nobody is at a place any more, and tell who waits."""

    @abstractmethod
    async def _renew(self, leases: Collection["SharedLease"]) -> set[str]:
        """Say that somebody is at these places, and return the tokens of those that are still held."""

    # Waiting

    async def _until_nobody_is_at(self, key: str) -> None:
        while await self._is_busy(key):  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(min(LOOK, self.ttl))

    async def _is_busy(self, key: str) -> bool:
        try:
            return await self._is_at(key, patience=self._patience)
        except LedgerError:
            if self._share is None:
                raise
            return False

    async def _next(self, key: str) -> "SharedLease | None":
        """Wait for the next free place; ``None`` when another process is at the very same item by now."""
        while (lease := await self._try(key)) is None:
            self._news.clear()
            lease = await self._try(key)  # it may have become free just before
            if lease is not None or await self._is_busy(key):
                break
            await self._hear()
        return lease

    async def _try(self, key: str) -> "SharedLease | None":
        """Take the key's place or a free one, if any; while the server is away, one of this process's share."""
        lease = SharedLease(self, key)
        try:
            is_taken = await self._take(key, lease.token, patience=self._patience)
            self._is_away = False
        except LedgerError:
            self._is_away = True
            if self._share is None:
                raise
            return SharedLease(self, key, is_own=True) if len(self._mine) < self._share else None
        return lease if is_taken else None

    @property
    def _patience(self) -> float | None:
        if self._share is not None:
            return AWAY
        return 0.0 if self._is_away else None  # those who come after one who lost patience do not wait as long again

    async def _hear(self) -> None:
        """Wait for news, a while at most, and for a pause at least: others heard them too."""
        clock = asyncio.get_running_loop().time
        earliest = clock() + PAUSE * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        with suppress(TimeoutError):
            async with asyncio.timeout(min(LOOK, self.ttl)):
                await self._news.wait()
        await asyncio.sleep(max(0.0, earliest - clock()))

    async def _renew_all(self) -> None:
        while True:
            await asyncio.sleep(self.ttl / 3)
            leases = {token: lease for token, lease in self._mine.items() if not lease.is_own}
            try:
                kept = await self._renew(leases.values())
            except LedgerError:  # whoever is about to send something hears of it
                continue
            for token in leases.keys() - kept:
                self._mine.pop(token, None)


class SharedLease:
    """A place of `SharedLeases`."""

    def __init__(self, leases: SharedLeases, key: str, *, is_own: bool = False) -> None:
        self._leases, self.key, self.is_own = leases, key, is_own
        self.token = secrets.token_hex(16)

    async def confirm(self) -> None:
        """Make sure that it is still held, right before something is sent under it."""
        if not self.is_own:
            await self._leases.confirm(self)

    async def release(self) -> None:
        """Give the place back."""
        await self._leases.give_up(self, is_free=True)

    async def abandon(self) -> None:
        """Leave the place to its job."""
        await self._leases.give_up(self, is_free=False)

    def __repr__(self) -> str:
        return f"<SharedLease {'of this process alone' if self.is_own else self.token[:6]}>"
