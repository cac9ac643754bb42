"""An uploader of a user's own: two methods, and the sandbox serves what it was given."""

import asyncio
from collections.abc import Callable

from phota_async import UploadError
from phota_async.sandbox import Sandbox


class Shelf:
    """Keeps photos in memory, where the sandbox serves them by plain links."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.photos: dict[str, bytes] = {}
        self.deleted: list[str] = []
        self.sticky = 0
        """So many photos cannot be deleted."""
        self.before_upload: Callable[[str], object] = lambda _: None
        self.gate: asyncio.Event | None = None
        """Uploads wait for it."""

    async def upload(self, name: str, data: bytes) -> str:
        self.before_upload(name)
        self.photos[name] = data
        if self.gate is not None:
            await self.gate.wait()
        return self._sandbox.upload(data, name=name)

    async def delete(self, name: str) -> None:
        if self.sticky:
            self.sticky -= 1
            raise UploadError(name, "the shelf", "403 Forbidden")
        self.photos.pop(name, None)
        self.deleted.append(name)
