"""What all calls of a client share on their way to the service: its address, the key, pools, limits, a budget."""

import logging
import warnings
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from .. import __version__
from ..answers import read_object
from ..config import ClientConfig, Secret
from ..events import Deprecated, Hooks
from ..limiter import Limiter
from ..media.addresses import is_private
from ..protocol import Call
from ..retry import RetryBudget
from ..telling import current_call
from .attempts import Reply, Sending
from .deadlines import COARSE
from .pools import PoolSet
from .receive import Receive, is_small, read_bytes
from .told import tell_request

T = TypeVar("T")
logger = logging.getLogger("phota_async")

MAX_URLS = 1024  # parsed addresses that are kept
_told: list[str] = []  # the one warning of this process


class SecretHeaders(CIMultiDict[str]):
    """Headers that hold the key, and do not show it."""

    def __repr__(self) -> str:
        return "<SecretHeaders ****>"


class Transport:
    """Sends calls for one client."""

    def __init__(
        self,
        *,
        base_url: str,
        secret: Secret,
        config: ClientConfig,
        limiter: Limiter,
        session: aiohttp.ClientSession | None,
        hooks: Hooks,
    ) -> None:
        parts = urlsplit(base_url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        private = config.allow_private_downloads
        self.allow_private = is_private(parts.hostname or "") if private is None else private
        self.base_url = base_url
        self.config = config
        self.limiter = limiter
        self.hooks = hooks or None
        self.refusal_listeners: list[Callable[[], None]] = []  # told of each 429 and 503, in the caller's context
        self.budget = RetryBudget(config.retry)
        self.pools = PoolSet(config, session, allow_private=self.allow_private)
        # In a lent session connect would count the wait for a place in the user's own pool.
        self.pool_timeout = config.connect_timeout if session is None else None
        self.connect_only = aiohttp.ClientTimeout(
            total=None, connect=self.pool_timeout, sock_connect=config.connect_timeout
        )
        self.look_timeout = config.connect_timeout + config.free_answer_timeout
        self.keeps_headers = not secret.can_change and config.proxy is None  # a proxy would be told them too
        self.looks = config.free_answer_timeout >= COARSE and limiter.max_bytes is None and session is None
        """Whether looks may take the short way."""
        self._secret = secret
        self._urls: dict[str, URL] = {}  # parsing an address costs as much as the rest of a small call

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        await self.pools.aclose()

    def send(
        self,
        call: Call,
        receive: Receive[T],
        *,
        deadline: float | None = None,
        validate: bool = True,
        first_sent: float | None = None,
        retries: bool = True,
    ) -> Coroutine[Any, Any, Reply[T]]:
        """Send a call until it succeeds, or the law, the budget or the deadline says stop.

        Args:
            call: What to send.
            receive: Reads a successful answer.
            deadline: The running loop's time at which everything ends; ``None`` uses the config's timeout.
            validate: Whether photos must look like pictures.
            first_sent: Unix time at which this job was sent for the first time, in this process or another.
            retries: ``False`` makes one attempt only, for polls: they come again anyway.
        """
        # Not asynchronous itself: each layer that everything goes through costs a small call two percent.
        sending: Sending[T] = Sending(self, call, deadline, first_sent, retries=retries)
        running = sending.run(receive, validate=validate)
        if self.hooks is None:
            return running
        return tell_request(self.hooks, call.route, running, sending, is_poll=not retries)

    async def read_json(self, response: aiohttp.ClientResponse) -> dict[str, Any]:
        """Read a small JSON object, for whoever must not import aiohttp."""
        limit = self.config.max_answer_bytes
        return read_object(await (response.read() if is_small(response, limit) else read_bytes(response, limit)))

    def url(self, call: Call) -> URL:
        """Return a call's address; ids are percent-encoded already and must stay as they are."""
        if call.address is not None:
            return URL(call.address, encoded=True)
        url = self._urls.get(call.path)
        if url is None:
            if len(self._urls) >= MAX_URLS:  # ids come and go
                self._urls.clear()
            url = self._urls[call.path] = URL(self.base_url + call.path, encoded=True)
        return url.with_query(call.query) if call.query else url

    def address(self, call: Call) -> str:
        """Return a call's address as text."""
        return str(self.url(call))

    async def headers(self, *, anew: bool = False) -> Mapping[str, str]:
        """Return a call's headers. They hold the key: never keep them in a variable that an error could show."""
        headers = SecretHeaders(self.config.headers)
        headers["X-API-Key"] = await self._secret.get(anew=anew)
        headers["User-Agent"] = f"phota-async/{__version__}"
        headers["Accept-Encoding"] = "identity"  # unpacking costs ten times what base64 costs
        return headers

    def redact(self, body: bytes) -> bytes:
        """Return an error's body without the key: some services repeat the one that they refuse."""
        return self._secret.redact(body)

    @property
    def can_renew_key(self) -> bool:
        """Whether the key may be another one when it is asked for again."""
        return self._secret.can_change

    def note(self, call: Call, date: str) -> None:
        """Pass on that an answer's headers announce a change."""
        if self.hooks:
            self.hooks(Deprecated(call_id=current_call(), route=call.route, date=date))
        warn_once(f"the Phota API announces a change of behaviour for {date[:40]}")


def warn_once(message: str) -> None:
    """Warn once a process. Where warnings are errors it is logged instead: a paid answer must not be lost to it."""
    if _told:
        return
    _told.append(message)
    try:
        warnings.warn(message, DeprecationWarning, stacklevel=2)
    except DeprecationWarning:
        logger.warning("%s", message)
