"""Follow many profiles or jobs: one clock-driven heap, a handful of workers, changes as they come."""

import asyncio
import heapq
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import anyio
from anyio.abc import TaskGroup

from .errors import (
    AuthenticationError,
    ConfigError,
    DeadlineError,
    InputError,
    InsufficientCreditsError,
    NotFoundError,
    PhotaError,
    shorten,
)
from .retry import fault_of
from .validation import fail

logger = logging.getLogger("phota_async")

WORKERS = 16  # polls at once of one watch
WAITING_CHANGES = 256  # changes kept for a slow reader before polling pauses
JITTER = 0.1  # share of an interval by which a poll may come early or late
GROWTH = 1.5  # a job's interval grows by half with each look
NOT_FOUND_LOOKS = 2  # a 404 is believed when it is confirmed: a new id may take a moment to be known
ENDS_ALL = (AuthenticationError, InsufficientCreditsError, ConfigError)  # about the client, so about every id
PENDING_WORDS = frozenset(
    {
        *("queued", "queuing", "pending", "submitted", "created", "validating"),
        *("started", "running", "processing", "in_progress"),
    }
)  # compared without case
_unknown_told: set[str] = set()  # words, once a process


class Watched(Protocol):
    """What is looked at: a profile or a job."""

    @property
    def status(self) -> "Status": ...  # noqa: D102


class Status(Protocol):
    """A service's word and what it means."""

    @property
    def is_terminal(self) -> bool: ...  # noqa: D102
    @property
    def is_known(self) -> bool: ...  # noqa: D102


V = TypeVar("V", bound=Watched)
C = TypeVar("C")
Look = Callable[[str], Awaitable[tuple[V, float | None]]]
"""Asks once; returns what was seen and the seconds the service asks to wait."""
Pace = Callable[[int], float]
"""Seconds to wait after the n-th look, from 1."""


def steady(interval: float) -> Pace:
    """Return a pace of equal intervals with a little jitter, so that many watchers spread out."""
    check_interval(interval)
    return lambda _look: interval * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


def growing(first: float, longest: float) -> Pace:
    """Return a pace that begins quickly and slows down: 2, 3, 4.5, ... 15 s, with jitter."""
    check_interval(first)
    return lambda look: min(first * GROWTH ** min(look - 1, 64), longest) * random.uniform(1 - JITTER, 1)  # noqa: S311


def check_interval(interval: object) -> None:
    """Raise `InputError` for what is no positive number of seconds."""
    if isinstance(interval, bool) or not isinstance(interval, (int, float)) or not 0 < interval < float("inf"):
        shown = repr(interval) if isinstance(interval, (int, float, str)) else type(interval).__name__
        raise InputError(f"interval: expected more than 0 seconds, got {shown}")


def ids_of(given: object) -> tuple[str, ...]:
    """Return the ids to follow, each once; a single id, or the job that has it, may stand alone.

    Raises:
        InputError: It is no id and no list of them. An id that cannot be is left to its look.
    """
    if isinstance(given, str) or hasattr(given, "job_id"):
        given = (given,)
    if not isinstance(given, Iterable):
        fail("watch", "an id or a list of them", given)
    ids: list[Any] = [getattr(each, "job_id", each) for each in given]
    for each in ids:
        if not isinstance(each, str):
            fail("watch", "ids, each a str", each)
    return tuple(dict.fromkeys(ids))


class Follower(Generic[V]):
    """One id's looks, and what to make of their errors."""

    def __init__(self, key: str, look: Look[V], pace: Pace) -> None:
        self.key = key
        self._look = look
        self._pace = pace
        self._looks = 0
        self._not_found = 0
        self.delay = 0.0
        """Seconds until the next look."""

    async def next(self) -> V | None:
        """Look once; ``None`` when it failed in a way that another look may cure.

        Raises:
            PhotaError: It will not get better: 401, 402, or a confirmed 404.
        """
        self._looks += 1
        self.delay = self._pace(self._looks)
        try:
            seen, asked = await self._look(self.key)
        except NotFoundError:
            self._not_found += 1
            if self._not_found >= NOT_FOUND_LOOKS:
                raise
            return None
        except PhotaError as error:
            if fault_of(error) is None:
                raise
            self.delay = max(self.delay, getattr(error, "retry_after", None) or 0.0)
            return None
        self._not_found = 0
        self.delay = max(self.delay, asked or 0.0)
        return seen


def _tell_unknown(status: Status) -> None:
    """Log the word of what is not done, once a process, when this release does not know it."""
    word = str(status)
    known = not word or status.is_known or status.is_terminal or word.lower() in PENDING_WORDS
    if known or word.lower() in _unknown_told:
        return
    _unknown_told.add(word.lower())
    logger.warning("the service says %r, which this release does not know: taken as not finished", shorten(word, 80))


