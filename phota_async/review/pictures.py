"""The pictures of a run, by number: the only files that the page is shown. Blocks where it reads.

No path ever comes from outside: the page names a number, and a number leads to a source or an output of the run. A
file that leads elsewhere than when it got its number is refused, and so is an output that is not below the run's
folder: links and ``..`` lead nowhere.
"""

import os
import stat
from contextlib import ExitStack
from pathlib import Path

import msgspec

from ..errors import InputError
from ..photos.loading import MAX_FILE, Photo, identified
from ..results import StrPath
from ..runs import RunFolder, RunPlaces
from ..runs.places import resolved

FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
CAN_WALK = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")  # Windows cannot


class Place(msgspec.Struct, frozen=True):
    """Where a picture lies."""

    name: str
    """What people call it."""
    path: Path | None
    """As it was resolved when it got its number; ``None`` for one that must not be shown."""
    spelled: Path | None = None
    """As the run's records say it."""


class Pictures:
    """Gives numbers to a run's pictures and reads them.

    Args:
        folder: The run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._run = RunPlaces(folder)
        self._root = self._run.root
        self._places: list[Place] = []
        self._numbers: dict[tuple[str, bool], int] = {}

    def add_source(self, source: str) -> int | None:
        """Return the number of a source; ``None`` for one that is behind a link or was only in memory."""
        path = self._run.source(source)
        if path is None:
            return None
        return self._add(source, is_output=False, place=Place(path.name, resolved(path), path))

    def add_output(self, output: str) -> int:
        """Return the number of an output, named as the run's records name it."""
        spelled = self._run.output(output)
        path = resolved(spelled) if self._run.is_ours(spelled) else None
        return self._add(output, is_output=True, place=Place(spelled.name, path, spelled))

    def relative(self, number: int) -> Path:
        """Return an output's path below the run's folder.

        Raises:
            InputError: It lies elsewhere.
        """
        place = self._place(number)
        if place.path is None or not place.path.is_relative_to(self._root):
            raise InputError(f"{place.name}: expected a picture of this run, got something outside its folder")
        return place.path.relative_to(self._root)

    def open(self, number: int) -> int:
        """Open a picture and return its descriptor.

        Raises:
            InputError: There is no such picture, or it is none of the run's any more.
        """
        place = self._place(number)
        if place.path is None or place.spelled is None or resolved(place.spelled) != place.path:
            raise InputError(f"{place.name}: expected a picture of this run, got a path that leads elsewhere")
        try:
            descriptor = _open_below(self._root, place.path)
        except OSError as error:
            raise InputError(f"{place.name}: {error.strerror or error}") from None
        try:
            _check(os.fstat(descriptor), place.name)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def read(self, number: int) -> Photo:
        """Return a picture's bytes and what they are, whatever its name says.

        Raises:
            InputError: It cannot be read, or is no picture.
        """
        with os.fdopen(self.open(number), "rb") as file:
            return identified(file.read(), self._place(number).name)

    def name(self, number: int) -> str:
        """Return what people call a picture."""
        return self._place(number).name

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"<Pictures {len(self)} of {self._folder.run}>"

    def _add(self, name: str, *, is_output: bool, place: Place) -> int:
        number = self._numbers.setdefault((name, is_output), len(self._places))
        if number == len(self._places):
            self._places.append(place)
        return number

    def _place(self, number: int) -> Place:
        if not 0 <= number < len(self._places):
            raise InputError(f"expected a picture of this run, got number {number}")
        return self._places[number]


def _open_below(root: Path, path: Path) -> int:
    """Open a file, of which no link is followed.

    Of one below the run's folder, each folder on the way is opened from the one before, so that nobody can put a link
    in the way between a look and the opening.
    """
    if not CAN_WALK or not path.is_relative_to(root):
        return os.open(path, FLAGS)
    *folders, name = path.relative_to(root).parts or (".",)
    with ExitStack() as opened:
        here = _folder(root, None, opened)
        for each in folders:
            here = _folder(each, here, opened)
        return os.open(name, FLAGS, dir_fd=here)


def _folder(path: StrPath, within: int | None, opened: ExitStack) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    opened.callback(os.close, descriptor)
    return descriptor


def _check(details: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(details.st_mode):
        raise InputError(f"{name}: expected a picture, got no regular file")
    if details.st_size > MAX_FILE:
        raise InputError(f"{name}: expected at most {MAX_FILE} bytes, got {details.st_size}")
