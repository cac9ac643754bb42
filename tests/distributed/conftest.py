"""A real PostgreSQL and a real Redis for all of these tests, and an empty database in them for each."""

from collections.abc import AsyncIterator, Iterator

import pytest
from support import postgres, redis_server
from support.clients import connect, listen

from phota_async.sandbox import Sandbox

__all__ = ["connect", "listen"]


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    with postgres.running_server() as started:
        yield started


@pytest.fixture
def dsn(server: postgres.Server) -> str:
    return server.create()


@pytest.fixture(scope="session")
def redis() -> Iterator[redis_server.Server]:
    with redis_server.running_server() as started:
        yield started


@pytest.fixture
def redis_url(redis: redis_server.Server) -> str:
    return redis.clear()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=0.0, picture_scale=0.03) as started:
        yield started
