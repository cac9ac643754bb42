"""Folders from strangers: ledgers with programs in them, records that name other files, links in our files' places."""

import os
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.clients import KEY, quick
from support.folders import tree
from support.reviews import make_run
from support.till import Till

from phota_async import Batch, BatchItem, GenerateRequest, InputError, LedgerError, PhotaClient, PhotaError
from phota_async.cli.run_options import from_record
from phota_async.ledger import Ledger
from phota_async.ledger.view import LedgerView
from phota_async.report.run_sheet import sheet_of_run
from phota_async.review import Journal, ReviewServer, read_picks
from phota_async.review.events import event_of
from phota_async.runs import ItemRecord, OutputRecord, RunFolder, latest_run

from .trial import Trial

ITEMS = [
    BatchItem(f"{number}.jpg", GenerateRequest(prompt=f"'; DROP TABLE purchase; -- {number}")) for number in (1, 2)
]
STORE = Path(".phota") / "ledger.sqlite"


async def run(till: Till, output: Path, **options: Any) -> list[str]:
    how: dict[str, Any] = {"output": output, "ledger": True, "mark": False, "name": "'; DELETE FROM purchase; --"}
    async with (
        PhotaClient(KEY, till.peer.url, config=quick()) as client,
        Batch(client, ITEMS, **how | options) as ends,
    ):
        return sorted([str(end.status) async for end in ends])


# Ledgers.


async def test_sql_in_names_is_words(fault: Trial, tmp_path: Path) -> None:
    async with Till() as till:
        assert await run(till, tmp_path) == ["done", "done"]
        assert await run(till, tmp_path) == ["skipped", "skipped"]
        fault.tried(4)
        fault.lost("paid_twice", sum(till.sold.values()) - 2)


