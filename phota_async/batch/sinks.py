"""Where whole pictures go: a directory. Other places are in modules of their own."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from .. import threads
from ..ledger.records import File
from ..results import ImageResult, OutputImage, StrPath, to_path
from .held import find_stored, to_stored

BUCKETS = ("s3://", "gs://", "az://")


def is_bucket(place: str | None) -> bool:
    """Whether a place is an object store's rather than a directory."""
    return place is not None and place.startswith(BUCKETS)


class Sink(Protocol):
    """Takes the pictures of items, each whole or not at all, and never in another one's place."""

    def folder(self) -> AbstractContextManager[Path]:
        """Give the folder where pictures are made, for as long as items are carried out."""
        ...

    async def deliver(self, files: Sequence[File], result: ImageResult, folder: Path | None) -> tuple[File, ...]:
        """Bring pictures that lie whole in the folder to their last place.

        The very same picture may be there already, from a worker that died before it said so.

        Args:
            files: The pictures, with absolute paths.
            result: Of the same pictures; it is told where they are.
            folder: What `folder` gave; ``None`` keeps pictures in memory.

        Returns:
            The files as the ledger keeps them, by which `recall` finds them on any machine.
        """
        ...

    async def recall(self, files: Sequence[File], folder: Path | None) -> list[OutputImage] | None:
        """Return pictures that were delivered, if all of them are there with their size."""
        ...

    def addresses(self, files: Sequence[File]) -> tuple[str, ...]:
        """Return where files stand that have no path here: nothing for those in a directory."""
        ...


class DirectorySink:
    """A directory of this machine, or one that machines share.

    Args:
        path: The directory; items' keys are mirrored below it, as by ``output`` of `Batch`.
    """

    def __init__(self, path: StrPath | None) -> None:
        self.path = None if path is None else to_path(path)

    def folder(self) -> AbstractContextManager[Path]:
        """Give the directory itself: what is whole gets its name there."""
        return nullcontext(self.path or Path())

    async def deliver(self, files: Sequence[File], result: ImageResult, folder: Path | None) -> tuple[File, ...]:  # noqa: ARG002 - they are there
        """Name files relative to the directory, so that it can be moved."""
        return to_stored(files, folder)

    async def recall(self, files: Sequence[File], folder: Path | None) -> list[OutputImage] | None:
        """Return pictures that were delivered, if all of them are there with their size."""
        return await threads.run(find_stored, files, folder)

    def addresses(self, files: Sequence[File]) -> tuple[str, ...]:  # noqa: ARG002 - they have paths
        """Return nothing: these files have paths."""
        return ()

    def __repr__(self) -> str:
        return f"<DirectorySink {self.path}>"
