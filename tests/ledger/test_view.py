"""A look into a ledger's file says what the ledger itself would do, and leaves it as it is."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ledger.view_suite import WISH, ViewSuite
from phota_async import LedgerError
from phota_async.ledger import Ledger
from phota_async.ledger.view import LedgerView


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
async def seen(ledger: Ledger) -> AsyncIterator[LedgerView]:
    opened = LedgerView(ledger.path)
    await opened.open()
    yield opened
    await opened.aclose()


class TestLedgerView(ViewSuite):
    """Every view's suite."""


async def test_no_file_is_an_empty_ledger(tmp_path: Path) -> None:
    looked = LedgerView(str(tmp_path / "none.sqlite"))
    await looked.open()
    assert looked.digests is None
    assert not await looked.was_sent("p")
    assert await looked.committed("b") == 0
    assert [each async for each in looked.records()] == []
    assert (await looked.look(WISH)).action == "buy"
    assert await looked.take_up(WISH) is None
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - nobody waits


async def test_a_ledger_of_today_knows_digests_by_the_clock_it_was_given(ledger: Ledger) -> None:
    clock: Callable[[], float] = lambda: 7.0  # noqa: E731 - it is compared
    looked = LedgerView(ledger.path, clock=clock)
    await looked.open()
    assert looked.clock is clock
    assert looked.digests is not None
    assert looked.digests._clock is clock
    assert await looked.digests.find([]) == []
    looked.close()


async def test_an_older_ledger_knows_none(ledger: Ledger) -> None:
    await ledger._get_writer().run(lambda connection: connection.execute("DROP TABLE photo"))
    looked = LedgerView(ledger.path)
    await looked.open()
    assert looked.digests is None
    looked.close()


async def test_it_tells_its_state_and_can_be_closed_twice(ledger: Ledger) -> None:
    looked = LedgerView(ledger.path)
    assert repr(looked) == f"<LedgerView {ledger.path} closed>"
    await looked.open()
    assert repr(looked) == f"<LedgerView {ledger.path} open>"
    for _ in range(2):
        looked.close()
        assert repr(looked) == f"<LedgerView {ledger.path} closed>"


async def test_once_closed_nothing_can_be_read(seen: LedgerView, ledger: Ledger) -> None:
    seen.close()
    with pytest.raises(LedgerError, match=r"^\S+ledger\.sqlite is closed$"):
        await seen.run(lambda connection: connection.execute("SELECT 1"))


async def test_what_cannot_be_read_is_a_ledger_error(seen: LedgerView, ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match=r"^\S+ledger\.sqlite cannot be read: no such table: nowhere$"):
        await seen.run(lambda connection: connection.execute("SELECT * FROM nowhere"))
