"""Copy what was picked into a folder: new files only, byte for byte, in the same tree."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Literal, get_args

import msgspec

from ..errors import InputError, PhotaError
from ..media.files import PartFile
from ..results import StrPath, to_path
from ..runs import RunFolder
from .items import ReviewItem, items_of
from .journal import read_picks
from .picks import Choice, Picks
from .pictures import Pictures

Rule = Literal["skip", "number"]
Status = Literal["copied", "there", "skipped", "failed"]
PIECE = 2**20  # bytes copied at once
CHOICE_SCHEMA = "phota.choice/1"


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about one item, for programs: a line of JSON."""

    schema: str = CHOICE_SCHEMA
    run: str
    key: str
    choice: Literal["picked", "rejected"]
    path: str | None = None
    """The picked picture, absolute."""
    exported: str | None = None
    """Its copy, absolute; ``None`` where there is none."""
    status: Status | None = None
    """``copied``; ``there``, since a file of the same name and content was there; ``skipped``, since another file has
    its name; ``failed``; ``None`` where nothing was to be copied."""
    error: str | None = None
    """Why it failed."""


def chosen(folder: RunFolder, *, to: StrPath | None = None, exists: Rule = "skip") -> list[Chosen]:
    """Return what was decided about a run, in its order, and copy the picked pictures if there is somewhere to. Blocks.

    Args:
        folder: The run; a review of it may be open.
        to: A folder, which is made when it is not there; the pictures lie in it as they lie in the run's. No file is
            ever overwritten, and none is there by its name before it is whole. ``None`` copies nothing.
        exists: What to do where another file has a picture's name: ``skip`` it, or ``number`` the copy.

    Raises:
        InputError: It is no run.
    """
    if exists not in get_args(Rule):
        raise InputError(f"exists: expected {' or '.join(get_args(Rule))}, got {exists!r}")
    folder.record()
    picks, pictures = read_picks(folder), Pictures(folder)
    items = _items(folder, picks, pictures)
    export = None if to is None else _Export(pictures, to_path(to).absolute(), exists)
    decided = ((item, choice) for item in items if (choice := picks.choice(item.key)) is not None)
    return [_chosen(folder, item, choice, pictures, export) for item, choice in decided]


class _Export:
    """Copies pictures into a folder."""

    def __init__(self, pictures: Pictures, root: Path, exists: Rule) -> None:
        self._pictures, self._root, self._exists = pictures, root, exists

    def copy(self, number: int) -> tuple[Status, Path]:
        """Copy a picture and say what came of it.

        Raises:
            PhotaError: The picture is gone or none of the run's, or the copy cannot be written.
        """
        target = self._root / self._pictures.relative(number)
        with os.fdopen(self._pictures.open(number), "rb") as source:
            same = _find_same(source, target, numbered=self._exists == "number")
            if same is not None:
                return "there", same
            if self._exists == "skip" and os.path.lexists(target):
                return "skipped", target
            return self._write(source, target)

    def _write(self, source: BufferedReader, target: Path) -> tuple[Status, Path]:
        source.seek(0)
        part = PartFile(target.parent, target.name)
        try:
            while piece := source.read(PIECE):
                part.write([piece])
            return "copied", part.publish(target, "number" if self._exists == "number" else "error")
        except InputError:
            if self._exists == "skip" and os.path.lexists(target):  # somebody wrote it meanwhile
                return "skipped", target
            raise
        finally:
            part.discard()


def _items(folder: RunFolder, picks: Picks, pictures: Pictures) -> list[ReviewItem]:
    """Return the run's items, with what was made on the page."""
    items = items_of(folder.records(), pictures)
    for item in items:
        for ask in picks.asks(item.key):
            if ask.record is not None:
                item.add(ask.record, pictures)
    return items


def _chosen(folder: RunFolder, item: ReviewItem, choice: Choice, pictures: Pictures, export: _Export | None) -> Chosen:
    line = Chosen(run=folder.run, key=item.key, choice=choice.kind)
    if choice.kind == "rejected":
        return line
    try:
        number = item.picture_of(choice.output)
        if number is None:
            raise InputError(f"{choice.output}: expected a picture of this item, got one that the run does not know")
        pictures.relative(number)  # what lies outside the run's folder is named to no program
        line = msgspec.structs.replace(line, path=str(folder.picture(choice.output)))
        if export is None:
            return line
        status, path = export.copy(number)
    except PhotaError as error:
        return msgspec.structs.replace(line, status="failed", error=str(error))
    return msgspec.structs.replace(line, status=status, exported=None if status == "skipped" else str(path))


def _find_same(source: BufferedReader, target: Path, *, numbered: bool) -> Path | None:
    """Return the file that has a picture's content already: under its name, or a numbered one if copies are."""
    wanted = None
    for path in _candidates(target, numbered=numbered):
        with contextlib.suppress(OSError):
            if path.stat().st_size != os.fstat(source.fileno()).st_size:
                continue
            source.seek(0)
            wanted = wanted or hashlib.file_digest(source, "sha256").digest()
            with path.open("rb") as other:
                if hashlib.file_digest(other, "sha256").digest() == wanted:
                    return path
    return None


def _candidates(target: Path, *, numbered: bool) -> Iterator[Path]:
    """Yield the name, and the numbered ones as far as they are taken."""
    path, number = target, 2
    while os.path.lexists(path):
        yield path
        if not numbered:
            return
        path, number = target.with_name(f"{target.stem}-{number}{target.suffix}"), number + 1
