"""The ledger on PostgreSQL: the suite of all stores, and what is its own."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from ledger.store_suite import FILE, StoreSuite, begin, enter
from support.postgres import Server

from phota_async import ConfigError, LedgerError, PostgresLedger
from phota_async.ledger import Done, JobFailed, Lost, Refused, State, Submitted

pytestmark = pytest.mark.system


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[PostgresLedger]:
    async with PostgresLedger(dsn, clock=lambda: 1000.0) as ledger:
        yield ledger


class TestPostgresLedger(StoreSuite):
    """Every store's suite."""
