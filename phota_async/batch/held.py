"""Pictures that are whole and wait for their names, so that naming and recording them is one step."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from .. import threads
from ..errors import InputError
from ..ledger.photos import sha256_of
from ..ledger.records import File
from ..media.destination import Destination
from ..media.files import MAX_NUMBER, Exists
from ..media.formats import HEAD, file_name, sniff
from ..media.reading import open_file
from ..media.sinks import FileSink, HashingFileSink
from ..results import ImageResult, OutputImage
from .proven import Proven

READ = 2**20  # bytes read at once
SMALL = 2**18  # bytes of a picture that may wait in memory for its name: written, it would cost a second hop
NOT_YET = ""  # the digest of a picture that is held


class HeldSink(HashingFileSink):
    """A picture that stays when whoever received it is done, until it is published or dropped."""

    is_held = False

    def __init__(self, directory: Path, name: str, *, waits: bool, root: Path | None = None) -> None:
        super().__init__(directory, name, root=root)
        self._waits = waits  # in memory, if it is small: what is to be reworked must lie on the disk first

    async def flush(self, *, everything: bool = False) -> None:
        """Write what was gathered, unless all of it is little and may wait."""
        if not self._waits or self._part is not None or self._gathered > SMALL:
            await super().flush(everything=everything)

    async def settle(self, exists: Exists) -> Path:
        """Give the file its name, unless the very same lies under it already, and return where it is."""
        target = self._directory / file_name(self.name, sniff(self.head))
        return await threads.run(self._settle, target, exists)

    def _settle(self, target: Path, exists: Exists) -> Path:
        pieces, self._pieces, self._gathered = self._pieces, [], 0
        self._write(pieces)
        part = self._whole()
        found = None if exists == "replace" else find_same(target, self.size, self.sha256)
        return found or part.publish(target, exists)

    def discard(self) -> None:
        """Remove the file, unless it is held."""
        if not self.is_held:
            super().discard()


class HeldDestination(Destination):
    """Takes whole pictures and gives them their names when told.

    Args:
        directory: Where they go.
        name: The first picture's.
        exists: What to do when a name is taken: a file of the very same content is ours, from a run that ended
            between naming and recording it.
        proven: Folders that were found writable a moment ago.
        how: ``finish`` and ``root`` of `Destination`.
    """

    def __init__(self, directory: Path, name: str, exists: Exists, proven: Proven, **how: Any) -> None:
        super().__init__(directory, name, exists, hashed=True, **how)
        self._proven = proven
        self._sinks: list[HeldSink] = []
        self._held: dict[int, HeldSink] = {}

    async def check(self, count: int, output_format: str) -> None:
        """Do as `Destination` does, unless this folder just passed with a name as long as these."""
        last = self.name(count - 1)
        if self.exists == "number" and self._proven.has(self.directory, last):  # other words are about each name
            return
        try:
            await super().check(count, output_format)
        except BaseException:
            self._proven.forget(self.directory)
            raise
        self._proven.add(self.directory, last)

    def sink(self, index: int) -> FileSink:
        """Return the sink of picture ``index``."""
        sink = HeldSink(self.directory, self.name(index), waits=self.finish is None, root=self.root)
        self._sinks.append(sink)
        return sink

    async def publish(self, sink: FileSink, index: int, url: str | None = None) -> OutputImage:
        """Hold a whole picture; it has neither path nor digest yet."""
        assert isinstance(sink, HeldSink)  # noqa: S101 - `sink` makes no others
        await sink.flush(everything=True)
        if self.finish is not None:
            await self.finish(sink, index)
        sink.is_held = True
        self._held[index] = sink
        image = OutputImage(url=url, size=sink.size, image_format=sniff(sink.head), place=index)
        image.sha256 = NOT_YET
        return image

    async def commit(self, result: ImageResult) -> tuple[File, ...]:
        """Give every held picture its name, tell the result, and return the files."""
        files = []
        for index, sink in sorted(self._held.items()):
            path = await sink.settle(self.exists)
            image = result.images[index]
            image.path, image.sha256 = path, sink.sha256
            files.append(File(str(path), sink.size, sink.sha256))
        return tuple(files)

    def discard(self) -> None:
        """Remove what got no name."""
        for sink in self._sinks:
            sink.is_held = False
            sink.discard()


def find_same(first: Path, size: int, sha256: str) -> Path | None:
    """Return the file of just this content among ``photo.jpg``, ``photo-2.jpg``, ... as far as they exist."""
    for number in range(1, MAX_NUMBER):
        path = first if number == 1 else first.with_name(f"{first.stem}-{number}{first.suffix}")
        try:
            details = os.stat(path)  # noqa: PTH116 - a third of the time, for each picture
            if stat.S_ISREG(details.st_mode) and details.st_size == size and digest_of(path) == sha256:
                return path
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from None
    return None


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return sha256_of(iter(lambda: file.read(READ), b""))


def to_stored(files: Sequence[File], output: Path | None) -> tuple[File, ...]:
    """Return files as the ledger keeps them: relative to the output, so that it can be moved."""
    if output is None:
        return tuple(files)
    folder = f"{output}{os.sep}"
    return tuple(replace(file, path=file.path.removeprefix(folder).replace(os.sep, "/")) for file in files)


def from_stored(files: Sequence[File], output: Path | None) -> tuple[File, ...]:
    """Return files as they lie on this machine."""
    return tuple(replace(file, path=str((output or Path()) / file.path)) for file in files)


def are_inside(files: Sequence[File], output: Path | None) -> bool:
    """Whether files lie below the output, by their names, as all that a batch with one has written do."""
    folder = os.path.join(os.path.abspath(output), "") if output is not None else ""  # noqa: PTH100, PTH118
    return all(os.path.abspath(file.path).startswith(folder) for file in files)  # noqa: PTH100


def find_stored(files: Sequence[File], output: Path | None) -> list[OutputImage] | None:
    """Return the pictures of files as a ledger keeps them, if all are there, whole and below the output. Blocks."""
    placed = from_stored(files, output)
    return find_whole(placed) if are_inside(placed, output) else None


def find_whole(files: Sequence[File]) -> list[OutputImage] | None:
    """Return the pictures of files that are all there with their size, or ``None``."""
    images = []
    for place, file in enumerate(files):
        path = Path(file.path)
        try:
            with open_file(path) as opened:
                size, head = os.fstat(opened.fileno()).st_size, opened.read(HEAD)
        except OSError:
            return None
        if size != file.size:
            return None
        image = OutputImage(path=path, size=size, image_format=sniff(head), place=place)
        image.sha256 = file.sha256
        images.append(image)
    return images or None
