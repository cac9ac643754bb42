"""A look into a ledger says what the ledger itself would do, and leaves it as it is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from phota_async import LedgerError
from phota_async.ledger import Begun, Done, Ledger, Record, State, Submitted, Wish, view
from phota_async.ledger.view import LedgerView

WISH = Wish(purchase="p", batch="b", item="a.jpg", operation="edit", price=150, run=2, now=1000.0)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
async def seen(ledger: Ledger) -> AsyncIterator[LedgerView]:
    opened = LedgerView(ledger.path)
    await opened.open()
    yield opened
    opened.close()


async def bought(ledger: Ledger, **fields: object) -> Record:
    return (await ledger.begin(replace(WISH, run=1, **fields))).record


async def test_what_was_not_bought_is_foreseen(seen: LedgerView, ledger: Ledger) -> None:
    assert not await seen.was_sent("p")
    assert await seen.committed("b") == 0
    foreseen = await seen.look(WISH)
    assert foreseen == await ledger.begin(WISH)
    assert (foreseen.action, foreseen.is_new, foreseen.record.copy) == ("buy", True, 1)


async def test_what_was_bought_is_foreseen_as_the_ledger_does_it(seen: LedgerView, ledger: Ledger) -> None:
    record = await bought(ledger)
    await ledger.change(record, Done((), 120))
    assert await seen.was_sent("p")
    assert not await seen.was_sent("q")
    assert (await seen.committed("b"), await seen.committed("c")) == (120, 0)
    assert await seen.look(WISH) == await ledger.begin(WISH)


async def test_equal_items_have_a_record_each_their_own_first(seen: LedgerView, ledger: Ledger) -> None:
    for item in ("a.jpg", "b.jpg"):
        await bought(ledger, item=item)
    wishes = [replace(WISH, item=item) for item in ("b.jpg", "c.jpg", "d.jpg")]
    found = await asyncio.gather(*(seen.look(wish) for wish in wishes))
    assert [(begun.action, begun.record.copy) for begun in found] == [("resend", 2), ("resend", 1), ("buy", 3)]


async def test_a_job_is_found_by_its_item_once(seen: LedgerView, ledger: Ledger) -> None:
    record = await ledger.change(await bought(ledger), Submitted("j"))
    wish = replace(WISH, purchase="")
    assert await seen.take_up(wish) == Begun(action="poll", record=replace(record, run=2))
    assert await seen.take_up(wish) is None


async def test_all_records_come_page_by_page(seen: LedgerView, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "PAGE", 3)
    for number in range(10):
        await bought(ledger, purchase=f"{number // 4}", batch=f"b{number % 2}")
        assert [each async for each in seen.records()] == [each async for each in ledger.records()]


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


async def test_what_may_have_been_bought_is_unknown(seen: LedgerView, ledger: Ledger) -> None:
    await bought(ledger, mode="sync")
    begun = await seen.look(WISH)
    assert (begun.action, begun.record.state) == ("unknown", State.UNKNOWN)
