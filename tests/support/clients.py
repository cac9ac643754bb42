"""Clients for tests: no waits between attempts, and everything ends within seconds."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from phota_async import ClientConfig, PhotaClient, RetryPolicy

from .peer import Behaviour, Peer

KEY = "phk_canary_0123456789"
NO_WAIT = RetryPolicy(backoff=0)
QUICK = ClientConfig(retry=NO_WAIT, timeout=20, free_timeout=20, job_interval=0.001, max_job_interval=0.001)

Connect = Callable[..., PhotaClient]
Listen = Callable[..., Any]


def quick(**changes: Any) -> ClientConfig:
    """Return the quick config with changes."""
    return msgspec.structs.replace(QUICK, **changes)


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Make clients of a server; they are closed with the test."""
    async with AsyncExitStack() as stack:
        clients: list[PhotaClient] = []

        def make(server: Any, *, config: ClientConfig = QUICK, api_key: Any = KEY, **options: Any) -> PhotaClient:
            url = server if isinstance(server, str) else server.url
            clients.append(PhotaClient(api_key, url, config=config, **options))
            stack.push_async_callback(clients[-1].aclose)
            return clients[-1]

        yield make


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Start peers with a script each: ``peer = await listen(answer(503), reset())``."""
    async with AsyncExitStack() as stack:

        async def start(*script: Behaviour, **options: Any) -> Peer:
            return await stack.enter_async_context(Peer(*script, **options))

        yield start