PROGRAMS = {
    "lifts the cap": "CREATE TRIGGER a AFTER INSERT ON purchase BEGIN UPDATE purchase SET reserved = 0, cost = 0; END",
    "forgets": "CREATE TRIGGER a AFTER INSERT ON purchase BEGIN DELETE FROM purchase; END",
    "a view": "CREATE VIEW a AS SELECT * FROM purchase",
}


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_ledger_with_programs_is_refused_before_anything_is_bought(
    fault: Trial, tmp_path: Path, program: str
) -> None:
    path = tmp_path / STORE
    path.parent.mkdir()
    async with Ledger(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute(PROGRAMS[program])
    connection.close()
    fault.tried(2)
    async with Till() as till:
        with pytest.raises(LedgerError, match="programs of somebody else"):
            await run(till, tmp_path)
        with pytest.raises(LedgerError, match="programs of somebody else"):
            await LedgerView(path).open()
        assert not till.sold


@pytest.mark.parametrize("other", ["/etc/hostname", "../outside.jpg", "a/../../outside.jpg", "pipe"])
async def test_files_that_a_ledger_names_elsewhere_are_none(fault: Trial, tmp_path: Path, other: str) -> None:
    """A stranger's ledger says that an item is there: it is fetched by its job, and what it named is not told."""
    output, outside = tmp_path / "out", tmp_path / "outside.jpg"
    outside.write_bytes(b"private")
    async with Till() as till:
        assert await run(till, output) == ["done", "done"]
        os.mkfifo(output / "pipe")
        (output / "a").mkdir()
        size = (output / other).stat().st_size
        with sqlite3.connect(output / STORE) as connection:
            files = msgspec.json.encode([{"path": other, "size": size, "sha256": "00"}]).decode()
            connection.execute("UPDATE purchase SET files = ?", (files,))
        connection.close()
        fault.tried()
        assert await run(till, output) == ["done", "done"]
        fault.lost("paid_twice", sum(till.sold.values()) - 2)
    assert outside.read_bytes() == b"private"


# Runs.


def records(*outputs: str, **fields: Any) -> ItemRecord:
    made = tuple(OutputRecord(path=path) for path in outputs)
    return ItemRecord(key="a.jpg", operation="edit", status="done", outputs=made, **fields)


@pytest.mark.parametrize("name", ["items.jsonl", "picks.jsonl"])
def test_a_link_in_a_records_place_is_not_written_through(fault: Trial, tmp_path: Path, name: str) -> None:
    folder, outside = make_run(tmp_path), tmp_path / "profile"
    outside.write_bytes(b"# mine\n")
    (folder.path / name).unlink(missing_ok=True)
    (folder.path / name).symlink_to(outside)
    fault.tried()
    writes: dict[str, Callable[[], None]] = {
        "items.jsonl": lambda: folder.append(records()),
        "picks.jsonl": Journal(folder).open,
    }
    with pytest.raises(InputError, match="cannot write"):
        writes[name]()
    assert outside.read_bytes() == b"# mine\n"


@pytest.mark.parametrize("link", [".phota", ".phota/runs"])
def test_a_run_is_not_begun_behind_a_link(fault: Trial, tmp_path: Path, link: str) -> None:
    output, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    (output / link).parent.mkdir(parents=True)
    (output / link).symlink_to(outside)
    fault.tried()
    with pytest.raises(InputError, match="a link that leads out of it"):
        RunFolder.create(output, operation="edit")
    assert tree(outside) == {}


PIPES: dict[str, Callable[[RunFolder], object]] = {
    "items.jsonl": lambda folder: folder.records(),
    "picks.jsonl": read_picks,
    "run.json": lambda folder: folder.record(),
}


@pytest.mark.parametrize("name", PIPES)
def test_a_pipe_in_a_records_place_is_not_waited_for(fault: Trial, tmp_path: Path, name: str) -> None:
    folder = make_run(tmp_path)
    (folder.path / name).unlink(missing_ok=True)
    os.mkfifo(folder.path / name)
    fault.tried()
    with pytest.raises(InputError):
        PIPES[name](folder)


def test_records_that_never_end_are_passed_over(fault: Trial, tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    line = b'{"key":"' + b"x" * (5 * 2**20) + b'"}\n'
    for name in ("items.jsonl", "picks.jsonl"):
        with (folder.path / name).open("ab") as file:
            file.write(line + b'{"schema":"a","at":"","kind":"undo","x":' + b"[" * 10**5 + b"]" * 10**5 + b"}\n\xff\n")
    with (folder.path / "run.json").open("r+b") as file:
        file.truncate(2**40)  # of nothing
    fault.tried(5)
    assert [record.key for record in folder.records()] == ["set/1.jpg", "set/2.jpg", "set/3.jpg"]
    assert read_picks(folder).undoable is None
    with pytest.raises(InputError):
        folder.record()


CLAIMS = {"yes": True, "is_cap_agreed": True, "max_spend": "1000"}


def test_a_run_cannot_claim_consent_nor_another_output(fault: Trial, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="generate")
    record = msgspec.structs.replace(
        folder.record(),
        output="/etc",
        settings={"run": {"operation": "generate", "plan": {"operation": "generate"}, "out": "/etc"} | CLAIMS},
    )
    fault.tried(3)
    try:
        options = from_record(record)
    except InputError:
        options = None
    assert options is None or (options.yes, options.is_cap_agreed, options.agreed) == (False, False, None)
    (folder.path / "run.json").write_bytes(msgspec.json.encode(record))
    assert latest_run(tmp_path / "out").output == tmp_path / "out"
    assert folder.picture("a.jpg") == tmp_path / "out" / "a.jpg"


SECRET = b"root:x:0:0"


@pytest.mark.parametrize("place", ["{outside}/passwd", "../outside/passwd", "/dev/zero", "{outside}", "a\0b", "pipe"])
async def test_outputs_elsewhere_are_neither_shown_nor_copied(fault: Trial, tmp_path: Path, place: str) -> None:
    folder, outside = make_run(tmp_path, items=1), tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd").write_bytes(SECRET)
    os.mkfifo(folder.output / "pipe")
    place = place.format(outside=outside)
    folder.append(records(place, "set/1.enhance-1.jpg", number=9))
    fault.tried(2)
    async with ReviewServer(folder) as server:
        number = next(each for each in range(20) if server.session.pictures.name(each) == Path(place).name)
        with pytest.raises(PhotaError):
            server.session.pictures.read(number)
    page = await sheet_of_run(folder)
    assert SECRET not in page.read_bytes()


@pytest.mark.parametrize("price", ["-20", "NaN", "sNaN", "Infinity", "-Infinity", "1e999999"])
def test_prices_that_are_none_do_not_lift_the_cap(fault: Trial, tmp_path: Path, price: str) -> None:
    folder = make_run(tmp_path, items=1)
    with Journal(folder) as journal:
        journal.append(event_of("ask", "set/1.jpg", ask="mine", price=Decimal("0.15")))
        journal.append(event_of("ask", "set/1.jpg", ask="theirs", price=Decimal(price)))
    fault.tried()
    assert read_picks(folder).committed == Decimal("0.15")


async def test_costs_below_nothing_do_not_lift_the_cap(fault: Trial, tmp_path: Path) -> None:
    path, batch = tmp_path / STORE, "'; DELETE FROM purchase; --"
    async with Till() as till:
        await run(till, tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE purchase SET cost = -1000000000, reserved = -1000000000, lost = -5")
    connection.close()
    fault.tried(2)
    view = LedgerView(path)
    await view.open()
    assert await view.committed(batch) == 0
    view.close()
    async with Ledger(path) as ledger:
        assert await ledger.committed(batch) == 0
