"""httpx with json and base64."""

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from .base import Contender


class Client(Contender):
    """``httpx.AsyncClient``."""

    async def __aenter__(self) -> Self:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._client = httpx.AsyncClient(verify=self.setup.tls() or True, limits=limits, timeout=None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def read(self) -> list[bytes]:
        return [base64.b64decode(text) for text in (await self._post({}))["images"]]

    async def read_to_files(self, directory: Path) -> None:
        for number, data in enumerate(await self.read()):
            (directory / f"{number}.jpg").write_bytes(data)

    async def write(self, photos: Sequence[Path]) -> Any:
        return await self._post({"images": [_encode(photo) for photo in photos]})

    async def status(self) -> Any:
        return (await self._client.get(self.setup.address("status"))).json()

    async def download(self, count: int, directory: Path) -> object:
        return await asyncio.gather(*(self._fetch(directory / str(number)) for number in range(count)))

    async def photo(self, photo: Path, target: Path) -> None:
        answer = await self._post({"images": [_encode(photo)]})
        target.write_bytes(base64.b64decode(answer["images"][0]))

    async def _post(self, body: dict[str, Any]) -> Any:
        return (await self._client.post(self.setup.address("phota"), json=body)).json()

    async def _fetch(self, path: Path) -> None:
        async with self._client.stream("GET", self.setup.address("file")) as response:
            with path.open("wb") as file:
                async for chunk in response.aiter_bytes():
                    file.write(chunk)


def _encode(photo: Path) -> str:
    return base64.b64encode(photo.read_bytes()).decode()
