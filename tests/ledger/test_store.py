"""The SQLite ledger: the suite of all stores, and what is its own."""

import asyncio
import gc
import os
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace
from support.steps import WAYS, SteppingLoop, Way, end_threads, every_step

from phota_async import LedgerError
from phota_async.ledger import Done, Ledger, Record, State, Submitted, schema
from phota_async.ledger.digests import Key
from phota_async.ledger.lock import OwnerLock
from phota_async.ledger.writer import Writer

from .store_suite import FILE, StoreSuite, begin, enter


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with Ledger(tmp_path / "deep" / "ledger.sqlite") as ledger:
        yield ledger


class TestLedger(StoreSuite):
    """Every store's suite."""


async def test_it_survives_being_closed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    async with Ledger(path) as ledger:
        begun = await begin(ledger, await enter(ledger), price=150_000)
        record = await ledger.change(begun.record, Done((FILE,), 120_000, {"anna": 2}))
    async with Ledger(path) as ledger:
        assert [each async for each in ledger.records()] == [record]
        assert await ledger.committed("") == 120_000
        assert await ledger.enter("") > record.run


async def test_a_copy_of_the_files_taken_at_any_time_holds_what_was_answered(tmp_path: Path) -> None:
    """What a power cut leaves: the files as they are, without the process that had them open."""
    async with Ledger(tmp_path / "ledger.sqlite") as ledger:
        begun = await begin(ledger, await enter(ledger))
        await ledger.change(begun.record, Submitted("job-1"))
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in ("ledger.sqlite", "ledger.sqlite-wal"):
            (copy / name).write_bytes((tmp_path / name).read_bytes())
        async with Ledger(copy / "ledger.sqlite") as other:
            assert [(each.state, each.job_id) async for each in other.records()] == [(State.SUBMITTED, "job-1")]


async def test_the_end_of_the_log_may_be_missing(tmp_path: Path) -> None:
    """Whatever byte the log is cut off at, what is left is a ledger: a prefix of what was written."""
    path, log_path = tmp_path / "ledger.sqlite", tmp_path / "ledger.sqlite-wal"
    async with Ledger(path) as ledger:
        run = await enter(ledger)
        for number in range(5):
            await begin(ledger, run, f"p{number}")
        main, log = path.read_bytes(), log_path.read_bytes()
    for size in (*range(0, len(log), 997), len(log)):
        cut = tmp_path / str(size)
        cut.mkdir()
        (cut / "ledger.sqlite").write_bytes(main)
        (cut / "ledger.sqlite-wal").write_bytes(log[:size])
        async with Ledger(cut / "ledger.sqlite") as ledger:
            found = [record.purchase async for record in ledger.records()]
        assert found == [f"p{number}" for number in range(len(found))]
    assert found == ["p0", "p1", "p2", "p3", "p4"]


async def test_two_batches_of_one_name_at_once_are_refused(store: Ledger) -> None:
    await store.enter("summer")
    with pytest.raises(LedgerError, match="'summer' is running"):
        await store.enter("summer")
    await store.leave("summer")
    await store.enter("summer")


