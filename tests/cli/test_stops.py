"""Runs that are stopped, killed and resumed, through the real command: nothing is paid twice."""

import fcntl
import os
import pty
import select
import signal
import sqlite3
import subprocess
import termios
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from support.command import Phota, read_until
from support.pictures import real_picture
from support.programs import PHOTA, OnTerminal

from phota_async.runs import latest_run
from phota_async.sandbox.thread import SandboxThread

JOB = "GET /jobs/{job_id}"


@pytest.fixture
def still(phota_sandbox_factory: Callable[..., SandboxThread], tmp_path: Path) -> Phota:
    """The command, on a sandbox whose clock stands still: jobs end when it is stepped."""
    return Phota(tmp_path, phota_sandbox_factory(time_scale=0, picture_scale=0.05, id_memory=float("inf")))


def interrupt(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> None:
    os.killpg(process.pid, number)


# Signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_ends_a_run_in_good_order(still: Phota, number: int, code: int) -> None:
    still.photos("in/a.jpg", "in/b.jpg")
    with still.started("enhance", "in", "-o", "out", "-c", "1") as process:
        still.wait_for(JOB)
        interrupt(process, number)
        said = read_until(process.stderr, "stopping")
        still.sandbox.clock.advance(3600)
        out, rest = process.communicate(timeout=60)
        assert process.returncode == code, said + rest.decode()
    assert out == b"out/a.enhance-1.jpg\n"  # what was under way is there
    assert "stopped; resume with: phota resume out" in rest.decode()
    assert still.sandbox.posts() == 1  # and nothing else was begun
    assert latest_run(still.folder / "out").record().exit_code == code


def test_the_second_signal_leaves_at_once_and_resume_goes_on_from_anywhere(still: Phota) -> None:
    still.photos("in/a.jpg", "in/b.jpg")
    with still.started("enhance", "in", "-o", "out", "-p", "softer", "--max-spend", "5") as process:
        still.wait_for(JOB, 2)
        interrupt(process)
        read_until(process.stderr, "stopping")
        interrupt(process)
        _, rest = process.communicate(timeout=60)
        assert process.returncode == 130
    assert "left at once: nothing that was paid is lost. Resume with: phota resume out" in rest.decode()
    assert still.sandbox.posts() == 2
    still.sandbox.clock.advance(3600)
    (elsewhere := still.folder / "elsewhere").mkdir()
    (still.folder / "out").rename(still.folder / "moved")
    done = still.run("resume", "../moved", cwd=elsewhere)
    assert done.code == 0, done.err
    moved = still.folder / "moved"
    assert sorted(done.lines) == [str(moved / "a.enhance-1.jpg"), str(moved / "b.enhance-1.jpg")]
    assert len(still.sandbox.charges) == 2
    run = latest_run(moved)
    assert (run.record().exit_code, len(list(run.path.parent.iterdir()))) == (0, 1)  # the same run
    assert run.record().settings["run"]["max_spend"] == "5"
    assert still.sandbox.api_key not in (run.path / "run.json").read_text()


def test_the_program_itself(phota_sandbox: SandboxThread, tmp_path: Path) -> None:
    """As it is installed, and at its own pace."""
    real = Phota(tmp_path, phota_sandbox, PHOTA)
    real.photos("a.jpg")
    done = real.run("enhance", "a.jpg")
    assert (done.code, done.lines) == (0, ["phota-out/a.enhance-1.jpg"]), done.err


@pytest.mark.parametrize("moment", ["POST /enhance", JOB, "GET /cdn/{name}"])
def test_a_killed_run_pays_nothing_twice(phota: Phota, moment: str) -> None:
    phota.photos("in/a.jpg", "in/b.jpg", "in/c.jpg")
    with phota.started("enhance", "in") as process:
        phota.wait_for(moment)
        process.kill()
        process.wait()
    done = phota.run("resume")
    assert done.code == 0, done.err
    assert len(done.lines) == 3
    assert len(phota.sandbox.charges) == 3
    assert len(phota.files) == 6


# Resume


def test_nothing_to_resume(phota: Phota) -> None:
    nothing = phota.run("resume")
    assert nothing.code == 2
    assert "phota-out: expected a folder that a run wrote to" in nothing.err
    phota.photos("a.jpg")
    phota.run("enhance", "a.jpg")
    finished = phota.run("resume")
    assert finished.code == 2
    assert "nothing to resume in phota-out: the last run, " in finished.err
    assert ", was finished" in finished.err


def test_what_is_gone_cannot_be_resumed_unless_it_is_bought(still: Phota) -> None:
    """A job that was submitted needs no photo to be fetched."""
    still.photos("a.jpg")
    with still.started("enhance", "a.jpg") as process:
        still.wait_for(JOB)
        process.kill()
        process.wait()
    (still.folder / "a.jpg").unlink()
    still.sandbox.clock.advance(3600)
    done = still.run("resume")
    assert (done.code, done.lines) == (0, ["phota-out/a.enhance-1.jpg"]), done.err
    still.photos("b.jpg")
    still.run("enhance", "b.jpg", "-o", "other", env={"PHOTA_API_KEY": "wrong"})
    (still.folder / "b.jpg").unlink()
    refused = still.run("resume", "other")
    assert refused.code == 2
    assert f"cannot resume: {still.folder}/b.jpg is gone; put it back where it was" in refused.err
    assert len(still.sandbox.charges) == 1


def test_a_photo_that_is_gone_from_a_folder_has_its_job_fetched(still: Phota) -> None:
    """It is paid for, and no photo is needed to fetch it."""
    still.photos("in/a.jpg", "in/deep/b.jpg")
    with still.started("enhance", "in", "-r", "-o", "out") as process:
        still.wait_for(JOB, 2)
        process.kill()
        process.wait()
    (still.folder / "in/deep/b.jpg").unlink()
    still.sandbox.clock.advance(3600)
    done = still.run("resume", "out")
    assert done.code == 0, done.err
    assert sorted(done.lines) == ["out/a.enhance-1.jpg", "out/deep/b.enhance-1.jpg"]
    assert (still.sandbox.posts(), len(still.sandbox.charges)) == (2, 2)


def test_a_run_of_a_signed_link_is_resumed_by_its_own_command(phota: Phota) -> None:
    """The record keeps nothing that opens it."""
    link = phota.sandbox.upload(real_picture()) + "?signature=s3cr3t"
    begun = phota.run("enhance", link, "-o", "out", env={"PHOTA_API_KEY": "wrong"})
    assert begun.code == 3
    assert not any(b"s3cr3t" in path.read_bytes() for path in (phota.folder / "out").rglob("*") if path.is_file())
    refused = phota.run("resume", "out")
    assert (refused.code, phota.sandbox.charges) == (2, [])
    assert "a photo is behind a signed link, which no record keeps: run the same command again" in refused.err
    assert phota.run("enhance", link, "-o", "out").code == 0


def test_a_run_of_a_pipe_is_resumed_by_its_own_command(phota: Phota) -> None:
    photo = b"\xff\xd8\xff and no more"
    failed = phota.run("enhance", "-", "-o", "out", input=photo)
    assert failed.code == 6
    assert "to try again: the same command, with the same photo" in failed.err
    refused = phota.run("resume", "out")
    assert refused.code == 2
    assert "the photo came through standard input: run the same command again with it" in refused.err


# The question


def _sit_at_the_terminal() -> None:
    """Make standard input the terminal whose Ctrl-C is heard."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def ask(phota: Phota, answer: bytes, *flags: str) -> tuple[int, str]:
    """Run the command on a terminal, answer its question, and return the code and all that was written there."""
    master, terminal = pty.openpty()
    streams = {"stdin": terminal, "stderr": terminal, "stdout": subprocess.PIPE, "preexec_fn": _sit_at_the_terminal}
    said = b""
    with phota.started("enhance", "in", *flags, **streams) as process:
        os.close(terminal)
        while b"Spend it?" not in said:
            said += os.read(master, 4096)
        with suppress(OSError):  # the terminal is gone with the command
            while True:
                os.write(master, answer)
                while select.select([master], [], [], 2)[0]:
                    said += os.read(master, 4096)
        code = process.wait()
    os.close(master)
    return code, said.decode()


@pytest.mark.parametrize(("answer", "code", "bought"), [(b"y\n", 0, 9), (b"n\n", 130, 0), (b"\x03", 130, 0)])
def test_a_person_is_asked_above_a_dollar(phota: Phota, answer: bytes, code: int, bought: int) -> None:
    phota.photos(*(f"in/{number}.jpg" for number in range(9)))
    ended, said = ask(phota, answer)
    assert ended == code, said
    assert "9 to do: $1.08" in said
    assert phota.sandbox.posts() == bought


def test_results_stand_above_what_moves_on_the_same_terminal(phota: Phota) -> None:
    phota.photos("in/a.jpg", "in/b.jpg")
    told = {name: value for name, value in phota.env.items() if name.startswith(("PHOTA_", "XDG_", "HOME"))}
    with OnTerminal([*PHOTA, "enhance", "in", "-o", "out"], env=told, cwd=phota.folder) as shown:
        pass
    assert shown.code == 0, shown.screen
    assert "Traceback" not in shown.screen
    assert "out/a.enhance-1.jpg\r\n" in shown.screen
    assert "2 done; $0.24 spent" in shown.screen


def test_consent_is_not_read_from_a_folder(still: Phota) -> None:
    """Whoever was handed a folder with a run in it is asked before anything of it is bought."""
    still.photos(*(f"in/{number}.jpg" for number in range(10)))
    with still.started("enhance", "in", "-o", "out", "--yes", "-c", "1") as process:
        still.wait_for(JOB)
        process.kill()
        process.wait()
    run = latest_run(still.folder / "out")
    text = (run.path / "run.json").read_text()
    (run.path / "run.json").write_text(text.replace('"yes": false', '"yes": true'))
    before = still.sandbox.posts()
    refused = still.run("resume", "out")
    assert refused.code == 2
    assert "no terminal to ask on: add --max-spend USD or --yes" in refused.err
    assert still.sandbox.posts() == before


def test_a_price_is_not_believed_of_a_folder(phota: Phota) -> None:
    """A record that says 0 would spare the question; whoever tells the price themselves is believed."""
    phota.photos("in/a.jpg")
    wish = ["edit", "in", "-o", "out", "-p", "softer", "--price", "0"]
    assert phota.run(*wish, env={"PHOTA_API_KEY": "wrong"}).code == 3
    refused = phota.run("resume", "out")
    assert refused.code == 2
    assert "going on with the run " in refused.err
    assert ": edit of in\n" in refused.err
    assert "1 request for a price that is not published, and no terminal to ask on" in refused.err
    assert not phota.sandbox.charges
    assert phota.run("resume", "out", "--price", "0").code == 0


def test_nobody_is_asked_where_there_is_no_terminal(phota: Phota) -> None:
    """And nothing has to be agreed to for what is known already."""
    phota.photos(*(f"in/{number}.jpg" for number in range(9)))
    refused = phota.run("enhance", "in")
    assert refused.code == 2
    assert "9 requests for $1.08, and no terminal to ask on: add --max-spend USD or --yes" in refused.err
    assert not phota.sandbox.requests
    assert phota.run("enhance", "in", "--yes", "-q").code == 0
    again = phota.run("enhance", "in")
    assert (again.code, phota.sandbox.posts()) == (0, 9)


# Exit codes: frozen


def test_a_key_that_is_refused_is_3(phota: Phota) -> None:
    phota.photos("in/a.jpg", "in/b.jpg")
    done = phota.run("enhance", "in", "-c", "1", env={"PHOTA_API_KEY": "wrong"})
    assert done.code == 3
    assert (
        "store a key that is valid (phota config set-key, or PHOTA_API_KEY), then: phota resume phota-out" in done.err
    )
    mended = phota.run("resume")
    assert (mended.code, len(mended.lines)) == (0, 2)


def test_an_empty_balance_is_4(phota: Phota) -> None:
    phota.photos("a.jpg")
    phota.sandbox.call(lambda sandbox: setattr(sandbox, "balance", Decimal(0)))
    done = phota.run("enhance", "a.jpg")
    assert done.code == 4
    assert "top up the balance, then: phota resume phota-out" in done.err


def test_some_failed_is_5_and_all_failed_is_6(phota: Phota) -> None:
    phota.photos("a.jpg", "b.jpg")
    (phota.folder / "list.csv").write_text("input,prompt\na.jpg,softer\nb.jpg,CONTENT_MODERATION\n")
    some = phota.run("enhance", "--from", "list.csv", "-q")
    assert some.code == 5
    assert "1 done, 1 failed; $0.12 spent" in some.err
    assert "  b.jpg: HTTP 400" in some.err
    assert "to try what failed again: phota resume phota-out" in some.err
    assert phota.run("enhance", "b.jpg", "-p", "CONTENT_MODERATION", "-o", "out").code == 6


def test_the_spend_limit_is_7_and_holds_over_runs(phota: Phota) -> None:
    phota.photos("in/a.jpg", "in/b.jpg")
    done = phota.run("enhance", "in", "--max-spend", "0.20", "-c", "1")
    assert done.code == 7
    assert "1 done, 1 over the budget; $0.12 spent" in done.err
    assert "to spend more: phota resume phota-out --max-spend USD" in done.err
    assert phota.run("resume").code == 7
    assert phota.run("resume", "phota-out", "--max-spend", "0.24", "-c", "1").code == 0
    assert phota.sandbox.posts() == 2


def test_somebody_missed_is_8_when_that_matters(phota: Phota) -> None:
    phota.photos("a.jpg")
    profile = phota.sandbox.add_profile()
    phota.sandbox.call(lambda sandbox: sandbox.miss_identity(times=2))
    flags = ["enhance", "a.jpg", "-P", profile]
    missed = phota.run(*flags, "--require-identity")
    assert missed.code == 8
    assert "1 in which somebody was not recognised" in missed.err
    assert phota.run(*flags).code == 0
    again = phota.run(*flags, "--require-identity", "--retry-missed", "2")
    assert (again.code, len(phota.sandbox.charges)) == (0, 3)


def test_a_service_that_is_not_there_is_10(phota: Phota) -> None:
    phota.photos("a.jpg")
    phota.sandbox.fail("POST /enhance", status=503, times=None, headers={"Retry-After": "0"})
    done = phota.run("enhance", "a.jpg")
    assert done.code == 10
    assert "the service did not answer; later: phota resume phota-out" in done.err


def test_a_second_process_on_one_folder_is_refused(still: Phota) -> None:
    still.photos("a.jpg")
    with still.started("enhance", "a.jpg"):
        still.wait_for(JOB)
        refused = still.run("enhance", "a.jpg")
    assert refused.code == 2
    assert "ledger" in refused.err


def test_a_foreign_ledger_is_refused(phota: Phota) -> None:
    phota.photos("a.jpg")
    (phota.folder / "phota-out/.phota").mkdir(parents=True)
    with sqlite3.connect(phota.folder / "phota-out/.phota/ledger.sqlite") as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    assert phota.run("enhance", "a.jpg").code == 2
