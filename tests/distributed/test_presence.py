"""What processes tell of themselves in the shared ledger, and what is seen of them when they end or die."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from ledger.store_suite import FILE, begin
from support.clients import Connect
from support.postgres import running_server
from support.waiting import until

from phota_async import (
    Batch,
    BatchItem,
    ConfigError,
    EditRequest,
    GenerateRequest,
    InputError,
    ItemRunner,
    LedgerError,
    PostgresLeases,
    PostgresLedger,
)
from phota_async.ledger import Change, Done, JobFailed, Lost, Record, State, Submitted, figures, presence, tables
from phota_async.ledger.beginning import Beginning
from phota_async.ledger.database import Database
from phota_async.ledger.fleet import FleetStatus, WorkerStatus, look_at_fleet
from phota_async.ledger.rows import to_row
from phota_async.sandbox import Sandbox

pytestmark = pytest.mark.system


async def look(dsn: str) -> FleetStatus:
    database = Database(dsn, patience=0.0, is_read_only=True)
    try:
        return await look_at_fleet(database)
    finally:
        await database.aclose()


async def seen(dsn: str, is_so: Callable[[FleetStatus], bool]) -> FleetStatus:
    """Look until something is so: what is told comes by itself."""
    while not is_so(fleet := await look(dsn)):  # noqa: ASYNC110 - it happens in the database
        await asyncio.sleep(0.02)
    return fleet


def only(fleet: FleetStatus) -> WorkerStatus:
    (worker,) = fleet.workers
    return worker


async def test_a_worker_is_seen_with_its_first_run_and_tells_how_it_goes(dsn: str) -> None:
    async with PostgresLedger(dsn, ttl=0.6, worker="studio-1") as ledger:
        assert (await look(dsn)).workers == []
        run = await ledger.enter("summer")
        worker = only(await seen(dsn, lambda fleet: bool(fleet.workers)))
        assert (worker.worker, worker.batch, worker.state, worker.running) == ("studio-1", "summer", "idle", 0)
        records = [(await begin(ledger, run, f"p{n}", batch="summer", price=150, cap=1000)).record for n in range(4)]
        ends: list[Change] = [Done((FILE,), 120, {}), JobFailed("500"), Lost("reset")]
        for record, change in zip(records, ends, strict=False):
            await ledger.change(record, change)
        worker = only(await seen(dsn, lambda fleet: fleet.workers[0].done == 1))
        assert (worker.running, worker.failed, worker.unknown, worker.spent, worker.cap) == (1, 1, 1, 120, 1000)
        assert (worker.state, worker.is_alive) == ("working", True)
        assert worker.rate is not None
        assert worker.rate > 0
        assert 0 <= worker.silent <= worker.seconds < 60


async def test_one_that_ends_tells_so_and_its_last_figures(dsn: str) -> None:
    async with PostgresLedger(dsn, worker="a") as ledger:
        run = await ledger.join("b")
        await ledger.change((await begin(ledger, run, batch="b")).record, Done((FILE,), 120, {}))
        await ledger.leave("b", run)
    worker = only(await look(dsn))
    assert (worker.state, worker.running, worker.done, worker.spent) == ("ended", 0, 1, 120)


async def test_one_that_did_nothing_is_not_seen(dsn: str) -> None:
    async with PostgresLedger(dsn):
        pass
    assert (await look(dsn)).workers == []


async def test_a_worker_without_signs_of_life_is_dead_and_comes_back_with_one(dsn: str) -> None:
    async with PostgresLedger(dsn, ttl=0.9) as ledger:
        await ledger.join("b")
        await seen(dsn, lambda fleet: bool(fleet.workers))
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("UPDATE phota.worker SET expires_at = clock_timestamp() - interval '1 second'")
        assert only(await look(dsn)).state == "dead"
        await seen(dsn, lambda fleet: only(fleet).is_alive)


async def test_who_starts_again_under_its_name_stands_in_the_place_of_the_dead_one(dsn: str) -> None:
    async with PostgresLedger(dsn, worker="pod") as first, PostgresLedger(dsn, worker="other") as other:
        for ledger in (first, other):
            await ledger.join("b")
        await seen(dsn, lambda fleet: len(fleet.workers) == 2)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("UPDATE phota.worker SET expires_at = clock_timestamp() - interval '1 second'")
        async with PostgresLedger(dsn, worker="pod") as second:
            await second.join("c")
            fleet = await seen(dsn, lambda fleet: any(each.is_alive for each in fleet.workers))
            assert [(each.worker, each.batch, each.state) for each in fleet.workers] == [
                ("pod", "c", "idle"),
                ("other", "b", "dead"),
            ]


async def test_an_hour_later_it_is_not_shown_and_a_day_later_forgotten(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        await ledger.join("b")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE phota.worker SET seen_at = seen_at - interval '2 hours'")
        assert (await look(dsn)).workers == []
        async with PostgresLedger(dsn):
            assert connection.execute("SELECT count(*) FROM phota.worker").fetchone() == (1,)
        connection.execute("UPDATE phota.worker SET seen_at = seen_at - interval '23 hours'")
        async with PostgresLedger(dsn):
            assert connection.execute("SELECT count(*) FROM phota.worker").fetchone() == (0,)


async def test_batches_that_are_quiet_leave_the_list(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MOST", 2)
    async with PostgresLedger(dsn) as ledger:
        for number in range(5):
            ledger.attend(f"b{number}")
        await seen(dsn, lambda fleet: [each.batch for each in fleet.workers] == ["b3", "b4"])


async def test_signs_of_life_go_on_when_figures_cannot_be_told(dsn: str) -> None:
    async with PostgresLedger(dsn, ttl=0.3) as ledger, PostgresLedger(dsn) as other:
        run = await ledger.join("b")
        await begin(ledger, run, item="a")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("DROP TABLE phota.worker")
        waiting = asyncio.ensure_future(begin(other, await other.join("b"), item="a"))
        await asyncio.wait([waiting], timeout=1.0)  # three times as long as it would live without
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_figures_cost_no_round_trip_an_item(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    transactions = 0
    real: Callable[..., Awaitable[object]] = Database.run

    async def run(database: Database, *given: object, **more: object) -> object:
        nonlocal transactions
        transactions += 1
        return await real(database, *given, **more)

    async with PostgresLedger(dsn) as ledger:
        run_number = await ledger.enter("b")
        await seen(dsn, lambda fleet: bool(fleet.workers))
        monkeypatch.setattr(Database, "run", run)
        for number in range(10):
            record = (await begin(ledger, run_number, f"p{number}", batch="b")).record
            await ledger.change(await ledger.change(record, Submitted("j")), Done((FILE,), 1, {}))
        assert transactions == 30


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, 7])
def test_what_is_no_name_of_a_worker(name: str) -> None:
    with pytest.raises(ConfigError, match="worker: expected a name"):
        PostgresLedger("postgresql://db/photos", worker=name)


@pytest.mark.parametrize("total", [-1, True, 1.5, "7", 10**13])
async def test_what_is_no_total(dsn: str, total: int) -> None:
    async with PostgresLedger(dsn) as ledger:
        with pytest.raises(InputError, match="total: expected 0 to"):
            await ledger.expect("b", total)


# Batches


async def test_the_sums_of_a_batch_are_those_of_its_records(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        run = await ledger.enter("b")
        for number in range(24):
            take = 1 + number // 20
            begun = await begin(ledger, run, f"p{number}", batch="b", price=150, cap=2500, take=take)
            record, ends = begun.record, (Done((FILE,), 120, {}), JobFailed("500"), Lost("404"))
            for change in (Submitted("j"), ends[number % 3]) if begun.action == "buy" and number % 4 else ():
                record = await ledger.change(record, change)
        await ledger.expect("b", 40)
        await ledger.leave("b")
        run = await ledger.enter("b")
        assert (await begin(ledger, run, "p1", batch="b", price=150)).action == "buy"  # it failed, and is bought anew
        records = [record async for record in ledger.records()]
        fleet = await look(dsn)
        first = [record.state for record in records if record.take == 1]
        batch = fleet.batch("b")
        assert batch is not None
        assert (batch.total, batch.done) == (40, first.count(State.DONE))
        assert (batch.failed, batch.unknown) == (first.count(State.FAILED), first.count(State.UNKNOWN))
        assert batch.open == first.count(State.INTENT) + first.count(State.SUBMITTED)
        assert batch.over_budget == first.count(State.PLANNED) > 0
        assert batch.spent == sum(record.cost or 0 for record in records if record.state is State.DONE)
        assert batch.committed == sum(record.committed for record in records)
        assert batch.left == 40 - batch.ended


async def test_tables_of_the_first_version_get_the_sums_of_their_records(dsn: str) -> None:
    database = Database(dsn)
    await tables.migrate(database, tables.STEPS[:1])
    names = ", ".join(Record.__struct_fields__)
    insert = f"INSERT INTO phota.purchase ({names}) VALUES ({', '.join(['%s'] * len(Record.__struct_fields__))})"
    states = [State.DONE, State.DONE, State.FAILED, State.UNKNOWN, State.INTENT]
    for number, state in enumerate(states):
        record = Record(
            purchase=f"p{number}", batch="b", item="a", state=state, cost=120 if state is State.DONE else None
        )
        await database.one(insert, to_row(record))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO phota.account VALUES ('b', 240)")
    with pytest.raises(LedgerError, match=f"expected a ledger of version {len(tables.STEPS)}, got 1"):
        await look_at_fleet(database)
    async with PostgresLedger(dsn) as ledger:
        assert await ledger.committed("b") == 240
    batch = (await look_at_fleet(database)).batch("b")
    assert batch is not None
    assert (batch.done, batch.failed, batch.unknown, batch.open, batch.spent) == (2, 1, 1, 1, 240)
    await database.aclose()
    async with PostgresLedger(dsn) as ledger:  # what was summed up in another way counts into the cap
        for purchase, action in (("n", "buy"), ("m", "budget")):
            begun = await begin(ledger, await ledger.join("b"), purchase, batch="b", item=purchase, price=100, cap=400)
            assert begun.action == action
        assert await ledger.committed("b") == 340


async def test_tables_that_older_workers_are_at_work_on_stay_as_they_are(dsn: str) -> None:
    database = Database(dsn, patience=0)
    await tables.migrate(database, tables.STEPS[:1])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO phota.run VALUES (1, 'b', clock_timestamp() + interval '30 seconds')")
        with pytest.raises(LedgerError, match="nobody is at work on, got older ones in use"):
            await tables.migrate(database)
        connection.execute("UPDATE phota.run SET expires_at = clock_timestamp()")
        await tables.migrate(database)
        assert connection.execute("SELECT version FROM phota.version").fetchall() == [(len(tables.STEPS),)]
    await database.aclose()


# Runs


def runs_of(dsn: str) -> int:
    """Return how many runs the server knows."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM phota.run").fetchone()
    assert row is not None
    return int(row[0])


