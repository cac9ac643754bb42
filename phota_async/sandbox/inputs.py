"""Turn the image strings of a request into photos: base64, own links, loopback servers, trusted URLs."""

import asyncio
import ipaddress
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp

from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.links import Links
from phota_async.sandbox.photos import Photo, decode_base64, open_photo, placeholder
from phota_async.sandbox.validation import is_url

FETCH_TIMEOUT = 10.0  # seconds, real ones, for a photo on another loopback server
URL_STARTS = ("http://", "https://")
MAX_PHOTO_BYTES = 64 * 1024 * 1024


class Inputs:
    """Opens photos.

    A URL beyond this machine is trusted and a drawn portrait stands for it, since a sandbox needs no network.
    """

    def __init__(self, *, links: Links, executor: Executor) -> None:
        self._links = links
        self._executor = executor
        self._session: aiohttp.ClientSession | None = None

    def open(self, session: aiohttp.ClientSession) -> None:
        """Lend the session that fetches from other loopback servers."""
        self._session = session

    async def read(self, image: str) -> Photo:
        """Return the photo behind an image string, or refuse it with 400."""
        if not image.lower().startswith(URL_STARTS):
            return await self._in_thread(_open_base64, image)
        if not is_url(image):
            raise _unreachable(image, "it is not a URL")
        data = await self.fetch(image)
        if data is None:
            return await self._in_thread(placeholder, image)
        return await self._in_thread(open_photo, data)

    async def fetch(self, url: str) -> bytes | None:
        """Return what a URL leads to; ``None`` where it leads off this machine."""
        if url.startswith(self._links.origin + "/"):
            return await self._read_own(url)
        return await self._fetch_loopback(url) if self.is_local(url) else None

    def is_local(self, image: str) -> bool:
        """Tell whether an image string can be opened here; what leads off this machine cannot."""
        return not image.lower().startswith(URL_STARTS) or is_loopback(urlsplit(image).hostname or "")

    async def _read_own(self, url: str) -> bytes:
        parts = urlsplit(url)
        folder, _, name = unquote(parts.path).lstrip("/").partition("/")
        try:
            if folder == "uploads":
                return self._links.read_upload(name)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            return await self._links.read_result(
                name, expires=query.get("expires", ""), signature=query.get("signature", "")
            )
        except ServiceError as error:
            raise _unreachable(url, str(error.status)) from None

    async def _fetch_loopback(self, url: str) -> bytes:
        if self._session is None:
            raise _unreachable(url, "the sandbox is not running")
        try:
            async with self._session.get(url, timeout=aiohttp.ClientTimeout(FETCH_TIMEOUT)) as answer:
                if answer.status != 200:  # noqa: PLR2004, OK
                    raise _unreachable(url, str(answer.status))
                return await _read_whole(answer, url)
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            raise _unreachable(url, type(exc).__name__) from exc

    async def _in_thread(self, work: Callable[[Any], Photo], argument: str | bytes) -> Photo:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, argument)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _open_base64(text: str) -> Photo:
    return open_photo(decode_base64(text))


async def _read_whole(answer: aiohttp.ClientResponse, url: str) -> bytes:
    data = bytearray()
    async for chunk in answer.content.iter_any():
        data += chunk
        if len(data) > MAX_PHOTO_BYTES:
            raise _unreachable(url, f"it has more than {MAX_PHOTO_BYTES} bytes")
    return bytes(data)


def _unreachable(url: str, why: str) -> ServiceError:
    return ServiceError(400, f"The image at {url[:200]} could not be fetched: {why}")
