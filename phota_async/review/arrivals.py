"""What a run that goes on adds while its review is open. Looks at two small files; blocks."""

from pathlib import Path

import msgspec

from ..runs import ItemRecord, RunFolder, RunRecord
from ..runs.folder import ITEMS, RUN

INTERVAL = 2.0  # seconds between two looks
Mark = tuple[int, int, int] | None


class News(msgspec.Struct, frozen=True):
    """A run as it is now."""

    run: RunRecord
    records: list[ItemRecord]


class Arrivals:
    """Tells when a run's files moved on.

    Args:
        folder: The run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._seen: list[Mark] | None = None

    def read(self) -> News | None:
        """Return the run, the first time and whenever it changed since; else ``None``.

        Raises:
            InputError: It is no run, or not any more.
        """
        marks = [_mark(self._folder.path / name) for name in (RUN, ITEMS)]  # first: what comes later is seen later
        if marks == self._seen:
            return None
        news = News(self._folder.record(), self._folder.records())
        self._seen = marks
        return news

    def __repr__(self) -> str:
        return f"<Arrivals of {self._folder.run}>"


def _mark(path: Path) -> Mark:
    try:
        details = path.stat()
    except OSError:
        return None
    return details.st_ino, details.st_size, details.st_mtime_ns
