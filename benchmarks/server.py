"""The loopback server in a process of its own: takes any body, answers with one made beforehand.

The path says with which: ``/phota/4x8/...``. Jobs are done at the first look. It does as little as it can, so that
the clients are what is measured: a raw protocol without TLS, and threads on blocking sockets with it, since asyncio's
TLS costs ten times what a socket's does.
"""

import asyncio
import socket
import ssl
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

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
        self._body, length = _asked(bytes(head), self._origin)
        self._left = length - len(rest)
        self._head.clear()

    def _answer(self, body: Body) -> None:
        self._transport.write(_beginning(body))
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


class TlsExchange(BaseRequestHandler):
    """The same over TLS, in a thread."""

    request: ssl.SSLSocket
    server: "TlsServer"

    def handle(self) -> None:
        """Answer for as long as somebody asks."""
        room, connection = bytearray(2**18), self.request
        with suppress(OSError):
            connection.do_handshake()
            while head := self._read_head():
                head, _, rest = head.partition(b"\r\n\r\n")
                body, left = _asked(head, self.server.origin)
                left -= len(rest)
                while left:
                    left -= connection.recv_into(room, min(left, len(room)))
                connection.sendall(_beginning(body))
                for piece in body.pieces[1:]:
                    connection.sendall(piece)

    def _read_head(self) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.request.recv(2**16)
            if not more:
                return b""
            head += more
        return head


class TlsServer(ThreadingTCPServer):
    """Listens for the above."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), TlsExchange)
        self._context = context
        self.origin = f"https://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, object]:
        accepted, address = super().get_request()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False), address


def _asked(head: bytes, origin: str) -> tuple[Body, int]:
    """Return the answer that a request wants, and the bytes of its own body."""
    method, path, _ = head.split(b" ", 2)
    _, shape, name, *_ = path.decode().split("/")
    if shape == "job" and method == b"GET":
        shape = "look"
    body = make_body(shape, name, origin)
    if method == b"HEAD":  # only to have it made
        body = body._replace(pieces=())
    lengths = (line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return body, int(next(lengths, 0))


def _beginning(body: Body) -> bytes:
    """Return the head and the first piece: apart, a small answer would be two packets."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (body.kind, body.size)
    return head + b"".join(body.pieces[:1])


def serve(pipe: Connection, directory: Path) -> None:
    """Serve until the other end of the pipe closes; first say where: two origins and the authority's file."""
    asyncio.run(_serve(pipe, directory))


async def _serve(pipe: Connection, directory: Path) -> None:
    authority = directory / "authority.pem"
    tls = TlsServer(_certificate(authority))
    Thread(target=tls.serve_forever, daemon=True).start()
    pipe.send((await _listen(), tls.origin, authority))
    await asyncio.to_thread(pipe.poll, None)


async def _listen() -> str:
    origin = ""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Exchange(origin), "127.0.0.1", 0, backlog=1024)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await server.start_serving()
    return origin


def _certificate(authority: Path) -> ssl.SSLContext:
    import trustme  # noqa: PLC0415 - the contenders need only its file

    maker = trustme.CA()
    maker.cert_pem.write_to_path(str(authority))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    maker.issue_cert("127.0.0.1").configure_cert(context)
    return context
