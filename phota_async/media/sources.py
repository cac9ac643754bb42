"""Photos on their way out: what the user gave becomes sources that can be sent any number of times.

Source images are measured once, before anything is sent, and encoded while they are sent: a request of ten
photos never lies in memory.
"""

import asyncio
import io
import os
import stat
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote_to_bytes

import msgspec
import pybase64

from .. import threads
from ..errors import InputError
from ..protocol import Slot
from ..validation import fail, is_http_url
from .formats import HEAD, sniff

MAX_NAME = 256  # characters; what is longer is hardly a path
STEP = 192 * 1024  # bytes encoded at once, a multiple of 3 so that no padding falls inside; 256 KB of text
READ_AHEAD = 8 * STEP  # bytes a thread reads at once: fewer hops between threads
_reading = tuple(threading.RLock() for _ in range(32))  # an open file, or an image, is read by one thread at a time


class Source(Protocol):
    """A photo that can be sent, and sent again."""

    size: int
    """Bytes of the photo itself."""

    @property
    def encoded_size(self) -> int:
        """Bytes it takes in a body."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """Yield its text for a body, from the beginning."""
        ...


class LinkSource:
    """A link: the service fetches it."""

    size = 0

    def __init__(self, url: str) -> None:
        self._text = msgspec.json.encode(url)[1:-1]  # escaped, without the quotes

    @property
    def encoded_size(self) -> int:
        """Bytes of the link."""
        return len(self._text)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the link."""
        yield self._text


class BytesSource:
    """A photo in memory, never copied whole."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._view = memoryview(data).cast("B")
        self.size = len(self._view)

    @property
    def encoded_size(self) -> int:
        """Bytes of the base64 text."""
        return encoded_size(self.size)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the base64 text."""
        for start in range(0, self.size, STEP):
            yield pybase64.b64encode(self._view[start : start + STEP])

    def raw(self) -> Iterator[memoryview]:
        """Yield the photo itself."""
        yield self._view


class FileSource:
    """A photo in a file, opened anew for each read, or a descriptor that the user holds open.

    No descriptor of ours is held between reads, so a cancelled call leaves none behind.
    """

    def __init__(self, file: Path | int, name: str, start: int, details: os.stat_result) -> None:
        self._file = file
        self._name = name
        self._start = start
        self._version = _version(details)
        self.size = max(0, details.st_size - start)

    @property
    def encoded_size(self) -> int:
        """Bytes of the base64 text."""
        return encoded_size(self.size)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the base64 text; a file that changed since it was measured is an `InputError`."""
        sent = 0
        while sent < self.size:
            block = memoryview(await threads.copy(self._read, sent, min(READ_AHEAD, self.size - sent)))
            for start in range(0, len(block), STEP):
                yield pybase64.b64encode(block[start : start + STEP])
            sent += len(block)

    def raw(self) -> Iterator[bytes]:
        """Yield the photo itself; blocks."""
        for start in range(0, self.size, READ_AHEAD):
            yield self._read(start, min(READ_AHEAD, self.size - start))

    def head(self) -> bytes:
        """Return the photo's first bytes; blocks."""
        return self._read(0, min(HEAD, self.size))

    def _read(self, offset: int, count: int) -> bytes:
        """Read exactly ``count`` bytes of the file that was measured."""
        try:
            if isinstance(self._file, int):
                block, details = os.pread(self._file, count, self._start + offset), os.fstat(self._file)
            else:
                with self._file.open("rb") as file:
                    file.seek(offset)
                    block, details = file.read(count), os.fstat(file.fileno())
        except OSError as error:
            raise InputError(f"{self._name}: {error.strerror or error}") from None
        if len(block) < count or _version(details) != self._version:
            raise InputError(f"{self._name}: expected {self.size} bytes, got a file that changed while it was sent")
        return block


def _version(details: os.stat_result) -> tuple[int, int, int]:
    return details.st_ino, details.st_size, details.st_mtime_ns


def encoded_size(size: int) -> int:
    """Return the base64 length of ``size`` bytes."""
    return (size + 2) // 3 * 4


