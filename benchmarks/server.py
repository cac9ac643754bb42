"""The loopback server in a process of its own: takes any body, answers with one made beforehand.

The path says with which: ``/phota/4x8/...``. Jobs are done at the first look. A raw protocol, so
that the clients are what is measured.
"""

import asyncio
import ssl
from multiprocessing.connection import Connection
from pathlib import Path

from .bodies import Body, make_body

ROOM = bytearray(2**20)  # what arrives is counted and overwritten
BURST = 8  # pieces written before another connection has its turn


class Exchange(asyncio.BufferedProtocol):
    """One connection, kept alive."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._head = bytearray()
        self._left = 0  # bytes of the request's body that are still to come
        self._body: Body | None = None
        self._at = 0  # the next piece
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's name
        return ROOM

    def buffer_updated(self, nbytes: int) -> None:
        if self._left:
            self._left -= nbytes
        else:
            self._read_head(nbytes)
        if not self._left and self._body is not None:
            self._answer(self._body)

    def _read_head(self, count: int) -> None:
        self._head += memoryview(ROOM)[:count]
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return
        method, path, _ = head.split(b" ", 2)
        _, shape, name, *_ = path.decode().split("/")
        if shape == "job" and method == b"GET":
            shape = "look"
        self._body = make_body(shape, name, self._origin)
        if method == b"HEAD":  # only to have it made
            self._body = self._body._replace(pieces=())
        self._left = _content_length(head) - len(rest)
        self._head.clear()

    def _answer(self, body: Body) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (body.kind, body.size)
        self._transport.write(head + b"".join(body.pieces[:1]))  # else a small answer would be two packets
        self._at = 1
        self._send()

    def _send(self) -> None:
        for _ in range(BURST):
            if self._body is None or self._paused:
                return
            if self._at >= len(self._body.pieces):
                self._body = None
                return
            self._at += 1
            self._transport.write(self._body.pieces[self._at - 1])
        asyncio.get_running_loop().call_soon(self._send)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._send()


def _content_length(head: bytes | bytearray) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def serve(pipe: Connection, directory: Path) -> None:
    """Serve until the other end of the pipe closes; first say where: two origins and the authority's file."""
    asyncio.run(_serve(pipe, directory))


async def _serve(pipe: Connection, directory: Path) -> None:
    authority = directory / "authority.pem"
    origins = [await _listen("http", None), await _listen("https", _certificate(authority))]
    pipe.send((*origins, authority))
    await asyncio.to_thread(pipe.poll, None)


async def _listen(scheme: str, context: ssl.SSLContext | None) -> str:
    origin = ""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Exchange(origin), "127.0.0.1", 0, ssl=context, backlog=1024)
    origin = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await server.start_serving()
    return origin


def _certificate(authority: Path) -> ssl.SSLContext:
    import trustme  # noqa: PLC0415 - the contenders need only its file

    maker = trustme.CA()
    maker.cert_pem.write_to_path(str(authority))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    maker.issue_cert("127.0.0.1").configure_cert(context)
    return context