async def test_it_says_so_when_it_is_not_open(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(LedgerError, match="not open"):
        await ledger.enter("")
    async with ledger:
        with pytest.raises(LedgerError, match="once"):
            await ledger.__aenter__()
    await ledger.aclose()
    with pytest.raises(LedgerError, match="closed"):
        await ledger.enter("")


@pytest.mark.parametrize("way", WAYS)
def test_cut_off_at_any_step_it_keeps_no_lock(tmp_path: Path, way: Way) -> None:
    """A thread opens and closes it, whoever is cancelled meanwhile; the next one finds it free."""
    path, cuts = tmp_path / "ledger.sqlite", 0

    async def flow(loop: SteppingLoop) -> None:
        await loop.cut(_opened_and_closed(path))
        lock = OwnerLock(path)
        lock.acquire()
        lock.release()

    for loop in every_step(flow, way):
        cuts += loop.was_cut
    assert cuts > 3


async def _opened_and_closed(path: Path) -> None:
    async with Ledger(path) as ledger:
        await ledger.enter("")


async def test_given_up_it_is_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opening, go_on = threading.Event(), threading.Event()

    def slow(path: Path) -> sqlite3.Connection:
        opening.set()
        go_on.wait(5)
        return schema.connect(path)

    monkeypatch.setattr("phota_async.ledger.store.connect", slow)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    task = asyncio.create_task(ledger.__aenter__())
    await asyncio.to_thread(opening.wait)
    for _ in range(2):  # the first waits for the thread, the second for nobody
        assert not task.done()
        task.cancel()
        await asyncio.wait([task], timeout=0.01)
    assert task.cancelled()
    with pytest.raises(LedgerError, match="once"):
        await ledger.__aenter__()
    go_on.set()
    end_threads()
    async with Ledger(tmp_path / "ledger.sqlite") as other:
        assert await other.enter("") == 1


async def test_a_scope_that_ends_finds_the_lock_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scope of anyio's cancels again and again; the thread is waited for all the same."""
    opening, go_on, scope = threading.Event(), threading.Event(), anyio.CancelScope()

    def slow(path: Path) -> sqlite3.Connection:
        opening.set()
        go_on.wait(5)
        return schema.connect(path)

    async def enter_within() -> None:
        with scope:
            await Ledger(tmp_path / "ledger.sqlite").__aenter__()

    monkeypatch.setattr("phota_async.ledger.store.connect", slow)
    task = asyncio.create_task(enter_within())
    await asyncio.to_thread(opening.wait)
    scope.cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    await task
    lock = OwnerLock(tmp_path / "ledger.sqlite")
    lock.acquire()
    lock.release()


async def test_given_up_it_does_not_complain_of_what_nobody_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, go_on, faults = threading.Event(), threading.Event(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))

    def slow(path: Path) -> sqlite3.Connection:
        opening.set()
        go_on.wait(5)
        raise LedgerError(f"{path} is damaged")

    monkeypatch.setattr("phota_async.ledger.store.connect", slow)
    task = asyncio.create_task(Ledger(tmp_path / "ledger.sqlite").__aenter__())
    await asyncio.to_thread(opening.wait)
    task.cancel()
    await asyncio.wait([task], timeout=0.01)
    go_on.set()
    await asyncio.wait([task])
    assert task.cancelled()
    gc.collect()
    assert faults == []


async def test_closing_holds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is slow to write the last of it does not keep the event loop waiting."""
    go_on, real = threading.Event(), Writer._commit

    def slow(writer: Writer, group: list[Any]) -> None:
        go_on.wait(5)
        real(writer, group)

    async with Ledger(tmp_path / "ledger.sqlite") as ledger:
        monkeypatch.setattr(Writer, "_commit", slow)
        entering, closing = asyncio.create_task(ledger.enter("")), asyncio.create_task(ledger.aclose())
        await asyncio.wait([entering, closing], timeout=0.01)
        assert not closing.done()
        go_on.set()
        await closing
        assert await entering == 1


async def test_a_failed_commit_ends_it(store: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await enter(store)
    begun = await begin(store, run, "p0")

    def full(connection: sqlite3.Connection, record: Record) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("phota_async.ledger.rows.put", full)
        with pytest.raises(LedgerError, match="disk is full"):
            await begin(store, run, "p1")
    with pytest.raises(LedgerError, match="disk is full"):  # the disk has room again, but nobody knows what it holds
        await store.change(begun.record, Submitted("job-1"))


async def test_commits_are_shared(store: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    real = Writer._commit

    def count(writer: Writer, group: list[Any]) -> None:
        commits.append(len(group))
        real(writer, group)

    monkeypatch.setattr(Writer, "_commit", count)
    run = await enter(store)
    await asyncio.gather(*(begin(store, run, f"p{number}") for number in range(200)))
    assert sum(commits) == 201
    assert len(commits) < 50


async def test_a_cancelled_caller_leaves_the_rest_alone(store: Ledger) -> None:
    run = await enter(store)
    tasks = [asyncio.create_task(begin(store, run, f"p{number}")) for number in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in found] == [number == 3 for number in range(10)]
    assert len([record async for record in store.records()]) == 10  # it was in the queue: written or not, no harm


async def test_a_forked_child_is_refused_and_frees_nothing(store: Ledger) -> None:
    begun = await begin(store, await enter(store))
    real, os_pid = store._get_writer()._pid, os.getpid()
    store._get_writer()._pid = os_pid + 1  # as a child sees it
    with pytest.raises(LedgerError, match="fork"):
        await store.change(begun.record, Submitted("job-1"))
    store._get_writer()._pid = real


async def test_it_serves_one_loop_after_another(tmp_path: Path) -> None:
    async with Ledger(tmp_path / "ledger.sqlite") as ledger:
        await ledger.enter("here")
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(asyncio.run(ledger.enter("there"))))
        thread.start()
        await asyncio.to_thread(thread.join)
        assert found == [2]


async def test_nothing_private_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    async with Ledger(path) as ledger:
        begun = await begin(ledger, await enter(ledger))
        await ledger.change(begun.record, Done((FILE,), 1, {}))
    text = path.read_bytes()
    assert b"prompt" not in text
    assert b"http" not in text


async def test_what_one_turn_of_the_loop_brings_is_written_at_once(
    store: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, groups = await enter(store), list[int]()
    real = Writer._commit

    def noted(writer: Writer, group: list[Any]) -> None:
        groups.append(len(group))
        real(writer, group)

    monkeypatch.setattr(Writer, "_commit", noted)
    await asyncio.gather(*(begin(store, run, f"p{number}") for number in range(100)))
    assert groups == [100]


async def test_closing_writes_what_was_just_handed_in(tmp_path: Path) -> None:
    ledger, faults = Ledger(tmp_path / "ledger.sqlite"), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with ledger:
        run = await enter(ledger)
        tasks = [asyncio.create_task(begin(ledger, run, f"p{number}")) for number in range(3)]
        await asyncio.sleep(0)  # they run until they wait; their turn of the loop is not over yet
        ledger.close()
    assert [begun.action for begun in await asyncio.gather(*tasks)] == ["buy"] * 3
    assert faults == []


class Held:
    """A writer whose commits wait until they are let go, and are noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on, self.began = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        real = Writer._commit

        def commit(writer: Writer, group: list[Any]) -> None:
            self.began.set()
            self.go_on.wait(5)
            self.sizes.append(len(group))
            real(writer, group)

        monkeypatch.setattr(Writer, "_commit", commit)


