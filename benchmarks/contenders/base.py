"""What every contender can be asked for; one that cannot do something takes no part in it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ..scenario import Setup


class Contender:
    """One way to call the service. What a method returns is kept until the memory is read."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    async def read(self) -> object:
        """Read an answer's pictures into memory."""
        raise NotImplementedError

    async def read_to_files(self, directory: Path) -> object:
        """Read an answer's pictures into files."""
        raise NotImplementedError

    async def write(self, photos: Sequence[Path]) -> object:
        """Send photos from files; the answer is small."""
        raise NotImplementedError

    async def status(self) -> object:
        """Ask for a profile's status."""
        raise NotImplementedError

    async def download(self, count: int, directory: Path) -> object:
        """Fetch so many files at once."""
        raise NotImplementedError

    async def photo(self, photo: Path, target: Path) -> object:
        """Send one photo from a file and write the one that comes back."""
        raise NotImplementedError

    async def photos(self, photos: Sequence[Path], directory: Path, at_once: int) -> object:
        """Do that for many photos, so many at once."""
        gate = asyncio.Semaphore(at_once)

        async def one(photo: Path) -> None:
            async with gate:
                await self.photo(photo, directory / photo.name)

        return await asyncio.gather(*map(one, photos))
