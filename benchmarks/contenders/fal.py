"""fal-client: ``run`` with data URIs, as its synchronous mode answers."""

import base64
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import fal_client

from .base import Contender


class Client(Contender):
    """``fal_client.AsyncClient``."""

    async def __aenter__(self) -> Self:
        fal_client.client.RUN_URL_FORMAT = self.setup.origin + "/"
        self._client = fal_client.AsyncClient(key="key")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await (await self._client._client).aclose()  # noqa: SLF001 - it offers no way to close it

    async def read(self) -> list[bytes]:
        return [_decode(image["url"]) for image in (await self._run({}))["images"]]

    async def write(self, photos: Sequence[Path]) -> Any:
        return await self._run({"image_urls": [_encode(photo) for photo in photos]})

    async def status(self) -> Any:
        return await self._client.run("status/0x0", arguments={}, method="GET")

    async def photo(self, photo: Path, target: Path) -> None:
        answer = await self._run({"image_urls": [_encode(photo)]})
        target.write_bytes(_decode(answer["images"][0]["url"]))

    async def _run(self, arguments: dict[str, Any]) -> Any:
        return await self._client.run(f"fal/{self.setup.case.body}", arguments=arguments)


def _encode(photo: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(photo.read_bytes()).decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text.partition(",")[2])
