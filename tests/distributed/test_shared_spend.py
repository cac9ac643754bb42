"""``phota spend`` sums up the ledger that machines share, and leaves it as it is."""

from pathlib import Path

import psycopg
import pytest
from ledger.store_suite import FILE, begin
from support.postgres import url
from support.programs import phota

from phota_async import EnhanceRequest, Ledger, Outcome, PostgresLedger
from phota_async.ledger import Done, Lost, Store
from phota_async.runs import RunFolder, record_of

pytestmark = pytest.mark.system


async def buy(ledger: Store, batch: str, name: str, cost: int | None) -> None:
    run = await ledger.join(batch)
    record = (
        await begin(ledger, run, name, batch=batch, item=f"{name}.jpg", price=150_000, operation="enhance")
    ).record
    await ledger.change(record, Lost("reset") if cost is None else Done((FILE,), cost, {}))
    await ledger.leave(batch, run)


async def fill(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        await buy(ledger, "summer", "a", 120_000)
        await buy(ledger, "winter", "b", 150_000)
        await buy(ledger, "winter", "c", None)


async def test_sums_by_batch_and_operation(dsn: str, tmp_path: Path) -> None:
    await fill(dsn)
    told = phota("spend", "--dsn", url(dsn), "--by", "batch", cwd=tmp_path)
    assert told.out.splitlines() == [
        "summer\t1\t0.12\t0.00\t0.00\t0",
        "winter\t1\t0.15\t0.00\t0.15\t0",
        "total\t2\t0.27\t0.00\t0.15\t0",
    ]
    told = phota("spend", "--by", "op", env={"PHOTA_DSN": url(dsn)}, cwd=tmp_path)
    assert told.out == "enhance\t2\t0.27\t0.00\t0.15\t0\n"


async def test_a_folder_that_is_named_goes_before_the_environment_and_tells_tags(dsn: str, tmp_path: Path) -> None:
    await fill(dsn)
    run = RunFolder.create(tmp_path, operation="enhance", settings={"tag": "user-1"})
    run.append(record_of(Outcome(key="a.jpg", request=EnhanceRequest("a.jpg"), status="done")))
    async with Ledger(tmp_path / ".phota" / "ledger.sqlite") as ledger:
        await buy(ledger, "here", "d", 130_000)
    told = phota("spend", str(tmp_path), "--by", "batch", env={"PHOTA_DSN": url(dsn)})
    assert told.out == "here\t1\t0.13\t0.00\t0.00\t0\n"
    told = phota("spend", str(tmp_path), "--by", "tag", "--dsn", url(dsn))
    assert told.out.splitlines()[:2] == ["-\t1\t0.15\t0.00\t0.15\t0", "user-1\t1\t0.12\t0.00\t0.00\t0"]


def test_without_a_ledger_nothing_was_spent_and_none_is_made(dsn: str, tmp_path: Path) -> None:
    told = phota("spend", "--dsn", url(dsn), cwd=tmp_path)
    assert (told.code, told.out) == (0, "total\t0\t0.00\t0.00\t0.00\t0\n")
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'phota'").fetchone() is None


def test_a_server_that_is_away_is_said_without_the_password(tmp_path: Path) -> None:
    told = phota("spend", "--dsn", "postgresql://studio:hunter2@127.0.0.1:1/photos", cwd=tmp_path)
    assert (told.code, told.out) == (2, "")
    assert "cannot be reached" in told.err
    assert "hunter2" not in told.err
