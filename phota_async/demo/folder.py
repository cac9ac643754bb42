"""Keep the demo's files apart from anybody else's, so that it can run twice into the same folder.

What the demo makes is noted with its digest in ``.phota/demo.json``. The next run removes exactly those files,
and only while they are still what the demo wrote; a name that another file has is numbered, never overwritten.
"""

import hashlib
from pathlib import Path

import msgspec

from phota_async.errors import InputError

NOTE = ".phota/demo.json"

_decode = msgspec.json.Decoder(dict[str, str]).decode
_encode = msgspec.json.Encoder().encode


class DemoFolder:
    """A folder in which the demo writes, and knows its own files again.

    Args:
        root: The folder; it is made when it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._own: set[Path] = set()

    def __repr__(self) -> str:
        return f"<DemoFolder {self.root} {len(self._own)} own files>"

    def open(self) -> None:
        """Make the folder and remove what an earlier run of the demo left there, unless somebody changed it.

        Raises:
            InputError: The folder cannot be made or written.
        """
        try:
            (self.root / NOTE).parent.mkdir(parents=True, exist_ok=True)
            for name, digest in self._read_note().items():
                self._remove(name, digest)
            self.close()
        except OSError as error:
            raise InputError(f"cannot write into {self.root}: {error.strerror or error}") from error

    def free(self, name: str) -> Path:
        """Return the path of ``name`` below the folder, numbered when it is taken: ``sheet-2.html``."""
        wanted = self.root / name
        path, number = wanted, 2
        while path.exists() or path.is_symlink():
            path = wanted.with_stem(f"{wanted.stem}-{number}")
            number += 1
        return path

    def write(self, name: str, data: bytes) -> Path:
        """Write a file of the demo below the folder and return its path."""
        path = self.free(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
        self.own(path)
        return path

    def own(self, path: Path) -> None:
        """Remember that the demo wrote ``path``, so that the next run may replace it. Costs nothing until `close`."""
        self._own.add(path)

    def close(self) -> None:
        """Write the note about the demo's own files, with the digests that tell whether somebody changed them."""
        own = sorted(path for path in self._own if path.is_file())
        digests = {path.relative_to(self.root).as_posix(): _digest(path) for path in own}
        (self.root / NOTE).write_bytes(_encode(digests))

    def _read_note(self) -> dict[str, str]:
        try:
            return _decode((self.root / NOTE).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}

    def _remove(self, name: str, digest: str) -> None:
        path = self.root / name
        if path.is_symlink() or not path.is_file() or not path.resolve().is_relative_to(self.root.resolve()):
            return
        if _digest(path) == digest:
            path.unlink()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
