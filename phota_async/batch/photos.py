"""A request's photos: made fit to leave when it is sent, and what they say given back to its results.

What is bought stays known by the originals. They are read when they are prepared and again when results have come,
each time held against what was identified, so that nothing large lies in memory while a job is waited for.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

from .. import threads
from ..errors import ConfigError, InputError
from ..ledger.photos import identify_photos
from ..limiter import Limiter
from ..media.sinks import FileSink
from ..media.sources import label_of
from ..photos.loading import identified
from ..photos.merging import Operation, Tags, chosen, merged, tags_of
from ..photos.preparing import CONTAINERS
from ..photos.workers import PhotoWorkers
from ..requests import AnyRequest, images_of, names_of, with_images
from ..results import ImageResult
from .options import Options
from .originals import is_file, is_local, read_original, size_of

ROOM_IN = 192 * 2**20  # bytes that photos may take from being read to being uploaded, whatever the concurrency
ROOM_OUT = 64 * 2**20  # bytes that results may take while they are finished: no slow upload keeps them waiting
SHARE = 3  # times its size that a photo may take: itself, and a HEIC photo's larger JPEG, or what is made of a result

logger = logging.getLogger("phota_async")


class PhotoDesk:
    """What all requests of a batch share: worker processes, begun when the first photo comes, and room in memory.

    Args:
        options: How.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.is_left = False
        """Whether nothing may be sent any more."""
        self._room_in, self._room_out = Limiter(max_bytes=ROOM_IN), Limiter(max_bytes=ROOM_OUT)
        self._workers: PhotoWorkers | None = None
        self._is_closed = False

    def photos_of(self, request: AnyRequest, identities: Sequence[str] | None = None) -> "RequestPhotos":
        """Return the photos of a request that is about to be sent.

        Args:
            request: As the user gave it.
            identities: What `identify_photos` said; ``None`` notes it when they are read.
        """
        return RequestPhotos(self, request, identities)

    async def aclose(self) -> None:
        """End the worker processes, and what they work on."""
        self._is_closed = True
        if self._workers is not None:
            await self._workers.__aexit__(None, None, None)

    async def room_in(self, images: Sequence[Any]) -> AbstractAsyncContextManager[None]:
        """Return room in memory for photos that are prepared and sent, to be entered."""
        return self._room_in.reserve(SHARE * await _size_of_all(images))

    async def room_out(self, images: Sequence[Any], result: int) -> AbstractAsyncContextManager[None]:
        """Return room in memory for originals and a result's bytes, to be entered."""
        return self._room_out.reserve(SHARE * (result + await _size_of_all(images)))

    async def prepare(self, data: bytes, label: str) -> bytes:
        """Make a photo fit to leave; see `phota_async.photos.prepare`."""
        self.check_open()
        async with self._open_workers() as workers:
            return (await workers.prepare(data, name=label)).data

    def check_open(self) -> None:
        """Raise `ConfigError` when nothing may be sent any more."""
        if self.is_left:
            raise ConfigError("the batch was left before this was sent")

    @asynccontextmanager
    async def _open_workers(self) -> AsyncIterator[PhotoWorkers]:
        if self._is_closed:  # a lost answer is asked for again when the batch is over
            async with PhotoWorkers(max_processes=1) as workers:
                yield workers
            return
        if self._workers is None:
            self._workers = PhotoWorkers()
            await self._workers.__aenter__()
        yield self._workers


