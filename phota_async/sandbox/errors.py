"""Say what the service refuses: one exception that becomes an answer."""

from typing import Any

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    402: "INSUFFICIENT_CREDITS",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    413: "TOO_LARGE",
    422: "VALIDATION_ERROR",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    502: "BAD_GATEWAY",
    503: "UNAVAILABLE",
    504: "TIMEOUT",
}
TEXTS = {
    400: "The request is not valid",
    401: "Invalid API key",
    402: "Insufficient credits",
    403: "Not authenticated",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too many requests",
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service temporarily unavailable",
    504: "The request ran past its time limit; the reserved cost was refunded",
}
MODERATION = "CONTENT_MODERATION"  # the one machine code that the vendor documents


class ServiceError(Exception):
    """An answer other than success, raised where the service refuses.

    Args:
        status: The HTTP status.
        detail: A sentence, or for 422 the list of what is wrong; ``None`` takes the usual sentence.
        code: The machine code; ``None`` takes the usual word of the status.
    """

    def __init__(
        self, status: int, detail: str | list[dict[str, Any]] | None = None, *, code: str | None = None
    ) -> None:
        super().__init__(status, detail, code)
        self.status = status
        self.detail = TEXTS.get(status, "Error") if detail is None else detail
        self.code = code or CODES.get(status, "ERROR")

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.text}"

    @property
    def text(self) -> str:
        """The sentence, also where the detail is a list."""
        if isinstance(self.detail, str):
            return self.detail
        return "; ".join(str(item.get("msg", "")) for item in self.detail)


def moderated(prompt_part: str) -> ServiceError:
    """Build the refusal of blocked content: status 400, see the release notes of v0.1.1."""
    return ServiceError(400, f"{MODERATION}: {prompt_part} was blocked by content moderation", code=MODERATION)
