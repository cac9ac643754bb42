"""Find the photos of a folder. Blocks."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

import msgspec

from ..errors import InputError
from ..media.formats import KNOWN_SUFFIXES

RAW_SUFFIXES = frozenset(
    f".{name}" for name in ("3fr", "arw", "cr2", "cr3", "dng", "nef", "orf", "pef", "raf", "raw", "rw2", "srw")
)
FILM_SUFFIXES = frozenset(f".{name}" for name in ("avi", "m4v", "mkv", "mov", "mp4", "mts", "webm"))


class PhotoFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in a folder."""

    photos: tuple[Path, ...]
    """Files with a picture's suffix, in the order of their names."""
    unsupported: tuple[Path, ...]
    """Cameras' raw files and films: somebody may believe that they count."""


def find_photos(
    folder: str | os.PathLike[str],
    *,
    recursive: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> PhotoFolder:
    """List the photos of a folder; hidden files and folders are passed over, and links to folders not followed.

    Args:
        folder: The folder.
        recursive: Whether folders below it count.
        include: Patterns such as ``IMG_*``, held against a file's name and its path below the folder; none takes all.
        exclude: Patterns of what is left out.

    Raises:
        InputError: It is no folder, or cannot be read.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder of photos, got {'a file' if root.exists() else 'nothing there'}")
    names = [name for name in _names(root, recursive=recursive) if _is_wanted(name, include, exclude)]
    chosen = sorted(names, key=lambda name: [part.casefold() for part in name.parts])
    return PhotoFolder(
        photos=tuple(root / name for name in chosen if name.suffix.lower() in KNOWN_SUFFIXES),
        unsupported=tuple(root / name for name in chosen if name.suffix.lower() in RAW_SUFFIXES | FILM_SUFFIXES),
    )


def _names(root: Path, *, recursive: bool) -> Iterator[Path]:
    """Yield the paths of all files below a folder, relative to it."""
    for current, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                yield (Path(current) / name).relative_to(root)


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename}: {error.strerror or error}")


def _is_wanted(name: Path, include: Sequence[str], exclude: Sequence[str]) -> bool:
    def fits(pattern: str) -> bool:
        return fnmatch(name.name, pattern) or fnmatch(name.as_posix(), pattern)

    return (not include or any(map(fits, include))) and not any(map(fits, exclude))
