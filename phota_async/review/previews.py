"""Pictures as a browser can show them: as they are, or converted and scaled in worker processes, a few kept."""

import asyncio
from collections import OrderedDict
from typing import Literal

import msgspec

from .. import threads
from ..hidden import rich_repr
from ..photos import exif as tiff
from ..photos.embedded import BrokenImageError
from ..photos.loading import Photo
from ..photos.preparing import CONTAINERS
from ..photos.workers import PhotoWorkers
from .pictures import Pictures

Size = Literal["thumb", "screen", "full"]
SIDES: dict[Size, int | None] = {"thumb": 240, "screen": 2048, "full": None}  # pixels of the longest side
LIMITS: dict[Size, int | None] = {**SIDES, "screen": 3072}  # pixels up to which a picture is shown as it is
MEDIA_TYPES = {  # what browsers show; everything else is converted
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}
MAX_KEPT = 96 * 2**20  # bytes of converted pictures that are kept
MAX_AT_ONCE = 4  # pictures in memory at once, beside those kept
TURNED = range(5, 9)  # orientations that swap width and height


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A picture to be shown."""

    data: bytes
    media_type: str
    size: tuple[int, int] | None
    """Pixels of the original, upright: (width, height); ``None`` where only its decoder knows."""

    def __repr__(self) -> str:
        return f"<Preview {self.media_type}, {len(self.data)} bytes>"

    __rich_repr__ = rich_repr


class Previews:
    """Makes pictures ready to be shown, off the event loop.

    Args:
        pictures: Where they come from.
        workers: Open ones, for decoding.
        max_kept: Bytes of converted pictures that are kept.
    """

    def __init__(self, pictures: Pictures, workers: PhotoWorkers, *, max_kept: int = MAX_KEPT) -> None:
        self._pictures, self._workers, self._max_kept = pictures, workers, max_kept
        self._kept: OrderedDict[tuple[int, Size], Preview] = OrderedDict()
        self._size = 0
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._locks: dict[tuple[int, Size], asyncio.Lock] = {}

    async def get(self, number: int, size: Size) -> Preview:
        """Return a picture; whoever asks for one that is being made waits for it.

        Raises:
            InputError: It is no picture of the run, or cannot be read.
            ConfigError: It must be converted, and an extra is missing.
        """
        key = (number, size)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return kept
            async with self._turns:
                preview, is_costly = await self._make(number, size)
            if is_costly:
                self._keep(key, preview)
        return preview

    async def _make(self, number: int, size: Size) -> tuple[Preview, bool]:
        """Return a preview, and whether it had to be converted."""
        photo = await threads.run(self._pictures.read, number)
        original = upright_size(photo)
        if photo.format in MEDIA_TYPES and is_small_enough(original, LIMITS[size]):
            return Preview(data=photo.data, media_type=MEDIA_TYPES[photo.format], size=original), False
        name = self._pictures.name(number)
        prepared = await self._workers.prepare(photo.data, max_side=SIDES[size], strip="all", name=name)
        is_whole = size == "full" and original is None
        preview = Preview(
            data=prepared.data,
            media_type=MEDIA_TYPES[prepared.format],
            size=prepared.size if is_whole else original,
        )
        return preview, True

    def _keep(self, key: tuple[int, Size], preview: Preview) -> None:
        self._kept[key] = preview
        self._size += len(preview.data)
        while self._size > self._max_kept and self._kept:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest.data)

    def __repr__(self) -> str:
        return f"<Previews {len(self._kept)} kept, {self._size} bytes>"


def is_small_enough(size: tuple[int, int] | None, limit: int | None) -> bool:
    """Whether a picture can be shown as it is; one whose size nobody knows only in full."""
    return limit is None or (size is not None and max(size) <= limit)


def upright_size(photo: Photo) -> tuple[int, int] | None:
    """Return a picture's width and height as people see it; ``None`` where only its decoder knows."""
    container = CONTAINERS.get(photo.format)
    if container is None:
        return None
    try:
        embedded = container.read(photo.data)
    except BrokenImageError:  # its decoder says it better, and the page shows that
        return None
    width, height = embedded.size
    return (height, width) if tiff.orientation(tiff.parse(embedded.exif)) in TURNED else (width, height)
