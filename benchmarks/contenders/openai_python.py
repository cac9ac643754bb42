"""openai-python as its users write it: ``images.generate`` and base64; its ``post`` where it has no such call."""

import base64
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import openai

from .base import Contender


class Client(Contender):
    """``openai.AsyncOpenAI``."""

    async def __aenter__(self) -> Self:
        http = openai.DefaultAsyncHttpxClient(verify=self.setup.tls() or True)
        address = self.setup.address("openai")
        self._client = openai.AsyncOpenAI(api_key="key", base_url=address, http_client=http)
        self._status = self._client.with_options(base_url=self.setup.address("status"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def read(self) -> list[bytes]:
        answer = await self._client.images.generate(prompt="a cat", model="gpt-image-1")
        return [base64.b64decode(each.b64_json or "") for each in answer.data or ()]

    async def read_to_files(self, directory: Path) -> None:
        for number, data in enumerate(await self.read()):
            (directory / f"{number}.jpg").write_bytes(data)

    async def write(self, photos: Sequence[Path]) -> Any:
        return await self._post({"images": [_encode(photo) for photo in photos]})

    async def status(self) -> Any:
        return await self._status.models.retrieve("p-1")

    async def photo(self, photo: Path, target: Path) -> None:
        answer = await self._post({"images": [_encode(photo)]})
        target.write_bytes(base64.b64decode(answer["data"][0]["b64_json"]))

    async def _post(self, body: dict[str, Any]) -> Any:
        return await self._client.post("/images/edits", body=body, cast_to=object)


def _encode(photo: Path) -> str:
    return base64.b64encode(photo.read_bytes()).decode()
