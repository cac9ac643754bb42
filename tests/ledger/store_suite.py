"""What every store of records must do; a second one runs the same suite with a `store` fixture of its own."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from phota_async.ledger import Begun, Done, File, JobFailed, Lost, Record, Refused, State, Store, Submitted, Wish

FILE = File("a.enhance-1.jpg", 100, "ab" * 32)


async def enter(store: Store, batch: str = "") -> int:
    """Begin another run, ending the one before."""
    await store.leave(batch)
    return await store.enter(batch)


async def begin(store: Store, run: int, purchase: str = "p", /, **fields: object) -> Begun:
    return await store.begin(replace(Wish(purchase=purchase, run=run, now=1000.0), **fields))


class StoreSuite:
    """Conformance."""

    async def test_a_new_purchase_gets_an_intent(self, store: Store) -> None:
        begun = await begin(store, await enter(store), price=150_000, item="a.jpg", take=2)
        record = begun.record
        assert (begun.action, begun.is_new) == ("buy", True)
        assert (record.state, record.first_intent_at, record.generation, record.copy) == (State.INTENT, 1000.0, 0, 1)
        assert (record.item, record.take, record.reserved) == ("a.jpg", 2, 150_000)
        assert [each async for each in store.records()] == [record]

    async def test_a_life_to_its_end(self, store: Store) -> None:
        begun = await begin(store, await enter(store), price=150_000)
        record = await store.change(begun.record, Submitted("job-1"))
        assert (record.state, record.job_id) == (State.SUBMITTED, "job-1")
        done = await store.change(record, Done((FILE,), 120_000, {"anna": 1}))
        assert (done.state, done.files, done.cost, done.counts) == (State.DONE, (FILE,), 120_000, {"anna": 1})
        again = await begin(store, await enter(store))
        assert again.action == "done"
        assert again.record == replace(done, run=again.record.run)

    @pytest.mark.parametrize("counts", [None, {}, {"anna": 2}])
    async def test_what_was_not_told_is_kept_apart_from_nobody(
        self, store: Store, counts: dict[str, int] | None
    ) -> None:
        begun = await begin(store, await enter(store))
        await store.change(begun.record, Done((FILE,), 120_000, counts))
        assert [record.counts async for record in store.records()] == [counts]

    async def test_what_may_be_bought_is_told_without_taking_it_up(self, store: Store) -> None:
        run = await enter(store)
        assert not await store.was_sent("p")
        record = (await begin(store, run)).record
        assert await store.was_sent("p")
        await store.change(record, Refused("402"))
        assert not await store.was_sent("p")
        record = (await begin(store, await enter(store))).record
        for change in (Submitted("job-1"), Lost("404"), Done((FILE,), 1, {})):
            record = await store.change(record, change)
            assert await store.was_sent("p")
        assert not await store.was_sent("q")
        run = await enter(store)
        assert await store.was_sent("p")
        assert (await begin(store, run)).action == "done"

    async def test_a_failed_job_is_not_bought_and_hides_no_equal_purchase(self, store: Store) -> None:
        run = await enter(store)
        records = [(await begin(store, run)).record for _ in range(2)]
        for record in records:
            await store.change(await store.change(record, Submitted("job-1")), JobFailed("500"))
        assert not await store.was_sent("p")
        run = await enter(store)
        await store.change((await begin(store, run)).record, Submitted("job-2"))
        assert await store.was_sent("p")

    async def test_a_submitted_job_is_polled_whatever_its_age(self, store: Store) -> None:
        begun = await begin(store, await enter(store))
        await store.change(begun.record, Submitted("job-1"))
        assert (await begin(store, await enter(store), now=1e9)).action == "poll"

    async def test_a_young_intent_is_sent_again_with_its_first_time(self, store: Store) -> None:
        await begin(store, await enter(store), now=1000.0)
        for now in (1500.0, 1000.0 + 2880.0):
            begun = await begin(store, await enter(store), now=now)
            assert (begun.action, begun.record.first_intent_at, begun.record.generation) == ("resend", 1000.0, 0)

    async def test_an_old_intent_is_unknown_for_good(self, store: Store) -> None:
        await begin(store, await enter(store), now=1000.0)
        assert (await begin(store, await enter(store), now=1000.0 + 2881.0)).action == "unknown"
        assert (await begin(store, await enter(store), now=1001.0)).action == "unknown"

    async def test_an_intent_from_the_future_is_unknown(self, store: Store) -> None:
        await begin(store, await enter(store), now=10_000.0)
        assert (await begin(store, await enter(store), now=9_990.0)).action == "resend"
        assert (await begin(store, await enter(store), now=9_000.0)).action == "unknown"

    async def test_a_synchronous_intent_is_unknown_at_once(self, store: Store) -> None:
        await begin(store, await enter(store), mode="sync")
        assert (await begin(store, await enter(store), mode="job")).action == "unknown"

    async def test_what_is_unknown_is_bought_anew_only_when_told(self, store: Store) -> None:
        begun = await begin(store, await enter(store), price=150_000)
        await store.change(begun.record, Lost("reset"))
        assert (await begin(store, await enter(store))).action == "unknown"
        anew = await begin(store, await enter(store), price=150_000, resend_unknown=True, now=2000.0)
        assert (anew.action, anew.record.generation, anew.record.first_intent_at) == ("buy", 1, 2000.0)
        assert await store.committed("") == 300_000

    async def test_a_failed_job_is_bought_anew_with_another_id(self, store: Store) -> None:
        begun = await begin(store, await enter(store), price=150_000)
        record = await store.change(begun.record, Submitted("job-1"))
        await store.change(record, JobFailed("JobFailedError failed"))
        anew = await begin(store, await enter(store), price=150_000, now=9999.0)
        assert (anew.action, anew.record.generation, anew.record.first_intent_at) == ("buy", 1, 9999.0)
        assert anew.record.job_id is None

    async def test_a_submitted_job_is_found_by_its_item(self, store: Store) -> None:
        begun = await begin(store, await enter(store), item="1.jpg", operation="edit", take=2, price=150_000)
        wish = Wish(purchase="", item="1.jpg", operation="edit", take=2, run=await enter(store))
        assert await store.take_up(wish) is None  # an intent is no job
        record = await store.change(begun.record, Submitted("job-1"))
        others: list[dict[str, Any]] = [{"item": "2"}, {"operation": "enhance"}, {"take": 1}, {"batch": "b"}]
        others += [{"run": record.run}]
        assert [await store.take_up(replace(wish, **other)) for other in others] == [None] * len(others)
        taken = await store.take_up(wish)
        assert taken is not None
        assert (taken.action, taken.record) == ("poll", replace(record, run=wish.run))
        assert await store.take_up(wish) is None  # once a run
        await store.change(taken.record, Done())
        assert await store.take_up(replace(wish, run=await enter(store))) is None

    async def test_a_refused_purchase_costs_nothing_and_may_be_tried_later(self, store: Store) -> None:
        begun = await begin(store, await enter(store), price=150_000)
        record = await store.change(begun.record, Refused("InsufficientCreditsError 402"))
        assert (record.state, await store.committed("")) == (State.FAILED, 0)
        later = await begin(store, await enter(store), now=90_000.0)
        assert (later.action, later.record.generation, later.record.first_intent_at) == ("buy", 0, 90_000.0)

    async def test_a_refusal_says_nothing_of_an_earlier_runs_intent(self, store: Store) -> None:
        await begin(store, await enter(store), price=150_000, now=1000.0)
        again = await begin(store, await enter(store), now=2000.0)
        record = await store.change(again.record, Refused("AuthenticationError 401"))
        assert (record.state, record.first_intent_at) == (State.INTENT, 1000.0)
        assert (await begin(store, await enter(store), now=1000.0 + 2881.0)).action == "unknown"

    async def test_what_is_done_stays_done(self, store: Store) -> None:
        begun = await begin(store, await enter(store))
        done = await store.change(begun.record, Done((FILE,), None, {}))
        for change in (Lost("x"), Refused("x"), JobFailed("x"), Submitted("job-2")):
            assert await store.change(done, change) == done

    async def test_the_cap_counts_everything_that_may_have_cost(self, store: Store) -> None:
        run = await enter(store)
        first = await begin(store, run, "p1", price=400_000, cap=1_000_000)
        await begin(store, run, "p2", price=400_000, cap=1_000_000)
        assert (await begin(store, run, "p3", price=400_000, cap=1_000_000)).action == "budget"
        await store.change(first.record, Done((), 120_000, {}))
        assert await store.committed("") == 520_000
        assert (await begin(store, await enter(store), "p3", price=400_000, cap=1_000_000)).action == "buy"

    async def test_what_was_begun_needs_no_budget(self, store: Store) -> None:
        begun = await begin(store, await enter(store), "p1", price=400_000, cap=400_000)
        assert (await begin(store, await enter(store), "p1", price=400_000, cap=0)).action == "resend"
        await store.change(begun.record, Submitted("job-1"))
        assert (await begin(store, await enter(store), "p1", price=400_000, cap=0)).action == "poll"

    async def test_equal_purchases_of_one_run_are_copies(self, store: Store) -> None:
        run = await enter(store)
        copies = [(await begin(store, run, item=item)).record.copy for item in ("a", "b", "c")]
        assert copies == [1, 2, 3]

    async def test_a_copy_finds_its_own_record_again_whatever_the_order(self, store: Store) -> None:
        run = await enter(store)
        for item in ("a", "b"):
            await begin(store, run, item=item)
        run = await enter(store)
        found = {item: (await begin(store, run, item=item)).record.copy for item in ("b", "a", "c")}
        assert found == {"b": 2, "a": 1, "c": 3}

    async def test_a_renamed_item_takes_the_old_ones_record(self, store: Store) -> None:
        begun = await begin(store, await enter(store), item="old.jpg")
        await store.change(begun.record, Done((FILE,), None, {}))
        assert (await begin(store, await enter(store), item="new.jpg")).action == "done"

    async def test_where_items_come_one_by_one_only_their_own_records_count(self, store: Store) -> None:
        for _ in range(3):
            for item, copy in (("a", 1), ("b", 2)):
                run = await store.join("")
                begun = await begin(store, run, item=item, by_item=True)
                assert (begun.record.copy, begun.record.generation) == (copy, 0)
                await store.leave("", run)
        assert [each.item async for each in store.records()] == ["a", "b"]

    async def test_runs_of_single_items_are_beside_all_others(self, store: Store) -> None:
        whole = await store.enter("b")
        runs = {await store.join("b") for _ in range(5)}
        assert len(runs | {whole}) == 6
        for run in runs:
            await store.leave("b", run)
        await store.leave("b", whole)
        assert await store.enter("b") not in runs

    async def test_a_record_that_another_run_took_up_hears_good_news_only(self, store: Store) -> None:
        first, second = await store.join(""), await store.join("")
        mine = (await begin(store, first, item="a", by_item=True)).record
        await store.leave("", first)
        taken = (await begin(store, second, item="a", by_item=True)).record
        for change in (Refused("402"), Lost("reset"), JobFailed("500")):
            assert await store.change(mine, change) == taken
        assert (await store.change(mine, Submitted("job-1"))).job_id == "job-1"
        assert (await store.change(mine, Done((FILE,), 1, {}))).state is State.DONE

    async def test_batches_are_apart(self, store: Store) -> None:
        one, other = await store.enter("one"), await store.enter("other")
        await begin(store, one, "p1", batch="one", price=100)
        await begin(store, other, "p2", batch="other", price=200)
        assert (await store.committed("one"), await store.committed("other")) == (100, 200)
        assert [each.batch async for each in store.records("other")] == ["other"]

    async def test_many_at_once_lose_nothing(self, store: Store) -> None:
        run = await enter(store)

        async def live(number: int) -> Record:
            begun = await begin(store, run, f"p{number:04}", price=1)
            record = await store.change(begun.record, Submitted(f"job-{number}"))
            return await store.change(record, Done((FILE,), 1, {}))

        await asyncio.gather(*(live(number) for number in range(1200)))
        kept = [record async for record in store.records()]
        assert len(kept) == 1200
        assert all(record.state is State.DONE for record in kept)
        assert await store.committed("") == 1200
