"""Read answers: small ones at once, those with pictures as they arrive, never more than the limits allow."""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import aiohttp

from ..answers import find_image_answer, read_object
from ..b64stream import AnswerScanner
from ..errors import DecodeError
from ..media.chunks import Chunks
from ..media.sinks import Sink
from ..models import ImageAnswer
from ..telling import Meter

T = TypeVar("T")
Receive = Callable[[aiohttp.ClientResponse], Awaitable[T]]

SMALL = 64 * 1024  # bytes; below, one read is cheaper than scanning
SLICE = 2**18  # bytes unpacked at once
MAX_BEGINNING = 64 * 1024  # bytes read of a body that only explains the status
WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
KEPT_HEAP = 8 * 2**20  # bytes of freed memory that malloc keeps for the next picture

# glibc gives freed memory back at 512 KB, and each next picture would pay for every page of it anew: a third of what
# reading 1 MB takes. Twice the largest block that was ever freed is kept: mallopt(3), M_MMAP_THRESHOLD.
bytes(KEPT_HEAP // 2)


def is_small(response: aiohttp.ClientResponse, limit: int) -> bool:
    """Whether an answer is the usual small one, which is best read at once, at aiohttp's own speed."""
    length, headers = response.content_length, response.headers
    return length is not None and length <= SMALL and length <= limit and "Content-Encoding" not in headers


async def read_bytes(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return a body of at most ``limit`` bytes, unpacked."""
    if is_small(response, limit):
        return await response.read()
    pieces, size = [], 0
    async for piece in chunks(response):
        size += len(piece)
        if size > limit:
            raise DecodeError(f"expected at most {limit} bytes, got more", size).with_context(is_final=True)
        pieces.append(piece)
    return b"".join(pieces)


async def read_beginning(response: aiohttp.ClientResponse) -> bytes:
    """Return the beginning of a body where the status says it all: what cannot be read is no reason to hide it."""
    pieces, size = [], 0
    try:
        async for piece in chunks(response):
            pieces.append(piece)
            size += len(piece)
            if size >= MAX_BEGINNING:
                break
    except (DecodeError, aiohttp.ClientError, TimeoutError, OSError):
        pass
    return b"".join(pieces)[:MAX_BEGINNING]


async def read_images(
    response: aiohttp.ClientResponse,
    new_sink: Callable[[int], Sink],
    *,
    max_answer: int,
    max_image: int,
    meter: Meter | None = None,
) -> tuple[ImageAnswer, dict[str, Any]]:
    """Decode an answer's pictures into sinks while it arrives; return the rest of it."""
    sinks: list[Sink] = []
    size = 0

    def open_sink(index: int) -> Sink:
        sinks.append(new_sink(index))
        return sinks[-1]

    scanner = AnswerScanner(open_sink, max_skeleton=max_answer, max_image=max_image)
    try:
        async for chunk in chunks(response):
            size += len(chunk)
            scanner.feed(chunk)
            if meter is not None:
                meter.add(len(chunk))
            for sink in sinks[-2:]:  # a chunk touches the end of one picture and, rarely, more than one start
                await sink.flush()
        data = read_object(scanner.close())
        for sink in sinks:
            await sink.flush(everything=True)
        if meter is not None:
            meter.end()
    except BaseException as error:
        for sink in sinks:
            sink.discard()
        if isinstance(error, DecodeError) and error.offset is not None:
            error.is_cut = error.is_cut or error.offset >= size
        raise
    return find_image_answer(data), data


def chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Return a body's bytes as they arrive, unpacked in bounded pieces where a gateway packed them."""
    encoding = _encoding(response)
    return _unpacked(response, encoding) if encoding else Chunks(response)


async def _unpacked(response: aiohttp.ClientResponse, encoding: str) -> AsyncIterator[bytes]:
    unpacker = _inflater(encoding)
    async for chunk in Chunks(response):
        for piece in unpacker.feed(chunk):
            yield piece
    unpacker.close()


def _encoding(response: aiohttp.ClientResponse) -> str:
    """Return the content encoding that is to be undone; calls ask for none, but a gateway may not listen."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


def _inflater(encoding: str) -> "Inflater":
    if encoding not in WINDOW_BITS:
        raise DecodeError(f"expected no content encoding, got {encoding[:40]!r}")
    return Inflater(WINDOW_BITS[encoding])


class Inflater:
    """Unpack gzip or deflate in pieces of at most 256 KB, so that a bomb meets the limits before it bursts."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._stream = zlib.decompressobj(window_bits)
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk unpacks to."""
        piece = b""
        while chunk or len(piece) == SLICE:  # a full slice may leave more behind, though no input is left
            if chunk and self._stream.eof:
                raise DecodeError("expected the end of the packed answer, got more data")
            piece = self._unpack(chunk)
            yield piece
            chunk = self._stream.unconsumed_tail or self._stream.unused_data

    def close(self) -> None:
        """Make sure that the stream is whole: a cut one would pass for a short answer."""
        if not self._stream.eof:
            failure = DecodeError("expected a whole packed answer, got one that is cut off")
            raise failure.with_context(is_cut=True)

    def _unpack(self, chunk: bytes) -> bytes:
        try:
            return self._stream.decompress(chunk, SLICE)
        except zlib.error:
            if self._begun or self._window_bits != WINDOW_BITS["deflate"]:
                raise DecodeError("expected a packed answer, got one that does not unpack") from None
        finally:
            self._begun = True
        self._stream = zlib.decompressobj(-15)  # some servers send deflate without its zlib wrapper
        self._window_bits = -15
        try:
            return self._stream.decompress(chunk, SLICE)
        except zlib.error:
            raise DecodeError("expected a packed answer, got one that does not unpack") from None
