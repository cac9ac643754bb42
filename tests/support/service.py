"""The service as aioresponses fakes it: scripted answers, and a note of everything that was sent."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from aioresponses import CallbackResult, aioresponses
from yarl import URL

BASE_URL = "https://api.photalabs.com/v1/phota"
KEY = "key-which-no-error-may-show"
LINKS = ["https://cdn.example.com/1.jpg?signature=a", "https://cdn.example.com/2.jpg?signature=b"]
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00 a photo in name only\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n a picture in name only IEND\xaeB`\x82"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it would have gone out."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    content_type: str | None
    promised: int | None
    """The body's Content-Length."""

    @property
    def path(self) -> str:
        return self.url.removeprefix(BASE_URL)

    @property
    def json(self) -> Any:
        return msgspec.json.decode(cast("bytes", self.body))


class FakeService:
    """Answers what it was told to answer; anything else counts as unexpected."""

    def __init__(self, mocked: aioresponses) -> None:
        self._mocked = mocked
        self.sent: list[Sent] = []

    def answer(
        self,
        method: str,
        path: str,
        payload: Any = None,
        *,
        status: int = 200,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        times: int | bool = True,
        error: Exception | None = None,
    ) -> None:
        """Answer a call, or break it with ``error`` once it is sent.

        Answers to the same call are given in order when ``times`` is a number.
        """
        content = msgspec.json.encode(payload) if body is None else body

        async def note(url: URL, **request: Any) -> CallbackResult:
            data = request.get("data")
            self.sent.append(
                Sent(
                    method=method,
                    url=str(url),
                    headers=dict(request["headers"]),
                    body=None if data is None else await read_body(data),
                    content_type=getattr(data, "content_type", None),
                    promised=getattr(data, "size", None),
                )
            )
            return CallbackResult(status=status, body=content, headers=dict(headers or {}))

        url = path if path.startswith("http") else BASE_URL + path
        self._mocked.add(URL(url, encoded=True), method=method, callback=note, repeat=times, exception=error)

    @property
    def calls(self) -> int:
        """How many requests were made, expected or not."""
        return sum(len(calls) for calls in (self._mocked.requests or {}).values())

    @property
    def only(self) -> Sent:
        """The one request that was sent."""
        assert len(self.sent) == 1 == self.calls, self.sent
        return self.sent[0]


class _Writer:
    """Collects what a payload writes, over a connection that is open."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.transport = SimpleNamespace(is_closing=lambda: False)

    async def write(self, piece: bytes) -> None:
        self.pieces.append(bytes(piece))


async def read_body(payload: Any) -> bytes:
    """Return a streamed body as it would be sent."""
    writer = _Writer()
    await payload.write(writer)
    return b"".join(writer.pieces)


def image_answer(*, images: list[str] | None = None, links: list[str] | None = None) -> dict[str, Any]:
    """Return the body of a finished image call."""
    return {"known_subjects": {"counts": {}}, "images": images or [], "download_urls": links or []}
