"""Fetch pictures from signed links: without the key, bounded, checked, and begun again where a line broke."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from yarl import URL

from ..config import ClientConfig
from ..errors import ConnectError, DownloadError, PhotaError, ResponseLostError
from ..events import Hooks
from ..limiter import Limiter
from ..retry import decide, parse_retry_after
from ..telling import Meter
from .addresses import check_link, follow_redirect, show_link
from .chunks import Chunks
from .formats import HEAD, is_cut, sniff
from .sinks import Sink

MAX_REDIRECTS = 3
ROUTE = "GET picture"  # what events call a download: links are nobody's business
GONE = frozenset({401, 403, 404, 410})  # what storage services answer for an expired link
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
OK, PARTIAL, OUT_OF_RANGE = 200, 206, 416
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")

CERTIFICATE_HINT = "ClientConfig(ssl_context=...) takes your certificate authority"

OpenSession = Callable[[], Awaitable[aiohttp.ClientSession]]


class Downloader:
    """Fetches links for one client, through a session that never sees the key."""

    def __init__(
        self,
        open_session: OpenSession,
        config: ClientConfig,
        limiter: Limiter,
        *,
        allow_private: bool,
        hooks: Hooks | None = None,
    ) -> None:
        self._open_session = open_session
        self._limiter = limiter
        self._config = config
        self._allow_private = allow_private
        self._hooks = hooks

    async def fetch(self, url: str, sink: Sink, *, deadline: float | None = None) -> None:
        """Download one picture into a sink, whole.

        Raises:
            DownloadError: The link is refused or has expired (`status` says how), leads where it must not,
                is too big, or holds no picture.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._config.timeout if deadline is None else deadline
        transfer = _Transfer(self, url, sink, end)
        attempt = 0
        while True:
            attempt += 1
            failure = await transfer.attempt()
            if failure is None:
                return
            delay = decide(self._config.retry, attempt, failure, "free") if failure.retryable else None
            if delay is None or loop.time() + delay >= end:
                raise _as_download_error(failure, url, attempt)
            await asyncio.sleep(delay)


