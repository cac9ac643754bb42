"""Callbacks: the account's secret, and whether a callback is from the service.

How the service signs is not published beyond "HMAC-signed body", so a small closed set of forms is accepted,
each of which needs the secret. Believe no callback: take its job id and ask the service.

Source: https://docs.photalabs.com/api/async-requests
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from .answers import read_object, read_secret
from .config import is_number
from .errors import DecodeError, InputError, SignatureError
from .models import JobStatus
from .protocol import webhook_secret_call
from .validation import fail

if TYPE_CHECKING:
    import aiohttp

    from .client import PhotaClient

SIGNATURE_HEADER = "X-Phota-Signature"
TOLERANCE = 300.0  # seconds
SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets in base64 are marked elsewhere
MAX_SIGNATURES = 16  # pieces of one header that are looked at
Headers = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
"""A framework's headers: a mapping, or pairs; ASGI's are bytes."""


class CallbackEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A verified callback. A hint only: ``client.jobs.get(event.job_id)`` knows how the job ended."""

    job_id: str | None
    status: JobStatus
    raw: Mapping[str, Any]
    """The body as it came. It may hold signed links: keep it out of logs."""

    def __repr__(self) -> str:
        return f"<CallbackEvent {self.job_id} {self.status}>"


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
        digest = hmac.new(key, raw_body, hashlib.sha256)
        forms = (digest.hexdigest().encode(), base64.b64encode(digest.digest()))
        found = False
        for piece in pieces:
            given = piece.removeprefix("sha256=").removeprefix("v1=").encode("utf-8", "replace")
            lowered = given.lower()  # hex may be written in capitals
            found |= hmac.compare_digest(lowered, forms[0]) | hmac.compare_digest(given, forms[1])
        return found


DEFAULT_SCHEME = HmacSha256Scheme()


class Webhooks:
    """``client.webhooks``."""

    def __init__(self, client: "PhotaClient") -> None:
        self._client = client

    async def secret(self) -> str:
        """Return the account's signing secret. Keep it where you keep the key.

        Source: https://docs.photalabs.com/api-reference/introduction
        """
        self._client._check_open()  # noqa: SLF001 - one package
        transport = self._client._transport  # noqa: SLF001

        async def receive(response: "aiohttp.ClientResponse") -> str:
            return read_secret(await transport.read_json(response))

        return (await transport.send(webhook_secret_call(), receive)).value

    def verify(
        self,
        raw_body: bytes,
        headers: Headers,
        secret: str | Sequence[str],
        *,
        tolerance: float = TOLERANCE,
        now: float | None = None,
        scheme: SignatureScheme = DEFAULT_SCHEME,
    ) -> CallbackEvent:
        """Check a callback's signature and return what it says.

        Args:
            raw_body: The body's bytes as they arrived, before any JSON parsing.
            headers: The request's headers, a mapping or pairs, also ASGI's bytes; their case does not matter.
            secret: The account's secret, or several while it is being changed.
            tolerance: Seconds by which a time stamp may differ from ``now``.
            now: Unix time; ``None`` is the clock's.
            scheme: How signatures look.

        Raises:
            SignatureError: There is no signature, or none that fits; answer 401 and do nothing.
            InputError: The body is no bytes, or another argument cannot be used.
        """
        return verify(raw_body, headers, secret, tolerance=tolerance, now=now, scheme=scheme)


def verify(
    raw_body: bytes,
    headers: Headers,
    secret: str | Sequence[str],
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
    scheme: SignatureScheme = DEFAULT_SCHEME,
) -> CallbackEvent:
    """Do what `Webhooks.verify` says, without a client."""
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


def _event(body: bytes) -> CallbackEvent:
    try:
        data = read_object(body)
    except DecodeError as error:
        raise SignatureError(f"the callback is signed but has no JSON object: {error.reason}") from None
    job_id, status = data.get("job_id", data.get("id")), data.get("status")
    return CallbackEvent(
        job_id=job_id if isinstance(job_id, str) else None,
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
