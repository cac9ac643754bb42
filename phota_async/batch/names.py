"""Where an item's pictures go: its key, mirrored below the output directory. Never an original's place."""

import contextlib
import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..errors import InputError
from ..media.formats import KNOWN_SUFFIXES
from ..requests import AnyRequest, images_of

RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10))})
FORBIDDEN = frozenset('<>:"|?*') | {chr(code) for code in range(32)}
MAX_NAME = 200  # bytes: room for a number, a suffix and the mark of an unfinished file below the usual 255


def target_of(output: Path, key: str, request: AnyRequest, take: int = 1) -> Path:
    """Return the path of an item's first picture, without a suffix: ``sub/12.png`` gives ``sub/12.edit-1``.

    Raises:
        InputError: The key is no safe relative path.
    """
    parts = _safe_parts(key)
    last = PurePosixPath(parts[-1])
    stem = last.stem if last.suffix.lower() in KNOWN_SUFFIXES else last.name
    name = f"{stem}.{request.operation}-{take}"
    if len(name.encode()) > MAX_NAME:
        raise InputError(f"key: expected names of at most {MAX_NAME} bytes, got {len(name.encode())}")
    return output.joinpath(*parts[:-1], name)


def existing(target: Path) -> list[Path]:
    """Return files that already bear a target's name, whatever their suffix."""
    return [
        path for path in (target.with_name(target.name + suffix) for suffix in sorted(KNOWN_SUFFIXES)) if path.exists()
    ]


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
        mark = hash(str(target).casefold())
        if mark in self._taken:
            raise InputError(f"key: {target} is the place of another item of this batch")
        self._taken.add(mark)


def remove_parts(target: Path, before: float) -> int:
    """Remove unfinished files of an item that a dead run left, and return how many.

    Args:
        target: The item's first picture, without a suffix.
        before: Unix time at which this run began: what was written since then is alive.
    """
    stem = re.escape(target.name.removesuffix("-1"))
    left = re.compile(rf"\.{stem}-\d+\.[a-z]+\.[0-9a-f]{{12}}\.part")  # as `media.files.PartFile` names them
    removed = 0
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if left.fullmatch(entry.name) and entry.stat(follow_symlinks=False).st_mtime < before:
                os.unlink(entry.path)  # noqa: PTH108 - an entry has a str
                removed += 1
    return removed


def check_not_original(target: Path, request: AnyRequest) -> None:
    """Raise `InputError` when a picture would be written over one of the request's own photos."""
    for image in images_of(request):
        if isinstance(image, (str, os.PathLike)) and Path(os.fsdecode(image)).with_suffix("") == target:
            raise InputError(f"key: {target} is the place of an original")


def _safe_parts(key: object) -> tuple[str, ...]:
    if not isinstance(key, str) or not key.strip():
        raise InputError(
            f"key: expected a non-empty str, got {type(key).__name__ if not isinstance(key, str) else key!r}"
        )
    pure = PurePosixPath(key.replace("\\", "/"))
    if pure.is_absolute() or PureWindowsPath(key).drive or ".." in pure.parts or not pure.parts:
        raise InputError(f"key: expected a relative path below the output, got {key[:80]!r}")
    for part in pure.parts:
        if part.split(".")[0].lower() in RESERVED or FORBIDDEN & set(part) or part != part.rstrip(". "):
            raise InputError(f"key: expected a name that every system can store, got {part[:80]!r}")
    return pure.parts
