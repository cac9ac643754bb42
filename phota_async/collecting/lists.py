"""A list with a request a row, checked to its end before anything is made of it."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import msgspec

from ..batch.items import BatchItem
from ..batch.templates import Names, literal
from ..errors import InputError, PhotaError
from ..hidden import rich_repr
from ..media.formats import HEAD, KNOWN_SUFFIXES, sniff
from ..media.reading import open_file
from ..media.sources import is_link
from ..requests import AnyRequest
from ..results import StrPath, to_path
from ..validation import check_request, is_http_url
from .keys import key_of
from .plans import RequestPlan
from .rows import Row, column_of, plan_of
from .tables import TableError, read_rows

MOST_TOLD = 10  # faults of a list that are told at once
ROW_KEY = "row-{}"


class ItemList(Collection[BatchItem]):
    """The items of a list. Each iteration reads it anew, row by row; the first one before any item is given.

    Columns are ``input``, ``op``, ``prompt``, ``people``, ``variations``, ``resolution``, ``aspect``, ``model``,
    ``reference`` and ``out``; others may stand in a template for names, as ``{row.<column>}``. Paths begin where the
    list lies. A row without ``input`` is for ``generate``.

    Args:
        path: A ``.csv`` or ``.jsonl`` file.
        plan: What holds where a row says nothing.
        resolve: Finishes the plan of a row: what names stand for, which people there are. It raises a `PhotaError`.
        names: As in `Batch`; an ``out`` goes before it.
        takes: How often an item may be asked for: with more than once, ``out`` gets a number.
    """

    def __init__(
        self,
        path: StrPath,
        plan: RequestPlan,
        *,
        resolve: Callable[[RequestPlan], RequestPlan] = lambda plan: plan,
        names: str | None = None,
        takes: int = 1,
    ) -> None:
        self.path = to_path(path)
        self._folder = Path(os.path.abspath(self.path)).parent  # noqa: PTH100 - pathlib leaves ".." where it is
        self._plan, self._resolve, self._takes = plan, resolve, takes
        self._names = Names(names)
        self._length: int | None = None
        self._repeated: frozenset[str] = frozenset()

    def check(self) -> None:
        """Read all rows. Blocks: each photo's first bytes are looked at.

        Raises:
            InputError: Some cannot be used: the first ten faults, each with line and column.
        """
        faults: list[str] = []
        keys: Counter[str] = Counter()
        places: dict[str, int] = {}
        for row in self._rows(faults):
            keys[row.key] += 1
            self._check_place(row, places, faults)
        if not keys and not faults:
            faults.append("expected rows, got none")
        if faults:
            self._fail(faults)
        self._length = keys.total()
        self._repeated = frozenset(key for key, count in keys.items() if count > 1)

    def __iter__(self) -> Iterator[BatchItem]:
        if self._length is None:
            self.check()
        faults: list[str] = []
        for row in self._rows(faults):
            if faults:  # it changed since it was checked
                self._fail(faults)
            key = f"{row.stem}-row{row.line}{row.suffix}" if row.key in self._repeated else row.key
            yield BatchItem(key, row.request, names=self._template(row), fields=row.fields)
        if faults:
            self._fail(faults)

    def __len__(self) -> int:
        if self._length is None:
            self.check()
        return self._length or 0

    def __contains__(self, item: object) -> bool:
        return any(each == item for each in self)

    def __repr__(self) -> str:
        return f"<ItemList {self.path.name}>"

    def _rows(self, faults: list[str]) -> Iterator["_RowItem"]:
        """Yield the rows that can be used, and note what is wrong with others; what cannot be read further ends it."""
        try:
            for line, cells in read_rows(self.path):
                try:
                    yield self._row_item(Row(line, cells))
                except PhotaError as error:
                    faults.append(f"line {line}, {_told(error)}")
        except TableError as error:
            faults.append(f"line {error.line}: {error.sentence()}" if error.line else error.sentence())

    def _row_item(self, row: Row) -> "_RowItem":
        plan = self._resolve(plan_of(row, self._plan, self._place))
        inputs = [self._place(each) for each in row.texts("input")]
        request = plan.build(inputs)
        check_request(request)
        if self._length is None:  # being checked; one that is gone later fails alone, when its turn comes
            for column, paths in (("input", inputs), ("reference", [plan.reference] if plan.reference else [])):
                check_photos(column, paths)
        return _RowItem(row.line, self._key(row, inputs), request, row.text("out") or "", row.free())

    def _key(self, row: Row, inputs: list[str]) -> str:
        out = row.text("out")
        if out:
            return key_of(out.replace("\\", "/").split("/"))
        if not inputs:
            return ROW_KEY.format(row.line)
        first = Path(inputs[0])
        is_below = not is_link(inputs[0]) and first.is_relative_to(self._folder)
        return key_of(first.relative_to(self._folder).parts if is_below else [first.name])

    def _template(self, row: "_RowItem") -> str:
        """Return the template of a row that says where its pictures go."""
        if not row.out:
            return ""
        stem, suffix = os.path.splitext(row.out)  # noqa: PTH122 - a str
        place = stem if suffix.lower() in KNOWN_SUFFIXES else row.out
        is_numbered = row.request.num_output_images > 1 or self._takes > 1
        return f"{literal(place)}{'-{k}' if is_numbered else ''}.{{ext}}"

    def _check_place(self, row: "_RowItem", places: dict[str, int], faults: list[str]) -> None:
        """Note what is wrong with a row's names."""
        item = BatchItem(row.key, row.request, names=self._template(row), fields=row.fields)
        first = places.setdefault(row.out, row.line) if row.out else row.line
        if first != row.line:
            faults.append(f"line {row.line}, column out: expected a place of its own, got that of line {first}")
        try:
            self._names.check_numbers(item, self._takes)
            self._names.target(Path(), item)
        except InputError as error:
            faults.append(f"line {row.line}, {_told(error, 'out' if row.out else 'names')}")

    def _place(self, path: str) -> str:
        """Return a path as seen from the list."""
        return path if is_link(path) else os.path.abspath(self._folder / path)  # noqa: PTH100

    def _fail(self, faults: list[str]) -> None:
        more = f"\n  and {len(faults) - MOST_TOLD} more" if len(faults) > MOST_TOLD else ""
        told = "".join(f"\n  {fault}" for fault in faults[:MOST_TOLD])
        raise InputError(f"{self.path}: expected a list that can be carried out to its end, got{told}{more}")


