"""``phota profiles``: the real command on a real sandbox, with pipes and on a terminal."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.pictures import real_picture
from support.programs import PHOTA, Ended, OnTerminal, access, phota, surroundings

from phota_async.sandbox import SandboxThread, running_sandbox

Run = Callable[..., Ended]
MIA, RUTH = "prof_7f3a90c1", "prof_51e02b77"
ALIASES = f'[people]\nmia = "{MIA}"\nruth = "{RUTH}"\n'
TRAINING = 1200.0  # seconds


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    with running_sandbox(time_scale=0) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "phota.toml").write_text(ALIASES)
    return tmp_path


@pytest.fixture
def run(sandbox: SandboxThread, folder: Path) -> Run:
    def started(*arguments: str, typed: str | None = None, **env: str) -> Ended:
        return phota("profiles", *arguments, env=access(sandbox) | env, cwd=folder, typed=typed)

    return started


def on_terminal(sandbox: SandboxThread, folder: Path, *arguments: str, piped: bool = False) -> OnTerminal:
    return OnTerminal([*PHOTA, "profiles", *arguments], env=access(sandbox), cwd=folder, piped=piped)


# list, show


def test_a_list_for_programs(sandbox: SandboxThread, run: Run) -> None:
    sandbox.add_profile(MIA, tag="user\t1")
    sandbox.add_profile(RUTH, status="IN_PROGRESS")
    listed = run("list")
    assert (listed.code, listed.err) == (0, "")
    assert sorted(listed.out.splitlines()) == [
        f"{RUTH}\tIN_PROGRESS\t\truth",
        f"{MIA}\tREADY\tuser 1\tmia",  # a tab in a tag makes no column
    ]
    objects = [json.loads(line) for line in run("list", "--tag", "user\t1", "--json").out.splitlines()]
    assert objects == [
        {
            "schema": "phota.profile/1",
            "profile_id": MIA,
            "status": "READY",
            "message": "",
            "tag": "user\t1",
            "aliases": ["mia"],
        }
    ]


def test_nothing_to_list_is_nothing(run: Run) -> None:
    assert run("list") == Ended(0, "", "")


def test_a_list_for_people(sandbox: SandboxThread, folder: Path) -> None:
    sandbox.add_profile(MIA, tag="\x1b[31mred")
    with on_terminal(sandbox, folder, "list") as shown:
        pass
    heading, row = shown.screen.split("\r\n")[:2]
    assert heading.split() == ["profile", "status", "tag", "aliases"]
    assert row.split() == [MIA, "READY", "\ufffd[31mred", "mia"]
    assert heading.index("status") == row.index("READY")


def test_an_option_may_stand_in_the_environment(sandbox: SandboxThread, run: Run) -> None:
    sandbox.add_profile(MIA, tag="a")
    sandbox.add_profile(RUTH, tag="b")
    assert run("list", PHOTA_PROFILES_LIST_TAG="b").out.startswith(RUTH)


def test_show_by_alias(sandbox: SandboxThread, run: Run) -> None:
    sandbox.add_profile(MIA, status="ERROR", message="too dark")
    assert run("show", "mia").out == f"{MIA}\tERROR\t\tmia\ttoo dark\n"
    assert json.loads(run("show", "mia", "--json").out)["message"] == "too dark"


def test_a_slip_sends_nothing(sandbox: SandboxThread, run: Run) -> None:
    failed = run("show", "mai")
    assert failed.code == 2
    assert failed.out == ""
    assert "did you mean mia?" in failed.err
    assert not sandbox.requests


def test_nobody_of_that_id(run: Run) -> None:
    failed = run("show", "prof_00000000")
    assert failed.code == 6
    assert "404" in failed.err


def test_a_wrong_key_and_no_service(run: Run) -> None:
    assert run("list", PHOTA_API_KEY="sk-wrong-00000000").code == 3
    nowhere = run("list", PHOTA_BASE_URL="http://127.0.0.1:9", PHOTA_API_KEY="")
    assert nowhere.code == 2
    assert "PHOTALABS_API_KEY are not read" in nowhere.err


@pytest.mark.parametrize("verb", ["list", "watch", "wait"])
def test_a_reader_that_leaves_is_no_error(verb: str, sandbox: SandboxThread) -> None:
    ids = [f"prof_{number:08}" for number in range(600)]
    for profile_id in ids:
        sandbox.add_profile(profile_id)
    command = [*PHOTA, "profiles", verb, *(["-q", *ids] if verb != "list" else [])]
    how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": surroundings(access(sandbox))}
    with subprocess.Popen(command, text=True, pipesize=4096, **how) as process:  # it cannot write all of them at once
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("prof_")
        process.stdout.close()
        told = process.stderr.read()
        assert (process.wait(), "Traceback" in told, "Exception" in told) == (141, False, False)


# wait, watch


def test_waiting_shows_the_state_and_pipes_the_id(sandbox: SandboxThread, folder: Path) -> None:
    sandbox.add_profile(MIA, status=None, training_seconds=TRAINING)
    with on_terminal(sandbox, folder, "wait", "mia", "--interval", "0.02", piped=True) as shown:
        shown.wait_for("of about 20:00")
        shown.wait_for(f"{MIA}  VALIDATING")
        sandbox.clock.advance(TRAINING / 2)
        shown.wait_for(f"{MIA}  IN_PROGRESS")
        sandbox.clock.advance(TRAINING)
        shown.wait_for("1 READY")
    assert shown.code == 0
    assert shown.piped == f"{MIA}\n"


def test_ctrl_c_ends_the_waiting(sandbox: SandboxThread, folder: Path) -> None:
    sandbox.add_profile(MIA, status="IN_PROGRESS")
    with on_terminal(sandbox, folder, "wait", "mia", "--interval", "0.02") as shown:
        shown.wait_for("IN_PROGRESS")
        shown.type("\x03")
    assert shown.code == 130
    assert "Traceback" not in shown.screen
    assert "stopped; the trainings go on: wait for the same again" in shown.screen


def test_waiting_for_one_that_fails_and_one_that_is_ready(sandbox: SandboxThread, run: Run) -> None:
    sandbox.add_profile(MIA)
    sandbox.add_profile(RUTH, status="ERROR", message="no face found")
    ended = run("wait", "mia", "ruth", "--interval", "0.02")
    assert ended.code == 9
    assert ended.out == f"{MIA}\n"
    assert "no face found" in ended.err
    assert f"{RUTH}: ERROR after 0:0" in ended.err
    quiet = run("wait", "mia", "-q", "--interval", "0.02")
    assert quiet == Ended(0, f"{MIA}\n", "")


def test_when_the_time_is_up(sandbox: SandboxThread, run: Run) -> None:
    sandbox.add_profile(MIA, status="IN_PROGRESS")
    ended = run("wait", "mia", "--interval", "0.02", "--timeout", "0.1")
    assert ended.code == 10
    assert "the training goes on" in ended.err


def test_changes_as_lines_until_all_have_ended(sandbox: SandboxThread, folder: Path) -> None:
    sandbox.add_profile(MIA, status=None, training_seconds=TRAINING)
    sandbox.add_profile(RUTH)  # has ended already
    with on_terminal(sandbox, folder, "watch", "--interval", "0.02", "--json", piped=True) as shown:
        shown.wait_for("VALIDATING")
        sandbox.clock.advance(2 * TRAINING)
    assert shown.code == 0
    changes = [json.loads(line) for line in shown.piped.splitlines()]
    assert [(each["profile_id"], each["previous"], each["status"]) for each in changes] == [
        (MIA, None, "VALIDATING"),
        (MIA, "VALIDATING", "READY"),
    ]
    assert {each["schema"] for each in changes} == {"phota.profile-change/1"}


def test_watching_what_has_ended_or_never_was(sandbox: SandboxThread, run: Run) -> None:
    sandbox.add_profile(MIA)
    assert run("watch") == Ended(0, "", "nothing is training\n")
    told = run("watch", "mia", "prof_00000000", "--interval", "0.02")
    assert told.code == 5
    assert sorted(told.out.splitlines()) == ["prof_00000000\t\tgone\t", f"{MIA}\t\tREADY\t"]
    assert run("watch", "mia", "--tag", "x").code == 2


# picture


def test_a_picture_to_a_file_and_a_pipe(sandbox: SandboxThread, run: Run, folder: Path) -> None:
    sandbox.add_profile(MIA, photo=real_picture())
    saved = run("picture", "mia", "-o", "mia.png")
    assert saved.out == "mia.jpg\n"  # named by its bytes
    assert (folder / "mia.jpg").read_bytes().startswith(b"\xff\xd8")
    again = run("picture", "mia", "-o", "mia.jpg")
    assert again.code == 2
    assert "mia.jpg" in again.err


def test_a_picture_through_a_pipe_and_not_to_a_terminal(sandbox: SandboxThread, folder: Path, run: Run) -> None:
    sandbox.add_profile(MIA, photo=real_picture())
    with on_terminal(sandbox, folder, "picture", "mia", "-o", "-") as shown:
        pass
    assert shown.code == 2
    assert "expected a file or a pipe" in shown.screen
    with on_terminal(sandbox, folder, "picture", "mia", "-o", "-", piped=True) as shown:
        pass
    assert shown.code == 0
    assert shown.piped_bytes.startswith(b"\xff\xd8")
    assert shown.screen == ""


# delete, erase


def test_deleting_asks_on_a_terminal(sandbox: SandboxThread, folder: Path) -> None:
    sandbox.add_profile(MIA)
    for answer, code, left in (("n", 130, [MIA]), ("y", 0, [])):
        with on_terminal(sandbox, folder, "delete", "mia", piped=True) as shown:
            shown.wait_for(f"Delete 1 profile ({MIA}) for good? [y/N]")
            shown.type(f"{answer}\n")
        assert shown.code == code
        assert list(sandbox.profiles) == left
    assert shown.piped == f"{MIA}\n"


def test_deleting_without_a_terminal_needs_a_yes(sandbox: SandboxThread, run: Run) -> None:
    sandbox.add_profile(MIA)
    refused = run("delete", "mia", typed="y\n")
    assert refused.code == 2
    assert "add --yes" in refused.err
    assert MIA in sandbox.profiles
    deleted = run("delete", "mia", "prof_00000000", "-y")
    assert deleted.code == 5
    assert deleted.out == f"{MIA}\n"
    assert "404" in deleted.err
    assert not sandbox.profiles


def test_erasing_writes_a_receipt(sandbox: SandboxThread, run: Run) -> None:
    for number in range(7):
        sandbox.add_profile(f"prof_0000000{number}", tag="user-1")
    sandbox.add_profile(MIA, tag="user-2")
    assert run("erase", "--tag", "user-1").code == 2
    erased = run("erase", "--tag", "user-1", "-y")
    receipt = json.loads(erased.out)
    assert erased.code == 0
    assert receipt["schema"] == "phota.erase-receipt/1"
    assert receipt["is_complete"] is True
    assert len(receipt["deleted"]) == 7
    assert list(sandbox.profiles) == [MIA]


def test_erasing_what_cannot_be_erased(sandbox: SandboxThread, run: Run) -> None:
    sandbox.add_profile(MIA, tag="user-1")
    sandbox.fail("DELETE *", status=400, times=None)
    erased = run("erase", "--tag", "user-1", "-y")
    assert erased.code == 6
    receipt = json.loads(erased.out)
    assert (receipt["is_complete"], receipt["left"]) == (False, [MIA])


def test_erasing_nobody(run: Run) -> None:
    erased = run("erase", "--tag", "user-1")
    assert erased.code == 0
    assert json.loads(erased.out)["deleted"] == []


def test_erasing_asks_with_the_number(sandbox: SandboxThread, folder: Path) -> None:
    for number in range(7):
        sandbox.add_profile(f"prof_0000000{number}", tag="user-1")
    with on_terminal(sandbox, folder, "erase", "--tag", "user-1", piped=True) as shown:
        shown.wait_for("and 2 more) with the tag user-1 for good?")
        shown.type("\n")
    assert shown.code == 130
    assert len(sandbox.profiles) == 7
