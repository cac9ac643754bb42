"""What image calls return: pictures in memory, on disk or behind a link, and who was recognised in them."""

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from . import threads
from .errors import ConfigError, InputError
from .media.addresses import show_link
from .media.files import Exists, check_exists, write_file
from .media.formats import file_name, sniff
from .media.sinks import FileSink, MemorySink, Sink, first_bytes
from .models import KnownSubjects
from .validation import fail

StrPath = str | os.PathLike[str]
Fetch = Callable[["OutputImage", Sink], Awaitable[None]]
"""Downloads a picture's link into a sink."""


class OutputImage:
    """One picture: in memory (`data`), on disk (`path`), or behind a link that lives 24 hours (`url`).

    Attributes:
        url: The signed link, or ``None``. Whoever has it has the picture: keep it out of logs.
        path: Where it was saved, or ``None``.
        size: Bytes, or ``None`` while it is only a link.
        sha256: Digest of a saved file in hexadecimal, where ``send(..., hashed=True)`` asked for it.
    """

    __slots__ = ("_data", "_fetch", "_format", "_pieces", "path", "place", "sha256", "size", "url")

    def __init__(
        self,
        *,
        pieces: Sequence[bytes] = (),
        url: str | None = None,
        path: Path | None = None,
        size: int | None = None,
        image_format: str | None = None,
        place: int = 0,
        fetch: Fetch | None = None,
    ) -> None:
        self._pieces = pieces
        self._data: bytes | None = None
        self._fetch = fetch
        self._format = image_format or (sniff(first_bytes(pieces)) if pieces else None)
        self.url = url
        self.path = path
        self.size = sum(map(len, pieces)) if pieces else size
        self.place = place
        self.sha256: str | None = None

    @property
    def data(self) -> bytes | None:
        """The picture's bytes when they are in memory, else ``None``; `read` gives them in any case."""
        if self._data is None and self._pieces:
            self._data = b"".join(self._pieces)
            self._pieces = (self._data,)
        return self._data

    @property
    def format(self) -> str | None:
        """``"jpg"``, ``"png"``, ``"webp"``, ...: from the bytes, so ``None`` while there is only a link."""
        return self._format

    async def read(self) -> bytes:
        """Return the picture's bytes, from memory, from disk, or downloaded and kept.

        Raises:
            InputError: The saved file cannot be read, and there is no link to fall back to.
            DownloadError: The link is broken or has expired.
        """
        if self.data is not None:
            return self.data
        saved = await self._saved()
        if saved:
            return saved[0]
        await self.load()
        return self.data or b""

    async def load(self) -> None:
        """Download the link into memory, once."""
        if self._pieces or self.path is not None:
            return
        sink = MemorySink()
        await self._download(sink)
        self.keep(sink.pieces)

    def keep(self, pieces: Sequence[bytes]) -> None:
        """Take the picture's bytes, as a rope."""
        self._pieces, self._data = pieces, None
        self.size, self._format = sum(map(len, pieces)), sniff(first_bytes(pieces))

    def keep_format(self, image_format: str | None) -> None:
        """Take what the bytes on disk are."""
        self._format = image_format

    async def save(self, path: StrPath, *, exists: Exists = "error") -> Path:
        """Write the picture, whole and durable, or not at all.

        Args:
            path: Where to; its directory is created, and its suffix becomes that of the bytes.
            exists: What to do when the name is taken: ``"error"``, ``"number"`` (``photo-2.jpg``) or ``"replace"``.

        Returns:
            The path that was written.

        Raises:
            InputError: The name is taken, or nothing can be written there.
            DownloadError: The link is broken, or the disk is full.
        """
        check_exists(exists)
        target = to_path(path)
        await threads.run(_check_file_path, target)
        pieces = self._pieces or await self._saved()
        if not pieces:
            self.path = await self._download_to(target, exists)
            return self.path
        target = target.with_name(file_name(target.name, sniff(first_bytes(pieces))))
        self.path = await threads.run(write_file, target, pieces, exists)
        return self.path

    async def _saved(self) -> tuple[bytes, ...]:
        """Return the saved file's bytes; nothing when it is only a link, or a link again since its file is gone."""
        if self.path is None:
            return ()
        try:
            return (await threads.run(_read_file, self.path),)
        except FileNotFoundError as error:
            if self.url is None or self._fetch is None:
                raise InputError(f"{self.path}: {error.strerror}") from None
            self.path = None
            return ()

    async def _download_to(self, target: Path, exists: Exists) -> Path:
        sink = FileSink(target.parent, target.name)
        try:
            await self._download(sink)
            written = await sink.publish(exists)
        finally:
            sink.discard()
        self.size, self._format = sink.size, sniff(sink.head)
        return written

    async def _download(self, sink: Sink) -> None:
        if self.url is None or self._fetch is None:
            raise ConfigError("this picture has no bytes and no client to fetch them with").with_context(
                hint="a result that was pickled keeps its links: download them, or ask for the job again",
            )
        await self._fetch(self, sink)

    def __reduce__(self) -> tuple[Any, ...]:
        state = (None, {"sha256": self.sha256})
        return _rebuild, (self.data, self.url, self.path, self.size, self._format, self.place), state

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OutputImage):
            return NotImplemented
        return (self.data, self.url, self.path) == (other.data, other.url, other.path)

    __hash__ = None  # type: ignore[assignment]  # its bytes may come later

    def __repr__(self) -> str:
        size = "a link" if self.size is None else f"{self.size:,} bytes"
        place = self.path or (show_link(self.url) if self.url else "in memory")
        return f"<OutputImage {self.format or 'unread'} {size} {place}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Show the picture in a notebook when its bytes are there."""
        kinds = {"jpg": "image/jpeg", "png": "image/png"}
        kind = kinds.get(self.format or "")
        return {kind: self.data} if kind and self.data else {"text/plain": repr(self)}


