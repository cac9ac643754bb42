"""One row of a list: its cells by the names of columns, and the plan they make. No I/O."""

from collections.abc import Callable
from typing import Any

import msgspec

from ..errors import InputError, shorten
from .plans import KINDS, RequestPlan
from .tables import Cells

COLUMNS = ("input", "op", "prompt", "people", "variations", "resolution", "aspect", "model", "reference", "out")
MOST_DIGITS = 18  # of a number: Python refuses to read some thousands
SEPARATOR = "|"  # between several photos, or people, in one cell
_COLUMN_OF = {  # what errors call a field, and where it stands in a list
    "operation": "op",
    "images": "input",
    "image": "input",
    "input_image": "input",
    "reference_image": "reference",
    "profile_ids": "people",
    "num_output_images": "variations",
    "aspect_ratio": "aspect",
    "base_model": "model",
}


class Row(msgspec.Struct, frozen=True):
    """A row."""

    line: int
    """Where it begins, from 1."""
    cells: Cells

    def text(self, column: str) -> str | None:
        """Return a cell's text, ``None`` where there is none.

        Raises:
            InputError: It is neither text nor a number.
        """
        value = self.cells.get(column)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise InputError(f"{column}: expected text, got {type(value).__name__}")
        return str(value).strip() or None

    def texts(self, column: str) -> list[str]:
        """Return the several texts of a cell: a JSON list, or parts with ``|`` between them."""
        value = self.cells.get(column)
        if not isinstance(value, list):
            text = self.text(column) or ""
            return [each.strip() for each in text.split(SEPARATOR) if each.strip()]
        if not all(isinstance(each, str) and each for each in value):
            raise InputError(f"{column}: expected a list of texts, got one with something else in it")
        return value

    def free(self) -> dict[str, str]:
        """Return the cells of columns that mean nothing to us, for templates."""
        return {name: str(value) for name, value in self.cells.items() if name not in COLUMNS and _is_plain(value)}


def plan_of(row: Row, plan: RequestPlan, place: Callable[[str], str]) -> RequestPlan:
    """Return a plan with what a row says.

    Args:
        row: The row.
        plan: What holds where it says nothing.
        place: Makes a path of the row absolute.
    """
    changes: dict[str, Any] = {name: row.text(name) for name in ("prompt", "resolution", "aspect", "model")}
    changes |= {"operation": row.text("op"), "variations": _count(row), "people": tuple(row.texts("people")) or None}
    if reference := row.text("reference"):
        changes["reference"] = place(reference)
    made = plan.replace(**{name: value for name, value in changes.items() if value is not None})
    if made.operation not in KINDS:
        raise InputError(f"op: expected {' or '.join(KINDS)}, got {shorten(made.operation, 40)!r}")
    if made.operation in ("enhance", "remix"):
        _check_unsized(row, made.operation)
    return made if made.operation != "generate" or changes["people"] else made.replace(people=())


def column_of(field: str) -> str | None:
    """Return the column that an error's field stands in, or ``None`` for what is no field of a list."""
    name = field.split("[", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    name = _COLUMN_OF.get(name, name)
    return name if name in COLUMNS or name == "names" else None


def _check_unsized(row: Row, operation: str) -> None:
    for column in ("resolution", "aspect", "model"):
        if text := row.text(column):
            raise InputError(f"{column}: expected none with {operation}, got {shorten(text, 40)!r}")


def _count(row: Row) -> int | None:
    text = row.text("variations")
    if text is None:
        return None
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise InputError(f"variations: expected a number, got {shorten(text, 40)!r}")
    return int(text)


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)
