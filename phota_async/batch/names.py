"""Where an item's pictures go: its key, mirrored below the output directory. Never an original's place."""

import contextlib
import os
import re
import unicodedata
from collections import defaultdict
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..errors import InputError
from ..media.files import MARK_LENGTH, MAX_PART_NAME, PART, translated
from ..media.formats import KNOWN_SUFFIXES
from ..requests import AnyRequest, images_of

RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10))})
FORBIDDEN = frozenset('<>:"|?*') | {chr(code) for code in range(32)}
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
AFTER_STEM = re.compile(r"\d*(-\d*)?(\.[a-z]*)?")
MAX_NAME = 200  # bytes: room for a number, a suffix and the mark of an unfinished file below the usual 255


def target_of(output: Path, key: str, request: AnyRequest, number: int = 1) -> Path:
    """Return the path of an item's picture, without a suffix: ``sub/12.png`` gives ``sub/12.edit-1``.

    Raises:
        InputError: The key is no safe relative path.
    """
    parts = _safe_parts(key)
    last = PurePosixPath(parts[-1])
    stem = last.stem if last.suffix.lower() in KNOWN_SUFFIXES else last.name
    name = f"{stem}.{request.operation}-{number}"
    if len(name.encode()) > MAX_NAME:
        raise InputError(f"key: expected names of at most {MAX_NAME} bytes, got {len(name.encode())}")
    return output.joinpath(*parts[:-1], name)


def existing(target: Path) -> list[Path]:
    """Return files that already bear a target's name, whatever their suffix."""
    with translated(target):
        paths = (target.with_name(target.name + suffix) for suffix in sorted(KNOWN_SUFFIXES))
        return [path for path in paths if path.exists()]


class Places:
    """The names that this batch's items have taken, on systems that ignore case too."""

    def __init__(self) -> None:
        self._taken: set[int] = set()  # hashes: a million names would weigh as much as the photos' list

    def claim(self, target: Path, request: AnyRequest) -> None:
        """Take a name.

        Raises:
            InputError: It is an original's, or another item of this batch has it.
        """
        check_not_original(target, request)
        mark = hash(unicodedata.normalize("NFC", str(target)).casefold())
        if mark in self._taken:
            raise InputError(f"key: {target} is the place of another item of this batch")
        self._taken.add(mark)


class Leftovers:
    """Unfinished files below the output that were there when the batch began: runs that died left them.

    An item's own are removed when its turn comes; other programs may be writing the rest.
    """

    def __init__(self, output: Path) -> None:
        self._parts: defaultdict[str, list[str]] = defaultdict(list)
        for folder, _, names in os.walk(output):
            found = [name for name in names if name.endswith(PART) and name.startswith(".")]
            if found:
                self._parts[folder] = found

    def remove(self, target: Path) -> int:
        """Remove those of an item and return how many.

        Args:
            target: The item's first picture, without a suffix.
        """
        found = self._parts.get(str(target.parent))
        if not found:
            return 0
        stem = target.name.removesuffix("1")
        ours = re.compile(rf"{re.escape(stem)}\d+(-\d+)?\.[a-z]+")
        mine = [name for name in found if _is_of(name[1:-MARK_LENGTH], stem, ours)]
        for name in mine:
            found.remove(name)
            with contextlib.suppress(OSError):
                (target.parent / name).unlink()
        return len(mine)


def _is_of(name: str, stem: str, ours: re.Pattern[str]) -> bool:
    """Whether an unfinished file's name is an item's; a long one is cut, before or after the stem's end."""
    is_cut = len(name) == MAX_PART_NAME and name.startswith(stem[:MAX_PART_NAME])
    return bool(ours.fullmatch(name)) or (is_cut and bool(AFTER_STEM.fullmatch(name[len(stem) :])))


def check_not_original(target: Path, request: AnyRequest) -> None:
    """Raise `InputError` when a picture would be written over one of the request's own photos."""
    numbered = _absolute(target).removesuffix("1")
    for image in images_of(request):
        if not isinstance(image, (str, os.PathLike)):
            continue
        stem, suffix = os.path.splitext(_absolute(image))  # noqa: PTH122 - a str is at hand
        if suffix.lower() in KNOWN_SUFFIXES and stem.startswith(numbered) and stem[len(numbered) :].isdecimal():
            raise InputError(f"key: {target} is the place of an original")


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.normcase(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - pathlib leaves ".." where it is


def _safe_parts(key: object) -> tuple[str, ...]:
    if not isinstance(key, str) or not key.strip():
        raise InputError(
            f"key: expected a non-empty str, got {type(key).__name__ if not isinstance(key, str) else key!r}"
        )
    if not key.isascii() and HALF_CHARACTER.search(key):
        raise InputError("key: expected text, got half a character (a name that is not UTF-8?)")
    pure = PurePosixPath(key.replace("\\", "/"))
    if pure.is_absolute() or PureWindowsPath(key).drive or ".." in pure.parts or not pure.parts:
        raise InputError(f"key: expected a relative path below the output, got {key[:80]!r}")
    for part in pure.parts:
        if part.split(".")[0].lower() in RESERVED or FORBIDDEN & set(part) or part != part.rstrip(". "):
            raise InputError(f"key: expected a name that every system can store, got {part[:80]!r}")
    return pure.parts