class ImageResult:
    """The answer of an image call.

    Attributes:
        images: The pictures in the service's order; it may send fewer than were asked for.
        known_subjects: Who was recognised, counted over all pictures; ``is_told`` says whether the service told.
        request_id: The service's mark of the exchange, or ``None``.
        job_id: The job behind it, or ``None`` for a synchronous call.
        expected: Profile ids that the request named.
    """

    __slots__ = ("expected", "images", "job_id", "known_subjects", "request_id")

    def __init__(
        self,
        images: Sequence[OutputImage],
        *,
        known_subjects: KnownSubjects | None = None,
        request_id: str | None = None,
        job_id: str | None = None,
        expected: Sequence[str] = (),
    ) -> None:
        self.images = tuple(images)
        self.known_subjects = known_subjects or KnownSubjects()
        self.request_id = request_id
        self.job_id = job_id
        self.expected = tuple(expected)

    def missing(self, expected: Sequence[str] | str | None = None) -> tuple[str, ...]:
        """Return the profile ids that were asked for and not recognised in any picture.

        Where the service did not tell who was recognised, nobody is known to be missing: ``()``.

        Args:
            expected: The ids to look for; ``None`` takes those that the request named.
        """
        wanted = (expected,) if isinstance(expected, str) else self.expected if expected is None else expected
        if not isinstance(wanted, Iterable):
            fail("expected", "profile ids", wanted)
        wanted = tuple(wanted)
        for each in wanted:
            if not isinstance(each, str):
                fail("expected", "profile ids, each a str", each)
        known = self.known_subjects
        return tuple(each for each in wanted if known.is_told and not known.counts.get(each))

    async def save(self, directory: StrPath, stem: str = "photo", *, exists: Exists = "error") -> list[Path]:
        """Write all pictures as ``{stem}-1.jpg``, ``{stem}-2.jpg``, ...; see `OutputImage.save`.

        Returns:
            The paths, in the order of `images`.
        """
        if not isinstance(stem, str):
            fail("stem", "a str", stem)
        if not stem or any(mark in stem for mark in "/\\\0") or stem in (".", ".."):
            raise InputError(f"stem: expected a file name without a path, got {stem!r}")
        folder = to_path(directory)
        return [
            await image.save(folder / f"{stem}-{number}", exists=exists) for number, image in enumerate(self.images, 1)
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_result, (
            self.images,
            self.known_subjects,
            self.request_id,
            self.job_id,
            self.expected,
        )

    def __repr__(self) -> str:
        return f"<ImageResult {len(self.images)} images, {len(self.known_subjects.counts)} known subjects>"


def to_path(path: object) -> Path:
    """Return a path, or raise `InputError` for what is none."""
    try:
        result = Path(os.fsdecode(path))  # type: ignore[arg-type]  # what is no path raises
    except (TypeError, ValueError):
        raise InputError(f"path: expected a str or a Path, got {type(path).__name__}") from None
    if "\0" in str(result):
        raise InputError("path: expected a path, got one with a NUL in it")
    return result


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # its picture may have a link to fall back to
        raise
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def _check_file_path(path: Path) -> None:
    """Raise `InputError` for what cannot be a file's name, or is a directory. Blocks."""
    if path.name in ("", ".."):
        raise InputError(f"path: expected a file's path, got {str(path)!r}")
    if os.path.isdir(path):  # noqa: PTH112 - pathlib's twin raises on too long a name
        hint = "result.save(directory) puts all pictures of a result into a directory"
        raise InputError(f"path: expected a file's path, got the directory {path}").with_context(hint=hint)


def _rebuild(
    data: bytes | None,
    url: str | None,
    path: Path | None,
    size: int | None,
    image_format: str | None,
    place: int,
) -> OutputImage:
    pieces = (data,) if data else ()
    return OutputImage(pieces=pieces, url=url, path=path, size=size, image_format=image_format, place=place)


def _rebuild_result(
    images: Sequence[OutputImage],
    known_subjects: KnownSubjects,
    request_id: str | None,
    job_id: str | None,
    expected: Sequence[str],
) -> ImageResult:
    return ImageResult(images, known_subjects=known_subjects, request_id=request_id, job_id=job_id, expected=expected)
