"""Find photos: files and links as they are given, and what lies in folders. Reads names only."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit

import msgspec

from ..errors import InputError
from ..media.sources import is_link
from ..results import StrPath
from .folders import Listing, Passed, list_folder
from .keys import key_of
from .patterns import Filter


class Photo(msgspec.Struct, frozen=True):
    """A photo that was found; not opened yet."""

    path: str
    """Absolute, or a link."""
    key: str
    """Its place below the folder that all sources have in common."""
    is_twin: bool = False
    """Whether another photo beside it differs in the suffix only."""


class Photos:
    """The photos that files, folders and links stand for. Each iteration looks anew.

    Usage::

        photos = Photos(["holiday", "portrait.heic"], recursive=True, output="results")
        for photo in photos: ...
        print(photos.passed)

    Folders give their photos in the order people expect (``9.jpg`` before ``10.jpg``), a folder's before those of
    the folders in it. Hidden files, the output, the outputs of other runs and results that lie beside originals are
    passed over; linked folders are followed, each real one once. Only the names of one folder, and those of the
    folders still to come, are held in memory.

    Args:
        sources: Photos, folders and ``http(s)`` links.
        recursive: Whether to look into the folders of folders.
        include: See `Filter`.
        exclude: See `Filter`; files that are given themselves are taken in any case.
        output: Where the results go.
        allow_missing: Whether what is not there counts as a photo all the same, as what a job was made of may.
        open_keys: Keys of photos that come last if they are not found any more: there may be jobs of them.

    Raises:
        InputError: A source is not there, or a pattern is none.
    """

    def __init__(
        self,
        sources: Iterable[StrPath],
        *,
        recursive: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        output: StrPath | None = None,
        allow_missing: bool = False,
        open_keys: Sequence[str] = (),
    ) -> None:
        self._sources = list(dict.fromkeys(_source(each, allow_missing=allow_missing) for each in sources))
        self._open_keys = open_keys
        self._recursive = recursive
        self._filter = Filter(include, exclude)
        self._output = None if output is None else os.path.realpath(os.fsdecode(output))
        self._given = {source for source in self._sources if not os.path.isdir(source)}  # noqa: PTH112 - a str
        self._base = _common([source for source in self._sources if not is_link(source)])
        self.passed = Passed()
        """What the last iteration passed over."""

    @property
    def is_near_output(self) -> bool:
        """Whether a source lies in the output, so that results and originals are neighbours."""
        return any(self._is_output(source) for source in self._sources if not is_link(source))

    def __iter__(self) -> Iterator[Photo]:
        gone = dict.fromkeys(self._open_keys)
        for photo in self._found():
            gone.pop(photo.key, None)
            yield photo
        for key in gone:
            path = os.path.join(self._base, key)  # noqa: PTH118 - a str
            if not os.path.lexists(path):
                yield Photo(path, key)

    def _found(self) -> Iterator[Photo]:
        self.passed = Passed()
        entered: set[tuple[int, int]] = set()
        twins = _twins(self._key(source) for source in self._given)
        for source in self._sources:
            if source in self._given:
                key = self._key(source)
                yield Photo(source, key, is_twin=_stem(key) in twins)
            else:
                yield from self._walk(source, entered)

    def __repr__(self) -> str:
        return f"<Photos of {len(self._sources)} sources>"

    def _walk(self, root: str, entered: set[tuple[int, int]]) -> Iterator[Photo]:
        waiting = [root]
        while waiting:
            folder = waiting.pop()
            if not _enter(folder, entered):
                continue
            listing = list_folder(folder, root, self._filter, self.passed)
            yield from self._photos_in(folder, listing)
            if self._recursive:
                waiting += reversed(self._below(folder, listing))
            else:
                self.passed.folders += len(listing.folders)

    def _photos_in(self, folder: str, listing: Listing) -> Iterator[Photo]:
        prefix = self._parts(folder)
        if self._is_output(folder):
            listing.leave_out_results(self.passed)
        names = [name for name in listing.files if os.path.join(folder, name) not in self._given]  # noqa: PTH118
        twins = _twins(names)
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - a million times
            yield Photo(path, key_of([*prefix, name]), is_twin=_stem(name) in twins)

    def _below(self, folder: str, listing: Listing) -> list[str]:
        """Return the folders of a folder that are looked into; none that runs write to."""
        paths = [os.path.join(folder, name) for name in listing.folders]  # noqa: PTH118
        ours = [path for path in paths if self._is_written_to(path)]
        self.passed.outputs += len(ours)
        return [path for path in paths if path not in ours]

    def _is_written_to(self, folder: str) -> bool:
        return os.path.realpath(folder) == self._output or os.path.isdir(os.path.join(folder, ".phota"))  # noqa: PTH112, PTH118

    def _is_output(self, path: str) -> bool:
        """Whether a path is the output or lies below it."""
        real, output = os.path.realpath(path), self._output
        return output is not None and (real == output or real.startswith(os.path.join(output, "")))  # noqa: PTH118

    def _key(self, source: str) -> str:
        if is_link(source):
            return key_of([unquote(urlsplit(source).path).rstrip("/").rpartition("/")[2] or "link"])
        return key_of(self._parts(source))

    def _parts(self, path: str) -> list[str]:
        return [] if path == self._base else list(PurePath(os.path.relpath(path, self._base)).parts)


def _source(source: StrPath, *, allow_missing: bool) -> str:
    """Return a link as it is, and the absolute path of what is there."""
    text = os.fsdecode(source)
    if is_link(text):
        return text
    path = os.path.abspath(text)  # noqa: PTH100 - pathlib leaves ".." where it is
    if not allow_missing and not Path(path).exists():
        raise InputError(f"{text}: expected a photo or a folder, got nothing there")
    return path


def _common(paths: Sequence[str]) -> str:
    """Return the folder that all paths have in common: a folder counts as itself, a file as where it lies."""
    folders = [path if os.path.isdir(path) else os.path.dirname(path) for path in paths]  # noqa: PTH112, PTH120
    try:
        return os.path.commonpath(folders) if folders else os.curdir
    except ValueError:
        raise InputError("sources: expected photos of one drive, got several; use a run for each") from None


def _enter(folder: str, entered: set[tuple[int, int]]) -> bool:
    """Note a folder; says whether it is entered for the first time, under any of its names."""
    with suppress(OSError):  # whoever lists it says what is wrong with it
        details = os.stat(folder)  # noqa: PTH116 - a str
        identity = (details.st_dev, details.st_ino)
        if identity in entered:
            return False
        entered.add(identity)
    return True


def _twins(names: Iterable[str]) -> set[str]:
    """Return the stems that several names have, on a system that ignores case."""
    return {stem for stem, count in Counter(map(_stem, names)).items() if count > 1}


def _stem(name: str) -> str:
    return os.path.splitext(name)[0].casefold()  # noqa: PTH122 - a str
