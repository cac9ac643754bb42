"""A real PostgreSQL for all of these tests, and an empty database in it for each."""

from collections.abc import AsyncIterator, Iterator

import pytest
from support.clients import connect, listen
from support.postgres import Server, running_server

from phota_async.sandbox import Sandbox

__all__ = ["connect", "listen"]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running_server() as started:
        yield started


@pytest.fixture
def dsn(server: Server) -> str:
    return server.create()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=0.0, picture_scale=0.03) as started:
        yield started
