"""Runs with pictures to review, and a visitor of the page's server that is no browser."""

import asyncio
import io
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec
from PIL import Image

from phota_async.review import ReviewServer
from phota_async.review.access import TOKEN_HEADER
from phota_async.runs import Cost, Identity, ItemRecord, OutputRecord, RunFolder

SHADES = ((200, 80, 60), (60, 160, 80), (70, 90, 200), (210, 180, 60), (150, 90, 170))


def write_picture(path: Path, shade: int = 0, size: tuple[int, int] = (60, 40)) -> Path:
    """Write a small picture; its suffix says which kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, SHADES[shade % len(SHADES)]).save(path)
    return path


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def record_with(source: Path | None, key: str, names: Sequence[str], number: int = 1, **rest: Any) -> ItemRecord:
    fields: dict[str, Any] = {
        "request": {"num_output_images": len(names), "prompt": "in soft light"},
        "identity": Identity(expected=("mia",), recognised={"mia": len(names)}),
        "cost": Cost(settled=Decimal("0.15") * len(names)),
        "outputs": tuple(OutputRecord(path=path, format="jpg", recognised={"mia": 1}) for path in names),
        "sources": () if source is None else (str(source),),
        "operation": "enhance",
        "status": "done",
    }
    return ItemRecord(key=key, number=number, **(fields | rest))


def make_run(path: Path, *, items: int = 3, variations: int = 4, size: tuple[int, int] = (60, 40)) -> RunFolder:
    """Make a run of so many photos: ``photos/1.jpg``, ... and ``out/set/1.enhance-1.jpg``, ..."""
    folder = RunFolder.create(path / "out", operation="enhance")
    for number in range(1, items + 1):
        source = write_picture(path / "photos" / f"{number}.jpg", number, size)
        names = [f"set/{number}.enhance-{each}.jpg" for each in range(1, variations + 1)]
        for shade, name in enumerate(names):
            write_picture(path / "out" / name, shade, size)
        folder.append(record_with(source, f"set/{number}.jpg", names, number))
    folder.finish(exit_code=0)
    return folder


@asynccontextmanager
async def serving(folder: RunFolder, **options: Any) -> AsyncIterator[ReviewServer]:
    """Serve a review in a task of its own: fixtures begin in one task and end in another."""
    started: asyncio.Future[ReviewServer] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    async def serve() -> None:
        async with ReviewServer(folder, **options) as server:
            started.set_result(server)
            await stop.wait()

    task = asyncio.create_task(serve())
    task.add_done_callback(lambda _: started.cancel())  # where it could not begin
    try:
        yield await started
    finally:
        stop.set()
        await task


class Visitor:
    """Asks as the page does, or, with other headers, as somebody else."""

    def __init__(self, server: ReviewServer | str) -> None:
        self.url = server if isinstance(server, str) else server.url
        self.address, _, self.token = self.url.partition("/#")
        self._session: aiohttp.ClientSession
        self.sent: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """Paths with queries that were asked for."""

    async def __aenter__(self) -> Self:
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(self._note)
        self._session = await aiohttp.ClientSession(trace_configs=[trace]).__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def _note(self, _: object, __: object, sent: aiohttp.TraceRequestHeadersSentParams) -> None:
        self.sent[sent.url.raw_path_qs].set()

    @property
    def headers(self) -> dict[str, str]:
        return {TOKEN_HEADER: self.token, "Origin": self.address, "Content-Type": "application/json"}

    async def ask(self, method: str, path: str, body: Any = None, **headers: str | None) -> tuple[int, Any, Any]:
        """Send a request and return status, headers and body; a header that is ``None`` is left out."""
        wanted = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in wanted.items() if value is not None}
        data = None if body is None else msgspec.json.encode(body)
        async with self._session.request(method, self.address + path, data=data, headers=sent) as response:
            read = await response.read()
            is_json = response.content_type == "application/json"
            return response.status, response.headers, msgspec.json.decode(read) if is_json and read else read

    async def get(self, path: str) -> Any:
        status, _, body = await self.ask("GET", path)
        assert status == 200, body
        return body

    async def post(self, path: str, **body: Any) -> Any:
        status, _, answer = await self.ask("POST", path, body)
        assert status == 200, answer
        return answer