class _Transfer:
    """One picture on its way, over as many connections as it takes."""

    def __init__(self, owner: Downloader, url: str, sink: Sink, deadline: float) -> None:
        self._owner = owner
        self._url = url
        self._sink = sink
        self._deadline = deadline
        self._version: str | None = None  # ETag: a rest is only asked for of the same bytes
        self._total: int | None = None

    async def attempt(self) -> PhotaError | None:
        """Fetch what is missing; errors that another attempt may cure are returned, others raised."""
        failure: PhotaError | None = None
        try:
            await self._follow()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            failure = _not_connected(error, self._url)
        except PhotaError:
            raise
        except ValueError:  # what aiohttp or the resolver says of a host that no network knows
            failure = DownloadError(show_link(self._url), "expected an http(s) link, got something else")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = ResponseLostError(f"GET {show_link(self._url)}", type(error).__name__)
            failure.retryable, failure.charged = True, "no"
        except _AgainError as again:
            failure = again.error
        return failure

    async def _follow(self) -> None:
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            check_link(url, allow_private=self._owner._allow_private)  # noqa: SLF001 - one class in two
            async with await self._get(url) as response:
                if response.status not in REDIRECTS:
                    await self._receive(response)
                    return
                url = follow_redirect(url, response.headers.get("Location", ""))
        raise DownloadError(show_link(self._url), f"expected at most {MAX_REDIRECTS} redirects, got more")

    async def _get(self, url: str) -> aiohttp.ClientResponse:
        config = self._owner._config  # noqa: SLF001
        session = await self._owner._open_session()  # noqa: SLF001
        headers = {"Accept-Encoding": "identity"}
        if self._sink.size and self._version:
            headers |= {"Range": f"bytes={self._sink.size}-", "If-Range": self._version}
        return await session.get(
            URL(url, encoded=True),  # a signed link must stay letter for letter as it is
            headers=headers,
            allow_redirects=False,
            proxy=config.proxy,
            timeout=aiohttp.ClientTimeout(
                total=max(0.001, self._deadline - asyncio.get_running_loop().time()),
                connect=config.connect_timeout,
                sock_connect=config.connect_timeout,
                sock_read=config.download_timeout,
            ),
        )

    async def _receive(self, response: aiohttp.ClientResponse) -> None:
        await self._check_status(response)
        sink, limit = self._sink, self._owner._config.max_image_bytes  # noqa: SLF001
        if response.status == PARTIAL:
            self._go_on(response)
        else:
            await self._begin(response)
        if self._total is not None and self._total > limit:
            raise DownloadError(show_link(self._url), f"expected at most {limit} bytes, got {self._total}")
        async with self._owner._limiter.reserve(response.content_length or 0, self._deadline):  # noqa: SLF001
            meter = self._meter()
            async for chunk in Chunks(response):
                sink.write(chunk)
                if meter is not None:
                    meter.add(len(chunk))
                if sink.size > limit:
                    raise DownloadError(show_link(self._url), f"expected at most {limit} bytes, got more")
                await sink.flush()
        await self._check_whole()
        await sink.flush(everything=True)
        sink.close()
        if meter is not None:
            meter.end()

    def _meter(self) -> Meter | None:
        """Return what counts this connection's bytes, beginning with those that came before."""
        hooks = self._owner._hooks  # noqa: SLF001
        if hooks is None:
            return None
        return Meter(hooks, ROUTE, "received", self._total, begun=self._sink.size)

    async def _begin(self, response: aiohttp.ClientResponse) -> None:
        await self._sink.restart()
        tag = response.headers.get("ETag", "")
        self._version = tag if tag and not tag.startswith("W/") else None  # weak tags promise no equal bytes
        self._total = response.content_length
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise DownloadError(show_link(self._url), "expected a picture as it is, got a packed one")

    def _go_on(self, response: aiohttp.ClientResponse) -> None:
        """Make sure that a part is what is missing; it says how much the whole is."""
        part = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if part is None or not self._version or int(part[1]) != self._sink.size:
            raise DownloadError(show_link(self._url), "expected the rest of the picture, got another part")
        if part[2] != "*":
            self._total = int(part[2])

    async def _check_status(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status in (OK, PARTIAL):
            return
        if status == OUT_OF_RANGE and self._sink.size:  # all came but its end, or it is another picture: once more
            self._version = None
            await self._sink.restart()
            raise aiohttp.ClientPayloadError("out of range")
        error = DownloadError(show_link(self._url), f"HTTP {status}")
        error.status = status
        if status in BUSY:
            asked = response.headers.get("Retry-After")
            wait = parse_retry_after(asked, response.headers.get("Date"), time.time())
            raise self._again(f"HTTP {status}", status=status, retry_after=wait)
        if status in GONE:
            error.hint = "the link has expired or was revoked; links live 24 hours"
        raise error

    async def _check_whole(self) -> None:
        """Compare what came with what was promised, and look whether it is a picture, with its end."""
        sink = self._sink
        if self._total is not None and sink.size != self._total:
            raise aiohttp.ClientPayloadError("short")
        is_short = self._total is None and sink.size < HEAD  # nobody said how long: it may be what came before a cut
        if is_short or is_cut(sink.head, sink.tail, sink.size):
            await sink.restart()
            raise self._again("expected a whole picture, got one that is cut off")
        if sniff(sink.head) is None:
            what = "an HTML page" if sink.head.lstrip()[:1] == b"<" else "something else"
            raise DownloadError(show_link(self._url), f"expected a picture, got {what}")

    def _again(self, reason: str, **context: Any) -> "_AgainError":
        lost = ResponseLostError(f"GET {show_link(self._url)}", reason)
        return _AgainError(lost.with_context(retryable=True, charged="no", **context))


def _not_connected(error: Exception, url: str) -> ConnectError:
    """Return our error for a connection that was not made; a certificate does not become valid by trying again."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        why = getattr(cause, "verify_message", None) or "the certificate is not valid"
        return ConnectError(show_link(url), f"TLS: {why}").with_context(retryable=False)
    reason = getattr(getattr(error, "os_error", error), "strerror", None)
    return ConnectError(show_link(url), reason or type(error).__name__)


class _AgainError(Exception):
    """Another attempt may bring the picture; a signal inside this module."""

    def __init__(self, error: PhotaError) -> None:
        super().__init__()
        self.error = error


def _as_download_error(failure: PhotaError, url: str, attempts: int) -> DownloadError:
    if isinstance(failure, DownloadError):
        return failure.with_context(attempts=attempts)
    error = DownloadError(show_link(url), getattr(failure, "reason", "") or type(failure).__name__)
    return error.with_context(
        retryable=failure.retryable,
        attempts=attempts,
        status=getattr(failure, "status", None),
        hint="try again: what was bought is still there" if failure.retryable else CERTIFICATE_HINT,
    )
