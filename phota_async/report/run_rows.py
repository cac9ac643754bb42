"""Make the contact sheet's rows from the records of a run. Reads the run's files and looks for its photos; blocks."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..runs import ItemRecord, RunFolder
from ..runs.paths import from_text
from .rows import SheetPhoto, SheetRow
from .wanted import candidates_of, options_of, prompt_of

LINKS = ("http://", "https://")


def rows_of_run(folder: RunFolder) -> list[SheetRow]:
    """Return a row for each item of a run, in the run's order, also while it runs or after it was killed.

    Photos are found where the records say, and, when the folder was moved with them, at the same place seen from it.

    Raises:
        InputError: It is no run of ours.
    """
    places = _Places(folder)
    return [_row(record, places) for record in folder.records()]


class _Places:
    """Finds the files of a run, wherever it was moved to."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._then = Path(from_text(folder.record().output))
        self._now = Path(os.path.abspath(folder.output))  # noqa: PTH100 - resolve() would follow links

    def source(self, text: str) -> SheetPhoto:
        if not text:
            return b""
        return text if text.lower().startswith(LINKS) else self._moved(Path(from_text(text)))

    def output(self, text: str) -> Path:
        return self._moved(self._folder.picture(from_text(text)))

    def _moved(self, path: Path) -> Path:
        """Return the path, or where it must be now if it went along with the folder."""
        if self._then == self._now or os.path.lexists(path):
            return path
        try:
            near = Path(os.path.abspath(self._now / os.path.relpath(path, self._then)))  # noqa: PTH100
        except ValueError:  # another drive on Windows
            return path
        return near if os.path.lexists(near) else path


def _row(record: ItemRecord, places: _Places) -> SheetRow:
    identity, cost, error = record.identity, record.cost, record.error
    is_planned = record.status == "planned"
    is_told = identity.recognised is not None or record.status != "done"
    return SheetRow(
        key=record.key,
        operation=record.operation,
        status=record.status,
        prompt=prompt_of(record.request),
        sources=tuple(places.source(each) for each in record.sources),
        results=() if is_planned else tuple(places.output(each.path) for each in record.outputs),
        expected=identity.expected if is_told else (),  # nobody knows whether they are in it
        found={**(identity.recognised or {}), **dict.fromkeys(identity.missing, 0)},
        recognised=tuple(each.recognised for each in record.outputs),
        candidates=candidates_of(record.operation, record.request),
        **_price(cost.low, cost.high, cost.settled, is_planned=is_planned),
        charged=error.charged if error else "",
        error=error.message if error else "",
        hint=error.hint if error else "",
        seconds=record.seconds,
        request_id=record.marks.request_id or record.marks.job_id,
        options=options_of(record.request),
        warnings=record.warnings,
    )


def _price(low: Decimal | None, high: Decimal | None, settled: Decimal | None, *, is_planned: bool) -> dict[str, Any]:
    if is_planned:
        return {"price_low": low, "price_high": high, "is_estimate": True}
    return {"price_low": settled, "price_high": settled}
