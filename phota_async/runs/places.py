"""Where a run's photos lie now. Looks at the disk, and opens nothing; blocks.

A run's folder may come from a stranger, so its records are words, not orders. What they call an output is one only
below the folder itself: neither an absolute path, nor ``..``, nor a link leads anywhere else. Sources lie where the
user's photos lie, anywhere: whoever shows one looks at its content first, and shows pictures only.
"""

import os
from pathlib import Path

from .folder import RunFolder
from .paths import from_text

LINKS = ("http://", "https://", "data:")


class RunPlaces:
    """Finds the files of a run, wherever it was moved to.

    Args:
        folder: The run.

    Raises:
        InputError: It is no run of ours.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._then = Path(from_text(folder.record().output))
        self._now = Path(os.path.abspath(folder.output))  # noqa: PTH100 - resolve() would follow links
        self.root = folder.output.resolve()
        """What outputs lie below, without links."""

    def source(self, text: str) -> Path | None:
        """Return where a source lies; ``None`` for one that was only in memory or behind a link."""
        if not text or text.lower().startswith(LINKS):
            return None
        return self._moved(Path(from_text(text)))

    def output(self, text: str) -> Path:
        """Return where an output lies, if `is_ours` says so of it."""
        return self._moved(self._folder.picture(from_text(text)))

    def is_ours(self, path: Path) -> bool:
        """Whether a file may be shown as an output: below the run's folder, with no link on the way."""
        found = resolved(path)
        return found is not None and found.is_relative_to(self.root) and not path.is_symlink()

    def _moved(self, path: Path) -> Path:
        """Return the path, or where it must be now if it went along with the folder."""
        if self._then == self._now or _is_there(path):
            return path
        try:
            near = Path(os.path.abspath(self._now / os.path.relpath(path, self._then)))  # noqa: PTH100
        except ValueError:  # another drive on Windows, or no path at all
            return path
        return near if _is_there(near) else path

    def __repr__(self) -> str:
        return f"<RunPlaces of {self._folder.run}>"


def resolved(path: Path) -> Path | None:
    """Return where a path leads; ``None`` for what no system can have."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # links in a ring, a NUL in the name
        return None


def _is_there(path: Path) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL in the name
        return False
