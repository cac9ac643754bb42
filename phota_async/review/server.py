"""The server of a review, for as long as somebody looks at it: on this machine only."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Self

import anyio
from aiohttp import web
from anyio.abc import TaskGroup

from .. import threads
from ..config import is_loopback
from ..errors import ConfigError
from ..photos.workers import PhotoWorkers
from ..runs import RunFolder
from .access import Access
from .asking import Asking
from .handlers import Handlers
from .journal import Journal
from .previews import Previews
from .session import NO_ASKING, Session

IDLE = 60.0  # seconds that a connection may send no whole request: more than a page waits for news
SHUTDOWN = 2.0  # seconds that answers under way get when the server ends


class ReviewServer:
    """A page on which a person picks the best of each item's variations.

    Usage::

        async with ReviewServer(latest_run("results")) as server:
            print(server.url)
            await server.finished()

    What is decided is on the disk before the page shows it, in ``picks.jsonl`` beside the run's records.

    Args:
        folder: The run.
        host: An address of this machine that no other machine reaches.
        port: 0 takes a free one.
        asking: Buys further variations; ``None`` turns that off.
        reason: What the page says when it is off.
        names: Profile id to the name that people know it by.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        asking: Asking | None = None,
        reason: str = NO_ASKING,
        names: Mapping[str, str] | None = None,
    ) -> None:
        if not is_loopback(host) or host == "localhost":
            raise ConfigError(f"host: expected an address such as 127.0.0.1 that only this machine has, got {host}")
        self._folder, self._host, self._port = folder, host, port
        self._new_session = partial(Session, asking=asking, reason=reason, names=names)
        self._group: TaskGroup | None = None
        self._stack = AsyncExitStack()
        self._access: Access
        self.session: Session
        """What is decided, and all that can be done."""

    async def __aenter__(self) -> Self:
        """Begin to serve.

        Raises:
            ConfigError: The port is taken.
            InputError: It is no run, has no pictures, or another review of it is open.
        """
        if self._group is not None:
            raise ConfigError("review: expected to be entered once, got a second time")
        async with AsyncExitStack() as stack:
            journal = Journal(self._folder)
            await threads.run(journal.open)
            stack.callback(journal.close)
            self.session = await threads.run(self._new_session, self._folder, journal)
            workers = await stack.enter_async_context(PhotoWorkers())
            await self._listen(stack, Previews(self.session.pictures, workers))
            self._group = await anyio.create_task_group().__aenter__()
            self._group.start_soon(self.session.work)
            self._group.start_soon(self.session.follow)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: what was asked for and is under way is left to the next review, by the ledger."""
        assert self._group is not None  # noqa: S101 - entered
        self.session.finish()
        self._group.cancel_scope.cancel()
        try:
            await self._group.__aexit__(None, None, None)  # the block's own error leaves as it is, in no group
        finally:
            with anyio.CancelScope(shield=True):
                await self._stack.aclose()

    @property
    def address(self) -> str:
        """Scheme, host and port. They open nothing by themselves."""
        return self._access.address

    @property
    def url(self) -> str:
        """The address with its token: whoever has it sees the pictures and decides. It is for one person's eyes."""
        return f"{self._access.address}/#{self._access.token}"

    def url_for_browser(self) -> str:
        """Return an address that opens the page once, within a minute: command lines can be read by others here."""
        return f"{self._access.address}/#ticket={self._access.issue_ticket(asyncio.get_running_loop().time())}"

    async def finished(self) -> None:
        """Wait until the person says that they are done."""
        await self.session.changes.over()

    def __repr__(self) -> str:
        return f"<ReviewServer of {self._folder.run}>"

    async def _listen(self, stack: AsyncExitStack, previews: Previews) -> None:
        """Bind first, since what is refused depends on the port."""
        listener = _bind(self._host, self._port)
        self._access = Access(self._host, listener.getsockname()[1])
        handlers = Handlers(self.session, self._access, previews)
        runner = web.AppRunner(
            handlers.application(), access_log=None, keepalive_timeout=IDLE, shutdown_timeout=SHUTDOWN
        )
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.SockSite(runner, listener).start()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot listen on {host} port {port}: {reason}") from None
