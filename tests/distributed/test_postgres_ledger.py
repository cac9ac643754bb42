"""The ledger on PostgreSQL: the suite of all stores, and what is its own."""

import asyncio
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from ledger.store_suite import FILE, StoreSuite, begin
from support.clients import Connect, quick
from support.postgres import Server, running_server, url

from phota_async import (
    Batch,
    BatchItem,
    Budget,
    ConfigError,
    GenerateRequest,
    LedgerError,
    PostgresLeases,
    PostgresLedger,
    RetryPolicy,
)
from phota_async.ledger import (
    Begun,
    Change,
    Done,
    JobFailed,
    Lost,
    Refused,
    State,
    Submitted,
    Wish,
    rules,
    shared_rows,
    tables,
)
from phota_async.ledger import database as database_module
from phota_async.ledger.beginning import Beginning
from phota_async.ledger.database import Connection, Database
from phota_async.pricing import Price, PriceTable
from phota_async.sandbox import Sandbox
from phota_async.uptime import since_boot

pytestmark = pytest.mark.system

T = TypeVar("T")


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[PostgresLedger]:
    async with PostgresLedger(dsn, clock=lambda: 1000.0) as ledger:
        yield ledger


class TestPostgresLedger(StoreSuite):
    """Every store's suite."""


@asynccontextmanager
async def two(dsn: str, *, ttl: float = 30.0) -> AsyncIterator[tuple[PostgresLedger, PostgresLedger]]:
    """Open the ledger as two processes do."""
    async with PostgresLedger(dsn, ttl=ttl) as one, PostgresLedger(dsn, ttl=ttl) as other:
        yield one, other


