"""aiohttp alone: bytes in, bytes out, nothing understood. What others take is compared with this."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import pybase64

from .base import Contender


class Client(Contender):
    """aiohttp with ready bytes and ``read()``."""

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, ssl=self.setup.tls() or True)
        self._session = aiohttp.ClientSession(connector=connector)
        self._address = self.setup.address("phota")
        self._ready = self._make_body() if self.setup.case.photos else b""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def read(self) -> bytes:
        return await self._post(b"{}")

    async def read_to_files(self, directory: Path) -> bytes:  # noqa: ARG002 - the floor writes nothing
        return await self._post(b"{}")

    async def write(self, photos: Sequence[Path]) -> bytes:  # noqa: ARG002 - they are in the body already
        return await self._post(self._ready)

    async def status(self) -> bytes:
        async with self._session.get(self.setup.address("status")) as response:
            return await response.read()

    async def download(self, count: int, directory: Path) -> object:
        return await asyncio.gather(*(self._fetch(directory / str(number)) for number in range(count)))

    async def photo(self, photo: Path, target: Path) -> None:  # noqa: ARG002 - ready already
        target.write_bytes(await self._post(self._ready))

    async def _post(self, body: bytes) -> bytes:
        async with self._session.post(self._address, data=body) as response:
            return await response.read()

    async def _fetch(self, path: Path) -> None:
        async with self._session.get(self.setup.address("file")) as response:
            with path.open("wb") as file:
                async for chunk in response.content.iter_any():
                    file.write(chunk)

    def _make_body(self) -> bytes:
        """Return one request: all photos at once, or the first where they go one by one."""
        photos = self.setup.photos()[: None if self.setup.case.at_once == 1 else 1]
        texts = b'","'.join(pybase64.b64encode(photo.read_bytes()) for photo in photos)
        return b'{"images":["%b"]}' % texts
