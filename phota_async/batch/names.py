"""Where an item's pictures go: its key, mirrored below the output directory. Never an original's place."""

import contextlib
import hashlib
import ntpath
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from ..marks import Marks
from ..media.files import MARK_LENGTH, MAX_PART_NAME, PART, translated
from ..media.formats import KNOWN_SUFFIXES
from ..requests import AnyRequest, images_of

RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10))})
FORBIDDEN = frozenset('<>:"|?*') | {chr(code) for code in range(32)}
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
AFTER_STEM = re.compile(r"\d*(-\d*)?(\.[a-z]*)?")
DIGEST_BYTES = 16
MAX_NAME = 200  # bytes: room for a number, a suffix and the mark of an unfinished file below the usual 255


def target_of(output: Path, key: str, request: AnyRequest, number: int = 1) -> Path:
    """Return the path of an item's picture, without a suffix: ``sub/12.png`` gives ``sub/12.edit-1``.

    Raises:
        InputError: The key is no safe relative path.
    """
    parts = safe_parts(key)
    stem, suffix = os.path.splitext(parts[-1])  # noqa: PTH122 - pathlib takes ten times as long, for each item
    if suffix.lower() not in KNOWN_SUFFIXES:
        stem = parts[-1]
    name = f"{stem}.{request.operation}-{number}"
    check_length(name)
    return output.joinpath(*parts[:-1], name)


def check_length(name: str) -> None:
    """Raise `InputError` for a name that leaves no room for what is put behind it."""
    if len(name.encode()) > MAX_NAME:
        raise InputError(f"key: expected names of at most {MAX_NAME} bytes, got {len(name.encode())}")


def existing(target: Path) -> list[Path]:
    """Return files that already bear a target's name, whatever their suffix. Blocks: it looks a dozen times."""
    with translated(target):
        paths = (target.with_name(target.name + suffix) for suffix in sorted(KNOWN_SUFFIXES))
        return [path for path in paths if path.exists()]


class Places:
    """The names that this batch's items have taken, on systems that ignore case too.

    Args:
        marks: Remembers them. They are digests of 128 bits: among a million names the odds that two are taken for
            one are below 10**-26.
    """

    def __init__(self, marks: Marks | None = None) -> None:
        self._taken = marks or Marks()

    def claim(self, target: Path, request: AnyRequest, *, is_numbered: bool = True) -> None:
        """Take a name.

        Args:
            target: The item's first picture, without a suffix.
            request: The item's.
            is_numbered: Whether the name ends in the picture's number, which its other pictures have too.

        Raises:
            InputError: It is an original's, or another item of this batch has it.
            DownloadError: There is no room to remember it.
        """
        check_not_original(target, request, is_numbered=is_numbered)
        name = unicodedata.normalize("NFC", str(target)).casefold()
        digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=DIGEST_BYTES).digest()
        if not self._taken.add(digest):
            raise InputError(f"key: {target} is the place of another item of this batch")

    def close(self) -> None:
        """Forget them all; safe to call again."""
        self._taken.close()


class Leftovers:
    """Unfinished files below the output that were there when the batch began: runs that died left them.

    An item's own are removed when its turn comes; other programs may be writing the rest.

    Args:
        output: Where to look.
        deep: Whether to look into folders too.
    """

    def __init__(self, output: Path, *, deep: bool = True) -> None:
        self._parts: defaultdict[str, list[str]] = defaultdict(list)
        for folder, name in _unfinished(output, deep=deep):
            self._parts[str(Path(folder))].append(name)  # as targets spell it: sub, not ./sub

    def remove(self, target: Path) -> int:
        """Remove those of an item and return how many.

        Args:
            target: The item's first picture, without a suffix.
        """
        found = self._parts and self._parts.get(str(target.parent))
        if not found:
            return 0
        stem = target.name.removesuffix("1") if target.name.endswith("-1") else target.name
        ours = re.compile(rf"({re.escape(stem)}\d+|{re.escape(target.name)})(-\d+)?\.[a-z]+")
        mine = [name for name in found if _is_of(name[1:-MARK_LENGTH], stem, ours)]
        for name in mine:
            found.remove(name)
            with contextlib.suppress(OSError):
                (target.parent / name).unlink()
        return len(mine)


def _unfinished(output: Path, *, deep: bool) -> Iterator[tuple[str, str]]:
    """Yield the folder and the name of each; ``os.walk`` would hold a list of the million files beside them."""
    folders = [str(output)]
    while folders:
        folder = folders.pop()
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders += [entry.path] if deep else []
                elif entry.name.endswith(PART) and entry.name.startswith("."):
                    yield folder, entry.name


def _is_of(name: str, stem: str, ours: re.Pattern[str]) -> bool:
    """Whether an unfinished file's name is an item's; a long one is cut, before or after the stem's end."""
    is_cut = len(name) == MAX_PART_NAME and name.startswith(stem[:MAX_PART_NAME])
    return bool(ours.fullmatch(name)) or (is_cut and bool(AFTER_STEM.fullmatch(name[len(stem) :])))


def check_not_original(target: Path, request: AnyRequest, *, is_numbered: bool = True) -> None:
    """Raise `InputError` when a picture would be written over one of the request's own photos."""
    number = "1" if is_numbered else ""
    beginning = os.path.normcase(target.name.removesuffix(number))
    for image in images_of(request):
        if not isinstance(image, (str, os.PathLike)):
            continue
        if not os.path.normcase(os.path.basename(os.fsdecode(image))).startswith(beginning):  # noqa: PTH119 - a str
            continue
        ours = _absolute(target).removesuffix(number)
        stem, suffix = os.path.splitext(_absolute(image))  # noqa: PTH122 - a str is at hand
        is_ours = stem == ours if not number else stem.startswith(ours) and stem[len(ours) :].isdecimal()
        if is_ours and suffix.lower() in KNOWN_SUFFIXES:
            raise InputError(f"key: {target} is the place of an original")


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.normcase(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - pathlib leaves ".." where it is


def safe_parts(key: object) -> list[str]:
    """Return the parts of a relative path that every system can store, or raise `InputError`."""
    if not isinstance(key, str) or not key.strip():
        raise InputError(
            f"key: expected a non-empty str, got {type(key).__name__ if not isinstance(key, str) else key!r}"
        )
    if not key.isascii() and HALF_CHARACTER.search(key):
        raise InputError("key: expected text, got half a character (a name that is not UTF-8?)")
    path = key.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ntpath.splitdrive(key)[0] or ".." in parts or not parts:
        raise InputError(f"key: expected a relative path below the output, got {key[:80]!r}")
    for part in parts:
        is_reserved = part.split(".", 1)[0].lower() in RESERVED
        if is_reserved or not FORBIDDEN.isdisjoint(part) or part != part.rstrip(". "):
            raise InputError(f"key: expected a name that every system can store, got {part[:80]!r}")
    return parts
