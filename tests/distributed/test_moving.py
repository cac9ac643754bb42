"""A ledger moves into a database and back, and nothing is lost, doubled or bought again."""

import subprocess
import sys
from pathlib import Path

import msgspec
import psycopg
import pytest
from ledger.store_suite import FILE, begin, enter
from support.postgres import url

from phota_async import InputError, Ledger, LedgerError, PostgresLedger
from phota_async.ledger import Change, Done, Lost, Record, Submitted
from phota_async.ledger.moving import move

pytestmark = pytest.mark.system


async def fill(path: Path, count: int = 7) -> list[Record]:
    """Make a ledger with a purchase in each state."""
    async with Ledger(path) as ledger:
        run = await enter(ledger, "b")
        for number in range(count):
            record = (await begin(ledger, run, f"p{number:04}", batch="b", item=f"{number}.jpg", price=150_000)).record
            changes: tuple[Change, ...] = (Submitted("job"), Done((FILE,), 120_000, {"anna": 1}), Lost("404"))
            for step, change in enumerate(changes):
                if number % 4 > step:
                    record = await ledger.change(record, change)
        return [record async for record in ledger.records()]


async def test_there_and_back_again_nothing_changes(tmp_path: Path, dsn: str) -> None:
    records = await fill(tmp_path / "a.sqlite", 1203)
    moved = await move(str(tmp_path / "a.sqlite"), url(dsn))
    assert (moved.records, moved.committed) == (1203, sum(record.committed for record in records))
    assert await move(str(tmp_path / "a.sqlite"), url(dsn)) == moved  # a second try
    async with PostgresLedger(url(dsn)) as ledger:
        assert await ledger.committed("b") == moved.committed
        assert await ledger.join("b") > max(record.run for record in records)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM phota.run")
    assert await move(url(dsn), str(tmp_path / "c.sqlite")) == moved
    async with Ledger(tmp_path / "c.sqlite") as ledger:
        assert [record async for record in ledger.records()] == records
        assert await ledger.committed("b") == moved.committed
        assert await ledger.enter("b") > max(record.run for record in records)


async def test_an_open_run_is_refused(tmp_path: Path, dsn: str) -> None:
    await fill(tmp_path / "a.sqlite")
    async with PostgresLedger(dsn) as ledger:
        run = await ledger.enter("other")
        with pytest.raises(LedgerError, match="a run is open"):
            await move(str(tmp_path / "a.sqlite"), url(dsn))
        assert [record async for record in ledger.records()] == []
        await ledger.leave("other", run)
        await move(str(tmp_path / "a.sqlite"), url(dsn))
    async with Ledger(tmp_path / "a.sqlite"):
        with pytest.raises(LedgerError, match="held by"):
            await move(str(tmp_path / "a.sqlite"), url(dsn))


async def test_ledgers_that_contradict_each_other_stay_apart(tmp_path: Path, dsn: str) -> None:
    await fill(tmp_path / "a.sqlite")
    async with PostgresLedger(dsn) as ledger:
        await begin(ledger, await ledger.enter("b"), "p0003", batch="b")
        await ledger.leave("b")
        with pytest.raises(LedgerError, match="expected to know nothing"):
            await move(str(tmp_path / "a.sqlite"), url(dsn))
        assert [record.purchase async for record in ledger.records()] == ["p0003"]
        assert await ledger.committed("b") == 0
    with pytest.raises(InputError, match="got none"):
        await move(str(tmp_path / "no.sqlite"), url(dsn))
    with pytest.raises(InputError, match="got one"):
        await move(url(dsn), url(dsn))


def call(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "phota_async", "ledger", "migrate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def test_the_command_moves_and_says_what(tmp_path: Path, dsn: str) -> None:
    records = await fill(tmp_path / "out" / ".phota" / "ledger.sqlite")
    done = call(tmp_path / "out", url(dsn), "--json")
    assert done.returncode == 0, done.stderr
    told = msgspec.json.decode(done.stdout)
    assert (told["records"], told["states"]) == (len(records), {"intent": 2, "submitted": 2, "done": 3})
    done = call(tmp_path / "out", url(dsn))
    assert done.stdout == "7 records, $0.96\n"
    done = call(tmp_path, url(dsn))
    assert done.returncode == 2
    assert "expected a folder with" in done.stderr
