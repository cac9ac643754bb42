"""Make the contact sheet's rows from the outcomes of a batch. No I/O."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..requests import images_of
from .rows import SheetPhoto, SheetRow

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
        seconds=seconds,
        error=str(outcome.error) if outcome.error else "",
        request_id=_mark(outcome),
    )


def _mark(outcome: "Outcome") -> str | None:
    """Return what to quote to the service: the id of the request, or the job's; the first of several."""
    if outcome.variations:
        return _mark(outcome.variations[0])
    if outcome.result is not None:
        return outcome.result.request_id or outcome.result.job_id
    return outcome.error.request_id if outcome.error else None


def _photo(image: Any) -> SheetPhoto:
    """Return what a page can show of an input; of an open file or a Pillow image it says only that there was one."""
    if isinstance(image, (str, bytes)):
        return image
    if isinstance(image, os.PathLike):
        return Path(os.fsdecode(image))
    return bytes(image) if isinstance(image, (bytearray, memoryview)) else b""
