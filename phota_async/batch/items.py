"""What goes into a batch and what comes out."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from ..errors import PhotaError
from ..hidden import rich_repr
from ..pricing import named_subjects
from ..requests import AnyRequest
from ..results import ImageResult

OutcomeStatus = Literal["done", "failed", "skipped", "unknown", "budget", "planned"]
NOTHING = (Decimal(0), Decimal(0))  # an estimate: what costs nothing any more


class BatchItem(msgspec.Struct, frozen=True):
    """One request of a batch."""

    key: str
    """Names the item and, as a relative path, its place below ``output``: ``sub/12.png`` gives
    ``sub/12.edit-1.jpg``."""
    request: AnyRequest
    names: str = ""
    """A template for its names, as ``names`` of `Batch`, which it goes before; ``""`` brings none."""
    fields: Mapping[str, str] = {}
    """What a template's ``{row.<column>}`` stands for."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one item ended."""

    key: str
    request: AnyRequest
    status: OutcomeStatus
    """``done``; ``failed`` (see `error`); ``skipped``, since its files exist already; ``unknown``, since the
    answer is lost and it may have been charged; ``budget``, since it could have passed the budget. Of a dry run:
    ``planned``, since it would be done; the others say how it would end otherwise."""
    result: ImageResult | None = None
    paths: tuple[Path, ...] = ()
    """Files written, or found when skipped; of a dry run, where they would go, as far as that can be known."""
    addresses: tuple[str, ...] = ()
    """Where the pictures stand in an object store, when that is where they go: ``s3://bucket/sub/12.edit-1.jpg``."""
    uncarried: tuple[Path, ...] = ()
    """Those of the files written that did not get all they should have of their original's metadata, or not the
    mark: the original is gone or odd, or they are of a format that takes none. Their pictures are whole."""
    error: PhotaError | None = None
    expected: tuple[str, ...] = ()
    """Profile ids that the request named."""
    missing: tuple[str, ...] = ()
    """Those of them that were not recognised. Nobody where the service did not tell who was: see
    ``result.known_subjects.is_told``."""
    spent: Decimal | None = Decimal(0)
    """US dollars by the price table; ``None`` where no price is known, the charge is not, or the service did not
    tell who was recognised and the price depends on it."""
    estimate: tuple[Decimal, Decimal] | None = None
    """Of a dry run: US dollars, at least and at most, that would still be paid for it. Zeros where it is there, or
    is bought and only has to be fetched; ``None`` where no price is known, and in a run that is none."""
    variations: "tuple[Outcome, ...]" = ()
    """How each variation ended, in their order, where they were sent as requests of one picture each. The status
    and the error are then the worst of theirs, ``result`` has all pictures that were bought, and ``missing`` names
    whoever was not recognised in any one of them."""
    number: int = 0
    """The item's place in the batch, from 1; 0 for a variation."""
    seconds: float | None = None
    """From its beginning to its end; ``None`` for a variation."""

    def __repr__(self) -> str:
        return f"<Outcome {self.key} {self.status}>"

    __rich_repr__ = rich_repr


class BatchStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A batch's counters."""

    running: int
    """Items begun and not final; an item that is sent as several requests counts with those under way."""
    limit: int
    """Items that may run at once now, as the service was found to take them."""
    waiting: int
    """Outcomes that wait to be read."""
    done: int
    failed: int
    skipped: int
    unknown: int
    over_budget: int
    spent: Decimal
    """US dollars, as far as prices are known."""
    planned: int = 0
    """Items that a dry run would do."""
    estimated_low: Decimal = Decimal(0)
    """US dollars that a dry run's items would cost at least, as far as prices are known."""
    estimated_high: Decimal = Decimal(0)
    """US dollars that they would cost at most, as far as prices are known."""
    unpriced: int = 0
    """Planned items whose price is not known: they are in neither sum."""
    stopped: PhotaError | None
    """Why no further item is begun: a refused key, an empty balance, an empty budget, a broken iterator."""


def outcome_of(item: BatchItem, status: OutcomeStatus, **rest: object) -> Outcome:
    """Return an item's outcome; further fields of `Outcome` by name."""
    return Outcome(
        key=item.key,
        request=item.request,
        status=status,
        expected=named_subjects(item.request),
        **rest,  # type: ignore[arg-type]  # each caller gives fields of Outcome
    )
