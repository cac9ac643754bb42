"""Make the contact sheet's rows from the outcomes of a batch. No I/O."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ledger.identity import parameters_of
from ..requests import images_of
from .rows import SheetPhoto, SheetRow
from .wanted import candidates_of, options_of

if TYPE_CHECKING:
    from ..batch import Outcome


def row_of(outcome: "Outcome", *, seconds: float | None = None) -> SheetRow:
    """Return the row that shows an outcome.

    Args:
        outcome: An outcome of a batch that wrote its pictures to disk, or kept them in memory.
        seconds: From the item's start to its end, where somebody measured it.
    """
    result = outcome.result
    low, high = outcome.estimate or (outcome.spent, outcome.spent)
    is_told = result is None or result.known_subjects.is_told
    parameters = parameters_of(outcome.request)
    kept = [image.data for image in result.images if image.data] if result and not outcome.paths else []
    return SheetRow(
        key=outcome.key,
        operation=outcome.request.operation,
        status=outcome.status,
        prompt=outcome.request.prompt or "",
        sources=tuple(_photo(image) for image in images_of(outcome.request)),
        results=() if outcome.status == "planned" else (*outcome.paths, *kept),
        expected=outcome.expected if is_told else (),  # nobody knows whether they are in it
        found=result.known_subjects.counts | dict.fromkeys(outcome.missing, 0) if result else {},
        price_low=low,
        price_high=high,
        is_estimate=outcome.estimate is not None,
        seconds=seconds,
        charged=outcome.error.charged if outcome.error else "",
        error=str(outcome.error) if outcome.error else "",
        hint=(outcome.error.hint or "") if outcome.error else "",
        request_id=_mark(outcome),
        recognised=tuple(_recognised(outcome)),
        candidates=candidates_of(outcome.request.operation, parameters),
        options=options_of(parameters),
        warnings=tuple(f"metadata could not be put into {Path(path).name}" for path in outcome.uncarried),
    )


def _mark(outcome: "Outcome") -> str | None:
    """Return what to quote to the service: the id of the request, or the job's; the first of several."""
    if outcome.variations:
        return _mark(outcome.variations[0])
    if outcome.result is not None:
        return outcome.result.request_id or outcome.result.job_id
    return outcome.error.request_id if outcome.error else None


def _recognised(outcome: "Outcome") -> Iterator[dict[str, int] | None]:
    """Yield who is in each picture, where an answer had one picture only."""
    for part in outcome.variations or (outcome,):
        told = part.result.known_subjects if part.result and len(part.result.images) == 1 else None
        for _ in part.paths:
            yield told.counts if told is not None and told.is_told else None


def _photo(image: Any) -> SheetPhoto:
    """Return what a page can show of an input; of an open file or a Pillow image it says only that there was one."""
    if isinstance(image, (str, bytes)):
        return image
    if isinstance(image, os.PathLike):
        return Path(os.fsdecode(image))
    return bytes(image) if isinstance(image, (bytearray, memoryview)) else b""
