"""What a purchase brought, how it is found again, and what is said when nobody can tell."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from ..errors import PhotaError, ResponseLostError
from ..ledger.identity import request_id_of
from ..ledger.records import Record
from ..models import NOT_TOLD, KnownSubjects
from ..pricing import named_subjects
from ..requests import AnyRequest
from ..results import ImageResult
from ..telling import summarize
from .held import find_whole, from_stored


class Bought(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase brought."""

    result: ImageResult
    cost: Decimal | None
    """US dollars that this run added; ``None`` where no price is known."""
    uncarried: tuple[Path, ...] = ()
    """As in `Outcome`."""
    is_kept: bool = False
    """Whether it was all there, and nothing was sent or fetched."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(image.path for image in self.result.images if image.path is not None)


def recall(record: Record, request: AnyRequest, output: Path | None) -> Bought | None:
    """Return what was delivered, if its files are all there and whole. Blocks."""
    images = find_whole(from_stored(record.files, output))
    if images is None:
        return None
    result = ImageResult(
        images,
        known_subjects=NOT_TOLD if record.counts is None else KnownSubjects(record.counts),
        job_id=record.job_id,
        expected=named_subjects(request),
    )
    return Bought(result=result, cost=Decimal(0), is_kept=True)


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