@pytest.mark.parametrize(("limit", "sizes"), [(1000, [1, 3]), (2, [1, 2, 1]), (1, [1, 1, 1, 1])])
async def test_what_comes_while_a_commit_lasts_goes_into_the_next_ones(
    store: Ledger, monkeypatch: pytest.MonkeyPatch, limit: int, sizes: list[int]
) -> None:
    monkeypatch.setattr("phota_async.ledger.writer.MAX_GROUP", limit)
    held, run = Held(monkeypatch), 1
    tasks = [asyncio.create_task(begin(store, run, "p0"))]
    await asyncio.to_thread(held.began.wait)
    for number in (1, 2, 3):
        tasks.append(asyncio.create_task(begin(store, run, f"p{number}")))
        for _ in range(3):  # turns of the loop: each brings a group of its own
            await asyncio.sleep(0)
    held.go_on.set()
    assert [begun.action for begun in await asyncio.gather(*tasks)] == ["buy"] * 4
    assert held.sizes == sizes


async def test_a_loop_that_is_gone_keeps_nobody_waiting(store: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    loop = asyncio.new_event_loop()
    task = loop.create_task(store.enter("there"))
    for _ in range(3):
        await asyncio.to_thread(loop.run_until_complete, asyncio.sleep(0))
    await asyncio.to_thread(held.began.wait)
    task.cancel()
    await asyncio.to_thread(loop.run_until_complete, asyncio.wait([task]))
    loop.close()
    held.go_on.set()
    assert await store.enter("here") == 2


async def test_who_has_nothing_to_write_sleeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    takes, real = list[None](), Writer._take

    def noted(writer: Writer) -> tuple[list[Any], bool]:
        takes.append(None)
        return real(writer)

    monkeypatch.setattr(Writer, "_take", noted)
    async with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for _ in range(3):
            await ledger.enter("")
            await ledger.leave("")
        [thread] = [each for each in threading.enumerate() if each.name == "phota-ledger"]
        assert thread.daemon  # a program ends though nobody closed its ledger
    assert len(takes) <= 5


async def test_a_stale_record_changes_what_is_stored_and_nothing_else(tmp_path: Path) -> None:
    """Whether the ledger has it in memory or has to read it."""
    path = tmp_path / "ledger.sqlite"
    async with Ledger(path) as ledger:
        first = (await begin(ledger, await enter(ledger), price=100)).record
        await ledger.change(first, Submitted("job-1"))
        assert (await ledger.change(first, Done((FILE,), 70, {}))).job_id == "job-1"
        assert (await ledger.change(first, Submitted("job-2"))).job_id == "job-1"
        assert await ledger.committed("") == 70
    async with Ledger(path) as ledger:
        assert (await ledger.change(first, Submitted("job-3"))).state is State.DONE


async def test_what_is_under_way_takes_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phota_async.ledger.store.MOST_LIVE", 5)
    async with Ledger(tmp_path / "ledger.sqlite") as ledger:
        run = await enter(ledger)
        records: list[Record] = []
        for number in range(17):
            records.append((await begin(ledger, run, f"p{number}")).record)
            assert len(ledger._live) <= 5
        for record in records:
            await ledger.change(record, Submitted(f"job-{record.purchase}"))
            done = await ledger.change(record, Done((FILE,), 1, {}))
            assert (done.job_id, done.state) == (f"job-{record.purchase}", State.DONE)
        assert ledger._live == {}


async def test_copies_are_numbered_on(store: Ledger) -> None:
    for _ in range(2):
        run = await enter(store)
        assert [(await begin(store, run)).record.copy for _ in range(4)] == [1, 2, 3, 4]
    assert [record.copy async for record in store.records()] == [1, 2, 3, 4]


@pytest.mark.parametrize("what", ["", "ledger.sqlite", "ledger.sqlite.lock"])
async def test_a_ledger_that_was_removed_takes_nothing_more(tmp_path: Path, what: str) -> None:
    """SQLite would write on into a file that nobody finds any more, and another process could lock a new one."""
    place = tmp_path / "place"
    async with Ledger(place / "ledger.sqlite") as ledger:
        run = await enter(ledger)
        record = (await begin(ledger, run, "p1")).record
        shutil.rmtree(place) if not what else (place / what).unlink()
        for call in (begin(ledger, run, "p2"), ledger.change(record, Submitted("job-1"))):
            with pytest.raises(LedgerError, match="cannot be written: it was removed"):
                await call


async def test_all_records_come_page_by_page(store: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phota_async.ledger.store.PAGE", 3)
    run = await enter(store)
    made: list[tuple[str, int]] = []
    for number in range(10):
        record = (await begin(store, run, f"{number // 4}")).record
        made.append((record.purchase, record.copy))
        assert [(each.purchase, each.copy) async for each in store.records()] == made


async def test_a_batch_that_never_ran_cost_nothing(store: Ledger) -> None:
    assert await store.committed("never") == 0


async def test_it_tells_whether_it_is_open(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert repr(ledger) == f"<Ledger {tmp_path / 'ledger.sqlite'} closed>"
    async with ledger:
        assert repr(ledger) == f"<Ledger {tmp_path / 'ledger.sqlite'} open>"


async def test_what_is_under_way_is_not_read_again(store: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = await begin(store, await enter(store))
    monkeypatch.delattr("phota_async.ledger.rows.get")
    assert (await store.change(begun.record, Submitted("job-1"))).state is State.SUBMITTED


async def test_a_digest_is_written_with_the_next_record(store: Ledger) -> None:
    key = Key("1:2", "3:4:5")
    store.digests.keep(key, "ab" * 32)
    assert await store.digests.find([key]) == [None]
    await begin(store, await enter(store))
    assert await store.digests.find([key]) == ["ab" * 32]


async def test_its_clock_is_the_one_it_was_given(tmp_path: Path) -> None:
    def clock() -> float:
        return 7.0

    async with Ledger(tmp_path / "ledger.sqlite", clock=clock) as ledger:
        assert ledger.clock is ledger.digests._clock is clock


# Records of another ledger


async def test_records_of_another_ledger_are_taken_over_once(tmp_path: Path) -> None:
    async with Ledger(tmp_path / "old.sqlite") as old:
        run = await old.enter("b")
        assert await old.is_running()
        for purchase in "pq":
            await begin(old, run, purchase, batch="b", item=purchase, price=100)
        await old.leave("b", run + 1)  # of another run
        assert await old.is_running()
        await old.leave("b", run)
        assert not await old.is_running()
        records = [record async for record in old.records()]
    async with Ledger(tmp_path / "new.sqlite") as new:
        moved = [replace(records[0], run=40, intent_run=41), replace(records[1], run=30, intent_run=20)]
        for _ in range(2):
            await new.load(moved)
            assert [record async for record in new.records()] == moved
            assert await new.committed("b") == 200
        assert await new.join("b") == 42  # no run may have a number again
        with pytest.raises(LedgerError, match=r"new\.sqlite: expected to know nothing of .* or the same") as caught:
            await new.load([replace(moved[0], job_id="other")])
        assert str(caught.value).endswith("both ledgers bought for it: keep them apart, each with its own batches")
