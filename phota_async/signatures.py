"""Whether a callback is from the service. No I/O.

How the service signs is not published beyond "HMAC-signed body", so a small closed set of forms is accepted,
each of which needs the secret. Believe no callback: take its job id and ask the service.

Source: https://docs.photalabs.com/api/async-requests
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from .answers import is_id, read_object
from .config import is_number
from .errors import DecodeError, InputError, SignatureError
from .hidden import hide_all, rich_repr
from .models import JobStatus
from .validation import fail

SIGNATURE_HEADER = "X-Phota-Signature"
TOLERANCE = 300.0  # seconds
SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets in base64 are marked elsewhere
MAX_SIGNATURES = 16  # pieces of one header that are looked at
Form = Literal["sha256", "hex", "v1", "base64", "timestamp"]
"""How `sign_callback` writes a signature."""
Headers = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
"""A framework's headers: a mapping, or pairs; ASGI's are bytes."""


class CallbackEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A verified callback. A hint only: ``client.jobs.get(event.job_id)`` knows how the job ended."""

    job_id: str | None
    status: JobStatus
    raw: Mapping[str, Any]
    """The body as it came. It may hold signed links: keep it out of logs."""
    is_repeated: bool = False
    """Whether the client has verified the very same body before: the service said it twice, or somebody else did."""

    def __repr__(self) -> str:
        return f"<CallbackEvent {self.job_id} {self.status}>"

    __rich_repr__ = rich_repr


class SignatureScheme(Protocol):
    """Decides whether a signature header fits a body; replace it when the true form is known."""

    def matches(self, raw_body: bytes, header: str, key: bytes, *, now: float, tolerance: float) -> bool:
        """Whether the header signs the body with the key, freshly. Compares in constant time."""
        ...


class HmacSha256Scheme:
    """HMAC-SHA256 as ``<hex>``, ``sha256=<hex>``, ``v1=<hex>``, base64, or ``t=<unix>,v1=<hex>`` over ``t.body``."""

    def matches(self, raw_body: bytes, header: str, key: bytes, *, now: float, tolerance: float) -> bool:
        """Whether one of the header's signatures fits; a time stamp must be fresh in both directions."""
        pieces = [piece.strip() for piece in header.replace(" ", ",").split(",") if piece.strip()][:MAX_SIGNATURES]
        stamps = [piece[2:] for piece in pieces if piece.startswith("t=")]
        if stamps:
            if len(stamps) > 1 or not _is_fresh(stamps[0], now, tolerance):
                return False
            raw_body = stamps[0].encode() + b"." + raw_body
        digest = _digest(key, raw_body)
        forms = (digest.hex().encode(), base64.b64encode(digest))
        found = False
        for piece in pieces:
            given = piece.removeprefix("sha256=").removeprefix("v1=").encode("utf-8", "replace")
            lowered = given.lower()  # hex may be written in capitals
            found |= hmac.compare_digest(lowered, forms[0]) | hmac.compare_digest(given, forms[1])
        return found


DEFAULT_SCHEME = HmacSha256Scheme()


def verify(
    raw_body: bytes,
    headers: Headers,
    secret: str | Sequence[str],
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
    scheme: SignatureScheme = DEFAULT_SCHEME,
) -> CallbackEvent:
    """Do what `Webhooks.verify` says, without a client, which is why nothing is remembered."""
    secret = hide_all(secret)
    if not isinstance(raw_body, (bytes, bytearray, memoryview)):
        hint = "parsing and writing JSON again changes the bytes that were signed"
        raise InputError(f"raw_body: expected bytes, got {type(raw_body).__name__}").with_context(hint=hint)
    if not is_number(tolerance) or not tolerance >= 0:  # also refuses NaN
        fail("tolerance", "0 seconds or more", tolerance)
    if now is not None and not is_number(now):
        fail("now", "Unix time in seconds", now)
    body, header = bytes(raw_body), _signature(headers)
    moment = time.time() if now is None else now
    fits = [
        scheme.matches(body, header, key, now=moment, tolerance=tolerance) for key in _keys(secret)
    ]  # all of them, so that time does not tell which secret is in use
    if not any(fits):
        raise SignatureError("the signature does not fit the body, or is too old").with_context(
            hint="check the secret (client.webhooks.secret()) and that raw_body is what arrived, unparsed"
        )
    return _event(body)


