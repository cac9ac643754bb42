"""The object that users hold: four image operations, profiles, jobs and webhooks over one transport."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from .config import ClientConfig, KeySource, Mode, expect, find_base_url, find_key, is_number
from .errors import ConfigError
from .events import Hook, Hooks
from .hidden import hide
from .jobs import Jobs
from .limiter import Limiter
from .media.files import Exists
from .operations import Operations
from .profiles import Profiles
from .requests import AnyRequest, Ready
from .results import ImageResult, StrPath, to_path
from .telling import tell_operation
from .validation import check_request, fail
from .watch import Pollers
from .webhooks import Webhooks

if TYPE_CHECKING:
    import aiohttp

    from .media.destination import Destination
    from .media.download import Downloader
    from .scope import UserScope
    from .transport.exchange import Transport

Way = Callable[..., Awaitable[ImageResult]]
"""Carries a request out, held open or as a job."""


class PhotaClient(Operations):
    """A client of the Phota API.

    Usage::

        async with PhotaClient() as client:  # the key comes from PHOTA_API_KEY
            result = await client.edit("beach.jpg", "at sunset, [[profile_id]] smiling")
            await result.save("out")

    It works without ``async with`` too (then ``await client.aclose()``), on several event loops one after the
    other, and after a fork. Make one and share it: its connections, limits and retry budget are shared.

    Args:
        api_key: The key, or a callable (asynchronous or not) that is asked for it, and again after a 401.
            ``None`` reads ``PHOTA_API_KEY``.
        base_url: The service's address. ``None`` reads ``PHOTA_BASE_URL``, then takes the public service.
        config: Timeouts, retries, sizes, proxy; see `ClientConfig`.
        session: An aiohttp session of yours for API calls. It is never closed and its headers stay untouched.
            Its pool decides how long idle connections are kept: see the README on what that weakens.
        limiter: The brake; share one between clients of the same account.
        hooks: Callables, none of them asynchronous, that are told events; see `phota_async.events`, and
            `phota_async.hooks` and `phota_async.otel` for ready-made ones.
        require_scope: Whether profiles may only be named by way of `for_user`: outside of a scope, whatever names a
            profile, and every call that lists, creates, looks at or deletes profiles, is a `ScopeError`, and
            nothing is sent. Image calls that name nobody, jobs and webhooks work as usual.

    Raises:
        ConfigError: There is no key, or a setting cannot work.

    Source: https://docs.photalabs.com/api-reference/introduction
    """

    def __init__(
        self,
        api_key: KeySource | None = None,
        base_url: str | None = None,
        config: ClientConfig | None = None,
        session: "aiohttp.ClientSession | None" = None,
        limiter: Limiter | None = None,
        hooks: Iterable[Hook] | None = (),
        *,
        require_scope: bool = False,
    ) -> None:
        api_key = hide(api_key)  # before anything can fail
        from .sending import send_as_job, send_sync  # noqa: PLC0415 - aiohttp is imported here, not with the package
        from .transport.exchange import Transport  # noqa: PLC0415

        _check_arguments(config, session, limiter, require_scope)
        self.config = config or ClientConfig()
        self.limiter = limiter or Limiter()
        self.base_url = find_base_url(base_url)
        self._open_transport: Transport = Transport(
            base_url=self.base_url,
            secret=find_key(api_key),
            config=self.config,
            limiter=self.limiter,
            session=session,
            hooks=Hooks(hooks),
        )
        self._transport = _without_names(self._open_transport) if require_scope else self._open_transport
        self._filters_by_tag = False  # whether the service was seen to list by tag
        self._scopes: WeakValueDictionary[str, UserScope] = WeakValueDictionary()  # those in use, by tag
        self._ways: Mapping[str, Way] = {"sync": send_sync, "job": send_as_job}
        self._downloader: Downloader | None = None
        self._closed = False
        self._pollers = Pollers()
        self.profiles = Profiles(self)
        self.jobs = Jobs(self)
        self.webhooks = Webhooks(self)

    async def __aenter__(self) -> Self:
        self._closed = False  # a client may be entered again, on another loop
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Safe to call again; waits, and calls afterwards, raise `ConfigError`."""
        self._closed = True
        try:
            await self._pollers.aclose()
        finally:
            await self._transport.aclose()

    async def send(
        self,
        request: AnyRequest,
        *,
        save_to: StrPath | None = None,
        exists: Exists = "error",
        hashed: bool = False,
        mode: Mode | None = None,
        timeout: float | None = None,
        validate: bool = True,
    ) -> ImageResult:
        """Send a request value; `edit` and its sisters build one and call this.

        Args:
            request: An `EditRequest`, `GenerateRequest`, `EnhanceRequest` or `RemixRequest`.
            save_to: A directory or a file's path: pictures are written there while they arrive, and memory
                stays flat whatever their size. A path that does not exist and has no suffix is a directory.
            exists: What to do when a name is taken: ``"error"`` (before anything is sent), ``"number"`` or
                ``"replace"``.
            hashed: Whether saved files get their ``sha256``, computed while they are written.
            mode: As in `edit`.
            timeout: As in `edit`.
            validate: As in `edit`.

        Returns:
            As `edit`; with ``save_to`` the images have a ``path`` and no ``data``.

        Raises:
            PhotaError: As `edit`.
        """
        how: dict[str, Any] = {"exists": exists, "hashed": hashed, "mode": mode, "timeout": timeout}
        return await self._send(request, save_to, validate=validate, **how)

    async def _send(
        self,
        request: AnyRequest,
        save_to: StrPath | None,
        *,
        exists: Exists = "error",
        hashed: bool = False,
        mode: Mode | None = None,
        timeout: float | None = None,
        validate: bool = True,
        ready: Ready = nullcontext,
        **files: Any,
    ) -> ImageResult:
        """Do as `send`; ``ready`` gives the request as it is to be sent, ``files`` is `Destination`'s."""
        self._check_open()
        check_kind(request)
        if validate:
            check_request(request)
        chosen = self.config.mode if mode is None else mode
        if chosen not in ("sync", "job"):
            fail("mode", '"sync" or "job"', chosen)
        deadline = self._deadline(timeout)
        destination = await _prepare(save_to, request, exists, hashed=hashed, **files)
        work = self._ways[chosen](self, request, destination, deadline, validate=validate, ready=ready)
        hooks = self._transport.hooks
        return await (work if hooks is None else tell_operation(hooks, request.operation, chosen, work))

    async def for_user(self, tag: str) -> "UserScope":
        """Return a view on this client for one end user, which names nobody else's profiles.

        Args:
            tag: The tag that the end user's profiles were created with, 1 to 128 characters. Tags leave your
                system: use a pseudonym, not a name or an e-mail address.

        Returns:
            A client that knows the tag's profiles, and raises `ScopeError` before anything is sent that names
            another one. While somebody uses it, it is the same for all who ask for this tag, read again.

        Raises:
            ScopeError: The service does not list by tag, so that a scope cannot be kept.
            PhotaError: The tag's profiles could not be listed.
        """
        from .scope import open_scope  # noqa: PLC0415 - it imports this module

        return await open_scope(self, tag)

    def __repr__(self) -> str:
        if not hasattr(self, "webhooks"):  # the last to be made: an error of `__init__` is being looked at
            return "<PhotaClient that could not be made>"
        state = " closed" if self._closed else ""
        return f"<PhotaClient {urlsplit(self.base_url).netloc}{state} {self.limiter!r}>"

    def __reduce__(self) -> str:
        raise ConfigError("a client cannot be pickled: make a new one on the other side")

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigError("the client is closed")

    def _get_downloader(self) -> "Downloader":
        if self._downloader is None:
            from .media.download import Downloader  # noqa: PLC0415 - needs aiohttp

            async def open_session() -> "aiohttp.ClientSession":
                self._check_open()
                return (await self._transport.pools.get()).downloads

            transport = self._transport
            self._downloader = Downloader(
                open_session,
                self.config,
                self.limiter,
                allow_private=transport.allow_private,
                hooks=transport.hooks,
            )
        return self._downloader

    def _deadline(self, timeout: float | None) -> float:
        seconds = self.config.timeout if timeout is None else timeout
        if not is_number(seconds) or not 0 < seconds < math.inf:  # aiohttp cannot wait for ever
            fail("timeout", "more than 0 seconds", timeout)
        return asyncio.get_running_loop().time() + seconds


