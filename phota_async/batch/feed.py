"""What the workers pull: items, checked as they are pulled, the parts of one before the next."""

import asyncio
from collections import deque
from collections.abc import Callable

from ..errors import PhotaError
from .items import BatchItem
from .parts import Part, parts_of
from .puller import Items, Puller


class Feed:
    """Gives parts to workers.

    Args:
        items: As in `Batch`.
        admit: Raises a `PhotaError` for an item that must not be begun.
        one_request: As in `Batch`.
    """

    def __init__(self, items: Items, admit: Callable[[BatchItem], None], *, one_request: bool) -> None:
        self._puller = Puller(items)
        self._admit = admit
        self._one_request = one_request
        self._turn = asyncio.Lock()
        self._begun: deque[Part] = deque()
        self._pulled = 0

    @property
    def is_plain(self) -> bool:
        """Whether nothing has to be waited for: then `next_nowait` is enough."""
        return self._puller.is_plain

    def next_begun(self) -> Part | None:
        """Return the next part of an item that was pulled already, or ``None``."""
        return self._begun.popleft() if self._begun else None

    def next_nowait(self) -> Part | None:
        """Return the next part, or ``None`` when there are no more; for plain iterables.

        Raises:
            PhotaError: The iterator failed, or gave something else.
        """
        if self._begun:
            return self._begun.popleft()
        item = self._puller.next_nowait()
        return None if item is None else self._begin(item)

    async def next(self) -> Part | None:
        """Do as `next_nowait` does, with any iterable: one worker at a time waits for it."""
        async with self._turn:
            if self._begun:
                return self._begun.popleft()
            item = await self._puller.next()
            return None if item is None else self._begin(item)

    def _begin(self, item: BatchItem) -> Part:
        number = self._pulled
        self._pulled += 1
        try:
            self._admit(item)
        except PhotaError as error:
            return Part(item, number, refusal=error)
        if item.request.num_output_images == 1:
            return Part(item, number)
        first, *rest = parts_of(item, number, one_request=self._one_request)
        self._begun += rest
        return first
