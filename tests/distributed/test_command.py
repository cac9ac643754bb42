"""The real command with ``--on``, and ``phota worker``, on a real PostgreSQL."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.bucket import KEYS, Bucket, running_storage
from support.command import Done, Phota, read_until

from phota_async.sandbox.thread import SandboxThread

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "own_worker.py"
pytestmark = pytest.mark.system


@pytest.fixture
def phota(phota_sandbox: SandboxThread, tmp_path: Path) -> Phota:
    return Phota(tmp_path, phota_sandbox)


def ask(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@contextmanager
def worker(phota: Phota, dsn: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker that is ready, and end it in good order."""
    with phota.started("worker", "--dsn", dsn, *arguments) as process:
        assert process.stderr is not None
        assert b"working for postgresql://" in process.stderr.readline()
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert b"Traceback" not in process.stderr.read()


def enhance(phota: Phota, dsn: str, *arguments: str) -> Done:
    return phota.run("enhance", "in", "-o", "out", "--on", dsn, *arguments)


def test_the_same_command_with_one_more_flag_is_carried_out_by_workers(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg", "in/b.jpg", "in/c.jpg")
    with worker(phota, dsn), worker(phota, dsn):
        done = enhance(phota, dsn)
        assert (done.code, done.out) == (0, b"")
        assert "3 items enqueued" in done.err
        assert "results go to out" in done.err
        assert "0 left, 0 under way, 0 failed" in done.err
        assert files(phota.folder / "out") == ["a.enhance-1.jpg", "b.enhance-1.jpg", "c.enhance-1.jpg"]
        assert enhance(phota, dsn).code == 0
    assert len(phota.sandbox.charges) == 3


def test_enqueued_without_waiting_it_is_done_when_a_worker_comes(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg")
    assert enhance(phota, dsn, "--no-wait", "-q").err == ""
    assert enhance(phota, dsn, "--no-wait").err.startswith("0 items enqueued")
    assert ask(dsn, "SELECT args->>'batch' FROM procrastinate_jobs") == [("out",)]
    assert ask(dsn, "SELECT batch, total, committed FROM phota.account") == [("out", 1, 0)]  # how long it takes yet
    assert phota.sandbox.charges == []
    with worker(phota, dsn):
        assert enhance(phota, dsn).code == 0
    assert files(phota.folder / "out") == ["a.enhance-1.jpg"]


def test_a_batch_is_described_once_and_no_task_repeats_it(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg")
    options = ("--no-wait", "--max-spend", "7.50", "--name", "{stem}-better.{ext}", "--no-gps", "-c", "9")
    assert enhance(phota, dsn, *options).code == 0
    assert ask(dsn, "SELECT count(*) FROM phota.batch WHERE batch = 'out'") == [(1,)]
    (told,) = ask(dsn, "SELECT described::jsonb FROM phota.batch")[0]
    assert (told["output"], told["max_spend"], told["cap"]) == (str(phota.folder / "out"), "7.50", 9)
    assert (told["names"], told["gps"], told["mode"]) == ("{stem}-better.{ext}", False, "job")
    (arguments,) = ask(dsn, "SELECT args::text FROM procrastinate_jobs")[0]
    assert "7.50" not in arguments
    with worker(phota, dsn):
        assert enhance(phota, dsn, *options[1:]).code == 0
    assert files(phota.folder / "out") == ["a-better.jpg"]


def test_a_narrow_batch_does_not_narrow_others(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg")
    with worker(phota, dsn):
        for cap, name in ((4, "wide"), (1, "narrow"), (4, "wide again")):
            assert enhance(phota, dsn, "-c", str(cap), "--batch", name).code == 0
            assert ask(dsn, "SELECT count(*) FROM phota.lease") == [(4,)]


def test_the_budget_holds_over_all_workers_and_can_be_raised_while_they_work(phota: Phota, dsn: str) -> None:
    phota.photos(*(f"in/{number}.jpg" for number in range(6)))
    with worker(phota, dsn), worker(phota, dsn):
        poor = enhance(phota, dsn, "--max-spend", "0.40")
        assert poor.code == 7
        assert "3 items would pass the budget; the same command with a higher --max-spend buys them" in poor.err
        assert len(phota.sandbox.charges) == 3  # 0.12 each
        assert enhance(phota, dsn, "--max-spend", "5").code == 0
    assert len(phota.sandbox.charges) == 6


def test_a_photo_that_is_not_there_fails_and_says_so(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg", "in/b.jpg")
    assert enhance(phota, dsn, "--no-wait").code == 0
    (phota.folder / "in" / "b.jpg").unlink()
    with phota.started("worker", "--dsn", dsn) as process:
        (phota.folder / "in" / "b.jpg").unlink(missing_ok=True)
        done = phota.run("enhance", "in", "-o", "out", "--on", dsn)
        assert done.code == 6  # of the one photo that is there now, none: b's task failed
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert b"b.jpg: failed: photo (" in told
    assert str(phota.folder / "in" / "b.jpg").encode() in told
    assert b"Traceback" not in told
    assert files(phota.folder / "out") == ["a.enhance-1.jpg"]


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    with running_storage() as origin:
        yield origin


def test_results_go_to_a_bucket(phota: Phota, dsn: str, storage: str) -> None:
    bucket = Bucket(storage)
    phota.photos("in/sub/a.jpg", "in/b.jpg")
    phota.env |= KEYS
    with worker(phota, dsn):
        assert phota.run("enhance", "in", "-r", "-o", bucket.address("/summer"), "--on", dsn).code == 0
    assert sorted(bucket.objects) == ["summer/b.enhance-1.jpg", "summer/sub/a.enhance-1.jpg"]
    assert ask(dsn, "SELECT batch FROM phota.batch") == [("summer",)]


def test_a_person_is_allowed_to_be_only_of_the_end_user(phota: Phota, dsn: str) -> None:
    mine = phota.sandbox.call(lambda sandbox: sandbox.add_profile(tag="ann"))
    other = phota.sandbox.call(lambda sandbox: sandbox.add_profile(tag="bob"))
    phota.photos("in/a.jpg")
    with worker(phota, dsn):
        assert enhance(phota, dsn, "-y", "--tag", "ann", "-P", mine, "--batch", "one").code == 0
        assert enhance(phota, dsn, "-y", "--tag", "ann", "-P", other, "--batch", "two").code == 6
    assert len(phota.sandbox.charges) == 1


def test_a_batch_that_nobody_described_waits(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg")
    assert enhance(phota, dsn, "--no-wait").code == 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        (row,) = connection.execute("DELETE FROM phota.batch RETURNING batch, described").fetchall()
        with worker(phota, dsn) as process:
            assert process.stderr is not None
            assert b"batch 'out': expected a description in the database, got none" in process.stderr.readline()
            connection.execute("INSERT INTO phota.batch VALUES (%s, %s)", row)
            assert enhance(phota, dsn).code == 0


def test_the_example_of_a_worker_works(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg")
    assert enhance(phota, dsn, "--no-wait").code == 0
    program = [sys.executable, "-W", "error", str(EXAMPLE), "out"]
    with subprocess.Popen(program, env=phota.env | {"PHOTA_DSN": dsn}, cwd=phota.folder) as process:
        assert enhance(phota, dsn).code == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert files(phota.folder / "out") == ["a.enhance-1.jpg"]
    assert len(EXAMPLE.read_text().splitlines()) <= 40


def test_what_was_bought_here_is_not_bought_again_by_workers(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg", "in/b.jpg")
    assert phota.run("enhance", "in", "-o", "out").code == 0
    for batch in ((), ("--batch", "")):
        done = enhance(phota, dsn, *batch)
        assert done.code == 2
        assert "workers would buy what it knows again" in done.err
    assert (
        phota.run("ledger", "migrate", "out", dsn.replace("host=", "postgresql:///?host=").replace(" ", "&")).code == 0
    )
    assert "workers would buy" in enhance(phota, dsn).err
    phota.photos("in/c.jpg")
    with worker(phota, dsn):
        done = enhance(phota, dsn, "--batch", "")
        assert (done.code, "3 items enqueued" in done.err) == (0, True)
    assert len(phota.sandbox.charges) == 3


def test_leaving_stops_nobody(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg")
    with phota.started("enhance", "in", "-o", "out", "--on", dsn) as process:
        assert process.stderr is not None
        read_until(process.stderr, "1 left")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert b"what is in the queue is carried out all the same" in process.stderr.read()
    with worker(phota, dsn):
        assert enhance(phota, dsn).code == 0
    assert len(phota.sandbox.charges) == 1


def test_nothing_is_enqueued_before_somebody_agreed_to_the_price(phota: Phota, dsn: str) -> None:
    phota.photos(*(f"in/{number}.jpg" for number in range(9)))
    done = enhance(phota, dsn)
    assert done.code == 2
    assert "9 requests for $1.08, and no terminal" in done.err
    assert ask(dsn, "SELECT to_regclass('procrastinate_jobs')") == [(None,)]
    plan = enhance(phota, dsn, "-n")
    assert plan.code == 0
    assert "9 requests for batch 'out': $1.08, less what was bought already" in plan.err
    assert enhance(phota, dsn, "-y", "--no-wait").code == 0


def test_a_name_stands_for_one_batch(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg")
    assert enhance(phota, dsn, "--no-wait", "--max-spend", "1").code == 0
    for changes in (("--take", "2", "--batch", "out"), ("-o", "sub/out"), ("--metadata", "none")):
        done = enhance(phota, dsn, "--no-wait", "--max-spend", "1", *changes)
        assert done.code == 2
        assert "batch 'out': expected the" in done.err
    done = enhance(phota, dsn, "--no-wait")
    assert "expected the spending cap, or none, with which it was begun" in done.err
    assert enhance(phota, dsn, "--no-wait", "--max-spend", "2", "--batch", "other", "-o", "sub/out").code == 0


def test_the_other_verbs_go_the_same_way(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg", "look.jpg")
    common = ("--on", dsn, "--price", "0.10", "-o", "out", "--no-wait")
    assert phota.run("edit", "in", "-p", "at sunset", *common).code == 0
    assert phota.run("remix", "in", "--reference", "look.jpg", *common).code == 0
    assert phota.run("generate", "-p", "a boat", *common).code == 0
    (phota.folder / "list.csv").write_text("input,prompt,out\nin/a.jpg,at sea,b\n")
    assert phota.run("edit", "--from", "list.csv", *common).code == 0
    with worker(phota, dsn):
        assert phota.run("edit", "in", "-p", "at sunset", *common[:-1]).code == 0
    assert len(files(phota.folder / "out")) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--on", "what is this"), "dsn: expected postgresql://"),
        (("--on", "postgresql://ann:hunter2@127.0.0.1:1/photos"), "cannot be reached"),
        (("--on", "postgresql:///x", "--json"), "--json does not go with --on"),
        (("--on", "postgresql:///x", "--require-identity"), "--require-identity does not go with --on"),
        (("--on", "postgresql:///x", "--resend-unknown"), "--resend-unknown does not go with --on"),
        (("--on", "postgresql:///x", "-o", "-"), "- does not go with --on"),
        (("--on", "postgresql:///x", "-o", "s3://key@bucket/x"), "expected an address without a key"),
        (("-o", "s3://bucket/x"), "add --on DSN"),
        (("--no-wait",), "--no-wait goes with --on"),
        (("--batch", "x"), "--batch goes with --on"),
    ],
)
def test_what_does_not_go_is_said(phota: Phota, arguments: tuple[str, ...], words: str) -> None:
    phota.photos("in/a.jpg")
    done = phota.run("enhance", "in", *arguments)
    assert done.code not in (0, 1)
    assert words in done.err
    assert "hunter2" not in done.err


def test_a_signed_link_is_refused_before_anything_is_enqueued(phota: Phota, dsn: str) -> None:
    phota.photos("in/a.jpg")
    done = phota.run("enhance", "in/a.jpg", "https://cdn.example/b.jpg?X-Amz-Signature=canary", "--on", dsn, "-y")
    assert done.code == 2
    assert "got a signed one" in done.err
    assert ask(dsn, "SELECT to_regclass('procrastinate_jobs')") == [(None,)]


def test_a_worker_without_key_or_database_says_so(phota: Phota, dsn: str) -> None:
    assert "say which database" in phota.run("worker").err
    done = phota.run("worker", "--dsn", "postgresql://ann:hunter2@127.0.0.1:1/photos")
    assert done.code not in (0, 1)
    assert "cannot be reached" in done.err
    assert "hunter2" not in done.err
    assert "no API key" in phota.run("worker", "--dsn", dsn, env={"PHOTA_API_KEY": ""}).err


def test_a_worker_takes_its_database_from_the_environment_and_makes_the_tables(phota: Phota, dsn: str) -> None:
    phota.env["PHOTA_DSN"] = dsn
    with phota.started("worker") as process:
        assert process.stderr is not None
        assert b"working for" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    assert ask(dsn, "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'phota.item'") == [(0,)]
