"""Remember what clients sent, with keys hidden."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from multidict import CIMultiDict

from phota_async.hidden import rich_repr

KEY_HEADER = "X-API-Key"
HIDDEN = "***"
IMAGE_FIELDS = ("image", "input_image", "reference_image")


class SeenRequest(msgspec.Struct, kw_only=True):
    """A request as it arrived; its status comes with the answer."""

    time: float
    """Seconds since 1970 on the sandbox's clock."""
    request_id: str
    """The mark in ``X-Request-Id`` of its answer."""
    method: str
    """GET, POST, ..."""
    path: str
    """The path with its query left off."""
    route: str
    """The path's template below the base URL, such as ``/jobs/{job_id}``; the path itself where none fits."""
    query: dict[str, str]
    """Query parameters."""
    headers: Mapping[str, str]
    """Headers, found in any case; the key's value is hidden."""
    key_sent: bool
    """Whether an API key came along."""
    key_ok: bool
    """Whether it was the right one."""
    body: Any = None
    """The parsed JSON; ``None`` without any."""
    size: int = 0
    """Bytes of the body."""
    status: int | None = None
    """Status of the answer; ``None`` before it and after a reset."""
    struck: bool = False
    """Whether a fault struck it."""

    def __repr__(self) -> str:
        return f"<SeenRequest {self.method} {self.path} {self.status}>"

    __rich_repr__ = rich_repr

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status or '-'}"

    @property
    def mark(self) -> str:
        """Method and template, as faults name them."""
        return f"{self.method} {self.route}"


class Recorder:
    """Collects requests.

    Args:
        keep_images: Keep the images in recorded bodies; otherwise their lengths, for long runs.
    """

    def __init__(self, *, keep_images: bool) -> None:
        self.requests: list[SeenRequest] = []
        self.keys_on_links = 0
        self.crashes: list[Exception] = []
        self.most_at_once = 0
        self._keep_images = keep_images
        self._at_work = 0
        self._arrival = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Recorder {len(self.requests)} requests>"

    def add(self, seen: SeenRequest) -> None:
        """Record a request at its arrival."""
        self.requests.append(seen)
        if seen.key_sent and seen.route.startswith(("/cdn/", "/uploads/")):
            self.keys_on_links += 1
        self._arrival.set()
        self._arrival = asyncio.Event()

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count a paid request as in the making."""
        self._at_work += 1
        self.most_at_once = max(self.most_at_once, self._at_work)
        try:
            yield
        finally:
            self._at_work -= 1

    async def wait_for(self, count: int) -> None:
        """Wait until this many requests have arrived."""
        while len(self.requests) < count:
            await self._arrival.wait()

    def fill(self, seen: SeenRequest, *, size: int, body: Any) -> None:
        """Record the body, once read."""
        seen.size = size
        seen.body = body if self._keep_images else _without_images(body)

    def count(self, method: str, route: str | None) -> int:
        """Count the requests of a method, to one route or to all."""
        return sum(seen.method == method and route in {None, seen.route} for seen in self.requests)


def hide_key(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Copy headers without the key's value."""
    shown = CIMultiDict(headers)
    if KEY_HEADER in shown:
        shown[KEY_HEADER] = HIDDEN
    return shown


def _without_images(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    short = {name: _summarise(value) if name in IMAGE_FIELDS else value for name, value in body.items()}
    if isinstance(body.get("images"), list):
        short["images"] = [_summarise(image) for image in body["images"]]
    return short


def _summarise(image: Any) -> Any:
    return image if not isinstance(image, str) or image.startswith("http") else f"<{len(image)} characters>"
