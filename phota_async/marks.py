"""A set of short marks that stays small however many there are: the first ones in memory, the rest on disk."""

from typing import TYPE_CHECKING

from .errors import DownloadError

if TYPE_CHECKING:
    import sqlite3

IN_MEMORY = 10_000  # marks: about 1 MB
PAGES = 1000  # KiB of the file that SQLite keeps in memory
CREATE = "CREATE TABLE mark (value BLOB PRIMARY KEY) WITHOUT ROWID"
HAS = "SELECT 1 FROM mark WHERE value = ?"
ADD = "INSERT OR IGNORE INTO mark VALUES (?)"


class Marks:
    """Remembers marks in constant memory.

    Usage::

        marks = Marks()
        marks.add(digest)  # True the first time
        marks.close()

    Beyond the first 10,000 they go into a nameless SQLite database, which lies where the system keeps temporary
    files, belongs to this process alone and is gone when that ends. A mark there takes about 4 us and 26 bytes of
    disk, also the millionth: little enough for the event loop.

    Args:
        in_memory: So many are kept in memory.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._first: set[bytes] = set()
        self._rest: sqlite3.Connection | None = None

    def add(self, mark: bytes) -> bool:
        """Remember a mark; says whether it was new.

        Raises:
            DownloadError: The disk for temporary files is full. What was remembered may be lost with it, so that
                every later mark would be in doubt.
        """
        if mark in self._first:
            return False
        if len(self._first) < self._in_memory:
            self._first.add(mark)
            return True
        return self._add_to_rest(mark)

    def has(self, mark: bytes) -> bool:
        """Whether a mark is remembered."""
        if mark in self._first or self._rest is None:
            return mark in self._first
        return self._rest.execute(HAS, (mark,)).fetchone() is not None

    def close(self) -> None:
        """Forget everything, and give the disk back; safe to call again."""
        self._first.clear()
        if self._rest is not None:
            self._rest.close()
            self._rest = None

    def _add_to_rest(self, mark: bytes) -> bool:
        import sqlite3  # noqa: PLC0415 - most batches never get here

        try:
            if self._rest is None:
                self._rest = _open()
            return self._rest.execute(ADD, (mark,)).rowcount == 1
        except sqlite3.Error as error:
            raise DownloadError("the temporary files' directory", str(error)).with_context(
                charged="no", is_full=True, hint="free some space there, or let TMPDIR name another directory"
            ) from None

    def __repr__(self) -> str:
        return f"<Marks {len(self._first)} in memory{', more on disk' if self._rest else ''}>"


def _open() -> "sqlite3.Connection":
    """Return an empty database of our own: without a name, a journal or a sync, since nobody reads it later."""
    import sqlite3  # noqa: PLC0415

    connection = sqlite3.connect("", isolation_level=None)
    connection.execute(f"PRAGMA cache_size = -{PAGES}")
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(CREATE)
    connection.execute("BEGIN")  # one for its whole life: a transaction a mark would cost ten times as much
    return connection
