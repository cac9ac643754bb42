"""Turn outcomes into records, and a record back into the request it tells of. No I/O."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ..batch import Outcome
from ..errors import InputError, PhotaError
from ..ledger.identity import parameters_of
from ..requests import AnyRequest, EditRequest, EnhanceRequest, GenerateRequest, RemixRequest, images_of
from .paths import from_text, to_text
from .records import Cost, ErrorRecord, Identity, ItemRecord, OutputRecord, RequestMarks

KINDS: dict[str, type[AnyRequest]] = {
    kind.operation: kind for kind in (EditRequest, GenerateRequest, EnhanceRequest, RemixRequest)
}
SKIPPED_LINK = "…"  # stands for what was cut off a link


def record_of(
    outcome: Outcome, *, output: Path | None = None, run: str = "", number: int = 0, seconds: float | None = None
) -> ItemRecord:
    """Return the record of an outcome.

    Args:
        outcome: An outcome of a batch.
        output: The batch's folder; paths below it are told relative to it.
        run: The run's name.
        number: The item's place in the run's order, from 1; 0 takes the outcome's.
        seconds: How long it took; ``None`` takes the outcome's.
    """
    low, high = outcome.estimate or (None, None)
    return ItemRecord(
        run=run,
        number=number or outcome.number,
        key=outcome.key,
        operation=outcome.request.operation,
        status=outcome.status,
        sources=tuple(_source(image) for image in images_of(outcome.request)),
        request=msgspec.to_builtins(parameters_of(outcome.request)),
        outputs=tuple(_outputs(outcome, output)),
        identity=_identity(outcome),
        cost=Cost(low=low, high=high, settled=None if outcome.status == "planned" else outcome.spent),
        marks=_marks(outcome),
        seconds=outcome.seconds if seconds is None else seconds,
        warnings=tuple(f"metadata could not be put into {Path(path).name}" for path in outcome.uncarried),
        error=None if outcome.error is None else error_record(outcome.error),
    )


def error_record(error: PhotaError) -> ErrorRecord:
    """Return what an error says, field by field."""
    return ErrorRecord(
        type=type(error).__name__,
        message=error.sentence(),
        hint=error.hint or "",
        status=_http_status(error),
        retryable=error.retryable,
        charged=error.charged,
    )


def _http_status(error: PhotaError) -> int | None:
    """Return the answer's HTTP status; of a job, a status is a word."""
    status = getattr(error, "status", None)
    return status if isinstance(status, int) else None


def request_of(record: ItemRecord) -> AnyRequest:
    """Build the request that a record tells of.

    Raises:
        InputError: A photo was only in memory or behind a signed link, or the record is of another kind.
    """
    kind = KINDS.get(record.operation)
    if kind is None:
        raise InputError(f"record {record.key!r}: expected one of {', '.join(KINDS)}, got {record.operation!r}")
    if any(not source or source.endswith(SKIPPED_LINK) for source in record.sources):
        raise InputError(
            f"record {record.key!r}: expected photos that can be found again, got one from memory or a link"
        )
    try:
        return msgspec.convert(_fields(kind, record), kind)
    except msgspec.ValidationError as error:
        raise InputError(f"record {record.key!r}: {error}") from None


def _fields(kind: type[AnyRequest], record: ItemRecord) -> dict[str, Any]:
    """Return a request's fields as JSON has them: with its tag, its photos, and what is newer below ``extra``."""
    known = set(kind.__struct_fields__) - {*kind.photos, "extra"}
    extra = {name: value for name, value in record.request.items() if name not in known}
    fields = {name: value for name, value in record.request.items() if name in known}
    photos = (
        {"images": [*map(from_text, record.sources)]}
        if kind is EditRequest
        else dict(zip(kind.photos, map(from_text, record.sources), strict=False))
    )
    return {"operation": kind.operation, **photos, **fields, "extra": extra}


def _source(image: Any) -> str:
    """Return a photo's absolute path, or its link without what signs it; ``""`` for one in memory."""
    if isinstance(image, str) and image.lower().startswith(("http://", "https://")):
        return without_signature(image)
    if isinstance(image, os.PathLike) or (isinstance(image, str) and not image.lower().startswith("data:")):
        return to_text(image)
    return ""


def without_signature(link: str) -> str:
    """Return a link as it stands when it signs nothing, and else what comes before its query, and a mark."""
    parts = urlsplit(link)
    if not (parts.query or parts.fragment or parts.username or parts.password):
        return link
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}{SKIPPED_LINK}"


def _outputs(outcome: Outcome, output: Path | None) -> Iterator[OutputRecord]:
    """Yield a record for each file; who is in it is told where an answer had one picture only."""
    if outcome.variations:
        for each in outcome.variations:
            yield from _outputs(each, output)
        return
    images = {image.path: image for image in outcome.result.images} if outcome.result else {}
    alone = outcome.result.known_subjects if outcome.result and len(images) == 1 else None
    for path in outcome.paths:
        image = images.get(path)
        yield OutputRecord(
            path=_place(path, output),
            format=(image.format if image else None) or path.suffix.removeprefix(".") or None,
            bytes=image.size if image else None,
            sha256=image.sha256 if image else None,
            recognised=dict(alone.counts) if alone is not None and alone.is_told else None,
        )


def _place(path: Path, output: Path | None) -> str:
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - pathlib leaves ".." where it is
    root = None if output is None else Path(os.path.abspath(output))  # noqa: PTH100
    return absolute.relative_to(root).as_posix() if root and absolute.is_relative_to(root) else to_text(absolute)


def _identity(outcome: Outcome) -> Identity:
    told = outcome.result.known_subjects if outcome.result else None
    counts = dict(told.counts) if told is not None and told.is_told else None
    return Identity(expected=outcome.expected, recognised=counts, missing=outcome.missing)


def _marks(outcome: Outcome) -> RequestMarks:
    """Return what to quote; of several requests, of the first."""
    if outcome.variations:
        return _marks(outcome.variations[0])
    result, error = outcome.result, outcome.error
    return RequestMarks(
        request_id=result.request_id if result else error.request_id if error else None,
        job_id=result.job_id if result else getattr(error, "job_id", None),
        attempts=error.attempts if error else None,
    )
