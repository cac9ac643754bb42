"""Where whole pictures go: an object store (S3, GCS, Azure, R2, MinIO). Needs the extra `upload`.

An object appears whole or not at all. It is put under a condition, so that nothing is ever overwritten; what is there
already is ours when it is the very same picture, from a worker that died before it said so.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from .. import threads
from ..errors import DownloadError
from ..ledger.records import File
from ..media.files import MAX_NUMBER
from ..media.formats import HEAD, sniff
from ..results import ImageResult, OutputImage
from ..training.stores import open_store, parse_address, reason_of
from .held import to_stored


class ObjectSink:
    """A bucket, or a prefix in one.

    Usage::

        sink = ObjectSink("s3://bucket/summer?endpoint=https://ACCOUNT.r2.cloudflarestorage.com&region=auto")

    Pictures are made in a temporary folder of this machine and put under items' keys: ``sub/12.edit-1.jpg``.
    Credentials come from the environment, as the stores' own tools read them, and never from the address.

    Args:
        address: ``s3://BUCKET/PREFIX?endpoint=URL&region=NAME``, ``gs://BUCKET/PREFIX`` or
            ``az://CONTAINER/PREFIX?account=NAME``.

    Raises:
        ConfigError: It is no such address, or obstore is missing.
    """

    def __init__(self, address: str) -> None:
        _, self.place, settings = parse_address(address)
        self._store: Any = open_store(self.place, settings)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a folder of this machine, for what is on its way."""
        with tempfile.TemporaryDirectory(prefix="phota-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    async def deliver(self, files: Sequence[File], result: ImageResult, folder: Path | None) -> tuple[File, ...]:
        """Put pictures into the store, remove them here, and tell the result where they are."""
        delivered = []
        for file, name in zip(files, to_stored(files, folder), strict=True):
            stored = await threads.network(self._put, Path(file.path), name)
            image = next(each for each in result.images if str(each.path) == file.path)
            image.path, image.url = None, self._address(stored)
            delivered.append(stored)
        return tuple(delivered)

    async def recall(self, files: Sequence[File], folder: Path | None) -> list[OutputImage] | None:  # noqa: ARG002
        """Return pictures that were delivered, if all of them are there with their size."""
        return await threads.network(self._find_all, files)

    def addresses(self, files: Sequence[File]) -> tuple[str, ...]:
        """Return where files stand: ``s3://bucket/prefix/sub/12.edit-1.jpg``."""
        return tuple(map(self._address, files))

    def __repr__(self) -> str:
        return f"<ObjectSink {self.place}>"

    def _address(self, file: File) -> str:
        return f"{self.place}/{file.path}"

    def _put(self, path: Path, file: File) -> File:
        """Put a file under its name, or the next free one, unless the very same is there. Blocks."""
        with self._translated(file.path):
            data, stem, dot, suffix = path.read_bytes(), *file.path.rpartition(".")
            for number in range(1, MAX_NUMBER):
                name = file.path if number == 1 else f"{stem}-{number}{dot}{suffix}"
                if self._is_put(name, data, file):
                    path.unlink(missing_ok=True)
                    return replace(file, path=name)
        raise DownloadError(file.path, f"expected a free name below {self.place}, got {MAX_NUMBER} that are taken")

    def _is_put(self, name: str, data: bytes, file: File) -> bool:
        """Put an object where there is none; whether it, or the very same, is there now."""
        import obstore  # noqa: PLC0415 - an extra
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415

        attributes: Any = {"Content-Type": f"image/{(sniff(data[:HEAD]) or 'jpg').replace('jpg', 'jpeg')}"}
        try:
            # In one piece: an object in parts has no condition, and the rest of one that is cut off would stay.
            obstore.put(self._store, name, data, attributes=attributes, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return self._holds(name, file)
        return True

    def _holds(self, name: str, file: File) -> bool:
        import obstore  # noqa: PLC0415 - an extra

        if obstore.head(self._store, name)["size"] != file.size:
            return False
        return hashlib.sha256(bytes(obstore.get(self._store, name).bytes())).hexdigest() == file.sha256

    def _find_all(self, files: Sequence[File]) -> list[OutputImage] | None:
        images = []
        for place, file in enumerate(files):
            size = self._size_of(file.path)
            if size != file.size:
                return None
            kind = file.path.rpartition(".")[2]
            image = OutputImage(url=self._address(file), size=size, image_format=kind, place=place)
            image.sha256 = file.sha256
            images.append(image)
        return images or None

    def _size_of(self, name: str) -> int | None:
        import obstore  # noqa: PLC0415 - an extra

        with self._translated(name):
            try:
                return int(obstore.head(self._store, name)["size"])
            except FileNotFoundError:
                return None

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        """Turn what obstore and disks raise into an error of ours; the purchase is paid, and stays to be fetched."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - obstore raises its own, OSErrors and ValueErrors
            raise DownloadError(name, f"{self.place}: {reason_of(error)}") from None
