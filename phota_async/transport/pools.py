"""aiohttp's sessions: one set for each process and event loop, closed with the loop they belong to.

Three pools, since a stale connection costs differently: a paid call on one has an unknown outcome, so its
connections are kept for 2 s only; free calls keep theirs from poll to poll; downloads never see the key.
"""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from ..config import ClientConfig
from ..errors import ConfigError
from ..media.addresses import is_public
from .deadlines import Deadlines

PAID_KEEPALIVE = 2.0  # seconds: a new TLS connection costs a millisecond, a stale one an ambiguous outcome
FREE_KEEPALIVE = 75.0  # seconds: longer than any poll's interval
KEEPALIVE_PROBES = (
    ("TCP_KEEPIDLE", 60),
    ("TCP_KEEPINTVL", 30),
    ("TCP_KEEPCNT", 5),
)  # NATs forget after 350 s

_sets: "WeakSet[PoolSet]" = WeakSet()
_inherited: list[object] = []  # sessions of a parent process: closing them would disturb its event loop


class Pools:
    """The sessions of one event loop."""

    def __init__(self, config: ClientConfig, lent: aiohttp.ClientSession | None, *, allow_private: bool) -> None:
        self.lent = lent
        self.paid = lent or _session(config, PAID_KEEPALIVE)
        self.free = lent or _session(config, FREE_KEEPALIVE)
        resolver = None if allow_private else PublicResolver()
        self.downloads = _session(config, FREE_KEEPALIVE, resolver)
        self.loop = asyncio.get_running_loop()
        self.deadlines = Deadlines(self.loop)
        self.has_headers = False
        self._closer = self._close_with_loop()

    async def open(self) -> "Pools":
        """Tie the sessions' end to the loop's: a loop closes its asynchronous generators before it ends."""
        await anext(self._closer)
        return self

    def keep_headers(self, headers: Mapping[str, str]) -> None:
        """Let our sessions for calls send these by themselves: a call's own headers are copied one by one."""
        for session in (self.paid, self.free):
            session.headers.update(headers)
        self.has_headers = True

    async def aclose(self) -> None:
        """Close what is ours, each of it though somebody cuts this off; a lent session stays open."""
        async with AsyncExitStack() as stack:
            stack.callback(self.deadlines.stop)
            for session in {self.paid, self.free, self.downloads} - {self.lent}:
                stack.push_async_callback(session.close)

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self.aclose()

    async def end(self) -> None:
        """Close everything now."""
        await self._closer.aclose()
        await self.aclose()


class PoolSet:
    """Finds the sessions of the running loop, making them on first use."""

    def __init__(self, config: ClientConfig, lent: aiohttp.ClientSession | None, *, allow_private: bool) -> None:
        self._config = config
        self._lent = lent
        self._allow_private = allow_private
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Pools] = WeakKeyDictionary()
        self._latest: Pools | None = None
        self._pid = os.getpid()
        _sets.add(self)

    def get_nowait(self) -> Pools | None:
        """Return the running loop's sessions where that needs no thought: they are ours and were used last."""
        latest = self._latest
        return latest if latest is not None and latest.loop is asyncio.get_running_loop() else None

    async def get(self) -> Pools:
        """Return the running loop's sessions."""
        if self._pid != os.getpid():  # after a fork the parent's sockets are not ours to use, nor to close
            _inherited.append(self._pools)
            self._pools, self._latest, self._pid = WeakKeyDictionary(), None, os.getpid()
        loop = asyncio.get_running_loop()
        self._check_lent(loop)
        pools = self._pools.get(loop)
        if pools is None:
            self._forget_closed_loops()
            pools = Pools(self._config, self._lent, allow_private=self._allow_private)
            self._pools[loop] = pools
            await pools.open()
        self._latest = None if self._lent else pools  # a lent session may be closed at any time
        return pools

    async def aclose(self) -> None:
        """Close the running loop's sessions; those of other loops closed with their loop."""
        self._latest = None
        pools = self._pools.pop(asyncio.get_running_loop(), None)
        if pools is not None and self._pid == os.getpid():
            await pools.end()

    def _forget_closed_loops(self) -> None:
        """Let ended loops go: their sessions are closed, but refer to them."""
        for loop in [each for each in self._pools if each.is_closed()]:
            del self._pools[loop]

    def _check_lent(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._lent is None:
            return
        if self._lent.closed:
            raise ConfigError("the session that was lent to the client is closed")
        if self._lent._loop is not loop:  # noqa: SLF001 - its public twin is deprecated
            raise ConfigError("the session that was lent to the client belongs to another event loop")


def _forget_latest() -> None:
    for each in _sets:
        each._latest = None  # noqa: SLF001 - one module


if hasattr(os, "register_at_fork"):  # asking for the process's number in each call costs a system call
    os.register_at_fork(after_in_child=_forget_latest)


class PublicResolver(AbstractResolver):
    """Resolves host names to public addresses only, so that a result link cannot point into a private network."""

    def __init__(self) -> None:
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve, and leave out every address that is not public."""
        found = await self._resolver.resolve(host, port, family)
        public = [each for each in found if is_public(each["host"])]
        if not public:
            raise OSError(None, f"{host} has no public address")
        return public

    async def close(self) -> None:
        """Nothing to close."""
        await self._resolver.close()


class CleanConnector(aiohttp.TCPConnector):
    """Keeps no connection on which something came unasked: it would be taken for the answer to the next request.

    Gateways send a late 408 that way, and a broken one somebody else's answer.
    """

    async def _get(self, key: Any, traces: Any) -> Any:
        while (kept := await super()._get(key, traces)) is not None:
            if kept.protocol is not None and not kept.protocol.should_close:
                break
            kept.close()
        return kept


def _session(config: ClientConfig, keepalive: float, resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    connector = CleanConnector(
        limit=0,  # the Limiter bounds calls; a second bound here would hide a wait from the deadline
        keepalive_timeout=keepalive,
        ssl=config.ssl_context or True,
        socket_factory=_make_socket,
        resolver=resolver,
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # a cut gzip stream passes unnoticed, and a bomb has no limit: we unpack ourselves
        trust_env=False,
        read_bufsize=2**18,
    )
    session._retry_connection = False  # noqa: SLF001 - it sends again unasked, unseen by attempts and limits
    return session


def _make_socket(info: tuple[Any, ...]) -> socket.socket:
    """Make a socket that probes a silent line: a synchronous edit says nothing for up to ten minutes."""
    family, kind, protocol, *_ = info
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE_PROBES:
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
