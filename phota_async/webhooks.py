"""Callbacks: verify them, and let them wake whoever waits for their job.

Polling stays the truth: a callback only brings the next look forward.

Source: https://docs.photalabs.com/api/async-requests
"""

import asyncio
import copy
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from .answers import read_secret
from .errors import PhotaError, SignatureError
from .hidden import hide, hide_all
from .protocol import webhook_secret_call
from .signatures import (
    DEFAULT_SCHEME,
    SIGNATURE_HEADER,
    TOLERANCE,
    CallbackEvent,
    Headers,
    HmacSha256Scheme,
    SignatureScheme,
    sign_callback,
    verify,
)

if TYPE_CHECKING:
    import aiohttp

    from .client import PhotaClient

__all__ = [
    "SIGNATURE_HEADER",
    "CallbackEvent",
    "HmacSha256Scheme",
    "SignatureScheme",
    "Webhooks",
    "sign_callback",
    "verify",
]

REMEMBERED = 4096  # bodies; some 100 bytes each
MEMORY = 86_400.0  # seconds; links in a body live as long
ASK_EVERY = 60.0  # seconds between two questions for the secret, whatever is forged
ASK_AGAIN = 5.0  # seconds, where the service did not answer and there is none yet


class Webhooks:
    """``client.webhooks``."""

    def __init__(self, client: "PhotaClient") -> None:
        self._client = client
        self._verified = Bodies()
        self._delivered = Bodies()
        self._kept = KeptSecret(self.secret)

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

        A body that this client has verified before is no error, since the service may say a thing twice and wants
        a success for it: its event says ``is_repeated``. The last 4096 bodies of a day are remembered.

        Args:
            raw_body: The body's bytes as they arrived, before any JSON parsing.
            headers: The request's headers, a mapping or pairs, also ASGI's bytes; their case does not matter.
            secret: The account's secret, or several while it is being changed.
            tolerance: Seconds by which a time stamp may differ from ``now``, either way.
            now: Unix time; ``None`` is the clock's.
            scheme: How signatures look.

        Raises:
            SignatureError: There is no signature, or none that fits; answer 401 and do nothing.
            InputError: The body is no bytes, or another argument cannot be used.
        """
        secret = hide_all(secret)
        event = verify(raw_body, headers, secret, tolerance=tolerance, now=now, scheme=scheme)
        return self._verified.mark(event, raw_body, now)

    async def deliver(
        self,
        raw_body: bytes,
        headers: Headers,
        secret: str | Sequence[str] | None = None,
        *,
        tolerance: float = TOLERANCE,
        now: float | None = None,
        scheme: SignatureScheme = DEFAULT_SCHEME,
    ) -> CallbackEvent:
        """Verify a callback and let whoever waits for its job ask the service at once, once.

        A ``wait`` or ``watch`` of this client on this event loop, or a batch, learns in this way what it would
        have learnt at its next look. A job that nobody waits for, and a callback that comes twice, change nothing.

        Args:
            raw_body: As in `verify`.
            headers: As in `verify`.
            secret: As in `verify`. ``None`` takes the config's ``webhook_secret``; where there is none, the service
                is asked for it, once, and once more when a signature does not fit it, at most every 60 seconds.
            tolerance: As in `verify`.
            now: As in `verify`.
            scheme: As in `verify`.

        Returns:
            What the callback says, with its ``job_id``.

        Raises:
            SignatureError: As in `verify`; answer 401.
            PhotaError: The service could not be asked for the secret; answer 503, so that it comes again.
        """
        secret = chosen = hide_all(self._client.config.webhook_secret if secret is None else secret)

        def check(secret: str | Sequence[str]) -> CallbackEvent:
            return verify(raw_body, headers, secret, tolerance=tolerance, now=now, scheme=scheme)

        event = await self._kept.check(check) if chosen is None else check(chosen)
        event = self._delivered.mark(event, raw_body, now)
        if event.job_id is not None and not event.is_repeated:
            self._client.jobs._called_back(event.job_id)  # noqa: SLF001
        return event


class Bodies:
    """Remembers what was verified, by digest: so many bodies, so long."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def mark(self, event: CallbackEvent, raw_body: bytes, now: float | None) -> CallbackEvent:
        """Return the event, which says whether its body was here before.

        Not the header: a time stamp may differ for what is said twice, and whoever repeats a signature could write
        it in another way.
        """
        moment = time.time() if now is None else now
        digest = hashlib.sha256(raw_body).digest()
        while self._seen and (len(self._seen) >= REMEMBERED or next(iter(self._seen.values())) < moment - MEMORY):
            self._seen.popitem(last=False)
        is_repeated = digest in self._seen
        self._seen.setdefault(digest, moment)
        return replace(event, is_repeated=True) if is_repeated else event

    def __repr__(self) -> str:
        return f"<Bodies {len(self._seen)} remembered>"


class KeptSecret:
    """The secret as the service told it, asked for as rarely as can be.

    Args:
        ask: Asks the service.
        clock: Seconds that never go back, and go on from one event loop to the next.
    """

    def __init__(self, ask: Callable[[], Awaitable[str]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._secret: str | None = None
        self._failure: PhotaError | None = None
        self._next = -math.inf  # the moment before which it is not asked again
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock: asyncio.Lock

    async def check(self, verify: Callable[[str], CallbackEvent]) -> CallbackEvent:
        """Verify with the secret; where it does not fit, with the one that the service tells now."""
        used = self._secret or await self._learn(None)
        try:
            return verify(used)
        except SignatureError as error:
            refused = error
        newer = await self._learn(used)
        if newer == used:
            raise refused
        return verify(newer)

    async def _learn(self, used: str | None) -> str:
        """Return another secret than the one that was used, if there is one and it is time to ask."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a lock belongs to one
            self._loop, self._lock = loop, asyncio.Lock()
        async with self._lock:
            if self._secret == used and await self._may_ask():
                await self._fetch()
        if self._secret is not None:
            return self._secret
        assert self._failure is not None  # noqa: S101 - asked, and not told
        raise copy.copy(self._failure)

    async def _may_ask(self) -> bool:
        """Whether it is time to ask; where nothing is known since a question was cut off, wait until it is."""
        wait = self._next - self._clock()
        if self._secret is not None or self._failure is not None:
            return wait <= 0
        await asyncio.sleep(max(0.0, wait))
        return True

    async def _fetch(self) -> None:
        self._next = self._clock() + ASK_AGAIN  # already now: who forges, and leaves in the middle, has asked too
        try:
            self._secret = hide(await self._ask())
        except PhotaError as error:
            self._failure = error
        self._next = self._clock() + (ASK_EVERY if self._secret is not None else ASK_AGAIN)

    def __repr__(self) -> str:
        return f"<KeptSecret {'****' if self._secret else 'unknown'}>"
