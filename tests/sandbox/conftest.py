"""A sandbox whose clock stands still, small pictures, and a bare HTTP client to it."""

import base64
import io
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from PIL import Image

from phota_async.sandbox import Sandbox
from phota_async.sandbox.thread import SandboxThread


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def picture(self) -> Image.Image:
        return Image.open(io.BytesIO(self.body))

    def pictures(self) -> list[Image.Image]:
        return [Image.open(io.BytesIO(base64.b64decode(text))) for text in self.json["images"]]


class Api:
    """Talks to a sandbox by paths below its base URL, or by whole URLs."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        url = path if path.startswith("http") else self.sandbox.base_url + path
        if not path.startswith("http"):
            options["headers"] = {"X-API-Key": self.sandbox.api_key} | options.get("headers", {})
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else msgspec.json.encode(body)
        async with self.session.request(method, url, **options) as answer:
            return Answer(status=answer.status, headers=answer.headers, body=await answer.read())

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any, **options: Any) -> Answer:
        return await self.call("POST", path, body, **options)

    async def delete(self, path: str) -> Answer:
        return await self.call("DELETE", path)

    async def submit(self, path: str = "/generate", **fields: Any) -> str:
        answer = await self.post(path, {"prompt": "x", "async": True, "response_mode": "urls"} | fields)
        assert answer.status == 202, answer
        job_id: str = answer.json["job_id"]
        return job_id


def ask(sandbox: SandboxThread, path: str, body: Any = None) -> dict[str, Any]:
    data = None if body is None else msgspec.json.encode(body)
    headers = {"X-API-Key": sandbox.api_key, "Content-Type": "application/json"}
    request = urllib.request.Request(sandbox.base_url + path, data, headers)
    with urllib.request.urlopen(request) as answer:
        fields: dict[str, Any] = msgspec.json.decode(answer.read())
        return fields


def draw_photo(width: int = 64, height: int = 48, *, colour: str = "teal", kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, kind)
    return buffer.getvalue()


PHOTO = draw_photo()
PHOTO_64 = base64.b64encode(PHOTO).decode()
BODIES: dict[str, dict[str, Any]] = {
    "/edit": {"images": [PHOTO_64], "prompt": "blue"},
    "/generate": {"prompt": "a blue sea"},
    "/enhance": {"image": PHOTO_64},
    "/remix": {
        "input_image": PHOTO_64,
        "reference_image": PHOTO_64,
        "num_output_images": 1,
        "output_format": "jpg",
        "response_mode": "bytes",
    },
}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(time_scale=0, picture_scale=1 / 16, allow_http_callbacks=True) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def api(sandbox: Sandbox, session: aiohttp.ClientSession) -> Api:
    return Api(sandbox, session)
