"""A service in a process of its own, which gives an account whenever it is asked."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from .runner import spawn


class Service:
    """The other end of its pipe, and where it listens."""

    def __init__(self, pipe: Connection, base_url: str, api_key: str) -> None:
        self._pipe, self.base_url, self.api_key = pipe, base_url, api_key
        self._turn = asyncio.Lock()

    async def account(self) -> Any:
        """Return what it has to say."""
        async with self._turn:
            self._pipe.send(None)
            return await asyncio.to_thread(self._pipe.recv)


@contextmanager
def serving(serve: Any, *arguments: Any) -> Iterator[Service]:
    """Run a service for as long as the block lasts.

    Args:
        serve: Is called there with a pipe: says its address and its key, then answers each word with an account.
        arguments: Further ones.
    """
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Service(ours, *ours.recv())
    finally:
        ours.close()
        process.terminate()
        process.join()
