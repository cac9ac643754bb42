"""Changes of many profiles or jobs, as they come."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import copy_context
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ..errors import InputError, PhotaError
from ..validation import fail
from .pace import Pace
from .poller import Poller
from .targets import Subject, V

WAITING_CHANGES = 256  # changes kept for a slow reader before nobody looks on its behalf any more

C = TypeVar("C")


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


class Watch(Generic[V, C]):
    """Changes of many profiles or jobs, as they come.

    Usage::

        async with client.profiles.watch(ids) as changes:
            async for change in changes:
                print(change.profile_id, change.status)

    The first look at each id is a change too, with ``previous=None``. It ends when all are terminal. An id
    that vanished, or that the service refuses, yields a change with its ``error`` and the others go on; a
    refused key, an empty balance or a closed client ends it all with that error. Leaving it stops nothing at the
    service: trainings and jobs go on, and jobs are paid for.

    However many watches and waits of a client follow an id, it is looked at once in the shortest of their
    intervals. For a slow reader some 256 changes are kept, and at most one more for each id; then looking pauses.
    """

    def __init__(
        self,
        ids: object,
        find_poller: Callable[[], Poller],
        subject: Subject[V],
        pace: Pace,
        to_change: Callable[[str, V | None, V | None, PhotaError | None], C],
    ) -> None:
        self._keys = ids_of(ids)
        self._find_poller, self._subject, self._pace = find_poller, subject, pace
        self._to_change = to_change
        self._left = len(self._keys)
        self._changes: deque[C] = deque()
        self._poller: Poller | None = None
        self._failure: Exception | None = None
        self._is_over = False
        self._is_pausing = False

    async def __aenter__(self) -> AsyncIterator[C]:
        if self._poller is not None:
            raise InputError("watch: expected to be entered once, got a second time")
        self.context = copy_context()
        self._news = asyncio.Event()
        self._poller = self._find_poller()
        self._poller.join(self._subject, self._keys, self, self._pace)
        return _Changes(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._poller is not None  # noqa: S101 - entered
        self._is_over = True
        self._news.set()  # whoever reads elsewhere would wait for ever
        await self._poller.leave(self._subject, self._keys, self)

    async def _next(self) -> C:
        while not self._changes:
            if self._failure is not None:
                raise self._failure
            if self._is_over or not self._left:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        change = self._changes.popleft()
        if self._is_pausing and len(self._changes) <= WAITING_CHANGES // 2 and self._poller is not None:
            self._is_pausing = False
            self._poller.resume(self)
        return change

    # For the poller

    @property
    def is_full(self) -> bool:
        """Whether enough changes wait for the reader."""
        is_full = len(self._changes) >= WAITING_CHANGES
        self._is_pausing = self._is_pausing or is_full
        return is_full

    def saw(self, key: str, previous: V | None, seen: V, *, is_done: bool) -> bool:
        """Keep a change for the reader; says whether there was room."""
        if not is_done and len(self._changes) >= WAITING_CHANGES + len(self._keys):
            return False
        self._left -= is_done
        self._tell(self._to_change(key, previous, seen, None))
        return True

    def waits_until(self, due: float) -> None:
        """Nothing to do: a watch has no deadline."""

    def failed(self, key: str, previous: V | None, error: Exception) -> None:
        """Keep an id's error for the reader."""
        if not isinstance(error, PhotaError):
            self.ended(error)
            return
        self._left -= 1
        self._tell(self._to_change(key, previous, None, error))

    def ended(self, error: Exception) -> None:
        """End the reading with an error, after what was seen before."""
        self._failure = error
        self._news.set()

    def _tell(self, change: C) -> None:
        self._changes.append(change)
        self._news.set()


class _Changes(Generic[C]):
    """The reader's end of a watch."""

    def __init__(self, watch: Watch[Any, C]) -> None:
        self._watch = watch

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> C:
        return await self._watch._next()  # noqa: SLF001 - one class in two
