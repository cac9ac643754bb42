"""This client, through its public surface only."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from phota_async import (
    Batch,
    BatchItem,
    ClientConfig,
    EnhanceRequest,
    GenerateRequest,
    ImageResult,
    Limiter,
    PhotaClient,
    Profile,
)

from .base import Contender


class Client(Contender):
    """``PhotaClient``."""

    async def __aenter__(self) -> Self:
        self._client = self._make(self.setup.address("phota"))
        self._links = self._make(self.setup.address("links"))
        self._status = self._make(self.setup.address("status"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in (self._client, self._links, self._status):
            await client.aclose()

    async def read(self) -> ImageResult:
        return await self._client.generate("a cat", num_output_images=4)

    async def read_to_files(self, directory: Path) -> ImageResult:
        request = GenerateRequest(prompt="a cat", num_output_images=4)
        return await self._client.send(request, save_to=directory)

    async def write(self, photos: Sequence[Path]) -> ImageResult:
        return await self._client.edit(photos)

    async def status(self) -> Profile:
        return await self._status.profiles.status("p-1")

    async def download(self, count: int, directory: Path) -> object:  # noqa: ARG002 - the answer has so many
        result = await self._links.generate("a cat", num_output_images=4, response_mode="urls")
        saves = (image.save(directory / str(image.place)) for image in result.images)
        return await asyncio.gather(*saves)

    async def photos(self, photos: Sequence[Path], directory: Path, at_once: int) -> object:
        items = (BatchItem(photo.name, EnhanceRequest(image=photo)) for photo in photos)
        as_they_are: Any = {"prepare": False, "metadata": "none", "mark": False}  # the others do no more either
        batch = Batch(self._client, items, max_concurrency=at_once, mode="sync", output=directory, **as_they_are)
        async with batch as outcomes:
            paths = [outcome.paths[0] async for outcome in outcomes]
        if len(paths) != len(photos):
            raise AssertionError(f"expected {len(photos)} pictures, got {len(paths)}")
        return paths

    def _make(self, address: str) -> PhotaClient:
        config = ClientConfig(ssl_context=self.setup.tls())
        limiter = Limiter(max(64, self.setup.case.at_once))
        return PhotaClient(api_key="key", base_url=address, config=config, limiter=limiter)
