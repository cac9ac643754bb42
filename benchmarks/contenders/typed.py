"""aiohttp with msgspec structs whose pictures are ``bytes``: the best that one whole body allows."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import msgspec

from .base import Contender


class Pictures(msgspec.Struct):
    """A request or an answer."""

    images: list[bytes]


class Status(msgspec.Struct):
    """A profile."""

    profile_id: str
    status: str


encode = msgspec.json.Encoder().encode
decode_pictures = msgspec.json.Decoder(Pictures).decode
decode_status = msgspec.json.Decoder(Status).decode


class Client(Contender):
    """aiohttp and msgspec."""

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, ssl=self.setup.tls() or True)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def read(self) -> Pictures:
        return await self._post(b"{}")

    async def read_to_files(self, directory: Path) -> None:
        for number, data in enumerate((await self.read()).images):
            (directory / f"{number}.jpg").write_bytes(data)

    async def write(self, photos: Sequence[Path]) -> Pictures:
        return await self._post(encode(Pictures([photo.read_bytes() for photo in photos])))

    async def status(self) -> Status:
        async with self._session.get(self.setup.address("status")) as response:
            return decode_status(await response.read())

    async def photo(self, photo: Path, target: Path) -> None:
        answer = await self._post(encode(Pictures([photo.read_bytes()])))
        target.write_bytes(answer.images[0])

    async def _post(self, body: bytes) -> Pictures:
        async with self._session.post(self.setup.address("phota"), data=body) as response:
            return decode_pictures(await response.read())
