"""A Redis that many processes share: asked again while it is away or restarts. Needs the extra `redis`.

Operations given here can bear being run twice: an answer may be lost behind what it answers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigError, LedgerError
from ..ledger.database import CONNECTIONS, PATIENCE, keep_trying

if TYPE_CHECKING:
    from redis import asyncio as redis
    from redis.exceptions import RedisError

    Redis = redis.Redis
else:
    Redis = RedisError = Any  # the driver belongs to an extra

T = TypeVar("T")
TIMEOUT = 5.0  # seconds for a connection, and for an answer


class RedisServer:
    """A Redis.

    Args:
        url: ``redis://USER:PASSWORD@HOST:PORT/NUMBER``, ``rediss://`` or ``unix://``; it is shown nowhere.
        patience: Seconds for which an operation is tried while the server is away.
    """

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        self.name = name_of(url)
        """Host, port and number, for people."""
        from redis.asyncio import Redis  # noqa: PLC0415 - of an extra
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415

        once = Retry(NoBackoff(), 0)  # trying again is done here, where patience is known
        self.patience = patience
        self.client: Redis = Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=once)
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._is_closed = False

    async def run(self, operation: Callable[[Redis], Awaitable[T]], *, patience: float | None = None) -> T:
        """Run an operation and return what it returned.

        Raises:
            LedgerError: The server stayed away, or refuses what is asked.
        """
        from redis.exceptions import RedisError  # noqa: PLC0415 - of an extra

        return await keep_trying(
            lambda: self._try(operation),
            self.name,
            patience=self.patience if patience is None else patience,
            errors=(RedisError,),
            is_away=_is_away,
        )

    async def aclose(self) -> None:
        """Close the connections; safe to call again."""
        self._is_closed = True
        await self.client.aclose()

    def __repr__(self) -> str:
        return f"<RedisServer {self.name}>"

    async def _try(self, operation: Callable[[Redis], Awaitable[T]]) -> T:
        async with self._places:
            if self._is_closed:
                raise LedgerError(f"{self.name} is closed")
            return await _heed(operation(self.client))


async def _heed(work: Awaitable[T]) -> T:
    """Await work, and be cancelled when told: Python 3.11 may swallow that while a connection is made (wait_for)."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this is a coroutine
    before = task.cancelling()
    value = await work
    if task.cancelling() > before:
        raise asyncio.CancelledError
    return value


def name_of(url: str) -> str:
    """Return the address of a Redis, without user and password.

    Raises:
        ConfigError: It is no address of a Redis, or redis-py is missing.
    """
    try:
        from redis.asyncio.connection import parse_url  # noqa: PLC0415 - of an extra
    except ImportError:
        raise ConfigError("Redis needs redis-py").with_context(hint='pip install "phota-async[redis]"') from None
    try:
        words = parse_url(url)
    except (ValueError, TypeError, AttributeError):
        raise ConfigError("url: expected redis://HOST:PORT/NUMBER, got something else") from None
    host = words.get("path") or f"{words.get('host') or 'localhost'}:{words.get('port') or 6379}"
    return f"redis://{host}/{words.get('db') or 0}"


def _is_away(error: Exception) -> bool:
    """Whether a server may do later what it does not do now: it is gone, loads its data, or is another's copy."""
    from redis.exceptions import (  # noqa: PLC0415 - of an extra
        AuthenticationError,
        AuthorizationError,
        ConnectionError,  # noqa: A004 - theirs
        ReadOnlyError,
        TimeoutError,  # noqa: A004
    )

    is_refused = isinstance(error, (AuthenticationError, AuthorizationError))
    return isinstance(error, (ConnectionError, TimeoutError, ReadOnlyError)) and not is_refused
