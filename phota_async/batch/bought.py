"""What a purchase brought, how it is found again, and what is said when nobody can tell."""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from ..errors import DecodeError, PhotaError, ResponseLostError
from ..ledger.identity import request_id_of
from ..ledger.records import Record
from ..models import NOT_TOLD, KnownSubjects
from ..pricing import named_subjects
from ..requests import AnyRequest
from ..results import ImageResult, OutputImage
from ..telling import summarize
from .held import find_stored
from .items import BatchItem, Outcome, outcome_of


class Bought(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase brought."""

    result: ImageResult
    cost: Decimal | None
    """US dollars that this run added; ``None`` where no price is known."""
    uncarried: tuple[Path, ...] = ()
    """As in `Outcome`."""
    is_kept: bool = False
    """Whether it was all there, and nothing was sent or fetched."""
    addresses: tuple[str, ...] = ()
    """As in `Outcome`."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(image.path for image in self.result.images if image.path is not None)


async def take_all(item: BatchItem, most: int, buy: Callable[[int], Awaitable[Bought]]) -> Outcome:
    """Ask until everybody was recognised, or as often as allowed; errors of the first take are raised.

    Args:
        item: What is bought.
        most: Takes at most.
        buy: Buys a take, counted from 1.
    """
    bought: list[Bought] = []
    for take in range(1, most + 1):
        try:
            bought.append(await buy(take))
        except PhotaError as error:
            if take == 1:
                raise
            if error.charged == "unknown":
                bought[-1] = replace(bought[-1], cost=None)
            break  # what was bought before stays the item's result
        if not bought[-1].result.missing():
            break
    return _outcome(item, bought)


def _outcome(item: BatchItem, bought: Sequence[Bought]) -> Outcome:
    """Make one outcome of an item's takes: ``skipped`` when all of them were there already."""
    costs = [each.cost for each in bought]
    last = bought[-1].result
    return outcome_of(
        item,
        "skipped" if all(each.is_kept for each in bought) else "done",
        result=last,
        paths=tuple(path for each in bought for path in each.paths),
        addresses=tuple(address for each in bought for address in each.addresses),
        uncarried=tuple(path for each in bought for path in each.uncarried),
        missing=last.missing(),
        spent=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
    )


def recall(record: Record, request: AnyRequest, output: Path | None) -> Bought | None:
    """Return what was delivered, if its files are all there, below the output, and whole. Blocks."""
    images = find_stored(record.files, output)
    return None if images is None else recalled(images, record, request)


def recalled(images: Sequence[OutputImage], record: Record, request: AnyRequest) -> Bought:
    """Return what was delivered, given its pictures."""
    result = ImageResult(
        images,
        known_subjects=NOT_TOLD if record.counts is None else KnownSubjects(record.counts),
        job_id=record.job_id,
        expected=named_subjects(request),
    )
    return Bought(result=result, cost=Decimal(0), is_kept=True)


def check_pictures(result: ImageResult) -> None:
    """Raise for an answer without pictures: it is bought, and a job may have them when it is asked again."""
    if not result.images:
        error = DecodeError("expected pictures, got a good end without any")
        hint = "with a ledger, another run asks its job again"
        raise error.with_context(charged="unknown", request_id=result.request_id, hint=hint)


def unknown(request: AnyRequest, record: Record, reason: str) -> ResponseLostError:
    """Return the error of an item whose outcome cannot be known."""
    error = ResponseLostError(f"POST /{request.operation}", reason)
    return error.with_context(
        client_request_id=request_id_of(record.purchase, record.copy, record.generation),
        first_sent_at=record.first_intent_at,
        hint="resend_unknown=True buys it anew, which may pay twice",
    )


def mark_of(error: PhotaError) -> str:
    """Return what a ledger keeps of an error: never the service's words, which may repeat a prompt."""
    words = (type(error).__name__, getattr(error, "status", None), getattr(error, "code", None))
    return " ".join(str(word) for word in words if word)


def summary_of(bought: Bought) -> dict[str, Any]:
    """Return what hooks are told of a purchase."""
    return {**summarize(bought.result), "is_kept": bought.is_kept}
