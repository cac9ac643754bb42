"""An item of several variations in parts: a request of one picture each, joined into one outcome. No I/O.

The service counts who was recognised over all pictures of an answer. Only an answer of one picture says who is in
it, what it cost, and which variation has to be asked for again.
"""

import math
from collections import Counter
from collections.abc import Sequence
from copy import copy
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ..errors import PhotaError
from ..media.sources import is_readable_again
from ..models import KnownSubjects
from ..pricing import named_subjects, names_subjects
from ..requests import AnyRequest, images_of
from ..results import ImageResult
from .items import BatchItem, Outcome, OutcomeStatus, outcome_of
from .templates import Names

WORST_FIRST: tuple[OutcomeStatus, ...] = ("unknown", "failed", "budget", "planned", "done", "skipped")


class Whole:
    """An item in parts, until all of them have ended."""

    def __init__(self, item: BatchItem) -> None:
        self.item = item
        self.begun = math.inf
        """When its first part began, on the monotonic clock."""
        self._ends: dict[int, Outcome] = {}

    def add(self, variation: int, end: Outcome) -> Outcome | None:
        """Take the end of a variation; the last one gives the item's outcome."""
        self._ends[variation] = end
        if len(self._ends) < self.item.request.num_output_images:
            return None
        return join(self.item, [self._ends[each] for each in sorted(self._ends)])


class Part(msgspec.Struct, frozen=True):
    """What one worker carries out: an item, or one of its variations."""

    item: BatchItem
    """A variation's request asks for one picture."""
    number: int
    """The item's place in the batch, counted from 0."""
    variation: int = 1
    whole: Whole | None = None
    """What it is a part of; ``None`` for an item that is sent as it is."""
    step: int = 1
    """Pictures of a take of the whole item: as many numbers lie between a picture and the one of its next take."""
    refusal: PhotaError | None = None
    """Why it is not begun."""

    @property
    def in_one(self) -> "Part | None":
        """Of a variation, the whole item as one request: what `Batch` made of it with ``one_request``."""
        if self.whole is None:
            return None
        return Part(self.whole.item, self.number, step=self.step)

    def target(self, names: Names, output: Path, take: int = 1) -> Path:
        """Return the path of its first picture of a take, without a suffix."""
        return names.target(output, self.item, self.variation + (take - 1) * self.step)


def parts_of(item: BatchItem, number: int, *, one_request: bool) -> list[Part]:
    """Take an item apart, if it names profiles and asks for several variations.

    Args:
        item: One that was checked.
        number: Its place in the batch, counted from 0.
        one_request: Whether it is sent as it is in any case.
    """
    request, count = item.request, item.request.num_output_images
    if one_request or not are_sent_apart(request):
        return [Part(item, number, step=count)]
    single, whole = replace(item, request=replace(request, num_output_images=1)), Whole(item)
    return [Part(single, number, variation, whole, count) for variation in range(1, count + 1)]


def are_sent_apart(request: AnyRequest) -> bool:
    """Whether the variations of a request are requests of their own, unless somebody says otherwise."""
    return names_subjects(request) and all(map(is_readable_again, images_of(request)))


def join(item: BatchItem, ends: Sequence[Outcome]) -> Outcome:
    """Make one outcome of the ends of an item's variations, in their order.

    Its status is the worst of theirs; what was bought stays in its result and paths in any case.
    """
    status = min((end.status for end in ends), key=WORST_FIRST.index)
    costs = [end.spent for end in ends]
    return outcome_of(
        item,
        status,
        result=_joined([end.result for end in ends if end.result is not None], named_subjects(item.request)),
        paths=tuple(path for end in ends for path in end.paths),
        addresses=tuple(address for end in ends for address in end.addresses),
        uncarried=tuple(path for end in ends for path in end.uncarried),
        error=_first_error(status, ends),
        missing=tuple(dict.fromkeys(each for end in ends for each in end.missing)),
        spent=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
        estimate=_sum([end.estimate for end in ends]),
        variations=tuple(ends),
    )


def _sum(estimates: Sequence[tuple[Decimal, Decimal] | None]) -> tuple[Decimal, Decimal] | None:
    known = [estimate for estimate in estimates if estimate is not None]
    if len(known) < len(estimates):
        return None
    return sum((low for low, _ in known), Decimal(0)), sum((high for _, high in known), Decimal(0))


def _joined(results: Sequence[ImageResult], expected: Sequence[str]) -> ImageResult | None:
    """Put all pictures into one result; requests and jobs have their ids in their own."""
    if not results:
        return None
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.known_subjects.counts)
    is_told = all(result.known_subjects.is_told for result in results)
    images = [image for result in results for image in result.images]
    return ImageResult(images, known_subjects=KnownSubjects(dict(counts), is_told), expected=expected)


def _first_error(status: OutcomeStatus, ends: Sequence[Outcome]) -> PhotaError | None:
    """Return why the first of the worst ended so; it says which one that is."""
    for variation, end in enumerate(ends, 1):
        if end.status == status and end.error is not None:
            error = copy(end.error)  # the batch may have stopped for the same one
            error.__dict__.update(end.error.__dict__)  # a copy cannot resume otherwise
            which = f"this is variation {variation} of {len(ends)}, outcome.variations has each"
            return error.with_context(hint=f"{error.hint}; {which}" if error.hint else which)
    return None