async def measure(body: Sequence[bytes | Slot], *, validate: bool = True) -> tuple[bytes | Source, ...]:
    """Turn a body plan's slots into sources, checking every photo before anything is sent.

    Raises:
        InputError: A photo is missing, empty, a directory, unreadable, or no picture; it names it.
    """
    if not any(isinstance(part, Slot) for part in body):
        return tuple(part for part in body if isinstance(part, bytes))
    if all(isinstance(part, bytes) or _is_quick(part.image) for part in body):
        return _sources(body, validate)
    return await threads.run(_sources, body, validate)


def _is_quick(image: Any) -> bool:
    return isinstance(image, (bytes, bytearray)) or (isinstance(image, str) and is_link(image))


def _sources(body: Sequence[bytes | Slot], validate: bool) -> tuple[bytes | Source, ...]:
    return tuple(part if isinstance(part, bytes) else _source(part, validate) for part in body)


def is_link(text: str) -> bool:
    """Whether a ``str`` is meant as a link; everything that is no data URI either is a path."""
    return text[:8].lower().startswith(("http://", "https://"))


def is_path(image: Any) -> bool:
    """Whether a photo is meant as a file's path, whatever lies there."""
    is_text = isinstance(image, str) and not is_link(image) and image[:5].lower() != "data:"
    return is_text or isinstance(image, os.PathLike)


def _source(slot: Slot, validate: bool) -> Source:
    image, name = slot.image, slot.name
    if isinstance(image, str) and is_link(image):
        if validate and not is_http_url(image):
            fail(name, "a link with a host", image)
        return _link(image, name)
    source, head = _open(image, name)
    if not source.size:
        raise InputError(f"{label_of(image, name)}: expected a picture, got an empty one")
    if validate and sniff(head) is None:
        raise InputError(f"{label_of(image, name)}: expected a picture (JPEG, PNG, WebP, HEIC), got something else")
    return source


def is_readable_again(image: Any) -> bool:
    """Whether several calls may send the same photo: a stream that cannot be set back gives it to the first only."""
    if not hasattr(image, "read"):
        return True
    try:
        return bool(image.seekable())
    except (AttributeError, ValueError):  # no such method; closed
        return False


def raw_pieces(image: Any, name: str) -> Iterator[bytes | memoryview]:
    """Yield a photo's own bytes, for whoever identifies it. Blocks; an open file is left where it stands.

    Raises:
        InputError: It is no photo, or a stream that can be read only once.
    """
    try:
        with _lock_of(image):
            place = image.tell() if hasattr(image, "read") else None
            source = _file(image, name) if is_path(image) else _open(image, name)[0]
            if place is not None:
                image.seek(place)
    except (OSError, AttributeError):  # a pipe cannot tell where it stands
        raise InputError(f"{label_of(None, name)}: expected a file that can be read twice, got a stream") from None
    yield from source.raw()


def _link(url: str, name: str) -> Source:
    try:
        return LinkSource(url)
    except UnicodeEncodeError:
        raise InputError(f"{name}: expected a link, got half a character (a lone surrogate) in it") from None


def _open(image: Any, name: str) -> tuple[BytesSource | FileSource, bytes]:
    """Return the source and its first bytes."""
    if isinstance(image, str) and image[:5].lower() == "data:":
        return _in_memory(_data_uri(image, name))
    if isinstance(image, (str, os.PathLike)):
        file = _file(image, name)
        return file, file.head()
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _in_memory(image)
    if hasattr(image, "read"):
        with _lock_of(image):
            return _file_object(image, name)
    if hasattr(image, "save") and hasattr(image, "mode"):
        with _lock_of(image):
            return _in_memory(_pillow(image, name))
    expected = "a path, bytes, a link, a data URI, a binary file or a Pillow image"
    raise InputError(f"{name}: expected {expected}, got {type(image).__name__}")


def _lock_of(image: object) -> threading.RLock:
    return _reading[id(image) % len(_reading)]


def _in_memory(data: bytes | bytearray | memoryview) -> tuple[BytesSource, bytes]:
    try:
        source = BytesSource(data)
    except TypeError:  # a memoryview with holes cannot be cast
        source = BytesSource(bytes(data))
    return source, bytes(memoryview(data)[:HEAD])


