"""Read lists of rows: CSV as spreadsheets save it, and JSON Lines. Row by row, with the line each began on."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..errors import InputError
from ..media.reading import open_file

DELIMITERS = ",;\t"
SUFFIXES = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
LONGEST = 2**20  # characters of a cell
LONGEST_ROW = 4 * LONGEST  # of a row: one that never ends would fill the memory
_TOO_LONG = f"a row of more than {LONGEST_ROW} characters"
HINT = 'a spreadsheet saves it as "CSV UTF-8"'

Cells = dict[str, Any]


class TableError(InputError):
    """A row that cannot be read.

    Args:
        message: What is wrong.
        line: Where the row begins, from 1; 0 for the list as a whole.
    """

    def __init__(self, message: str, line: int = 0, /) -> None:
        super().__init__(message, line)
        self.line = line

    def sentence(self) -> str:
        """Say it without the place, which whoever knows the file's name adds."""
        return str(self.args[0])


def read_rows(path: Path) -> Iterator[tuple[int, Cells]]:
    """Yield the rows of a list, each with its line; names of columns are stripped and in lower case. Blocks.

    CSV may begin with a byte order mark, be separated by commas, semicolons or tabs, and quote what it likes; what
    looks like a formula is text. Empty rows are left out.

    Raises:
        TableError: The list, or a row, cannot be read.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise TableError(f"expected a list that is called {' or '.join(SUFFIXES)}, got {path.name}")
    try:
        with open_file(path) as file:
            encoding = _encoding(file.read(4))
            file.seek(0)
            text = io.TextIOWrapper(file, encoding=encoding, newline="")
            yield from _csv_rows(text) if kind == "csv" else _json_rows(text)
    except UnicodeError:
        raise TableError(f"expected text in UTF-8, got something else; {HINT}") from None
    except OSError as error:
        raise TableError(error.strerror or str(error)) from None


def _encoding(head: bytes) -> str:
    is_wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if is_wide else "utf-8-sig"


def _csv_rows(text: io.TextIOBase) -> Iterator[tuple[int, Cells]]:
    rows = _split(text)
    header = next(((line, row) for line, row in rows if any(row)), None)
    if header is None:
        raise TableError("expected a first row with the names of columns, got an empty list")
    names = _names(*header)
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(names) and any(cell.strip() for cell in row[len(names) :]):
            raise TableError(f"expected {len(names)} cells, got {len(row)}: quote cells that hold a separator", line)
        yield line, {name: cell for name, cell in zip(names, row, strict=False) if name}


def _split(text: io.TextIOBase) -> Iterator[tuple[int, list[str]]]:
    """Yield rows as cells, each with the line it began on."""
    first = text.readline(LONGEST_ROW + 1)
    line, lines = 0, _Lines(first, text)
    csv.field_size_limit(LONGEST)
    reader = csv.reader(lines, delimiter=_delimiter(first), strict=True)
    try:
        for row in reader:
            yield line + 1, row
            line = reader.line_num
            lines.begin_row()
    except csv.Error as error:
        raise TableError(f"expected CSV, got what cannot be taken apart: {error}", line + 1) from None


class _Lines:
    """A first line and those behind it; so many characters that they are no row are an error."""

    def __init__(self, first: str, rest: io.TextIOBase) -> None:
        self._first: str | None = first
        self._rest = rest
        self.begin_row()

    def begin_row(self) -> None:
        """Let what follows be another row."""
        self._left = LONGEST_ROW

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line, self._first = self._first, None
        if line is None:
            line = self._rest.readline(self._left + 1)
        if not line:
            raise StopIteration
        self._left -= len(line)
        if self._left < 0:
            raise csv.Error(_TOO_LONG)
        return line


def _delimiter(first: str) -> str:
    """Return what separates most in the first row, quotes aside."""
    bare = "".join(first.split('"')[::2])
    return max(DELIMITERS, key=bare.count)


def _names(line: int, row: Sequence[str]) -> list[str]:
    names = [name.strip().lower() for name in row]
    doubled = next((name for name, count in Counter(names).items() if name and count > 1), None)
    if doubled:
        raise TableError(f"expected columns of different names, got {doubled!r} twice", line)
    return names


def _json_rows(text: io.TextIOBase) -> Iterator[tuple[int, Cells]]:
    for line, row in enumerate(iter(lambda: text.readline(LONGEST_ROW + 1), ""), 1):
        if len(row) > LONGEST_ROW:
            raise TableError(f"expected a JSON object, got {_TOO_LONG}", line)
        if not row.strip():
            continue
        try:
            cells = msgspec.json.decode(row)
        except (msgspec.DecodeError, RecursionError) as error:
            raise TableError(f"expected a JSON object, got what cannot be taken apart: {error}", line) from None
        if not isinstance(cells, dict):
            raise TableError(f"expected a JSON object, got {type(cells).__name__}", line)
        yield line, {name.strip().lower(): value for name, value in cells.items()}
