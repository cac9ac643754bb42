"""Tell a callback address that a job ended: signed, once, best effort."""

import base64
import hashlib
import hmac
import time
from typing import Any, Literal

import aiohttp
import msgspec

from phota_async.hidden import rich_repr

Scheme = Literal["sha256", "hex", "v1", "base64", "timestamp"]
DELIVERY_TIMEOUT = 10.0  # seconds, real ones
WHSEC = "whsec_"


class SentCallback(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to tell somebody."""

    url: str
    """Where it went."""
    body: bytes
    """What was sent, to the byte."""
    signature: str
    """The header ``X-Phota-Signature``."""
    status: int | None = None
    """The receiver's answer; ``None`` when there was none."""
    error: str | None = None
    """Why there was none."""

    def __repr__(self) -> str:
        return f"<SentCallback {self.status}>"

    __rich_repr__ = rich_repr


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """How callbacks are signed and sent."""

    secret: str | None = None
    """Keys the HMAC-SHA256; ``None`` makes one of the seed."""
    scheme: Scheme = "sha256"
    """Form of the header: ``sha256=<hex>``, ``<hex>``, ``v1=<hex>``, base64, or ``t=<unix>,v1=<hex>``."""
    decode_secret: bool = False
    """Key with the decoded base64 behind ``whsec_`` instead of the secret's UTF-8 text."""
    copies: int = 1
    """How often each callback is delivered."""

    def __repr__(self) -> str:
        return f"<Signing {self.scheme}>"

    __rich_repr__ = rich_repr


class Callbacks:
    """Signs and sends callbacks."""

    def __init__(self, signing: Signing, *, secret: str) -> None:
        self.secret = secret
        self.sent: list[SentCallback] = []
        self._signing = signing
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"<Callbacks {self._signing.scheme}, {len(self.sent)} sent>"

    def open(self, session: aiohttp.ClientSession) -> None:
        """Lend the session that delivers."""
        self._session = session

    async def send(self, url: str, fields: dict[str, Any]) -> None:
        """Deliver one callback; failing is recorded and otherwise of no effect."""
        body = msgspec.json.encode(fields)
        for _ in range(self._signing.copies):
            self.sent.append(await self._deliver(url, body))

    def sign(self, body: bytes, *, moment: int | None = None) -> str:
        """Return the header's value; ``moment`` is the real time in seconds since 1970, by default now."""
        if self._signing.scheme == "timestamp":
            moment = int(time.time()) if moment is None else moment  # receivers compare it with their own clocks
            return f"t={moment},v1={self._digest(f'{moment}.'.encode() + body).hex()}"
        if self._signing.scheme == "base64":
            return base64.b64encode(self._digest(body)).decode()
        prefix = {"sha256": "sha256=", "v1": "v1=", "hex": ""}[self._signing.scheme]
        return prefix + self._digest(body).hex()

    async def _deliver(self, url: str, body: bytes) -> SentCallback:
        signature = self.sign(body)
        sent = SentCallback(url=url, body=body, signature=signature)
        if self._session is None:
            return msgspec.structs.replace(sent, error="the sandbox is not running")
        headers = {"Content-Type": "application/json", "X-Phota-Signature": signature}
        timeout = aiohttp.ClientTimeout(DELIVERY_TIMEOUT)
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=timeout) as answer:
                return msgspec.structs.replace(sent, status=answer.status)
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as exc:
            return msgspec.structs.replace(sent, error=f"{type(exc).__name__}: {exc}")

    def _digest(self, message: bytes) -> bytes:
        key = self.secret.encode()
        if self._signing.decode_secret:
            key = base64.b64decode(self.secret.removeprefix(WHSEC))
        return hmac.new(key, message, hashlib.sha256).digest()
