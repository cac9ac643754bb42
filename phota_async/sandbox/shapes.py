"""Vary what the documentation leaves open: names, nesting, spelling and the forms of errors. No I/O."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from phota_async.sandbox.errors import ServiceError

ErrorForm = Literal["detail", "detail_list", "code", "error", "html", "empty"]
ResultPlace = Literal["result", "output", "response", "flat"]
Presence = Literal["object", "null", "missing"]

HTML_PAGE = "<html><head><title>{status}</title></head><body><h1>{status} {text}</h1></body></html>"


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How the sandbox words its answers; each field is a point that nobody has published."""

    errors: ErrorForm = "detail"
    """Form of error bodies, which is not published."""
    job_result: ResultPlace = "result"
    """Where a finished job holds its result."""
    job_error: Literal["object", "string"] = "object"
    """Form of a failed job's error."""
    job_words: Mapping[str, str] = {}
    """Other spellings of queued, running, succeeded and failed, such as ``{"succeeded": "COMPLETED"}``."""
    poll_url: Literal["absolute", "relative", "foreign", "missing"] = "absolute"
    """Form of a job handle's ``poll_url``; foreign points to another host."""
    known_subjects: Presence = "object"
    """Whether a result tells who was recognised."""
    profile_elements: Literal["objects", "strings", "without_status"] = "objects"
    """Elements of ``GET /profiles/ids``; all but the first leave the statuses out."""
    listing_lag: float = 0.0
    """Seconds of the sandbox's clock by which the statuses in ``GET /profiles/ids`` are behind."""
    listing_limit: int | None = None
    """Most profiles that ``GET /profiles/ids`` tells, the oldest first; ``None`` tells all."""
    profile_words: Mapping[str, str] = {}
    """Other spellings of the profile statuses."""
    message: Literal["text", "null", "missing"] = "text"
    """Whether a profile's status comes with a message."""
    secret_field: str = "webhook_secret"  # noqa: S105, the name of a field
    """Field of ``GET /webhook-secret``."""
    deprecation_date: str | None = None
    """Value of the header ``X-Phota-Deprecation-Date``, such as 2026-05-08; ``None`` sends none."""
    extra_fields: Mapping[str, Any] = {}
    """Fields newer than the client, added to every JSON object that is a success."""
    images_short: int = 0
    """Images fewer than asked for in every result."""

    def word(self, status: str) -> str:
        """Spell a job's status."""
        return self.job_words.get(status, status)

    def present(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Add what is newer than the client."""
        return {**fields, **self.extra_fields}

    def result(self, counts: Mapping[str, int], *, images: list[str], links: list[str]) -> dict[str, Any]:
        """Word the result of an image call."""
        outputs: dict[str, Any] = {"images": images, "download_urls": links}
        if self.known_subjects == "missing":
            return self.present(outputs)
        known = {"counts": dict(counts)} if self.known_subjects == "object" else None
        return self.present({"known_subjects": known, **outputs})

    def place_result(self, result: dict[str, Any]) -> dict[str, Any]:
        """Put a job's result where this service holds it."""
        return result if self.job_result == "flat" else {self.job_result: result}

    def place_message(self, text: str) -> dict[str, Any]:
        """Word the message of a profile."""
        if self.message == "missing":
            return {}
        return {"message": text if self.message == "text" else None}

    def failure(self, error: ServiceError) -> dict[str, Any] | str:
        """Word why a job failed."""
        if self.job_error == "string":
            return f"{error.code}: {error.text}"
        return {"code": error.code, "message": error.text}

    def error_body(self, error: ServiceError, request_id: str) -> tuple[bytes, str]:
        """Return body and content type of an error."""
        if self.errors == "html":
            return HTML_PAGE.format(status=error.status, text=error.text).encode(), "text/html"
        if self.errors == "empty":
            return b"", "text/plain"
        fields = {**self._error_fields(error), "request_id": request_id}
        return msgspec.json.encode(fields), "application/json"

    def _error_fields(self, error: ServiceError) -> dict[str, Any]:
        if self.errors == "code":
            return {"code": error.code, "message": error.text}
        if self.errors == "error":
            return {"error": {"code": error.code, "message": error.text}}
        if self.errors == "detail_list" and isinstance(error.detail, str):
            return {"detail": [{"loc": ["body"], "msg": error.text, "type": error.code}]}
        return {"detail": error.detail}