async def test_a_run_is_seen_with_what_it_takes_up_and_until_nobody_has_to_wait_for_it(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        run = await ledger.join("b")
        assert runs_of(dsn) == 0
        record = (await begin(ledger, run, batch="b")).record
        assert runs_of(dsn) == 1
        await ledger.change(record, Done((FILE,), 1, {}))
        await ledger.leave("b", run)
        assert runs_of(dsn) == 1  # in nobody's way; it goes along with others
        another = await ledger.join("b")
        await begin(ledger, another, "q", batch="b")
        await ledger.leave("b", another)
        assert runs_of(dsn) == 0
        await ledger.leave("b", await ledger.join("b"))
    assert runs_of(dsn) == 0


@pytest.mark.parametrize("how", ["signs of life", "enough", "closed"])
async def test_runs_that_held_nothing_go_together(dsn: str, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(presence, "MOST_LEFT", 3 if how == "enough" else 500)

    async def are_gone() -> bool:
        return not runs_of(dsn)

    async with PostgresLedger(dsn, ttl=0.9 if how == "signs of life" else 30.0) as ledger:
        for number in range(3):
            run = await ledger.join("b")
            await ledger.change((await begin(ledger, run, f"p{number}", batch="b")).record, Done((FILE,), 1, {}))
            await ledger.leave("b", run)
        if how == "signs of life":
            await until(are_gone)
        assert runs_of(dsn) == {"signs of life": 0, "enough": 0, "closed": 3}[how]
    assert runs_of(dsn) == 0


@pytest.mark.parametrize("cap", [None, 1000])
async def test_a_beginning_that_is_broken_off_is_free_at_once(
    dsn: str, monkeypatch: pytest.MonkeyPatch, cap: int | None
) -> None:
    real, written = Beginning._write, asyncio.Event()

    async def stand_still(*given: Any) -> object:
        begun = await real(*given)
        written.set()
        await asyncio.Event().wait()
        return begun

    async with PostgresLedger(dsn) as ledger, PostgresLedger(dsn) as other:
        run = await ledger.join("b")
        monkeypatch.setattr(Beginning, "_write", stand_still)
        beginning = asyncio.create_task(begin(ledger, run, batch="b", cap=cap))
        await written.wait()
        monkeypatch.undo()
        beginning.cancel()
        await asyncio.wait([beginning])
        await ledger.leave("b", run)
        assert runs_of(dsn) == 0
        action = "resend" if cap is None else "buy"  # a transaction that was not committed wrote nothing
        assert (await begin(other, await other.join("b"), batch="b", cap=cap)).action == action


async def test_a_run_of_a_batch_that_could_not_begin_leaves_nothing(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with PostgresLedger(dsn) as ledger:

        async def fail(*_: object, **__: object) -> None:
            raise LedgerError("away")

        with monkeypatch.context() as patch:
            patch.setattr(Database, "one", fail)
            with pytest.raises(LedgerError):
                await ledger.enter("b")
        assert "0 runs" in repr(ledger)
        assert not await ledger.is_running()
        await ledger.enter("b")
        assert await ledger.is_running()


async def test_a_ledger_whose_server_is_away_closes_soon() -> None:
    with running_server() as server:
        async with asyncio.timeout(60):  # it would be tried for two minutes where something depends on it
            async with PostgresLedger(server.create()) as ledger:
                run = await ledger.join("b")
                await ledger.change((await begin(ledger, run, batch="b")).record, Done((FILE,), 1, {}))
                await ledger.leave("b", run)
                server.stop("immediate")
        server.start()


# Sums


async def test_how_long_it_takes_and_what_the_budget_leaves(dsn: str) -> None:
    async with PostgresLedger(dsn, worker="w") as ledger:
        run = await ledger.enter("b")
        await ledger.expect("b", 21)
        await ledger.change((await begin(ledger, run, batch="b", price=150, cap=1000)).record, Done((FILE,), 120, {}))
        ledger.attend("c")  # so that it is told now
        batch = (await seen(dsn, lambda fleet: any(each.rate for each in fleet.workers))).batch("b")
        assert batch is not None
        assert batch.rate is not None
        assert batch.seconds_left == pytest.approx(20 / batch.rate)
        assert (batch.cap, batch.budget_left) == (1000, 880)
        await ledger.expect("b", 0)  # another list under the same name
        batch = (await look(dsn)).batch("b")
        assert batch is not None
        assert (batch.left, batch.seconds_left) == (None, None)


async def test_places_held_of_the_cap(dsn: str) -> None:
    async with PostgresLedger(dsn), PostgresLeases(dsn, 5) as wide:
        await wide.acquire("a")
        async with PostgresLeases(dsn, 3) as leases:
            await leases.acquire("b")
            (places,) = (await look(dsn)).places
            assert (places.name, places.held, places.cap) == ("jobs", 2, 3)


async def test_a_batch_tells_how_many_purchases_it_comes_to(
    dsn: str, tmp_path: object, sandbox: Sandbox, connect: Connect
) -> None:
    client = connect(sandbox.base_url, api_key=sandbox.api_key)
    request = EditRequest(images=["a.jpg"], prompt="a", profile_ids=["p"], num_output_images=3)
    items = [BatchItem("a", request), BatchItem("b", GenerateRequest(prompt="b", num_output_images=2))]
    async with PostgresLedger(dsn) as ledger:
        for given, total in ((items, 4), (iter(items), 4), (items[1:], 1)):
            async with Batch(client, given, output=str(tmp_path), ledger=ledger, name="b") as outcomes:
                async for _ in outcomes:
                    pass
            batch = (await look(dsn)).batch("b")
            assert batch is not None
            assert batch.total == total


async def test_an_idle_worker_of_single_items_is_seen(
    dsn: str, tmp_path: object, sandbox: Sandbox, connect: Connect
) -> None:
    client = connect(sandbox.base_url, api_key=sandbox.api_key)
    async with PostgresLedger(dsn) as ledger, ItemRunner(client, str(tmp_path), store=ledger):
        assert only(await seen(dsn, lambda fleet: bool(fleet.workers))).state == "idle"
