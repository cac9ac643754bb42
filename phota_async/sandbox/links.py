"""Sign and serve links: results that expire on the sandbox's clock, and sample photos that do not."""

import asyncio
import hashlib
import hmac
import math
import secrets
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

from phota_async.sandbox.clock import Clock
from phota_async.sandbox.errors import ServiceError

MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".heic": "image/heic",
}


class Links:
    """Results on disk behind signed addresses, and uploads in memory behind plain ones.

    Args:
        clock: Says when a link is too old.
        executor: Runs the reading and writing of files.
        lifetime: Seconds that a signed link lives.
    """

    def __init__(self, *, clock: Clock, executor: Executor, lifetime: float) -> None:
        self.origin = ""  # known once the server listens
        self.uploads: dict[str, bytes] = {}
        self._clock = clock
        self._executor = executor
        self._lifetime = lifetime
        self._names: set[str] = set()
        self._secret = secrets.token_bytes(32)
        self._folder = Path()

    def __repr__(self) -> str:
        return f"<Links at {self.origin or 'no address yet'}, {len(self.uploads)} uploads>"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Keep a folder for results; they go when it closes."""
        with tempfile.TemporaryDirectory(prefix="phota-sandbox-", ignore_cleanup_errors=True) as folder:
            self._folder = Path(folder)
            yield

    def upload(self, photo: str | Path | bytes, *, name: str | None = None) -> str:
        """Serve a photo, given by path or content, and return its URL."""
        if not self.origin:
            raise RuntimeError("expected a running sandbox: before its start there is no address")
        data = photo if isinstance(photo, bytes) else Path(photo).read_bytes()
        stem = name or (f"{len(self.uploads) + 1}.jpg" if isinstance(photo, bytes) else Path(photo).name)
        self.uploads[stem] = data
        return f"{self.origin}/uploads/{quote(stem, safe='')}"

    async def keep(self, name: str, data: bytes) -> None:
        """Store one result."""
        path = self._folder / name
        await asyncio.get_running_loop().run_in_executor(self._executor, path.write_bytes, data)
        self._names.add(name)

    def sign(self, name: str) -> str:
        """Return a fresh link to a result."""
        expires = math.ceil(self._clock.time() + self._lifetime)
        query = urlencode({"expires": expires, "signature": self._signature(name, str(expires))})
        return f"{self.origin}/cdn/{name}?{query}"

    async def read_result(self, name: str, *, expires: str, signature: str) -> bytes:
        """Return what a link leads to: 404 for what never was, 403 for a forged or old link."""
        if name not in self._names:
            raise ServiceError(404, "No such object")
        if not hmac.compare_digest(self._signature(name, expires).encode(), signature.encode()):
            raise ServiceError(403, "The link's signature does not match")
        if self._clock.time() > float(expires):
            raise ServiceError(403, "The link has expired")
        return await asyncio.get_running_loop().run_in_executor(self._executor, (self._folder / name).read_bytes)

    def read_upload(self, name: str) -> bytes:
        """Return an uploaded photo."""
        if name not in self.uploads:
            raise ServiceError(404, "No such upload")
        return self.uploads[name]

    def _signature(self, name: str, expires: str) -> str:
        return hmac.new(self._secret, f"{name}:{expires}".encode(), hashlib.sha256).hexdigest()


def media_type(name: str) -> str:
    """Return the content type of a file by its name."""
    return MEDIA_TYPES.get(Path(name).suffix.lower(), "application/octet-stream")