def freeze(dsn: str) -> None:
    """Let all runs look as those of processes that give no sign of life."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE phota.run SET expires_at = clock_timestamp() - interval '1 second'")


# Many at once


async def test_many_runs_of_a_batch_are_at_work(dsn: str) -> None:
    async with two(dsn) as (one, other):
        assert len({await one.enter("b"), await other.enter("b"), await one.join("b")}) == 3


async def test_what_another_run_has_is_waited_for_until_it_is_done(dsn: str) -> None:
    async with two(dsn) as (one, other):
        mine = await begin(one, await one.join(""), item="a")
        waiting = asyncio.ensure_future(begin(other, await other.join(""), item="a"))
        await asyncio.wait([waiting], timeout=0.3)
        assert not waiting.done()
        await one.change(mine.record, Done((FILE,), 1, {}))
        assert (await waiting).action == "done"


async def test_what_a_run_leaves_is_free_at_once(dsn: str) -> None:
    async with two(dsn) as (one, other):
        run = await one.join("")
        mine = await begin(one, run, item="a")
        await one.change(mine.record, Submitted("job-1"))
        await one.leave("", run)
        assert (await begin(other, await other.join(""), item="a")).action == "poll"


async def test_a_live_run_gives_signs_of_life(dsn: str) -> None:
    async with two(dsn, ttl=0.6) as (one, other):
        await begin(one, await one.join(""), item="a")
        waiting = asyncio.ensure_future(begin(other, await other.join(""), item="a"))
        await asyncio.wait([waiting], timeout=1.5)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_what_a_dead_process_had_is_sent_again_with_its_first_time(dsn: str) -> None:
    async with two(dsn) as (one, other):
        mine = await begin(one, await one.join(""), item="a", price=100)
        freeze(dsn)
        taken = await begin(other, await other.join(""), item="a", price=100)
        assert (taken.action, taken.record.copy) == ("resend", mine.record.copy)
        assert taken.record.first_intent_at == mine.record.first_intent_at
        assert await other.committed("") == 100


async def test_one_that_stood_still_can_undo_nothing(dsn: str) -> None:
    """It wakes after another one has taken its purchase up: only good news of it count."""
    async with two(dsn) as (one, other):
        mine = (await begin(one, await one.join(""), item="a")).record
        freeze(dsn)
        taken = (await begin(other, await other.join(""), item="a")).record
        for change in (Refused("402"), Lost("reset"), JobFailed("500")):
            assert await one.change(mine, change) == taken
        submitted = await other.change(taken, Submitted("job-1"))
        assert await one.change(mine, Refused("402")) == submitted
        done = await one.change(mine, Done((FILE,), 1, {}))
        assert done.state is State.DONE
        assert await other.change(submitted, Lost("404")) == done


async def test_equal_purchases_of_two_items_are_two_where_items_come_one_by_one(dsn: str) -> None:
    async with two(dsn) as (one, other):
        for _ in range(2):
            for ledger, item in ((one, "a"), (other, "b"), (other, "a"), (one, "b")):
                run = await ledger.join("")
                await begin(ledger, run, item=item, by_item=True)
                await ledger.leave("", run)
        assert [(record.item, record.copy) async for record in one.records()] == [("a", 1), ("b", 2)]


async def test_two_at_once_make_one_record(dsn: str) -> None:
    async with two(dsn) as both:
        for number in range(20):
            runs = [await ledger.join("") for ledger in both]
            tries = [
                asyncio.ensure_future(begin(ledger, run, f"p{number}", item="a", by_item=True))
                for ledger, run in zip(both, runs, strict=True)
            ]
            done, waiting = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
            assert [task.result().action for task in done] == ["buy"]
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            for ledger, run in zip(both, runs, strict=True):
                await ledger.leave("", run)
        assert [record.copy async for record in both[0].records()] == [1] * 20


async def test_the_cap_holds_among_many(dsn: str) -> None:
    async with two(dsn) as both:
        runs = [await ledger.join("") for ledger in both]
        begun = await asyncio.gather(
            *(begin(both[n % 2], runs[n % 2], f"p{n}", price=300_000, cap=1_000_000) for n in range(30))
        )
        assert sorted(each.action for each in begun) == ["budget"] * 27 + ["buy"] * 3
        assert await both[0].committed("") == 900_000


# Time


async def test_times_are_the_servers(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        begun = await begin(ledger, await ledger.join(""), now=5.0)
        assert begun.record.first_intent_at == pytest.approx(time.time(), abs=30)  # one machine, one clock
        assert ledger.clock() == pytest.approx(begun.record.first_intent_at, abs=5)


async def test_a_wish_that_was_made_long_ago_is_judged_by_the_time_it_is_now(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        await begin(ledger, await ledger.join(""), item="a")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("UPDATE phota.purchase SET first_intent_at = first_intent_at - 3000")
        freeze(dsn)
        stale = time.time() - 3000
        assert (await begin(ledger, await ledger.join(""), item="a", now=stale)).action == "unknown"


# Connections that break


@pytest.mark.parametrize("cap", [None, 10**6])
@pytest.mark.parametrize("known", ["nothing", "its own", "another one's"])
async def test_an_answer_that_was_lost_behind_the_commit_is_given_again(
    dsn: str, monkeypatch: pytest.MonkeyPatch, cap: int | None, known: str
) -> None:
    real, lost = Database._try, list[str]()

    async def lose_first(database: Database, operation: object, **how: bool) -> object:
        value: object = await real(database, operation, **how)  # type: ignore[arg-type]
        if isinstance(value, Begun) and not lost:
            lost.append(value.action)
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return value

    async with PostgresLedger(dsn) as ledger:
        if known != "nothing":
            earlier = await ledger.join("")
            item = "a" if known == "its own" else "b"
            await ledger.change((await begin(ledger, earlier, item=item, price=100)).record, Refused("402"))
            await ledger.leave("", earlier)
        run = await ledger.join("")
        monkeypatch.setattr(Database, "_try", lose_first)
        begun = await begin(ledger, run, item="a", price=100, cap=cap)
        assert (lost, begun.action) == (["buy"], "buy")
        assert [record async for record in ledger.records()] == [begun.record]
        assert await ledger.committed("") == 100


class Meeting:
    """Holds back decisions until as many have looked as are expected.

    Args:
        expected: How many.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, expected: int) -> None:
        self.looks, self._expected, self._go, self._looked = 0, expected, asyncio.Event(), asyncio.Condition()
        self.real = Beginning._decide

        async def decide(*given: Any) -> Begun | None:  # a function, so that it is bound to the beginning
            await self._look()
            return await self.real(*given)

        monkeypatch.setattr(Beginning, "_decide", decide)

    async def until(self, looks: int) -> None:
        """Wait until so many have looked."""
        async with self._looked:
            await self._looked.wait_for(lambda: self.looks >= looks)

    def go(self) -> None:
        """Let all decide."""
        self._go.set()

    async def _look(self) -> None:
        async with self._looked:
            self.looks += 1
            self._looked.notify_all()
        if self.looks >= self._expected:
            self.go()
        await self._go.wait()