class RequestPhotos:
    """The photos of one request, for one purchase."""

    def __init__(self, desk: PhotoDesk, request: AnyRequest, identities: Sequence[str] | None) -> None:
        # Everything else is worked out when it is needed: a batch costs a few microseconds an item, all in all.
        self._desk, self._options, self._request = desk, desk.options, request
        self._identities: Sequence[str | None] | None = identities
        self._uncarried: set[int] | None = None

    def ready(self, request: AnyRequest) -> AbstractAsyncContextManager[AnyRequest]:
        """Give the request as it is to be sent, for as long as it is being sent; see `Ready`."""
        if any(map(is_local, images_of(request))):
            if self._options.prepare:
                return self._prepared(request)
            if self._carries and self._identities is None:
                return self._identified(request)
        return nullcontext(request)

    async def finish(self, sink: FileSink, index: int) -> None:
        """Give a picture what its original says, and the mark; whatever goes wrong, it stays as it came.

        The same original, picture and options give the same bytes.
        """
        try:
            originals = images_of(self._request)[:1] if self._carries else ()
            async with await self._desk.room_out(originals, sink.size):
                await sink.rework(lambda data: self._finished(data, index, sink.name))
        except Exception as error:  # noqa: BLE001 - the picture is paid for: it is published in any case
            self._note_uncarried(index, sink.name, error)

    def uncarried(self, result: ImageResult) -> tuple[Path, ...]:
        """Return the files that did not get all they should have."""
        places = sorted(self._uncarried) if self._uncarried else ()
        return tuple(path for place in places if (path := result.images[place].path) is not None)

    @property
    def finishes(self) -> bool:
        """Whether there is anything to give to a picture."""
        return self._options.mark or self._carries

    @property
    def _carries(self) -> bool:
        """Whether there is an original whose words are to be carried over."""
        if self._options.output is None or self._options.metadata == "none":
            return False
        return any(map(is_file, images_of(self._request)[:1]))

    @asynccontextmanager
    async def _prepared(self, request: AnyRequest) -> AsyncIterator[AnyRequest]:
        images, names = images_of(request), names_of(request)
        known = self._identities or [None] * len(images)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(await self._desk.room_in(images))
            made = [await self._prepare(*each) for each in zip(images, names, known, strict=True)]
            self._identities = [identity for _, identity in made]
            if self._options.mode == "sync":  # the call is held open for minutes: others need the room
                await stack.aclose()
            self._desk.check_open()
            yield with_images(request, [image for image, _ in made])

    async def _prepare(self, image: Any, name: str, identity: str | None) -> tuple[Any, str | None]:
        """Return a photo as it is to be sent, and what identifies it as it was."""
        if not is_local(image):
            return image, identity
        self._desk.check_open()
        data, found = await threads.run(read_original, image, name, identity)
        return await self._desk.prepare(data, label_of(image, name)), found

    @asynccontextmanager
    async def _identified(self, request: AnyRequest) -> AsyncIterator[AnyRequest]:
        """Note what is sent as it is, to know it again."""
        with contextlib.suppress(InputError):  # whoever sends it says it better
            self._identities = await identify_photos(request)
        yield request

    def _finished(self, data: bytes, index: int, name: str) -> bytes:
        """Return a picture's file with all that belongs into it. Blocks."""
        result, tags = identified(data, name), Tags()
        if self._carries:
            try:
                tags = self._original_tags()
            except Exception as error:  # noqa: BLE001 - an odd original, or none any more: the mark is still due
                self._note_uncarried(index, name, error)
        if result.format not in CONTAINERS:
            self._note_uncarried(index, name, InputError(result.format))
        mark = cast("Operation", self._request.operation) if self._options.mark else None
        return merged(result, tags, mark)[0]

    def _original_tags(self) -> Tags:
        image, name = images_of(self._request)[0], names_of(self._request)[0]
        data, _ = read_original(image, name, self._identities[0] if self._identities else None)
        tags = tags_of(identified(data, label_of(image, name)))
        return chosen(tags, self._options.metadata, gps=self._options.gps)

    def _note_uncarried(self, index: int, name: str, error: Exception) -> None:
        """Say which file, and no more: what is wrong may tell what must not be logged."""
        self._uncarried = {*(self._uncarried or ()), index}
        logger.warning("%s: not all metadata could be put in (%s)", name, type(error).__name__)


async def _size_of_all(images: Sequence[Any]) -> int:
    local = [image for image in images if is_local(image)]
    return await threads.run(lambda: sum(map(size_of, local))) if local else 0
