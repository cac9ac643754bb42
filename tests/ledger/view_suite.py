"""What every look into a ledger must do; fixtures `ledger` and `seen` say which store it is, and the look into it."""

import asyncio

import pytest
from msgspec.structs import replace

from phota_async.ledger import Begun, Done, Record, State, Store, Submitted, Wish, looking
from phota_async.ledger.looking import View

WISH = Wish(purchase="p", batch="b", item="a.jpg", operation="edit", price=150, run=2, now=1000.0)


async def bought(ledger: Store, **fields: object) -> Record:
    return (await ledger.begin(replace(WISH, run=1, **fields))).record


class ViewSuite:
    """Conformance."""

    async def test_what_was_not_bought_is_foreseen(self, seen: View, ledger: Store) -> None:
        assert not await seen.was_sent("p")
        assert await seen.committed("b") == 0
        foreseen = await seen.look(WISH)
        assert foreseen == await ledger.begin(WISH)
        assert (foreseen.action, foreseen.is_new, foreseen.record.copy) == ("buy", True, 1)

    async def test_what_was_bought_is_foreseen_as_the_ledger_does_it(self, seen: View, ledger: Store) -> None:
        record = await bought(ledger)
        await ledger.change(record, Done((), 120))
        assert await seen.was_sent("p")
        assert not await seen.was_sent("q")
        assert (await seen.committed("b"), await seen.committed("c")) == (120, 0)
        assert await seen.look(WISH) == await ledger.begin(WISH)

    async def test_equal_items_have_a_record_each_their_own_first(self, seen: View, ledger: Store) -> None:
        for item in ("a.jpg", "b.jpg"):
            await bought(ledger, item=item)
        wishes = [replace(WISH, item=item) for item in ("b.jpg", "c.jpg", "d.jpg")]
        found = await asyncio.gather(*(seen.look(wish) for wish in wishes))
        assert [(begun.action, begun.record.copy) for begun in found] == [("resend", 2), ("resend", 1), ("buy", 3)]

    async def test_a_job_is_found_by_its_item_once(self, seen: View, ledger: Store) -> None:
        record = await ledger.change(await bought(ledger), Submitted("j"))
        wish = replace(WISH, purchase="")
        for other in ({"item": "b.jpg"}, {"batch": "c"}, {"operation": "remix"}, {"take": 2}, {"run": 1}):
            assert await seen.take_up(replace(wish, **other)) is None
        assert await seen.take_up(wish) == Begun(action="poll", record=replace(record, run=2))
        assert await seen.take_up(wish) is None

    async def test_all_records_come_page_by_page(
        self, seen: View, ledger: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(looking, "PAGE", 3)
        for number in range(10):
            await bought(ledger, purchase=f"{number // 4}", batch=f"b{number % 2}")
            assert [each async for each in seen.records()] == [each async for each in ledger.records()]
        assert [each async for each in seen.records("b1")] == [each async for each in ledger.records("b1")]

    async def test_what_may_have_been_bought_is_unknown(self, seen: View, ledger: Store) -> None:
        await bought(ledger, mode="sync")
        begun = await seen.look(WISH)
        assert (begun.action, begun.record.state) == ("unknown", State.UNKNOWN)
