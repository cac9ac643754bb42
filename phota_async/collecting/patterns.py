"""Which files of a folder are photos to send: by their names, and by what people ask for. No I/O."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence

from ..errors import InputError
from ..media.formats import KNOWN_SUFFIXES, SUFFIXES

TAKEN = frozenset(suffix for name in ("jpg", "png", "webp", "heic") for suffix in SUFFIXES[name])
OWN = re.compile(
    rf".+\.(edit|generate|enhance|remix)(-take\d+)?-\d+(-\d+)?({'|'.join(map(re.escape, sorted(KNOWN_SUFFIXES)))})",
    re.IGNORECASE | re.DOTALL,
)


class Filter:
    """Says which files are taken and which folders are entered.

    Args:
        include: Patterns such as ``*.jpg`` or ``2019/*``; nothing stands for all files that look like photos which the
            service takes. Case does not matter, ``*`` matches ``/`` too.
        exclude: Patterns of files and folders that are left out.

    A pattern with a ``/`` is about the path below the folder that was given, one without is about the name.
    """

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include, self._exclude = _matcher("include", include), _matcher("exclude", exclude)
        self._is_open = not include

    def takes(self, name: str, path: str) -> bool:
        """Whether a file is a photo to send.

        Args:
            name: Its name.
            path: Its path below the folder that was given, with ``/``.
        """
        wanted = suffix_of(name) in TAKEN if self._is_open else self._include(name, path)
        return wanted and not self._exclude(name, path)

    def enters(self, name: str, path: str) -> bool:
        """Whether a folder is looked into."""
        return not self._exclude(name, path)


def is_own_result(name: str) -> bool:
    """Whether a file's name is one that a run gives, as ``photo.enhance-1.jpg``."""
    return OWN.fullmatch(name) is not None


def suffix_of(name: str) -> str:
    """Return a name's suffix in lower case, ``""`` where it has none."""
    _, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if dot else ""


def _matcher(name: str, patterns: Iterable[str]) -> Callable[[str, str], bool]:
    by_name: list[str] = []
    by_path: list[str] = []
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern.strip("/"):
            raise InputError(f"{name}: expected a pattern such as *.jpg, got {pattern!r}")
        bare = pattern.removeprefix("./").rstrip("/").casefold()
        (by_path if "/" in bare else by_name).append(fnmatch.translate(bare))
    names, paths = _joined(by_name), _joined(by_path)
    return lambda name, path: bool((names and names.match(name.casefold())) or (paths and paths.match(path.casefold())))


def _joined(expressions: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(expressions)) if expressions else None
