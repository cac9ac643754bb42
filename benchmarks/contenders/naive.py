"""aiohttp with json and base64: what one writes first."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from .base import Contender


class Client(Contender):
    """aiohttp, ``json=`` and ``.json()``."""

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, ssl=self.setup.tls() or True)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def read(self) -> list[bytes]:
        return [base64.b64decode(text) for text in (await self._post({}))["images"]]

    async def read_to_files(self, directory: Path) -> None:
        for number, data in enumerate(await self.read()):
            (directory / f"{number}.jpg").write_bytes(data)

    async def write(self, photos: Sequence[Path]) -> Any:
        return await self._post({"images": [_encode(photo) for photo in photos]})

    async def status(self) -> Any:
        async with self._session.get(self.setup.address("status")) as response:
            return await response.json()

    async def download(self, count: int, directory: Path) -> None:
        for number in range(count):
            async with self._session.get(self.setup.address("file")) as response:
                (directory / str(number)).write_bytes(await response.read())

    async def photo(self, photo: Path, target: Path) -> None:
        answer = await self._post({"images": [_encode(photo)]})
        target.write_bytes(base64.b64decode(answer["images"][0]))

    async def _post(self, body: dict[str, Any]) -> Any:
        async with self._session.post(self.setup.address("phota"), json=body) as response:
            return json.loads(await response.read())


def _encode(photo: Path) -> str:
    return base64.b64encode(photo.read_bytes()).decode()
