"""Where decoded pictures go while they arrive: memory, a file, or a file that is hashed on the way."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from .. import threads
from ..errors import DownloadError
from .files import Exists, PartFile
from .formats import HEAD, TAIL, file_name, sniff

BATCH = 2 * 2**20  # bytes gathered before a thread writes them: fewer hops, little memory


class Sink(Protocol):
    """Takes one picture, piece by piece."""

    size: int

    @property
    def head(self) -> bytes:
        """The picture's first 32 bytes."""
        ...

    @property
    def tail(self) -> bytes:
        """The picture's last 1024 bytes, as far as it has come."""
        ...

    def write(self, data: bytes) -> None:
        """Take a piece; quick, since it is called between two reads from the network."""
        ...

    def close(self) -> None:
        """The picture is whole."""
        ...

    async def flush(self, *, everything: bool = False) -> None:
        """Move gathered pieces on when there are enough of them."""
        ...

    async def restart(self) -> None:
        """Forget what came so far."""
        ...

    def discard(self) -> None:
        """Drop the picture, unless it was kept."""
        ...


class MemorySink:
    """Keeps a picture as a rope of pieces: joining them costs more than all the decoding."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0

    @property
    def head(self) -> bytes:
        """The picture's first bytes."""
        return first_bytes(self.pieces)

    @property
    def tail(self) -> bytes:
        """The picture's last bytes."""
        return last_bytes(self.pieces)

    def write(self, data: bytes) -> None:
        """Keep a piece."""
        self.pieces.append(data)
        self.size += len(data)

    def close(self) -> None:
        """Nothing to do: the pieces are the picture."""

    async def flush(self, *, everything: bool = False) -> None:
        """Nothing to do: memory is where they stay."""

    async def restart(self) -> None:
        """Forget the pieces."""
        self.pieces.clear()
        self.size = 0

    def discard(self) -> None:
        """Forget the pieces."""
        self.pieces.clear()


class FileSink:
    """Writes a picture beside its final name and publishes it when it is whole.

    Args:
        directory: As in `PartFile`.
        name: The final one; its suffix is settled by the bytes.
        root: As in `PartFile`.
    """

    def __init__(self, directory: Path, name: str, *, root: Path | None = None) -> None:
        self._directory = directory
        self._root = root
        self.name = name
        self._part: PartFile | None = None
        self._is_dropped = False
        self._pieces: list[bytes] = []
        self._gathered = 0
        self.size = 0
        self._head = self._tail = b""

    @property
    def head(self) -> bytes:
        """The picture's first bytes."""
        return self._head

    @property
    def tail(self) -> bytes:
        """The picture's last bytes."""
        return self._tail

    def write(self, data: bytes) -> None:
        """Gather a piece."""
        if len(self._head) < HEAD:
            self._head = (self._head + data[:HEAD])[:HEAD]
        self._tail = data[-TAIL:] if len(data) >= TAIL else (self._tail + data)[-TAIL:]
        self._pieces.append(data)
        self._gathered += len(data)
        self.size += len(data)

    def close(self) -> None:
        """Nothing to do: `publish` finishes the file."""

    async def flush(self, *, everything: bool = False) -> None:
        """Write what was gathered, once it is worth a thread."""
        if self._gathered < BATCH and not everything:
            return
        if not self._gathered and self._part is not None:  # all of it is written already
            return
        pieces, self._pieces, self._gathered = self._pieces, [], 0
        await threads.copy(self._write, pieces)

    async def restart(self) -> None:
        """Empty the file."""
        self._pieces, self._gathered, self.size, self._head, self._tail = [], 0, 0, b"", b""
        if self._part is not None:
            await threads.run(self._part.truncate)

    async def rework(self, change: Callable[[bytes], bytes]) -> None:
        """Put what ``change`` makes of the whole picture in its place, before it has a name.

        The picture lies whole on the disk all the time: when the change cannot be made or written, it stays as it was.

        Args:
            change: Called in a thread.
        """
        await self.flush(everything=True)
        await threads.run(self._rework, change)

    async def publish(self, exists: Exists) -> Path:
        """Give the whole file its final name, with the suffix of its bytes, and return it."""
        await self.flush(everything=True)
        target = self._directory / file_name(self.name, sniff(self.head))
        return await threads.run(self._whole().publish, target, exists)

    def discard(self) -> None:
        """Remove the file unless it was published; never waits."""
        self._is_dropped = True  # first: a thread that is just making the file looks at it afterwards
        if self._part is not None:
            self._part.discard()

    def _whole(self) -> PartFile:
        """Return the file, which must be as long as what came."""
        assert self._part is not None  # noqa: S101 - flush made it
        if self._part.size != self.size and not self._is_dropped:
            raise DownloadError(str(self._directory / self.name), "a part of it could not be written")
        return self._part

    def _rework(self, change: Callable[[bytes], bytes]) -> None:
        assert self._part is not None  # noqa: S101 - flush made it
        before = self._part.read()
        after = change(before)
        if after == before:
            return
        part = unused = PartFile(self._directory, self.name, root=self._root)
        try:
            part.write([after])
            unused, self._part = self._part, part
            self._replaced(after)
        finally:
            unused.discard()
            if self._is_dropped:
                self._part.discard()

    def _replaced(self, content: bytes) -> None:
        self.size, self._head, self._tail = len(content), content[:HEAD], content[-TAIL:]

    def _write(self, pieces: Sequence[bytes]) -> None:
        if self._part is None and not self._is_dropped:
            self._part = PartFile(self._directory, self.name, root=self._root)
        if self._part is not None:
            self._part.write(pieces)
            if self._is_dropped:
                self._part.discard()


class HashingFileSink(FileSink):
    """A file whose SHA-256 is known when it is whole; hashed in the thread that writes it."""

    def __init__(self, directory: Path, name: str, *, root: Path | None = None) -> None:
        super().__init__(directory, name, root=root)
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The digest of what was written, in hexadecimal."""
        return self._hash.hexdigest()

    async def restart(self) -> None:
        """Empty the file and forget its digest."""
        await super().restart()
        self._hash = hashlib.sha256()

    def _write(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            self._hash.update(piece)
        super()._write(pieces)

    def _replaced(self, content: bytes) -> None:
        super()._replaced(content)
        self._hash = hashlib.sha256(content)


def first_bytes(pieces: Sequence[bytes]) -> bytes:
    """Return the first 32 bytes of a rope."""
    head = b""
    for piece in pieces:
        head += piece[: HEAD - len(head)]
        if len(head) >= HEAD:
            break
    return head


def last_bytes(pieces: Sequence[bytes]) -> bytes:
    """Return the last 1024 bytes of a rope."""
    tail = b""
    for piece in reversed(pieces):
        tail = piece[-(TAIL - len(tail)) :] + tail
        if len(tail) >= TAIL:
            break
    return tail