@pytest.mark.parametrize("cap", [None, 100])
async def test_of_two_that_saw_nothing_one_buys(dsn: str, monkeypatch: pytest.MonkeyPatch, cap: int | None) -> None:
    async with two(dsn) as (one, other):
        runs = {ledger: await ledger.join("") for ledger in (one, other)}
        Meeting(monkeypatch, 2)

        async def buy(ledger: PostgresLedger) -> str:
            begun = await begin(ledger, runs[ledger], item="a", price=100, cap=cap)
            if begun.action == "buy":
                await ledger.change(begun.record, Done((FILE,), 100, {}))
            return begun.action

        assert sorted(await asyncio.gather(buy(one), buy(other))) == ["buy", "done"]
        assert len([record async for record in one.records()]) == 1
        assert await one.committed("") == 100


async def test_of_two_that_saw_one_intent_one_sends_it_again(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with two(dsn) as (one, other):
        await begin(one, await one.join(""), item="a")
        freeze(dsn)
        runs = {ledger: await ledger.join("") for ledger in (one, other)}
        Meeting(monkeypatch, 2)

        async def buy(ledger: PostgresLedger) -> str:
            begun = await begin(ledger, runs[ledger], item="a")
            if begun.action == "resend":
                await ledger.change(begun.record, Submitted("job-1"))
                await ledger.leave("", runs[ledger])
            return begun.action

        assert sorted(await asyncio.gather(buy(one), buy(other))) == ["poll", "resend"]


async def test_an_item_that_one_gives_a_free_record_and_another_a_new_one_is_bought_once(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(dsn) as (one, other):
        runs = {ledger: await ledger.enter("") for ledger in (one, other)}
        refused = (await begin(other, runs[other], item="y")).record  # of an equal item; its own run does not see it
        await other.change(refused, Refused("402"))
        Meeting(monkeypatch, 2)

        async def buy(ledger: PostgresLedger) -> str:
            begun = await begin(ledger, runs[ledger], item="x")
            if begun.action == "buy":
                await ledger.change(begun.record, Done((FILE,), 100, {}))
            return begun.action

        assert sorted(await asyncio.gather(buy(one), buy(other))) == ["buy", "done"]
        assert [record.state async for record in one.records() if record.item == "x"] == [State.DONE]


async def test_what_turns_out_to_cost_something_in_its_turn_is_held_against_the_cap(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(dsn) as (one, other):
        dead = (await begin(one, await one.join(""), item="b", price=100)).record
        await one.change(dead, Submitted("job-1"))
        freeze(dsn)
        runs = {ledger: await ledger.enter("") for ledger in (one, other)}
        meeting = Meeting(monkeypatch, 2)
        waiting = asyncio.create_task(begin(one, runs[one], item="a", price=100, cap=100))
        await meeting.until(1)  # it saw a job of an equal item, for which nobody is left
        monkeypatch.setattr(Beginning, "_decide", meeting.real)
        assert (await begin(other, runs[other], item="b", price=100, cap=100)).action == "poll"
        meeting.go()
        assert (await waiting).action == "budget"
        assert await one.committed("") == 100


async def test_a_job_that_is_taken_up_under_another_name_is_found_by_that(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(dsn) as (one, other):
        await one.change((await begin(one, await one.join(""), item="old.jpg")).record, Submitted("job-1"))
        freeze(dsn)
        taken = await begin(one, await one.enter(""), item="new.jpg")
        assert (taken.action, taken.record.item) == ("poll", "new.jpg")
        meeting = Meeting(monkeypatch, 1)
        waiting = asyncio.create_task(begin(other, await other.enter(""), item="new.jpg"))
        await meeting.until(2)  # it looked once, and waits
        assert not waiting.done()
        await one.change(taken.record, Done((FILE,), 100, {}))
        assert (await waiting).action == "done"
        assert len([record async for record in one.records()]) == 1


async def test_what_was_not_bought_for_want_of_money_holds_up_nobody(dsn: str) -> None:
    async with two(dsn) as (one, other):
        runs = {ledger: await ledger.enter("") for ledger in (one, other)}
        for ledger, item in ((one, "a"), (other, "b"), (one, "b"), (other, "a")):
            assert (await begin(ledger, runs[ledger], item, item=item, price=100, cap=50)).action == "budget"


async def test_what_a_run_that_goes_on_gave_back_is_anybodys(dsn: str) -> None:
    async with two(dsn) as (one, other):
        run = await one.enter("")
        records = [(await begin(one, run, name, item=name)).record for name in "abc"]
        job = await one.change(records[1], Submitted("job-1"))
        done = await one.change(records[2], Done((FILE,), 1, {}))
        for record in (records[0], job, done):
            await one.give_back(record)
        assert (await begin(one, run, "a", item="a2")).record.copy == 2  # a run has each of its records once
        mine = await other.enter("")
        assert [(await begin(other, mine, name, item=name)).action for name in "abc"] == ["resend", "poll", "done"]
        late = await one.change(records[0], Refused("402"))
        assert (late.state, late.run) == (State.INTENT, mine)


async def test_of_many_that_saw_the_same_budget_none_passes_it(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with AsyncExitStack() as scope:
        ledgers = [await scope.enter_async_context(PostgresLedger(dsn)) for _ in range(6)]
        Meeting(monkeypatch, 6)
        wishes = [begin(ledger, await ledger.join(""), f"p{n}", price=10, cap=35) for n, ledger in enumerate(ledgers)]
        actions = Counter(begun.action for begun in await asyncio.gather(*wishes))
        assert actions == {"buy": 3, "budget": 3}
        assert await ledgers[0].committed("") == 30


async def test_equal_purchases_of_one_run_that_begin_together_have_records_of_their_own(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        run = await ledger.enter("")
        begun = await asyncio.gather(*(begin(ledger, run, item=f"i{n}", price=10) for n in range(30)))
        assert {each.action for each in begun} == {"buy"}
        assert sorted(each.record.copy for each in begun) == [*range(1, 31)]
        for each in begun:
            await ledger.change(each.record, Refused("402"))
        again = await ledger.enter("")
        begun = await asyncio.gather(*(begin(ledger, again, item=f"i{n}", price=10) for n in reversed(range(40))))
        records = [record async for record in ledger.records()]
        assert sorted(each.record.copy for each in begun) == [record.copy for record in records] == [*range(1, 41)]
        assert {each.record.item for each in begun} == {record.item for record in records}


@pytest.mark.parametrize("cap", [None, 10**6])
async def test_what_was_seen_too_long_ago_is_looked_at_again(
    dsn: str, monkeypatch: pytest.MonkeyPatch, cap: int | None
) -> None:
    async with PostgresLedger(dsn) as ledger:
        await begin(ledger, await ledger.join(""), item="a")
        freeze(dsn)
        meeting = Meeting(monkeypatch, 1)
        ages = iter([shared_rows.STALE + 1])
        real = shared_rows.begin_unchanged
        monkeypatch.setattr(
            shared_rows,
            "begin_unchanged",
            lambda seen, *given: real(seen._replace(now=seen.now - next(ages, 0.0)), *given),
        )
        assert (await begin(ledger, await ledger.join(""), item="a", cap=cap)).action == "resend"
        assert meeting.looks == 2


@pytest.mark.parametrize("cap", [None, 10**6])
async def test_a_run_that_comes_to_life_again_keeps_what_it_has(
    dsn: str, monkeypatch: pytest.MonkeyPatch, cap: int | None
) -> None:
    async with two(dsn) as (one, other):
        earlier = await one.join("")
        mine = (await begin(one, earlier, item="a")).record
        freeze(dsn)
        meeting = Meeting(monkeypatch, 2)  # the second look comes to no decision
        waiting = asyncio.create_task(begin(other, await other.join(""), item="a", cap=cap))
        await meeting.until(1)
        with psycopg.connect(dsn, autocommit=True) as connection:  # as its next sign of life does
            connection.execute("UPDATE phota.run SET expires_at = clock_timestamp() + interval '60 seconds'")
        meeting.go()
        await one.change(await one.change(mine, Submitted("job-1")), Done((FILE,), 100, {}))
        await one.leave("", earlier)
        assert (await waiting).action == "done"


async def test_what_nobody_else_has_changed_is_written_in_one_statement(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, ways = Database._try, list[bool]()

    async def note(database: Database, operation: object, *, is_single: bool = False) -> object:
        ways.append(is_single)
        return await real(database, operation, is_single=is_single)  # type: ignore[arg-type]

    async with PostgresLedger(dsn) as ledger:
        begun = (await begin(ledger, await ledger.join(""), item="a", price=7)).record
        monkeypatch.setattr(Database, "_try", note)
        submitted = await ledger.change(begun, Submitted("job-1"))
        done = await ledger.change(submitted, Done((FILE,), 7, {"anna": 1}))
        assert ways == [True, True]
        assert [record async for record in ledger.records()] == [done]
        assert done.state is State.DONE


@pytest.mark.parametrize(("cap", "rounds"), [(None, 2), (10**6, 3)])  # besides those that begin and end a transaction
@pytest.mark.parametrize("is_known", [False, True])
async def test_a_purchase_begins_in_few_rounds(
    dsn: str, monkeypatch: pytest.MonkeyPatch, cap: int | None, rounds: int, is_known: bool
) -> None:
    real, statements = psycopg.AsyncConnection.execute, list[str]()

    async def note(connection: Any, statement: bytes | str, *given: Any) -> Any:
        statements.append(str(statement))
        return await real(connection, statement, *given)

    async with PostgresLedger(dsn) as ledger:
        run = await ledger.enter("")
        if is_known:
            await ledger.change((await begin(ledger, run, item="a")).record, Refused("402"))
            run = await ledger.enter("")
        monkeypatch.setattr(psycopg.AsyncConnection, "execute", note)
        await begin(ledger, run, item="a", price=100, cap=cap)
        monkeypatch.undo()
        assert sum("phota.purchase" in each or "phota.take_account" in each for each in statements) == rounds


@pytest.mark.parametrize(
    "change", [Submitted("job-1"), Refused("402"), JobFailed("failed"), Lost("gone"), Done((FILE,), 7, {"anna": 1})]
)
@pytest.mark.parametrize("is_taken_up", [False, True])
async def test_a_change_whose_answer_was_lost_is_written_and_counted_once(
    dsn: str, monkeypatch: pytest.MonkeyPatch, change: Change, is_taken_up: bool
) -> None:
    real, taken = Database._try, list[Begun]()
    async with two(dsn) as (one, other):
        seen = (await begin(one, await one.join(""), item="a", price=100)).record

        async def lose_first(database: Database, operation: object, **how: bool) -> object:
            await real(database, operation, **how)  # type: ignore[arg-type]
            monkeypatch.undo()
            if is_taken_up:
                freeze(dsn)
                taken.append(await begin(other, await other.join(""), item="a", price=100))
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(Database, "_try", lose_first)
        changed = await one.change(seen, change)
        (stored,) = [record async for record in one.records()]
        assert changed == stored
        assert stored == (taken[0].record if taken else rules.apply(seen, change))
        assert await one.committed("") == stored.committed
        row = await one.database.one("SELECT sum(done), sum(failed), sum(spent) FROM phota.account", ())
        is_done, is_failed = stored.state is State.DONE, stored.state is State.FAILED
        assert row == (is_done, is_failed, (stored.cost or 0) * is_done)


async def test_a_change_of_what_somebody_else_has_changed_is_weighed(dsn: str) -> None:
    async with two(dsn) as (one, other):
        seen = (await begin(one, await one.join(""), item="a")).record
        await other.change(seen, Submitted("job-1"))
        weighed = await one.change(seen, Refused("402"))  # of an intent it would make a failure
        assert (weighed.state, weighed.job_id) == (State.SUBMITTED, "job-1")
        assert [record async for record in one.records()] == [weighed]


@pytest.fixture
def restartable() -> Iterator[Server]:
    with running_server(careless=False) as server:
        yield server


async def test_a_server_that_crashes_and_returns_keeps_what_was_answered(restartable: Server) -> None:
    dsn = restartable.create()
    async with PostgresLedger(dsn) as ledger:
        run, stopped, answered = await ledger.join(""), asyncio.Event(), 0

        async def live(number: int) -> None:
            nonlocal answered
            begun = await begin(ledger, run, f"p{number:03}", price=10)
            answered += 1
            stopped.set()
            await ledger.change(await ledger.change(begun.record, Submitted("job")), Done((FILE,), 7, {}))

        work = asyncio.gather(*(live(number) for number in range(60)))
        await stopped.wait()
        await asyncio.to_thread(restartable.stop, "immediate")
        before = answered
        await asyncio.to_thread(restartable.start)
        await work
        assert 0 < before < 60
        assert [record.state async for record in ledger.records()] == [State.DONE] * 60
        assert await ledger.committed("") == 420


async def test_a_server_that_stays_away_is_an_error_and_nothing_is_promised(restartable: Server) -> None:
    dsn = restartable.create()
    async with PostgresLedger(dsn, patience=0.3) as ledger:
        run = await ledger.join("")
        restartable.stop("immediate")
        with pytest.raises(LedgerError, match="cannot be reached"):
            await begin(ledger, run)
        restartable.start()
        assert (await begin(ledger, run)).action == "buy"
        assert await ledger.committed("") == 0


async def test_a_process_that_stands_still_in_a_transaction_keeps_nobody_waiting(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(dsn, patience=0)

    async def stand_still(connection: Connection) -> str:
        answer = await (await connection.execute("SHOW idle_in_transaction_session_timeout")).fetchone()
        assert answer is not None
        return str(answer[0])

    assert await database.run(stand_still) == "10s"
    await database.aclose()


async def test_who_waits_for_its_turn_waits_not_for_the_patience_of_others(dsn: str) -> None:
    database, turn, attempts = Database(dsn, patience=0.3), asyncio.Lock(), list[str]()

    def failing(name: str) -> Callable[[Connection], Awaitable[None]]:
        async def fail(_: Connection) -> None:
            attempts.append(name)
            raise psycopg.OperationalError("the server is shutting down")

        return fail

    ended = await asyncio.gather(*(database.run(failing(name), turn=turn) for name in "ab"), return_exceptions=True)
    assert [type(error) for error in ended] == [LedgerError, LedgerError]
    assert attempts[:4] == ["a", "b", "a", "b"]
    await database.aclose()


@pytest.mark.parametrize(
    "error",
    [psycopg.errors.IdleInTransactionSessionTimeout, psycopg.errors.ReadOnlySqlTransaction, psycopg.InterfaceError],
)
async def test_what_passes_is_waited_for(dsn: str, error: type[psycopg.Error]) -> None:
    database, failures = Database(dsn), [error("for a while")]

    async def operation(_: Connection) -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert await database.run(operation) == "done"
    await database.aclose()


async def test_the_servers_time_is_known_after_a_sleep(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with PostgresLedger(dsn) as ledger:
        before, uptime = ledger.clock(), since_boot()
        monkeypatch.setattr(database_module, "since_boot", lambda: uptime + 7200)
        assert 7190 < ledger.clock() - before < 7260


# What waits for the disk


async def test_only_what_money_depends_on_waits_for_the_disk(restartable: Server) -> None:
    dsn, delay = restartable.create(), 0.1
    async with PostgresLedger(dsn) as ledger, PostgresLeases(dsn, 3) as leases:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for setting in (f"commit_delay = {delay * 1e6:.0f}", "commit_siblings = 0"):
                connection.execute(f"ALTER SYSTEM SET {setting}".encode())
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("SELECT pg_sleep(0.1)")

        times: defaultdict[str, list[float]] = defaultdict(list)

        async def timed(name: str, step: Awaitable[T]) -> T:
            begun = time.perf_counter()
            value = await step
            times[name].append(time.perf_counter() - begun)
            return value

        for item in "abcde":
            run = await timed("join", ledger.join(""))
            lease = await timed("acquire", leases.acquire(item))
            begun = await timed("begin", begin(ledger, run, f"p{item}", item=item))
            await timed("confirm", lease.confirm())
            await timed("submitted", ledger.change(begun.record, Submitted("job")))
            await timed("release", lease.release())
            await timed("leave", ledger.leave("", run))
    # Most of them: a machine may be busy, and who comes while another one's write waits goes along with it.
    waited = {name for name, seconds in times.items() if statistics.median(seconds) >= delay}
    assert waited == {"begin", "confirm", "submitted"}


# Tables


async def test_many_may_make_the_tables_at_once(dsn: str) -> None:
    ledgers = [PostgresLedger(dsn) for _ in range(6)]
    await asyncio.gather(*(ledger.__aenter__() for ledger in ledgers))
    assert len({await ledger.join("") for ledger in ledgers}) == 6
    await asyncio.gather(*(ledger.aclose() for ledger in ledgers))


async def test_older_tables_become_newer_ones_and_newer_ones_are_refused(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        run = await ledger.join("")
        begun = await begin(ledger, run)
        await ledger.leave("", run)
        newer = (*tables.STEPS, ("ALTER TABLE phota.purchase ADD COLUMN colour text",))
        await tables.migrate(ledger.database, newer)
        assert [record async for record in ledger.records()] == [begun.record]
    with pytest.raises(LedgerError, match=f"version {len(tables.STEPS)} or older, got {len(newer)}"):
        await PostgresLedger(dsn).__aenter__()


# What it says


def test_no_password_is_shown() -> None:
    ledger = PostgresLedger("postgresql://studio:hunter2@db.example/photos")
    assert repr(ledger) == "<PostgresLedger postgresql://db.example/photos, 0 runs>"
    assert "hunter2" not in repr(ledger.database)


async def test_no_password_is_in_an_error() -> None:
    with pytest.raises(LedgerError, match="cannot be reached") as caught:
        await PostgresLedger("postgresql://studio:hunter2@127.0.0.1:1/photos").__aenter__()
    assert "hunter2" not in str(caught.value)


async def test_what_is_no_address_or_not_open_is_said(dsn: str) -> None:
    with pytest.raises(ConfigError, match="expected postgresql://"):
        PostgresLedger("what is this")
    with pytest.raises(ConfigError, match="ttl"):
        PostgresLedger(dsn, ttl=0)
    ledger = PostgresLedger(dsn)
    with pytest.raises(LedgerError, match="not open"):
        await ledger.begin(Wish(purchase="p"))
    async with ledger:
        with pytest.raises(LedgerError, match="once"):
            await ledger.__aenter__()
    await ledger.aclose()
    with pytest.raises(LedgerError, match="closed"):
        await ledger.begin(Wish(purchase="p"))


async def test_a_text_that_the_server_cannot_store_is_an_error(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        run = await ledger.join("")
        for item in ("\0", "\ud800"):
            with pytest.raises(LedgerError):
                await begin(ledger, run, item=item)
        assert (await begin(ledger, run)).action == "buy"


# Batches on it


async def test_batches_run_on_it_one_after_the_other_and_at_once(
    dsn: str, tmp_path: Path, sandbox: Sandbox, connect: Connect
) -> None:
    items = [BatchItem(f"{number}", GenerateRequest(prompt=f"boat {number}")) for number in range(12)]

    async def run(ledger: PostgresLedger) -> Counter[str]:
        client = connect(sandbox.base_url, api_key=sandbox.api_key)
        async with Batch(client, items, output=tmp_path, ledger=ledger) as outcomes:
            return Counter([outcome.status async for outcome in outcomes])

    async with two(dsn) as both:
        one, other = await asyncio.gather(*map(run, both))
        assert one + other == {"done": 12, "skipped": 12}
        assert await run(both[0]) == {"skipped": 12}
    assert len(sandbox.charges) == 12


async def test_two_machines_at_one_batch_do_not_wait_for_each_others_failures(
    dsn: str, tmp_path: Path, sandbox: Sandbox, connect: Connect
) -> None:
    attempts = 3  # of the first item: it is bought, and nobody hears of it
    sandbox.fail("POST /*", reset="after", times=attempts)
    config = quick(retry=RetryPolicy(max_attempts=attempts, backoff=0))
    async with two(dsn) as (one, other):
        client = connect(sandbox.base_url, api_key=sandbox.api_key, config=config)
        items = [BatchItem(key, GenerateRequest(prompt=key)) for key in "ab"]
        batch = Batch(client, items, ledger=one, name="n", output=tmp_path, max_concurrency=1)
        async with batch as outcomes:
            assert (await anext(outcomes)).status == "unknown"
            assert [record.state async for record in other.records() if record.item == "a"] == [State.INTENT]
            async with Batch(client, items[:1], ledger=other, name="n", output=tmp_path) as others:
                assert [each.status async for each in others] == ["done"]
            assert [each.status async for each in outcomes] == ["done"]
    assert len(sandbox.charges) == 2


async def test_a_batch_opens_the_ledger_at_an_address_and_closes_it(
    dsn: str, tmp_path: Path, sandbox: Sandbox, connect: Connect
) -> None:
    items = [BatchItem(f"{number}", GenerateRequest(prompt=f"boat {number}")) for number in range(3)]
    client = connect(sandbox.base_url, api_key=sandbox.api_key)
    for status in ("done", "skipped"):
        async with Batch(client, items, output=tmp_path, ledger=url(dsn), name="b") as outcomes:
            assert [outcome.status async for outcome in outcomes] == [status] * 3
    assert len(sandbox.charges) == 3
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM phota.run").fetchone() == (0,)
        users = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert connection.execute(users).fetchone() == (1,)


async def test_a_dry_run_looks_and_makes_no_table(dsn: str, tmp_path: Path, sandbox: Sandbox, connect: Connect) -> None:
    items = [BatchItem(f"{number}", GenerateRequest(prompt=f"boat {number}")) for number in range(3)]
    client = connect(sandbox.base_url, api_key=sandbox.api_key)

    async def foresee(ledger: str | PostgresLedger) -> Counter[str]:
        async with Batch(client, items, output=tmp_path, ledger=ledger, dry_run=True) as outcomes:
            return Counter([outcome.status async for outcome in outcomes])

    assert await foresee(url(dsn)) == {"planned": 3}
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'phota'").fetchone() is None
        async with PostgresLedger(dsn) as ledger:
            async with Batch(client, items[:2], output=tmp_path, ledger=ledger) as outcomes:
                assert [outcome.status async for outcome in outcomes] == ["done"] * 2
            assert await foresee(ledger) == await foresee(url(dsn)) == {"planned": 1, "skipped": 2}
        assert connection.execute("SELECT count(*) FROM phota.purchase").fetchone() == (2,)
    assert len(sandbox.charges) == 2


async def test_a_dry_run_counts_what_was_spent_by_whom_ever_against_the_budget(
    dsn: str, tmp_path: Path, sandbox: Sandbox, connect: Connect
) -> None:
    dime = Price(Decimal("0.10"), Decimal("0.10"))
    prices = PriceTable(date="2026-11-25", images={"generate": dime}, training={})
    items = [BatchItem(f"{number}", GenerateRequest(prompt=f"boat {number}")) for number in range(4)]
    client = connect(sandbox.base_url, api_key=sandbox.api_key)
    budget = Budget("0.30", prices=prices)
    async with Batch(client, items[:2], output=tmp_path, ledger=url(dsn), budget=budget) as outcomes:
        assert [outcome.status async for outcome in outcomes] == ["done"] * 2
    budget = Budget("0.30", prices=prices)
    async with Batch(client, items, output=tmp_path, ledger=url(dsn), budget=budget, dry_run=True) as outcomes:
        assert sorted([outcome.status async for outcome in outcomes]) == ["budget", "planned", "skipped", "skipped"]
    assert budget.spent == 0


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_batch_says_what_is_no_address_or_cannot_be_reached(
    tmp_path: Path, sandbox: Sandbox, connect: Connect, dry_run: bool
) -> None:
    client = connect(sandbox.base_url)
    away = "postgresql://u:hunter2@127.0.0.1:1/p"
    for address, kind in (("postgresql://a:hunter2/c@d/e", ConfigError), (away, LedgerError)):
        with pytest.raises(kind) as caught:
            await Batch(client, [], output=tmp_path, ledger=address, dry_run=dry_run).__aenter__()
        assert "hunter2" not in str(caught.value)
