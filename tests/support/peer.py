"""A scripted TCP peer on loopback: it says on the wire exactly what a test tells it to, and keeps what it hears.

    async with Peer(answer(503), reset(), json({"profiles": []})) as peer:
        client = PhotaClient("key", peer.url)

Each request takes the next behaviour of the script; the last one goes on for ever. A behaviour is an async
function of the `Exchange`, which has read the head of the request; the body is read when it asks for it.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

BASE_PATH = "/v1/phota"
RST = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends a reset


class Received(msgspec.Struct, kw_only=True):
    """One request as it came in."""

    connection: int
    method: str
    target: str
    headers: dict[str, str]
    head: bytes
    body: bytes = b""
    is_whole: bool = False

    @property
    def path(self) -> str:
        return urlsplit(self.target).path.removeprefix(BASE_PATH)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def reset_connection(writer: asyncio.StreamWriter) -> NoReturn:
    """Close with an RST."""
    found: socket.socket = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    writer.transport.abort()
    raise ConnectionError("reset")


class Exchange:
    """A request that waits for what the script does with it."""

    def __init__(
        self, peer: "Peer", request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.peer = peer
        self.request = request
        self.reader = reader
        self.writer = writer

    @property
    def length(self) -> int:
        return int(self.request.headers.get("content-length", 0))

    async def body(self, at_most: int | None = None) -> bytes:
        """Read the rest of the body, or its first bytes."""
        while len(self.request.body) < (self.length if at_most is None else at_most):
            piece = await self.reader.read(2**16)
            if not piece:
                raise ConnectionError("the client is gone")
            self.request.body += piece
        self.request.is_whole = len(self.request.body) == self.length
        return self.request.body

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client has closed the connection."""
        with suppress(ConnectionError):
            while await self.reader.read(2**16):
                pass

    def reset(self) -> NoReturn:
        """Close with an RST."""
        reset_connection(self.writer)

    def close(self) -> NoReturn:
        """Close in good order."""
        self.writer.close()
        raise ConnectionError("closed")


Behaviour = Callable[[Exchange], Awaitable[None]]


class Peer:
    """A server of raw bytes.

    Attributes:
        requests: What was received, in order.
        connections: How many were accepted.
        heard: Set whenever a request's head has come in.
        doors: For each new connection, the bytes after which it is reset; ``None`` and no more entries: never.
    """

    def __init__(
        self,
        *script: Behaviour,
        ssl_context: ssl.SSLContext | None = None,
        port: int = 0,
        is_deaf: bool = False,
        host: str = "127.0.0.1",
    ) -> None:
        self.script = list(script)
        self.host = host
        self.port = port
        self.requests: list[Received] = []
        self.connections = 0
        self.heard = asyncio.Event()
        self.doors: Iterator[int | None] = iter(())
        self.tasks: set[asyncio.Task[None]] = set()
        self._ssl = ssl_context
        self._is_deaf = is_deaf  # bound to its port, but refusing connections until `wake`

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, self.host, self.port, ssl=self._ssl, backlog=512, start_serving=not self._is_deaf
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def wake(self) -> None:
        """Begin to take connections."""
        await self._server.start_serving()

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._ssl else 'http'}://{host}:{self.port}"

    @property
    def url(self) -> str:
        return self.origin + BASE_PATH

    def link(self, path: str = "/picture.jpg?signature=s3cr3t") -> str:
        return self.origin + path

    @property
    def posts(self) -> list[Received]:
        return [each for each in self.requests if each.method == "POST"]

    @property
    def paths(self) -> list[str]:
        return [each.path for each in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
                await self._open(reader, writer)
                while True:
                    await self._exchange(number, reader, writer)
        finally:
            writer.transport.abort()
            self.tasks.discard(task)

    async def _open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at = next(self.doors, None)
        if at is not None:
            await reader.readexactly(at)
            reset_connection(writer)

    async def _exchange(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().rstrip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        request = Received(connection=number, method=method, target=target, headers=headers, head=head)
        self.requests.append(request)
        self.heard.set()
        behave = self.script[min(len(self.requests), len(self.script)) - 1]
        await behave(Exchange(self, request, reader, writer))


def answer(
    status: int = 200,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    length: int | None = -1,
    chunked: bool = False,
    cut: int | None = None,
    rst: bool = False,
    close: bool = False,
) -> Behaviour:
    """Read the request and answer it.

    Args:
        status: Its reason is never looked at.
        body: What follows the head.
        headers: Further ones.
        length: The ``Content-Length``; -1 for the true one, ``None`` for none.
        chunked: Send the body in chunks of 1 KB, without a length.
        cut: Bytes of the body's wire form after which the connection ends.
        rst: Whether it then ends with a reset.
        close: Whether it ends after a whole answer.
    """

    async def behave(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.send(head(status, body, headers, length=length, chunked=chunked))
        wire = chunks(body) if chunked else body
        await exchange.send(wire[:cut])
        if rst:
            exchange.reset()
        if close or cut is not None or (length is None and not chunked):
            exchange.close()

    return behave


def head(
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None,
    *,
    length: int | None = -1,
    chunked: bool = False,
) -> bytes:
    """Return the head of an answer."""
    lines = {"Content-Type": "application/json"} | dict(headers or {})
    if chunked:
        lines["Transfer-Encoding"] = "chunked"
    elif length is not None:
        lines["Content-Length"] = str(len(body) if length < 0 else length)
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Whatever\r\n{text}\r\n".encode()


def chunks(body: bytes) -> bytes:
    """Return a body in the chunked coding."""
    pieces = [body[start : start + 1024] for start in range(0, len(body), 1024)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def json(data: Any, status: int = 200, headers: Mapping[str, str] | None = None, **how: Any) -> Behaviour:
    """Answer with JSON."""
    return answer(status, msgspec.json.encode(data), headers, **how)


def redirect(target: str, status: int = 302) -> Behaviour:
    return answer(status, b"", {"Location": target})


def raw(data: bytes) -> Behaviour:
    """Read the request, say these bytes and close."""

    async def behave(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.send(data)
        exchange.close()

    return behave


def reset(after: int | None = None) -> Behaviour:
    """Reset the connection after that many bytes of the body, or after all of it."""

    async def behave(exchange: Exchange) -> None:
        await exchange.body(after)
        exchange.reset()

    return behave


async def hang_up(exchange: Exchange) -> None:
    """Read the request and close without an answer."""
    await exchange.body()
    exchange.close()


async def silence(exchange: Exchange) -> None:
    """Read the request and say nothing until the client leaves."""
    await exchange.body()
    await exchange.gone()
    raise ConnectionError("gone")


def hold(event: asyncio.Event, then: Behaviour) -> Behaviour:
    """Wait for an event before going on."""

    async def behave(exchange: Exchange) -> None:
        await exchange.body()
        await event.wait()
        await then(exchange)

    return behave


def by_path(routes: Mapping[str, Behaviour]) -> Behaviour:
    """Choose by what the path ends with; each route's behaviour may be a script of its own, see `script`."""

    async def behave(exchange: Exchange) -> None:
        found = next(each for end, each in routes.items() if exchange.request.path.endswith(end))
        await found(exchange)

    return behave


def script(*behaviours: Behaviour) -> Behaviour:
    """Behave as each in turn; the last one goes on for ever."""
    left = list(behaviours)

    async def behave(exchange: Exchange) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return behave


async def until(condition: Callable[[], object]) -> None:
    """Let everything else run until a condition holds; a minute is more than a busy machine takes."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for belongs to the code under test
            await asyncio.sleep(0)
