"""Bring photos to where the service can fetch them: the protocol, and many uploads and deletions under it."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from .. import threads
from ..errors import PhotaError, UploadError
from ..hidden import rich_repr
from ..photos.workers import PhotoWorkers
from ..validation import is_http_url
from .side_by_side import side_by_side

AT_ONCE = 4  # photos that are prepared and sent side by side: some 10 MB of memory each
NAME_BYTES = 16  # of randomness in a photo's name: nobody can guess it, and nobody learns the name it had
FETCHED_BACK = "the service could not fetch it either; look where the link leads"
MEDIA_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


class Uploader(Protocol):
    """Where training photos stand while the service fetches them. Anything with these two methods will do."""

    async def upload(self, name: str, data: bytes) -> str:
        """Put a photo there and return an ``http(s)`` link by which the service, and nobody who lacks it, can read it.

        Args:
            name: Random, such as ``"5f…e1.jpg"``; its suffix tells the format.
            data: The file.

        Raises:
            UploadError: It cannot be put there.
        """
        ...

    async def delete(self, name: str) -> None:
        """Remove a photo. One that is not there is a success: it may never have arrived.

        An upload of this name that was cut off must have ended before this returns.

        Raises:
            UploadError: It may still be there.
        """
        ...


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A photo that stands where the service can fetch it."""

    name: str
    link: str
    digest: str
    """SHA-256 of what was sent."""

    def __repr__(self) -> str:
        return f"<Upload {self.name}>"  # whoever has the link has the photo

    __rich_repr__ = rich_repr


async def upload_photos(
    paths: Sequence[Path],
    uploader: Uploader,
    *,
    workers: PhotoWorkers,
    note: Callable[[str], Awaitable[object]],
    tell: Callable[[int], object],
) -> list[Upload]:
    """Strip photos of all metadata and upload them under random names.

    Args:
        paths: The photos.
        uploader: Where to.
        workers: Prepare them.
        note: Is called with each name, and waited for, before it is sent.
        tell: Is told how many have arrived.

    Returns:
        The uploads, in the order of the photos.

    Raises:
        InputError: A photo cannot be read.
        UploadError: A photo could not be put there. Others may stand there.
    """
    uploads: dict[int, Upload] = {}

    async def send(number: int) -> None:
        prepared = await workers.prepare(paths[number], strip="all")
        name = f"{secrets.token_hex(NAME_BYTES)}.{prepared.format}"
        await note(name)
        link = await uploader.upload(name, prepared.data)
        if not is_http_url(link):
            raise UploadError(name, place_of(uploader), "expected an http(s) link to it, got something else")
        digest = await threads.run(_digest, prepared.data)
        uploads[number] = Upload(name=name, link=link, digest=digest)
        tell(len(uploads))

    await side_by_side(send, range(len(paths)), at_once=AT_ONCE)
    return [uploads[number] for number in range(len(paths))]


async def verify_link(upload: Upload, place: str, fetch: Callable[[str], Awaitable[Sequence[bytes]]]) -> None:
    """Fetch an upload by its link, as the service will.

    Raises:
        UploadError: The link does not lead to it.
    """
    try:
        pieces = await fetch(upload.link)
    except PhotaError as error:
        reason = f"its link does not lead to it: {getattr(error, 'reason', '') or error.sentence()}"
        raise UploadError(upload.name, place, reason).with_context(hint=FETCHED_BACK) from None
    if await threads.run(_digest, b"".join(pieces)) != upload.digest:
        raise UploadError(upload.name, place, "its link leads to something else").with_context(hint=FETCHED_BACK)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def delete_uploads(names: Iterable[str], uploader: Uploader) -> dict[str, str]:
    """Delete uploads, trying each.

    Returns:
        What is left: names, and why.
    """
    left: dict[str, str] = {}

    async def remove(name: str) -> None:
        try:
            await uploader.delete(name)
        except PhotaError as error:
            left[name] = getattr(error, "reason", "") or error.sentence()

    await side_by_side(remove, list(names), at_once=AT_ONCE)
    return left


def place_of(uploader: Uploader) -> str:
    """Return what people call the place; it holds nothing secret."""
    return str(getattr(uploader, "place", type(uploader).__name__))


def media_type(name: str) -> str:
    """Return the content type of an upload by its name."""
    return MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
