"""Make small JPEG pictures of many photos off the event loop: which ones, how large, and how many at once."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import msgspec

from ..errors import PhotaError
from ..photos import PhotoWorkers
from .rows import SheetPhoto
from .shrinking import Thumbnail, human_size, is_heic, size_of, thumbnail

T = TypeVar("T")
THREADS = min(4, os.cpu_count() or 1)
SIDES = ((48, 640), (120, 480), (600, 320), (6000, 200))  # up to 48 pictures: 640 pixels; 4,000 make 37 MB
SMALLEST_SIDE = 120


def side_for(count: int) -> int:
    """Return the longest side, in pixels, that thumbnails of a page with ``count`` pictures should have."""
    return next((side for limit, side in SIDES if count <= limit), SMALLEST_SIDE)


async def thumbnails(photos: Iterable[SheetPhoto]) -> dict[SheetPhoto, Thumbnail]:
    """Make a thumbnail of every photo that can be read; the others are left out.

    A few threads decode; HEIC photos, whose decoder can end a process that reads a broken one, have processes of
    their own. Of large pictures that cannot be decoded in reduced size one is in memory at a time.

    Args:
        photos: Paths and bytes; equal ones are made once. Addresses are never fetched.
    """
    wanted = list(dict.fromkeys(photo for photo in photos if not is_address(photo)))
    async with PhotoWorkers() as workers:  # no process starts before the first HEIC photo
        maker = _Maker(workers, side_for(len(wanted)))
        async with anyio.create_task_group() as tasks:
            queue = iter(wanted)
            for _ in range(THREADS):
                tasks.start_soon(maker.work, queue)
    return maker.made


class _Maker:
    """Makes thumbnails and keeps them."""

    def __init__(self, workers: PhotoWorkers, side: int) -> None:
        self.made: dict[SheetPhoto, Thumbnail] = {}
        self._workers, self._side = workers, side
        self._limiter = anyio.CapacityLimiter(THREADS)  # of its own: other threads' work is not held up

    async def work(self, queue: Iterator[SheetPhoto]) -> None:
        for photo in queue:
            small = await self._thread(thumbnail, photo, self._side)
            if small is None and await self._thread(is_heic, photo):
                small = await self._from_heic(photo)
            if small is not None:
                self.made[photo] = small

    async def _from_heic(self, photo: SheetPhoto) -> Thumbnail | None:
        try:
            prepared = await self._workers.prepare(photo, max_side=self._side, strip="all")
            weight = human_size(await self._thread(size_of, photo))
        except (PhotaError, OSError):  # broken, gone, or the extra is missing
            return None
        small = await self._thread(thumbnail, prepared.data, self._side)
        if small is None:
            return None
        return msgspec.structs.replace(small, original="HEIC", original_size=None, weight=weight)

    async def _thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await anyio.to_thread.run_sync(partial(work, *arguments), limiter=self._limiter)


def is_address(photo: SheetPhoto) -> bool:
    """Whether a photo is named by an address, which a page without network only names."""
    return isinstance(photo, str) and photo.lower().startswith(("http://", "https://", "data:"))
