"""A service that does as little as it can, in a process of its own: each job is done after the same time.

Workers of a fleet share a machine with it when they are measured, so it speaks HTTP by hand and makes no pictures: all
get the same one. It keeps accounts: how many it sold, how often an id came again, and how many jobs it had at once.
"""

import asyncio
import base64
import io
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

import msgspec

KEY = "benchmark-key"


def _draw() -> bytes:
    """Return a JPEG of some 30 KB."""
    from PIL import Image  # noqa: PLC0415 - of an extra

    buffer = io.BytesIO()
    Image.effect_noise((160, 160), 120).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


PICTURE = _draw()
SYNC = msgspec.json.encode(
    {"known_subjects": {"counts": {}}, "images": [base64.b64encode(PICTURE).decode()], "download_urls": []}
)
EMPTY = b"Content-Type: application/json\r\n"
JPEG = b'Content-Type: image/jpeg\r\nETag: "1"\r\n'


class Account(NamedTuple):
    """What the shop has to say."""

    sold: int
    repeated: int
    """Submits of an id that it knew."""
    most: int
    """Unfinished at once."""
    received: int
    """Bytes, of heads and bodies."""
    sent: int


class Shop:
    """Takes jobs and held calls.

    Args:
        seconds: Of work for each.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.origin = ""
        self.received = self.sent = 0
        self._ids: dict[bytes, int] = {}
        self._ends: dict[int, float] = {}
        self._sold = self._repeated = self._open = self._most = 0
        self._loop = asyncio.get_running_loop()

    def account(self) -> Account:
        """Return the sums."""
        return Account(self._sold, self._repeated, self._most, self.received, self.sent)

    def begin(self, client_request_id: bytes | None) -> int:
        """Sell a job, or find it; return its number."""
        if client_request_id is not None and client_request_id in self._ids:
            self._repeated += 1
            return self._ids[client_request_id]
        self._sold += 1
        self._open += 1
        self._most = max(self._most, self._open)
        self._loop.call_later(self.seconds, self._finish)
        number = self._sold
        self._ends[number] = self._loop.time() + self.seconds
        if client_request_id is not None:
            self._ids[client_request_id] = number
        return number

    def look(self, number: int) -> bytes:
        """Return the JSON of a job."""
        is_done = self._loop.time() >= self._ends[number]
        job: dict[str, object] = {"job_id": f"job-{number}", "status": "succeeded" if is_done else "running"}
        if is_done:
            job["download_urls"] = [f"{self.origin}/cdn/{number}.jpg"]
        return msgspec.json.encode(job)

    def _finish(self) -> None:
        self._open -= 1


class Exchange(asyncio.Protocol):
    """One connection, kept alive."""

    def __init__(self, shop: Shop) -> None:
        self._shop, self._buffer = shop, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._shop.received += len(data)
        self._buffer += data
        head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end or len(rest) < _length(head):
            return
        self._buffer.clear()  # nobody sends a second request before the first one's answer
        method, path, _ = head.split(b" ", 2)
        self._serve(method, path, rest)

    def _serve(self, method: bytes, path: bytes, body: bytes) -> None:
        if method == b"POST":
            self._sell(msgspec.json.decode(body))
        elif path.startswith(b"/cdn/"):
            self._answer(PICTURE, JPEG)
        else:
            self._answer(self._shop.look(int(path.rpartition(b"job-")[2])))

    def _sell(self, order: dict[str, object]) -> None:
        own = order.get("client_request_id")
        number = self._shop.begin(None if own is None else str(own).encode())
        if order.get("async"):
            self._answer(self._shop.look(number), status=b"202 Accepted")
        else:
            asyncio.get_running_loop().call_later(self._shop.seconds, self._answer, SYNC)

    def _answer(self, body: bytes, head: bytes = EMPTY, status: bytes = b"200 OK") -> None:
        wire = b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, head, len(body), body)
        self._shop.sent += len(wire)
        self._transport.write(wire)


def _length(head: bytes) -> int:
    lengths = (line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(next(lengths, 0))


def serve(pipe: Connection, seconds: float) -> None:
    """Tell the address, then give an account whenever something is said, until the pipe closes."""
    with suppress(EOFError):
        asyncio.run(_serve(pipe, seconds))


async def _serve(pipe: Connection, seconds: float) -> None:
    shop = Shop(seconds)
    server = await asyncio.get_running_loop().create_server(lambda: Exchange(shop), "127.0.0.1", 0, backlog=1024)
    shop.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    pipe.send((f"{shop.origin}/v1/phota", KEY))
    while True:
        await asyncio.to_thread(pipe.recv)
        pipe.send(shop.account())
