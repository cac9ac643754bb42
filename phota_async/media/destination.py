"""Where ``save_to=`` puts the pictures of one request. Judged before anything is sent."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .. import threads
from ..errors import InputError, PhotaError
from ..results import OutputImage
from .files import Exists, PartFile, check_exists, check_name, path_in
from .formats import KNOWN_SUFFIXES, SUFFIXES, file_name, sniff
from .sinks import FileSink, HashingFileSink

Finish = Callable[[FileSink, int], Awaitable[None]]
"""Finishes a whole picture before it gets its name; also told its place among the pictures, from 0. Never raises."""


class Destination:
    """A directory and the names in it: the first picture's, and the others' numbered behind it.

    Args:
        directory: Made when it is not there.
        name: The first picture's; ``edit-1`` becomes ``edit-1.jpg``, ``edit-2.png``, ... as their bytes are.
        exists: As in `PhotaClient.send`.
        hashed: Likewise.
        finish: Finishes each picture before it gets its name.
        root: As in `PartFile`.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        exists: Exists,
        *,
        hashed: bool = False,
        finish: Finish | None = None,
        root: Path | None = None,
    ) -> None:
        check_exists(exists)
        self.exists = exists
        self.finish = finish
        self._new_sink = HashingFileSink if hashed else FileSink
        self.directory = directory
        self.root = root
        self._name = name

    def name(self, index: int) -> str:
        """Return the name of picture ``index``, counted from 0; its suffix is settled by its bytes."""
        if index == 0:
            return self._name
        name = Path(self._name)
        suffix = name.suffix if name.suffix.lower() in KNOWN_SUFFIXES else ""
        stem = self._name.removesuffix(suffix)
        return f"{stem.removesuffix('-1')}-{index + 1}{suffix}"

    def sink(self, index: int) -> FileSink:
        """Return the sink of picture ``index``."""
        return self._new_sink(self.directory, self.name(index), root=self.root)

    async def check(self, count: int, output_format: str) -> None:
        """Raise `InputError` when a name is taken or nothing can be written here: nothing was paid for yet."""
        await threads.run(self._check, count, output_format)

    async def publish(self, sink: FileSink, index: int, url: str | None = None) -> OutputImage:
        """Give a whole picture its name. It is paid for: a name that was taken meanwhile is numbered."""
        await sink.flush(everything=True)  # what cannot be written must not pass for what cannot be finished
        if self.finish is not None:
            await self.finish(sink, index)
        exists: Exists = "number" if self.exists == "error" else self.exists
        path = await sink.publish(exists)
        image = OutputImage(url=url, path=path, size=sink.size, image_format=sniff(sink.head), place=index)
        image.sha256 = sink.sha256 if isinstance(sink, HashingFileSink) else None
        return image

    def _check(self, count: int, output_format: str) -> None:
        image_format = output_format if output_format in SUFFIXES else "jpg"
        PartFile(self.directory, self._name, root=self.root).discard()
        for index in range(count):
            check_name(path_in(self.directory, file_name(self.name(index), image_format)), self.exists)


def make_destination(save_to: Path, operation: str, exists: Exists, **how: Any) -> Destination:
    """Look at a path and return the destination it means; ``how`` is `Destination`'s.

    A directory gets ``edit-1.jpg``, ``edit-2.jpg``, ...; a path gives the name of the first picture.
    """
    try:
        is_directory = save_to.is_dir() or (not save_to.suffix and not save_to.exists())
        directory, name = (save_to, f"{operation}-1") if is_directory else (save_to.parent, save_to.name)
        return Destination(directory, name, exists, **how)
    except PhotaError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"save_to: {getattr(error, 'strerror', None) or error}") from None
