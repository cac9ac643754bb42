"""Make the contact sheet's rows from the records of a run. Reads the run's files and looks for its photos; blocks."""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from ..review import Choice, Picks, read_picks
from ..runs import ErrorRecord, ItemRecord, OutputRecord, RunFolder, RunPlaces
from .command_words import advice_of, reason_of
from .rows import SheetPhoto, SheetRow, total
from .wanted import candidates_of, options_of, prompt_of


def rows_of_run(folder: RunFolder) -> list[SheetRow]:
    """Return a row for each item of a run, in the run's order, also while it runs or after it was killed.

    Photos are found where the records say, and, when the folder was moved with them, at the same place seen from it.
    What a review of the run picked, and what it asked for besides, stands in the rows too. An output that lies outside
    the run's folder, as a stranger's records may say, is left out, and the row says so.

    Raises:
        InputError: It is no run of ours.
    """
    places, picks = RunPlaces(folder), read_picks(folder)
    return [_row(record, places, picks) for record in folder.records()]


def _row(record: ItemRecord, places: RunPlaces, picks: Picks) -> SheetRow:
    identity, error = record.identity, record.error or ErrorRecord(type="", message="", charged="")
    further = [ask.record for ask in picks.asks(record.key) if ask.record is not None]
    outputs = [] if record.status == "planned" else [*_outputs(record, further)]
    kept = [each for each in outputs if places.is_ours(places.output(each.path))]
    is_told = identity.recognised is not None or record.status != "done"
    return SheetRow(
        key=record.key,
        operation=record.operation,
        status=record.status,
        prompt=prompt_of(record.request),
        sources=tuple(_source(each, places) for each in record.sources),
        results=tuple(places.output(each.path) for each in kept),
        expected=identity.expected if is_told else (),  # nobody knows whether they are in it
        found=_found(record, further),
        recognised=tuple(each.recognised for each in kept),
        candidates=candidates_of(record.operation, record.request),
        **_price(record, further),
        **_choice(picks.choice(record.key), kept),
        charged=error.charged,
        error=reason_of(error.message, error.hint),
        hint=advice_of(error.hint),
        seconds=record.seconds,
        request_id=record.marks.request_id or record.marks.job_id,
        options=options_of(record.request),
        warnings=(*record.warnings, *_notes(len(outputs) - len(kept), len(further))),
    )


def _source(text: str, places: RunPlaces) -> SheetPhoto:
    return places.source(text) or text or b""


def _outputs(record: ItemRecord, further: Sequence[ItemRecord]) -> Iterator[OutputRecord]:
    """Yield an item's pictures, then those that a review asked for; each once."""
    yield from {output.path: output for each in (record, *further) for output in each.outputs}.values()


def _found(record: ItemRecord, further: Sequence[ItemRecord]) -> dict[str, int]:
    """Return how often each was recognised; 0 for somebody whom one picture of several misses."""
    found: Counter[str] = Counter()
    for each in (record, *further):
        found.update(each.identity.recognised or {})
    return {**found, **dict.fromkeys(record.identity.missing, 0)}


def _price(record: ItemRecord, further: Sequence[ItemRecord]) -> dict[str, Any]:
    cost = record.cost
    if record.status == "planned":
        return {"price_low": cost.low, "price_high": cost.high, "is_estimate": True}
    known: list[Decimal | None] = [cost.settled, *(each.cost.settled for each in further)]
    settled = None if None in known else total(known)
    return {"price_low": settled, "price_high": settled}


def _choice(choice: Choice | None, outputs: Sequence[OutputRecord]) -> dict[str, Any]:
    if choice is None:
        return {}
    picked = next((number for number, each in enumerate(outputs) if each.path == choice.output), None)
    return {"picked": picked, "is_rejected": choice.kind == "rejected"}


def _notes(outside: int, further: int) -> Iterator[str]:
    if outside:
        yield f"{outside} left out: outside the run's folder"
    if further:
        yield f"{further} asked for in the review"