class _RowItem(msgspec.Struct, frozen=True):
    """A row that was understood."""

    line: int
    key: str
    request: AnyRequest
    out: str
    fields: dict[str, str]

    def __repr__(self) -> str:
        return f"<_RowItem {self.key}>"

    __rich_repr__ = rich_repr

    @property
    def suffix(self) -> str:
        suffix = os.path.splitext(self.key)[1]  # noqa: PTH122 - a str
        return suffix if suffix.lower() in KNOWN_SUFFIXES else ""

    @property
    def stem(self) -> str:
        return self.key.removesuffix(self.suffix)


def _told(error: PhotaError, column: str | None = None) -> str:
    """Return an error with its column in front: ``column variations: expected ...``."""
    field, colon, words = str(error).partition(": ")
    found = column or column_of(field)
    return f"column {found}: {words}" if colon and found else str(error)


def check_photos(column: str, paths: list[str]) -> None:
    """Raise `InputError` for what is no photo, as its first bytes say."""
    for path in paths:
        if is_link(path):
            if not is_http_url(path):
                raise InputError(f"{column}: expected a link with a host, got {path[:80]!r}")
            continue
        try:
            with open_file(path) as file:
                head = file.read(HEAD)
        except (OSError, ValueError) as error:
            raise InputError(f"{column}: {path}: {getattr(error, 'strerror', None) or error}") from None
        if sniff(head) is None:
            raise InputError(f"{column}: expected a photo (JPEG, PNG, WebP, HEIC), got {path}")
