"""The service with accounts, over a scripted peer: what it sold, how often, and a fault for each answer.

    async with Shop() as shop:
        shop.faults = iter([reset_after_work, cut(17)])  # then all goes well
        client = PhotaClient("key", shop.peer.url)

A request's prompt is its mark: a prompt that was sold twice was paid twice.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote

import msgspec
from support.peer import Exchange, Peer, Received, answer, chunks, head
from support.pictures import image_answer, job_answer, picture

PHOTO = picture(40)  # small, so that each of its bytes can be one to break at

Work = Callable[[], bytes]
"""Does what a request asks for and returns the answer's bytes, head included."""
Fault = Callable[[Exchange, Work], Awaitable[None]]
Wrap = Callable[[int, bytes, str], bytes]
"""Makes the bytes of an answer of its status, its body and its type."""


class Shop:
    """Serves every route, one fault a request.

    Attributes:
        sold: Charges by prompt, or by the first link of a profile's photos.
        faults: One for each request; when they are used up, all goes well.
        wrap: How answers are put on the wire.
        looks: Status and body for each look at a job; when they are used up, the truth is told.
        new_id: Names the next job.
        picture_fault: What happens to each download, instead of the next of ``faults``.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.peer = Peer(self._serve, host=host)
        self.sold: Counter[str] = Counter()
        self.faults: Iterator[Fault] = iter(())
        self.wrap: Wrap = with_length
        self.looks: Iterator[tuple[int, dict[str, Any]]] = iter(())
        self.new_id: Callable[[], str] = lambda: f"job-{len(self.prompts)}"
        self.picture_fault: Fault | None = None
        self.prompts: dict[str, str] = {}  # by job
        self.length = 0  # bytes of the latest answer
        self._jobs: dict[str, str] = {}  # by client_request_id
        self._tags: list[str | None] = []

    async def __aenter__(self) -> Self:
        await self.peer.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.peer.__aexit__(kind, error, trace)

    @property
    def paid_twice(self) -> int:
        """How many charges went beyond one for each prompt."""
        return sum(self.sold.values()) - len(self.sold)

    def work(self, request: Received) -> bytes:
        """Do what a request asks for."""
        wire = self._answer(request)
        self.length = len(wire)
        return wire

    def _answer(self, request: Received) -> bytes:
        if request.method == "POST":
            return self._profile(request.json) if request.path.endswith("/add") else self._image(request.json)
        if request.path.startswith("/jobs/"):
            return self._job(unquote(request.path.removeprefix("/jobs/")))
        if request.path.endswith("/ids"):
            listed = [{"profile_id": f"p{number}", "tag": tag} for number, tag in enumerate(self._tags)]
            return self.wrap(200, msgspec.json.encode({"profiles": listed}), JSON)
        if request.path.endswith((".jpg", "_picture")):
            return self.wrap(200, PHOTO, "image/jpeg")
        return self.wrap(200, b'{"profile_id": "anna", "status": "READY", "secret": "s"}', JSON)

    async def _serve(self, exchange: Exchange) -> None:
        is_download = exchange.request.path.endswith(".jpg")
        fault = (self.picture_fault if is_download else None) or next(self.faults, whole)
        await fault(exchange, lambda: self.work(exchange.request))

    def _image(self, body: dict[str, Any]) -> bytes:
        prompt = body["prompt"]
        if not body.get("async"):
            self.sold[prompt] += 1
            return self.wrap(200, image_answer(PHOTO), JSON)
        own = body["client_request_id"]
        if own not in self._jobs:
            self.sold[prompt] += 1
            self._jobs[own] = self.new_id()
            self.prompts[self._jobs[own]] = prompt
        return self.wrap(202, job_answer(self._jobs[own]), JSON)

    def link(self, job_id: str = "job-0") -> str:
        return self.peer.link(f"/{quote(job_id, safe='')}.jpg?signature=s3cr3t")

    def _job(self, job_id: str) -> bytes:
        if (look := next(self.looks, None)) is not None:
            return self.wrap(look[0], msgspec.json.encode(look[1]), JSON)
        if job_id not in self.prompts:
            return self.wrap(404, b'{"detail": "no such job"}', JSON)
        return self.wrap(200, job_answer(job_id, "done", download_urls=[self.link(job_id)]), JSON)

    def _profile(self, body: dict[str, Any]) -> bytes:
        self.sold[body["image_urls"][0]] += 1
        self._tags.append(body.get("tag"))
        return self.wrap(200, msgspec.json.encode({"profile_id": f"p{len(self._tags) - 1}"}), JSON)


JSON = "application/json"

# Ways to put an answer on the wire.


def with_length(status: int, body: bytes, kind: str) -> bytes:
    return head(status, body, {"Content-Type": kind}) + body


def in_chunks(status: int, body: bytes, kind: str) -> bytes:
    return head(status, body, {"Content-Type": kind}, chunked=True) + chunks(body)


def until_the_end(status: int, body: bytes, kind: str) -> bytes:
    """Nothing says how long it is: it ends with the connection."""
    return head(status, body, {"Content-Type": kind}, length=None) + body


# Faults.


async def whole(exchange: Exchange, work: Work) -> None:
    """No fault."""
    await exchange.body()
    wire = work()
    await exchange.send(wire)
    if b"Content-Length" not in wire and b"chunked" not in wire:
        exchange.close()


def cut(at: int, *, rst: bool = False) -> Fault:
    """End the connection after so many bytes of the answer; the work is done."""

    async def behave(exchange: Exchange, work: Work) -> None:
        await exchange.body()
        await exchange.send(work()[:at])
        if rst:
            exchange.reset()
        exchange.close()

    return behave


def refuse(status: int) -> Fault:
    """Answer with a status, the work not done."""

    async def behave(exchange: Exchange, _: Work) -> None:
        await answer(status)(exchange)

    return behave


def fail(status: int) -> Fault:
    """Answer with a status though the work is done."""

    async def behave(exchange: Exchange, work: Work) -> None:
        await exchange.body()
        work()
        await answer(status)(exchange)

    return behave


def reset_within(size: int) -> Fault:
    """Reset the connection after so many bytes of the request's body; the work is not done."""

    async def behave(exchange: Exchange, _: Work) -> None:
        await exchange.body(size)
        exchange.reset()

    return behave