def sign_callback(
    raw_body: bytes, secret: str, *, form: Form = "timestamp", now: float | None = None
) -> dict[str, str]:
    """Return the headers with which the service could have sent a body: for tests of what receives callbacks.

    Usage::

        body = b'{"job_id": "job_1", "status": "succeeded"}'
        await http.post("/callbacks", data=body, headers=sign_callback(body, "the secret"))

    Args:
        raw_body: The bytes that will be sent.
        secret: What the receiver verifies with.
        form: ``"timestamp"`` is ``t=<unix>,v1=<hex>``; ``"sha256"``, ``"hex"``, ``"v1"`` and ``"base64"`` sign the
            body alone.
        now: Unix time for the time stamp; ``None`` is the clock's.
    """
    (key, *_) = _keys(secret)
    if form == "timestamp":
        stamp = int(time.time() if now is None else now)
        text = f"t={stamp},v1={_digest(key, f'{stamp}.'.encode() + raw_body).hex()}"
    else:
        digest = _digest(key, raw_body)
        prefix = {"sha256": "sha256=", "v1": "v1="}.get(form, "")
        text = base64.b64encode(digest).decode() if form == "base64" else prefix + digest.hex()
    return {SIGNATURE_HEADER: text}


def _digest(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _event(body: bytes) -> CallbackEvent:
    try:
        data = read_object(body)
    except DecodeError as error:
        raise SignatureError(f"the callback is signed but has no JSON object: {error.reason}") from None
    job_id, status = data.get("job_id", data.get("id")), data.get("status")
    return CallbackEvent(
        job_id=str(job_id) if is_id(job_id) else None,  # as jobs have it
        status=JobStatus(status if isinstance(status, str) else ""),
        raw=data,
    )


def _signature(headers: Headers) -> str:
    found = [value for name, value in _pairs(headers) if _text(name).lower() == SIGNATURE_HEADER.lower()]
    if len(found) != 1 or not found[0]:
        got = len(found) if len(found) != 1 else "an empty one"
        raise SignatureError(f"expected one {SIGNATURE_HEADER} header, got {got}")
    return _text(found[0])


def _pairs(headers: Any) -> Iterable[tuple[object, object]]:
    if isinstance(headers, (str, bytes)) or not (hasattr(headers, "items") or isinstance(headers, Iterable)):
        fail("headers", "a mapping or (name, value) pairs", headers)
    try:
        return [(name, value) for name, value in (headers.items() if hasattr(headers, "items") else headers)]
    except (TypeError, ValueError):
        raise InputError("headers: expected a mapping or (name, value) pairs, got something else in it") from None


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)  # as headers are sent: RFC 9110, 5.5


def _keys(secret: str | Sequence[str]) -> Iterable[bytes]:
    secrets = (secret,) if isinstance(secret, str) or not isinstance(secret, Iterable) else tuple(secret)
    if not secrets or not all(isinstance(each, str) and each for each in secrets):
        raise InputError("secret: expected one or more non-empty strings")
    for each in secrets:
        yield each.encode()
        if each.startswith(SECRET_PREFIX):
            try:
                key = base64.b64decode(each.removeprefix(SECRET_PREFIX), validate=True)
            except ValueError:
                continue
            if key:  # an empty key would be everybody's
                yield key


def _is_fresh(stamp: str, now: float, tolerance: float) -> bool:
    return stamp.isascii() and stamp.isdigit() and abs(now - int(stamp[:15])) <= tolerance
