"""Settings of a client: frozen values, checked once, never printed with the key."""

import ipaddress
import math
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeGuard
from urllib.parse import urlsplit

import msgspec

from .errors import ConfigError
from .hidden import hide

DEFAULT_BASE_URL = "https://api.photalabs.com/v1/phota"
KEY_VARIABLE = "PHOTA_API_KEY"  # named at https://docs.photalabs.com/api/authentication
BASE_URL_VARIABLE = "PHOTA_BASE_URL"

MIN_REDACTED = 8  # characters: a shorter key is one of a test, and may be any word

Mode = Literal["sync", "job"]
KeySource = str | Callable[[], str | Awaitable[str]]


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number to count or wait with; ``True`` and ``None`` are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def expect(holds: object, name: str, expected: str, got: object) -> None:
    """Raise the `ConfigError` that says expected and got, unless it holds. Only the kind of a value is shown."""
    if not holds:
        raise ConfigError(f"{name}: expected {expected}, got {type(got).__name__}")


def _at_least(value: float, least: float, name: str) -> None:
    if not is_number(value) or not value >= least:  # also refuses NaN
        raise ConfigError(f"{name}: expected {least} or more, got {value!r}")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When and how often a call is sent again. Which calls may be at all is law: see `retry.decide`."""

    max_attempts: int = 5
    """Tries of one call, the first included."""
    backoff: float = 0.5
    """Seconds; the upper bound of the first wait, doubled each time: 0.5, 1, 2, 4."""
    max_backoff: float = 20.0
    """Seconds; no wait of ours is longer. The service's ``Retry-After`` is honoured beyond it."""
    tokens: int = 500
    """Size of the client's retry budget; an empty one means that errors are raised at once."""
    retry_cost: int = 5
    """Tokens a retry takes."""
    success_refund: int = 1
    """Tokens a success gives back."""
    resend_guard: float = 2880.0
    """Seconds after the first attempt in which a job may be sent again with its id. How long the service
    remembers ids is not published; one hour is assumed and 48 minutes are used."""

    def __post_init__(self) -> None:
        _at_least(self.max_attempts, 1, "max_attempts")
        for name in ("backoff", "max_backoff", "tokens", "retry_cost", "success_refund", "resend_guard"):
            _at_least(getattr(self, name), 0, name)


class ClientConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set about a client; all of it has a working default."""

    mode: Mode = "sync"
    """How image calls are made: ``"sync"`` holds the request open, ``"job"`` submits, polls and fetches."""
    retry: RetryPolicy = RetryPolicy()

    # Timeouts, in seconds
    timeout: float = 1800.0
    """A whole image call: attempts, waits, polls and downloads."""
    answer_timeout: float = 630.0
    """Silence before and within the answer of a paid call; the service takes up to 600."""
    free_timeout: float = 60.0
    """A whole free call (status, list, delete), retries included."""
    free_answer_timeout: float = 30.0
    """Silence before and within the answer of a free call."""
    connect_timeout: float = 10.0
    """DNS, TCP and TLS of one connection."""
    download_timeout: float = 60.0
    """Silence within a download."""

    # Polling, in seconds
    job_interval: float = 2.0
    """First wait between two looks at a job; it grows by half each time."""
    max_job_interval: float = 15.0
    """Longest wait between two looks at a job."""
    profile_interval: float = 15.0
    """Wait between two looks at a training; the service's guide says 10 to 30."""

    # Sizes, in bytes
    max_answer_bytes: int = 8 * 2**20
    """JSON of an answer without its pictures."""
    max_image_bytes: int = 200 * 2**20
    """One picture, decoded."""

    # Callbacks
    webhook_secret: str | tuple[str, ...] | None = None
    """What callbacks are signed with, or several while it is being changed; ``None``: the service is asked."""

    # Network
    proxy: str | None = None
    """Address of an HTTP proxy for calls and downloads; nothing is taken from the environment."""
    ssl_context: ssl.SSLContext | None = None
    """Certificate authorities and client certificate; ``None`` is Python's default, with checks."""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Further headers for calls to the service, never for downloads."""
    allow_private_downloads: bool | None = None
    """Whether result links may point to private or loopback addresses; ``None``: only if the service does."""

    def __post_init__(self) -> None:
        if self.mode not in ("sync", "job"):
            raise ConfigError(f'mode: expected "sync" or "job", got {self.mode!r}')
        for name in self.__struct_fields__:
            if name.endswith(("timeout", "interval", "_bytes")):
                value = getattr(self, name)
                if not is_number(value) or not 0 < value < math.inf:  # aiohttp cannot wait for ever
                    raise ConfigError(f"{name}: expected more than 0, got {value!r}")
        expect(isinstance(self.retry, RetryPolicy), "retry", "a RetryPolicy", self.retry)
        expect(self.proxy is None or _is_proxy(self.proxy), "proxy", "http(s)://host:port or None", self.proxy)
        is_context = self.ssl_context is None or isinstance(self.ssl_context, ssl.SSLContext)
        expect(is_context, "ssl_context", "an ssl.SSLContext or None", self.ssl_context)
        secret = self.webhook_secret
        texts = (secret,) if isinstance(secret, str) else secret
        is_secret = texts is None or (isinstance(texts, tuple) and bool(texts) and all(map(_is_text, texts)))
        expect(is_secret, "webhook_secret", "a non-empty str, a tuple of them, or None", secret)
        is_choice = self.allow_private_downloads in (None, False, True)
        expect(is_choice, "allow_private_downloads", "True, False or None", self.allow_private_downloads)
        self._check_headers()

    def _check_headers(self) -> None:
        expect(isinstance(self.headers, Mapping), "headers", "a mapping of names to texts", self.headers)
        for name, text in self.headers.items():
            for each in (name, text):
                expect(isinstance(each, str), "headers", "a str for each name and text", each)
            if name.lower() == "x-api-key" or not (name + text).isprintable() or not (name + text).isascii():
                raise ConfigError(f"headers: expected plain text and not the key, got {name[:40]!r}")

    def __repr__(self) -> str:
        return f"<ClientConfig mode={self.mode} timeout={self.timeout:g}>"  # headers may be private

    def __rich_repr__(self) -> Any:
        yield "mode", self.mode
        yield "timeout", self.timeout


class Secret:
    """The key, where no ``repr``, pickle or log shows it."""

    __slots__ = ("_source", "_value")

    def __init__(self, source: KeySource) -> None:
        source = hide(source)
        self._source = source
        self._value: str | None = source if isinstance(source, str) else None
        if self._value is not None:
            _check_key(self._value)

    @property
    def can_change(self) -> bool:
        """Whether the key comes from a callable, which is asked again after a 401."""
        return not isinstance(self._source, str)

    async def get(self, *, anew: bool = False) -> str:
        """Return the key; ``anew`` asks a callable again."""
        if self._value is not None and not (anew and self.can_change):
            return self._value
        assert not isinstance(self._source, str)  # noqa: S101 - a str sets _value at once
        key: str = hide(await self._ask(self._source))
        _check_key(key)
        self._value = key
        return key

    def redact(self, text: bytes) -> bytes:
        """Return what a service said without the key, plain or in JSON, should it repeat it."""
        if self._value is None or len(self._value) < MIN_REDACTED:
            return text
        plain = str(self._value)
        return text.replace(plain.encode(), b"****").replace(msgspec.json.encode(plain)[1:-1], b"****")

    @staticmethod
    async def _ask(source: Callable[[], str | Awaitable[str]]) -> str:
        try:
            value = hide(source())
            return value if isinstance(value, str) else await value
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold the key
            kind = type(error).__name__
        raise ConfigError(f"the api_key callable failed with {kind}")

    def __repr__(self) -> str:
        return "<Secret ****>"

    def __reduce__(self) -> str:
        raise ConfigError("a key cannot be pickled: make a new client on the other side")


def find_key(api_key: KeySource | None) -> Secret:
    """Return the given key, or the one in ``PHOTA_API_KEY``."""
    kind = type(api_key).__name__
    source = hide(os.environ.get(KEY_VARIABLE) if api_key is None else api_key)
    del api_key  # an error's traceback may be printed with the frame's variables
    if not source:
        raise ConfigError("no API key").with_context(
            hint=f"pass api_key= or set {KEY_VARIABLE} (PHOTA_KEY and PHOTALABS_API_KEY are not read); "
            "keys are made at https://platform.photalabs.com",
        )
    if not isinstance(source, str) and not callable(source):
        raise ConfigError(f"api_key: expected a str or a callable, got {kind}")
    return Secret(source)


def find_base_url(base_url: str | None) -> str:
    """Return the service's address without a trailing slash; ``http`` is taken for loopback hosts only."""
    text = str(base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL).strip().rstrip("/")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # .port raises on nonsense
    except ValueError:
        host = None
        parts = urlsplit("")
    spaced = not text.isprintable() or " " in text  # urlsplit would drop a line break and see another host
    if spaced or parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ConfigError(f"base_url: expected an https address without a query, got {_without_user(text)!r}")
    if "@" in parts.netloc:
        raise ConfigError("base_url: expected an address without user and password")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(f"base_url: expected https, got http for {host}").with_context(
            hint="the key would travel in clear; http is accepted for loopback hosts only",
        )
    return text


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine by its spelling alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, such as 127.example.com
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_proxy(address: object) -> bool:
    try:
        parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        return False


def _without_user(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    return scheme + mark + rest.rpartition("@")[2]


def _check_key(key: object) -> None:
    if not isinstance(key, str) or not key.strip():
        raise ConfigError("the API key is empty")
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise ConfigError("the API key has characters that no header can carry (a line break, a space around it?)")
