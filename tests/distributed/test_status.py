"""``phota status`` on a real fleet, one of whose workers is killed; what it says where there is nothing to see."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import support
from ledger.store_suite import FILE, begin
from support.fleet import worker_process
from support.postgres import Server, running_server, url
from support.programs import PHOTA, Ended, OnTerminal, phota

from phota_async import PostgresLedger
from phota_async.ledger import Done
from phota_async.ledger.tables import STEPS, migrate
from phota_async.sandbox import Sandbox

pytestmark = pytest.mark.system

COUNT, CAP = 36, 6
WORKER = Path(support.__file__ or "").parent / "fleet_worker.py"


@pytest.fixture
async def service() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=0.3, picture_scale=0.03, id_memory=1e9, link_lifetime=1e9) as started:
        yield started


@asynccontextmanager
async def worker(number: int, dsn: str, service: Sandbox, folder: Path) -> AsyncIterator[Process]:
    told: dict[str, Any] = {"dsn": dsn, "base_url": service.base_url, "folder": str(folder), "count": COUNT, "cap": CAP}
    told |= {"start": number * COUNT // 3, "worker": f"studio-{number}", "batch": "summer"}
    async with worker_process(WORKER, told) as process:
        yield process


async def status(dsn: str, *arguments: str) -> Ended:
    return await asyncio.to_thread(phota, "status", *arguments, env={"PHOTA_DSN": url(dsn)})


async def told(dsn: str) -> dict[str, Any]:
    done = await status(dsn, "--json")
    assert done.code == 0, done.err
    fleet: dict[str, Any] = json.loads(done.out)
    return fleet


async def test_a_fleet_is_seen_at_work_with_one_of_it_killed_and_at_its_end(
    service: Sandbox, dsn: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as scope:
        workers = [await scope.enter_async_context(worker(n, dsn, service, tmp_path)) for n in range(3)]
        for process in workers:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
        await service.wait_for_requests(40)
        workers[0].kill()
        await asyncio.gather(*(process.wait() for process in workers[1:]))
        await asyncio.sleep(1.1)  # what a worker of these lives for without a sign
        fleet = await told(dsn)
        shown = await status(dsn, "--once")
    states = {each["worker"]: each["state"] for each in fleet["workers"]}
    assert states == {"studio-0": "dead", "studio-1": "ended", "studio-2": "ended"}
    (batch,) = fleet["batches"]
    assert (batch["batch"], batch["done"], batch["open"]) == ("summer", COUNT, 0)
    assert sum(each["done"] for each in fleet["workers"] if each["state"] == "ended") >= COUNT // 2
    assert fleet["places"] == [{"name": "jobs", "held": 0, "cap": CAP}]
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert lines[0].split() == ["worker", "state", "running", "done", "failed", "spent", "rate", "left"]
    assert any(line.startswith("studio-0") and "dead, silent 0:0" in line for line in lines)
    assert f"places held: jobs 0 of {CAP}" in lines
    summer = next(line.split() for line in lines if line.startswith("summer"))
    assert summer[:4] == ["summer", str(COUNT), "0", "0"]


async def test_money_is_told_to_the_cent_and_exactly(dsn: str) -> None:
    async with PostgresLedger(dsn, worker="w") as ledger:
        run = await ledger.enter("b")
        await ledger.expect("b", 12)
        wish = {"batch": "b", "price": 150_000, "cap": 20_000_000}
        await ledger.change((await begin(ledger, run, **wish)).record, Done((FILE,), 120_000, {}))
        await begin(ledger, run, "q", **wish)
    fleet = await told(dsn)
    assert fleet["schema"] == "phota.fleet/1"
    (batch,), (one,) = fleet["batches"], fleet["workers"]
    assert (batch["spent"], batch["committed"], batch["cap"], batch["budget_left"]) == ("0.12", "0.27", "20", "19.73")
    assert (batch["total"], batch["left"], batch["open"]) == (12, 11, 1)
    assert (one["spent"], one["cap"], one["state"]) == ("0.12", "20", "ended")
    shown = (await status(dsn, "--once")).out
    assert "1/12" in shown
    assert "$0.12" in shown
    assert "$19.73" in shown


def test_a_terminal_gets_a_picture_that_moves_until_it_is_stopped(server: Server) -> None:
    dsn = server.create()

    async def work(ledger: PostgresLedger, name: str) -> None:
        run = await ledger.enter(name)
        await ledger.change((await begin(ledger, run, name, batch=name, price=1)).record, Done((FILE,), 1, {}))

    async def two(shown: OnTerminal) -> None:
        async with PostgresLedger(dsn, worker="first \x5b1m", ttl=0.3) as ledger:
            await work(ledger, "summer")
            await asyncio.to_thread(shown.wait_for, "summer")
            await work(ledger, "winter")
            await asyncio.to_thread(shown.wait_for, "winter")
        await asyncio.to_thread(shown.wait_for, "ended")
        shown.type("\x03")

    asyncio.run(_make_tables(dsn))
    command = [*PHOTA, "status", "--dsn", url(dsn), "--interval", "0.05"]
    with OnTerminal(command, columns=100) as shown:
        shown.wait_for("no worker was heard of")
        asyncio.run(two(shown))
    assert "stopped looking; the workers go on" in shown.screen
    assert shown.code == 130


async def _make_tables(dsn: str) -> None:
    async with PostgresLedger(dsn):
        pass


def test_a_server_that_goes_away_is_said_and_waited_for() -> None:
    with running_server() as server:
        dsn = server.create()
        asyncio.run(_make_tables(dsn))
        with OnTerminal([*PHOTA, "status", "--dsn", url(dsn), "--interval", "0.05"]) as shown:
            shown.wait_for("no worker was heard of")
            server.stop("immediate")
            shown.wait_for("cannot be reached")
            server.start()
            _attend(dsn)
            shown.wait_for("later-on")
            shown.type("\x03")
    assert shown.code == 130


def _attend(dsn: str) -> None:
    async def attend() -> None:
        async with PostgresLedger(dsn, worker="later-on") as ledger:
            ledger.attend("b")

    asyncio.run(attend())


# What it says where there is nothing to see


async def test_a_database_without_a_ledger_is_said_and_gets_none(dsn: str) -> None:
    done = await status(dsn)
    assert (done.code, done.out) == (2, "")
    assert "expected a ledger, got a database without one; the first worker makes its tables" in done.err
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'phota'").fetchone() is None


async def test_tables_of_other_versions_are_said(dsn: str) -> None:
    async with PostgresLedger(dsn) as ledger:
        await migrate(ledger.database, (*STEPS, ()))
    told = f"expected tables of version {len(STEPS)} or older, got {len(STEPS) + 1}; a newer phota_async made them"
    assert told in (await status(dsn)).err


async def test_an_empty_ledger_and_a_hostile_name(dsn: str) -> None:
    async with PostgresLedger(dsn):
        pass
    assert (await status(dsn)).out.startswith("no worker was heard of in the last hour\n")
    async with PostgresLedger(dsn) as ledger:
        ledger.attend("a\x1b[2Jb\n\u202ec")
    shown = (await status(dsn)).out
    assert "\x1b" not in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("postgresql://studio:hunter2@127.0.0.1:1/photos", "postgresql://127.0.0.1/photos cannot be reached"),
        ("postgresql://studio:hunter2/x@db/photos", "write / as %2F"),
        ("hunter2", "expected postgresql://USER@HOST/NAME, got something else"),
    ],
)
@pytest.mark.parametrize("as_option", [True, False])
def test_a_password_is_never_shown(address: str, says: str, as_option: bool) -> None:
    given = ["--dsn", address] if as_option else []
    done = phota("status", *given, env={} if as_option else {"PHOTA_DSN": address})
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert "hunter2" not in done.err


def test_an_address_is_needed() -> None:
    done = phota("status")
    assert done.code == 2
    assert "--dsn" in done.err