def _check_arguments(config: object, session: object, limiter: object, require_scope: object) -> None:
    """Raise `ConfigError` for what a client cannot be made of."""
    expect(config is None or isinstance(config, ClientConfig), "config", "a ClientConfig", config)
    expect(session is None or _is_session(session), "session", "an aiohttp.ClientSession", session)
    expect(limiter is None or isinstance(limiter, Limiter), "limiter", "a Limiter", limiter)
    expect(isinstance(require_scope, bool), "require_scope", "True or False", require_scope)


def _is_session(session: object) -> bool:
    """Whether it has what is used of an aiohttp session; a double of one will do."""
    return not isinstance(session, type) and hasattr(session, "request") and hasattr(session, "closed")


def _without_names(transport: "Transport") -> "Transport":
    """Return a view on a transport that names no profile."""
    from .guard import Nobody  # noqa: PLC0415 - only who requires a scope needs it
    from .transport.guarded import GuardedTransport  # noqa: PLC0415 - needs aiohttp

    return GuardedTransport(transport, Nobody())


def check_kind(request: object) -> None:
    """Raise `InputError` for what is no image request."""
    if not isinstance(request, AnyRequest):
        fail("request", "an EditRequest, GenerateRequest, EnhanceRequest or RemixRequest", request)


async def _prepare(save_to: StrPath | None, request: AnyRequest, exists: Exists, **how: Any) -> "Destination | None":
    if save_to is None:
        return None
    from .media.destination import make_destination  # noqa: PLC0415 - only who saves needs it

    destination = make_destination(to_path(save_to), request.operation, exists, **how)
    await destination.check(request.num_output_images, request.output_format)
    return destination