def _file(image: str | os.PathLike[str], name: str) -> FileSource:
    label = label_of(image, name)
    try:
        path = Path(os.fsdecode(image))
        details = path.stat()
    except FileNotFoundError:
        hint = "" if len(os.fspath(image)) < MAX_NAME else "base64 text is not taken as a str: decode it to bytes"
        raise InputError(f"{label}: expected a picture, got no such file").with_context(hint=hint) from None
    except (OSError, ValueError) as error:  # unreadable, too long a name, a NUL in it
        raise InputError(f"{label}: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(details.st_mode):
        what = "a directory" if stat.S_ISDIR(details.st_mode) else "no regular file"
        raise InputError(f"{label}: expected a picture, got {what}")
    return FileSource(path, label, 0, details)


def _file_object(file: BinaryIO, name: str) -> tuple[BytesSource | FileSource, bytes]:
    """Use a real file's descriptor, which needs no seeking, a BytesIO's buffer, or read it all once."""
    label = label_of(getattr(file, "name", None), name)
    try:
        if isinstance(file, io.BytesIO):
            return _in_memory(file.getbuffer()[file.tell() :])
        descriptor = _descriptor(file)
        if descriptor is not None and stat.S_ISREG((details := os.fstat(descriptor)).st_mode):
            start = file.tell()
            return FileSource(descriptor, label, start, details), os.pread(descriptor, HEAD, start)
        seekable = getattr(file, "seekable", None)
        place = file.tell() if seekable is not None and seekable() else None
        data = file.read()
        if place is not None:
            file.seek(place)  # so that the same value can be sent again
    except (OSError, ValueError) as error:
        raise InputError(f"{label}: {error}") from None
    if not isinstance(data, (bytes, bytearray)):
        raise InputError(f"{label}: expected a file opened in binary mode, got {type(data).__name__}")
    return _in_memory(data)


def _descriptor(file: BinaryIO) -> int | None:
    """Return the descriptor of a file that can be read without seeking; a member of an archive has none."""
    if not hasattr(os, "pread") or not isinstance(file, (io.BufferedReader, io.BufferedRandom, io.FileIO)):
        return None
    try:
        return file.fileno()
    except io.UnsupportedOperation:
        return None


def _data_uri(text: str, name: str) -> bytes:
    head, _, data = text.partition(",")
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(data)
    try:
        return pybase64.b64decode("".join(data.split()), validate=True)
    except ValueError:
        raise InputError(f"{name}: expected a data URI, got one that does not decode") from None


def _pillow(image: Any, name: str) -> bytes:
    """Encode a Pillow image as it is meant to be seen: JPEG, or PNG where that would lose transparency."""
    from PIL import ImageOps  # noqa: PLC0415 - the user has Pillow, or there would be no image

    buffer = io.BytesIO()
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("RGB", "L"):
            upright.save(buffer, "JPEG", quality=95)
        else:
            upright.convert("RGBA" if "A" in upright.mode or upright.mode == "P" else "RGB").save(buffer, "PNG")
    except Exception as error:  # noqa: BLE001 - Pillow raises many kinds; whatever it is, this photo cannot be sent
        raise InputError(f"{name}: the Pillow image cannot be encoded: {error}") from None
    return buffer.getvalue()


def label_of(image: Any, name: str) -> str:
    """Name a photo in an error: its path where it has one."""
    if isinstance(image, (str, os.PathLike)) and not str(image).startswith("data:"):
        text = os.fsdecode(image)
        return f"{name} ({text if len(text) < MAX_NAME else text[:64] + '…'})"
    return name


async def write_all(parts: Sequence[bytes | Source], write: Any) -> None:
    """Send a measured body with ``await write(piece)``, letting the loop breathe between pieces.

    On a fast line ``write`` never waits, so that without the pause a big body would hold the loop for long.
    """
    for part in parts:
        if isinstance(part, bytes):
            await write(part)
            continue
        async for piece in part.pieces():
            await write(piece)
            await asyncio.sleep(0)
