"""Pictures that are whole and wait for their names, so that naming and recording them is one step."""

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from .. import threads
from ..errors import InputError
from ..ledger.photos import sha256_of
from ..ledger.records import File
from ..media.destination import Destination, Finish
from ..media.files import MAX_NUMBER, Exists, PartFile
from ..media.formats import HEAD, file_name, sniff
from ..media.sinks import FileSink, HashingFileSink
from ..results import ImageResult, OutputImage

READ = 2**20  # bytes read at once


class HeldSink(HashingFileSink):
    """A file that stays when whoever received it is done, until it is published or dropped."""

    is_held = False

    async def settle(self, exists: Exists) -> Path:
        """Give the file its name, unless the very same lies under it already, and return where it is."""
        await self.flush(everything=True)
        assert self._part is not None  # noqa: S101 - flush made it
        target = self._directory / file_name(self.name, sniff(self.head))
        return await threads.run(self._settle, self._part, target, exists)

    def _settle(self, part: PartFile, target: Path, exists: Exists) -> Path:
        found = None if exists == "replace" else find_same(target, self.size, self.sha256)
        return found or part.publish(target, exists)

    def discard(self) -> None:
        """Remove the file, unless it is held."""
        if not self.is_held:
            super().discard()


class HeldDestination(Destination):
    """Takes whole pictures and gives them their names when told.

    Args:
        save_to: The first picture's path.
        operation: The request's operation.
        exists: What to do when a name is taken: a file of the very same content is ours, from a run that ended
            between naming and recording it.
        finish: See `Finish`.
    """

    def __init__(self, save_to: Path, operation: str, exists: Exists, *, finish: Finish | None = None) -> None:
        super().__init__(save_to, operation, exists, hashed=True, finish=finish)
        self._sinks: list[HeldSink] = []
        self._held: dict[int, HeldSink] = {}

    def sink(self, index: int) -> FileSink:
        """Return the sink of picture ``index``."""
        sink = HeldSink(self.directory, self.name(index))
        self._sinks.append(sink)
        return sink

    async def publish(self, sink: FileSink, index: int, url: str | None = None) -> OutputImage:
        """Hold a whole picture; it has no path yet."""
        assert isinstance(sink, HeldSink)  # noqa: S101 - `sink` makes no others
        await sink.flush(everything=True)
        if self.finish is not None:
            await self.finish(sink, index)
        sink.is_held = True
        self._held[index] = sink
        image = OutputImage(url=url, size=sink.size, image_format=sniff(sink.head), place=index)
        image.sha256 = sink.sha256
        return image

    async def commit(self, result: ImageResult) -> tuple[File, ...]:
        """Give every held picture its name, tell the result, and return the files."""
        files = []
        for index, sink in sorted(self._held.items()):
            path = await sink.settle(self.exists)
            result.images[index].path = path
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
            if path.stat().st_size == size and digest_of(path) == sha256:
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
    return tuple(
        replace(file, path=Path(file.path).relative_to(output).as_posix())
        if Path(file.path).is_relative_to(output)
        else file
        for file in files
    )


def from_stored(files: Sequence[File], output: Path | None) -> tuple[File, ...]:
    """Return files as they lie on this machine."""
    return tuple(replace(file, path=str((output or Path()) / file.path)) for file in files)


def find_whole(files: Sequence[File]) -> list[OutputImage] | None:
    """Return the pictures of files that are all there with their size, or ``None``."""
    images = []
    for place, file in enumerate(files):
        path = Path(file.path)
        try:
            with path.open("rb") as opened:
                size, head = os.fstat(opened.fileno()).st_size, opened.read(HEAD)
        except OSError:
            return None
        if size != file.size:
            return None
        image = OutputImage(path=path, size=size, image_format=sniff(head), place=place)
        image.sha256 = file.sha256
        images.append(image)
    return images or None
