"""Make the contact sheet's rows from a ledger's records, of a batch that machines share. Looks at the disk; blocks.

A ledger holds neither prompts nor the photos' places, and others may write it. Of what it names, files below the
results' folder are shown as results, and files below the photos' folder as sources; nothing else.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from ..ledger import Record, State
from ..ledger.figures import is_first
from ..ledger.records import from_micros
from ..runs.places import resolved
from .rows import SheetRow, total

WORDS = {  # what a row says of an item, the worst first
    State.UNKNOWN: "unknown",
    State.FAILED: "failed",
    State.PLANNED: "budget",
    State.SUBMITTED: "under way",
    State.INTENT: "under way",
    State.DONE: "done",
}
WORST_FIRST = list(WORDS)


class Folders(msgspec.Struct, frozen=True):
    """Where files may be shown from."""

    output: Path
    sources: Path | None = None
    """Where photos lie under the names of their items; ``None`` shows none."""


def rows_of_ledger(records: Iterable[Record], folders: Folders) -> list[SheetRow]:
    """Return a row for each item of a batch, in the order of their keys.

    Args:
        records: Those of one batch.
        folders: Where its files lie on this machine.
    """
    items: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        items[record.item].append(record)
    return [_row(key, items[key], folders) for key in sorted(items)]


def _row(key: str, records: Sequence[Record], folders: Folders) -> SheetRow:
    first = [each for each in records if is_first(each)] or records
    worst = min(first, key=lambda each: WORST_FIRST.index(each.state))
    named = sorted(_files(records))
    shown = [
        (path, counts) for path, counts in ((_below(folders.output, name), counts) for name, counts in named) if path
    ]
    found: Counter[str] = Counter()
    for each in records:
        found.update(each.counts or {})
    outside, price = len(named) - len(shown), _price(records)
    return SheetRow(
        key=key,
        operation=worst.operation,
        status=WORDS[worst.state],
        sources=tuple(_sources(key, folders.sources)),
        results=tuple(path for path, _ in shown),
        found=dict(found),
        recognised=tuple(counts for _, counts in shown),
        price_low=price,
        price_high=price,
        charged="unknown" if worst.state is State.UNKNOWN else "",
        error=(worst.error or "") if worst.state is not State.DONE else "",
        request_id=worst.job_id,
        warnings=(f"{outside} left out: outside the results' folder",) if outside else (),
    )


def _files(records: Iterable[Record]) -> Iterator[tuple[str, Any]]:
    """Yield the names of all files, and who is in each where an answer had one picture only."""
    for record in records:
        for file in record.files:
            yield file.path, record.counts if len(record.files) == 1 else None


def _sources(key: str, photos: Path | None) -> Iterator[Path]:
    path = None if photos is None else _below(photos, key)
    if path is not None and path.is_file():
        yield path


def _below(root: Path, name: str) -> Path | None:
    """Return the absolute path of a name below a folder; ``None`` where it, or a link, leads out of it."""
    path = root.absolute() / name
    found, top = resolved(path), resolved(root)
    if found is None or top is None or top not in found.parents or path.is_symlink():
        return None
    return path


def _price(records: Iterable[Record]) -> Decimal | None:
    """Return what is known to have been paid."""
    costs = [None if each.cost is None else from_micros(each.cost) for each in records if each.state is State.DONE]
    return None if None in costs else total(costs)