async def follow_one(follower: Follower[V], is_done: Callable[[V], bool], deadline: float, what: str) -> V:
    """Look until it is done, and return what was seen last.

    Raises:
        DeadlineError: It is not done in time. What runs at the service goes on.
    """
    loop = asyncio.get_running_loop()
    last: V | None = None
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                seen = await follower.next()
        except TimeoutError:
            raise _too_late(what, last) from None
        if seen is not None:
            last = seen
            if is_done(seen):
                return seen
            _tell_unknown(seen.status)
        if loop.time() + follower.delay >= deadline:
            raise _too_late(what, last)
        await asyncio.sleep(follower.delay)


def _too_late(what: str, last: object) -> DeadlineError:
    status = getattr(last, "status", None)
    seen = f", last seen {status}" if status else ""
    return DeadlineError(f"{what} is not done in time{seen}").with_context(
        hint="it goes on at the service: wait for the same id again"
    )


class Watch(Generic[V, C]):
    """Changes of many profiles or jobs, as they come.

    Usage::

        async with client.profiles.watch(ids) as changes:
            async for change in changes:
                print(change.profile_id, change.status)

    The first look at each id is a change too, with ``previous=None``. It ends when all are terminal. An id
    that vanished, or that the service refuses, yields a change with its ``error`` and the others go on; a
    refused key, an empty balance or a closed client ends it all with that error.
    """

    def __init__(
        self,
        ids: object,
        look: Look[V],
        pace: Callable[[], Pace],
        to_change: Callable[[str, V | None, V | None, PhotaError | None], C],
        is_done: Callable[[V], bool],
    ) -> None:
        self._keys = ids_of(ids)
        self._look, self._pace = look, pace
        self._to_change, self._is_done = to_change, is_done
        self._seen: dict[str, V] = {}
        self._heap: list[tuple[float, int, Follower[V]]] = []
        self._group: TaskGroup | None = None
        self._failure: PhotaError | None = None
        self._is_over = False

    async def __aenter__(self) -> AsyncIterator[C]:
        if self._group is not None:
            raise InputError("watch: expected to be entered once, got a second time")
        now = asyncio.get_running_loop().time()
        self._changes: asyncio.Queue[C | None] = asyncio.Queue(WAITING_CHANGES)
        self._heap = [(now, place, Follower(key, self._look, self._pace())) for place, key in enumerate(self._keys)]
        self._left = len(self._keys)
        self._group = await anyio.create_task_group().__aenter__()
        for _ in range(min(WORKERS, len(self._keys))):
            self._group.start_soon(self._work)
        return _Changes(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._group is not None  # noqa: S101 - entered
        self._group.cancel_scope.cancel()
        self._is_over = True
        try:
            await self._group.__aexit__(None, None, None)  # the block's own error leaves as it is, in no group
        finally:
            await self._wake()  # whoever reads elsewhere would wait for ever

    async def _next(self) -> C:
        while not self._changes.empty() or (self._left and not self._failure and not self._is_over):
            change = await self._changes.get()
            if change is not None:
                return change
        await self._wake()  # another reader may wait too
        raise self._failure or StopAsyncIteration

    async def _work(self) -> None:
        """Take the id whose turn is next, look, and put it back until it is done."""
        loop = asyncio.get_running_loop()
        while self._heap and not self._failure:
            due, place, follower = heapq.heappop(self._heap)
            await asyncio.sleep(max(0.0, due - loop.time()))
            if await self._step(follower):
                heapq.heappush(self._heap, (loop.time() + follower.delay, place, follower))
        if self._failure or not self._left:
            await self._wake()

    async def _step(self, follower: Follower[V]) -> bool:
        """Look once at an id; says whether there is more to come."""
        try:
            seen = await follower.next()
        except ENDS_ALL as error:
            self._failure = error
            return False
        except PhotaError as error:
            self._left -= 1
            await self._changes.put(self._to_change(follower.key, self._seen.get(follower.key), None, error))
            return False
        if seen is None:
            return True
        previous = self._seen.get(follower.key)
        self._seen[follower.key] = seen
        done = self._is_done(seen)
        if not done:
            _tell_unknown(seen.status)
        if previous is None or _word(previous) != _word(seen) or done:
            if done:
                self._left -= 1
            await self._changes.put(self._to_change(follower.key, previous, seen, None))
        return not done

    async def _wake(self) -> None:
        """Let a waiting reader look at how things stand."""
        if self._changes.empty():
            await self._changes.put(None)


def _word(seen: object) -> str:
    return str(getattr(seen, "status", ""))


class _Changes(Generic[C]):
    """The reader's end of a watch."""

    def __init__(self, watch: Watch[Any, C]) -> None:
        self._watch = watch

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> C:
        return await self._watch._next()  # noqa: SLF001 - one class in two
