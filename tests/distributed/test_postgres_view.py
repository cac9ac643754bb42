"""A look into the shared ledger says what the ledger itself would do, and writes nothing."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from ledger.view_suite import WISH, ViewSuite, bought

from phota_async import LedgerError, PostgresLedger
from phota_async.ledger import tables
from phota_async.ledger.database import Connection
from phota_async.ledger.shared_view import PostgresView

pytestmark = pytest.mark.system


@pytest.fixture
async def ledger(dsn: str) -> AsyncIterator[PostgresLedger]:
    async with PostgresLedger(dsn, clock=lambda: 1000.0) as opened:
        yield opened


@pytest.fixture
async def seen(dsn: str, ledger: PostgresLedger) -> AsyncIterator[PostgresView]:
    opened = PostgresView(dsn)
    await opened.open()
    yield opened
    await opened.aclose()


class TestPostgresView(ViewSuite):
    """Every view's suite."""


async def test_a_database_without_tables_is_an_empty_ledger_and_stays_so(dsn: str) -> None:
    looked = PostgresView(dsn)
    await looked.open()
    assert not await looked.was_sent("p")
    assert await looked.committed("b") == 0
    assert [each async for each in looked.records()] == []
    assert (await looked.look(WISH)).action == "buy"
    assert await looked.take_up(WISH) is None
    await looked.aclose()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'phota'").fetchone() is None


async def test_tables_of_an_older_version_are_read_and_stay_as_they_are(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PostgresLedger(dsn) as ledger:
        record = await bought(ledger)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE phota.version SET version = 1")
        looked = PostgresView(dsn)
        await looked.open()
        assert [each async for each in looked.records()] == [record]
        await looked.aclose()
        assert connection.execute("SELECT version FROM phota.version").fetchone() == (1,)


async def test_tables_of_a_newer_client_are_refused(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        await tables.migrate(ledger.database, (*tables.STEPS, ()))
    looked = PostgresView(dsn)
    with pytest.raises(LedgerError, match=f"or older, got {len(tables.STEPS) + 1}"):
        await looked.open()
    await looked.aclose()


async def test_the_server_itself_refuses_what_would_write(seen: PostgresView) -> None:
    async def write(connection: Connection) -> None:
        await connection.execute("DELETE FROM phota.purchase")

    with pytest.raises(LedgerError, match="read-only transaction"):
        await seen._database.run(write)


async def test_it_sees_by_the_servers_clock_and_tells_its_state(dsn: str, ledger: PostgresLedger) -> None:
    looked = PostgresView(dsn)
    with pytest.raises(LedgerError, match="is closed"):
        await looked.was_sent("p")
    await looked.open()
    assert looked.clock() == pytest.approx(ledger.database.clock(), abs=1)
    assert looked.path == ledger.path
    assert repr(looked).endswith("open>")
    for _ in range(2):
        await looked.aclose()
        assert repr(looked).endswith("closed>")
    with pytest.raises(LedgerError, match="is closed"):
        await looked.was_sent("p")


async def test_a_server_that_is_away_is_said_at_once_and_without_the_password() -> None:
    looked = PostgresView("postgresql://studio:hunter2@127.0.0.1:1/photos")
    with pytest.raises(LedgerError, match="cannot be reached") as caught:
        await looked.open()
    assert "hunter2" not in f"{caught.value} {looked!r}"
    await looked.aclose()
