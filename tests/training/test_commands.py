"""`phota train` and `phota check` as their users run them: as programs, on the sandbox and a real S3 server."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from support.bucket import KEYS, Bucket

from phota_async.cli import train_command
from phota_async.cli.main import cli
from phota_async.cli.settings import load_settings
from phota_async.cli.training_display import LiveDisplay, choose_display
from phota_async.sandbox.thread import SandboxThread, running_sandbox
from phota_async.training import TrainingProgress

from .conftest import draw

PATIENCE = 60.0  # seconds for a program to end, on a busy machine
LONG = 10_000.0  # seconds in which the sandbox has trained


class Desk:
    """Runs the program in a directory of its own."""

    def __init__(self, sandbox: SandboxThread, folder: Path) -> None:
        self.sandbox, self.state = sandbox, folder / "state"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PHOTA_", "AWS_"))}
        self.environment = inherited | KEYS
        self.environment |= {"PHOTA_STATE_DIR": str(self.state), "PHOTA_API_KEY": sandbox.api_key}
        self.environment |= {"PHOTA_BASE_URL": sandbox.base_url, "COLUMNS": "200"}

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-m", "phota_async", *map(str, arguments)]
        return subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def train(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run("train", *arguments, "--interval", "0.02")

    def invoke(self, *arguments: str | Path) -> Result:
        """Run it in this process, which is quicker."""
        given = ["train", *map(str, arguments), "--interval", "0.02"]
        return CliRunner(env=self.environment).invoke(cli, given)

    @property
    def trainings(self) -> int:
        return sum(charge.operation == "profile" for charge in self.sandbox.charges)

    @property
    def noted(self) -> list[str]:
        return [path.name for path in self.state.rglob("*") if path.is_file()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A sandbox that trains within a second."""
    with running_sandbox(time_scale=1000, picture_scale=1 / 16) as sandbox:
        yield Desk(sandbox, tmp_path)


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Desk]:
    """A sandbox whose clock stands still."""
    with running_sandbox(time_scale=0, picture_scale=1 / 16) as sandbox:
        yield Desk(sandbox, tmp_path)


def read_until(stream: IO[str] | None, word: str) -> str:
    """Read lines up to the one that says it."""
    assert stream is not None
    lines = []
    for line in stream:
        lines.append(line)
        if word in line:
            return "".join(lines)
    raise AssertionError(f"{word} was not said in: {''.join(lines)}")


def decode(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(text)
    return fields


# Train


def test_a_folder_becomes_a_profile(desk: Desk, mia: Path, bucket: Bucket) -> None:
    done = desk.train(mia, "--tier", "fast", "--tag", "u_17", "--via", bucket.address(), "--yes")

    (profile,) = desk.sandbox.profiles.values()
    assert (done.returncode, done.stdout) == (0, f"{profile.profile_id}\n")
    assert (profile.tag, profile.training_tier, profile.fetched, profile.problem) == ("u_17", "fast", 6, None)
    assert "6 of 6 photos usable" in done.stderr
    assert f"uploading to s3://{bucket.name}/train: 6 of 6 photos" in done.stderr
    assert f"profile {profile.profile_id}: ready after 0:0" in done.stderr
    assert "Signature" not in done.stderr
    assert bucket.objects == {}
    assert desk.noted == []
    assert desk.trainings == 1


def test_json_is_one_object(desk: Desk, mia: Path, bucket: Bucket) -> None:
    done = desk.train(mia, "--tier", "fast", "--via", bucket.address(), "--max-spend", "1.49", "--json", "--quiet")
    said = decode(done.stdout)
    assert done.returncode == 0
    assert done.stderr == ""
    assert said["schema"] == "phota.train/1"
    assert (said["status"], said["tier"], said["photos"], said["price_usd"]) == ("READY", "fast", 6, 1.49)
    assert [said["profile_id"]] == list(desk.sandbox.profiles)
    assert said["uploads_left"] == []


def test_without_a_terminal_money_needs_a_flag(desk: Desk, mia: Path, bucket: Bucket) -> None:
    refused = desk.train(mia, "--tier", "fast", "--via", bucket.address())
    assert refused.returncode == 2
    assert "no terminal to ask on: add --max-spend USD or --yes" in refused.stderr
    above = desk.invoke(mia, "--tier", "fast", "--via", bucket.address(), "--max-spend", "1.48")
    assert above.exit_code == 7
    assert "a fast training costs $1.49, and the limit is $1.48: --max-spend" in above.stderr
    assert (refused.stdout, above.stdout, bucket.objects) == ("", "", {})
    assert desk.trainings == 0


def test_a_dry_run_sends_nothing(desk: Desk, mia: Path) -> None:
    del desk.environment["PHOTA_API_KEY"]
    done = desk.train(mia, "--tier", "fast", "--dry-run", "--json")
    assert done.returncode == 0
    assert "would train a fast profile from 6 photos for $1.49" in done.stderr
    assert {name: decode(done.stdout)[name] for name in ("status", "photos", "price_usd")} == {
        "status": "planned",
        "photos": 6,
        "price_usd": 1.49,
    }
    assert desk.sandbox.requests == []


def test_a_failed_training_exits_with_9(desk: Desk, mia: Path, bucket: Bucket) -> None:
    desk.sandbox.call(lambda sandbox: sandbox.fail_training("No face was found"))
    done = desk.train(mia, "--tier", "fast", "--via", bucket.address(), "--yes", "--json")
    assert done.returncode == 9
    assert "ended as ERROR: No face was found; look at the message, choose other photos" in done.stderr
    assert (decode(done.stdout)["status"], decode(done.stdout)["left"]) == ("ERROR", [])
    assert bucket.objects == {}
    assert desk.noted == []


def test_a_check_that_fails_exits_with_9(desk: Desk, mia: Path, bucket: Bucket) -> None:
    shutil.copy(mia / "00.jpg", mia / "copy.jpg")
    (mia / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    done = desk.train(mia, "--tier", "fast", "--via", bucket.address(), "--yes", "--json")
    assert done.returncode == 9
    assert "error\tduplicate\tcopy.jpg\texpected different photos, got 00.jpg once more" in done.stderr
    assert "error\tunreadable\tbroken.jpg" in done.stderr
    assert [each["kind"] for each in decode(done.stdout)["findings"]] == ["unreadable", "duplicate"]
    assert desk.sandbox.requests == []

    for choice in (["--skip-doubtful"], ["--exclude", "copy.*", "--exclude", "broken.*"]):
        again = desk.invoke(mia, "--tier", "fast", "--via", bucket.address(), "--yes", *choice)
        assert again.exit_code == 0, again.stderr
    assert [each.fetched for each in desk.sandbox.profiles.values()] == [6, 6]


def test_nobody_decides_on_doubtful_photos_without_a_terminal(desk: Desk, mia: Path, bucket: Bucket) -> None:
    draw(50, side=500).save(mia / "small.png")
    common = (mia, "--tier", "fast", "--via", bucket.address(), "--max-spend", "5")
    undecided = desk.train(*common)
    assert undecided.returncode == 9
    assert "1 photos are doubtful, and there is no terminal to ask on; look at them, then add" in undecided.stderr
    assert desk.invoke(*common, "--skip-doubtful").exit_code == 0
    assert desk.invoke(*common, "--yes").exit_code == 0
    assert [each.fetched for each in desk.sandbox.profiles.values()] == [6, 7]


def test_a_bucket_that_is_not_there_exits_with_9(desk: Desk, mia: Path, bucket: Bucket) -> None:
    via = f"s3://no-such-bucket?endpoint={bucket.origin}&region=us-east-1"
    done = desk.invoke(mia, "--tier", "fast", "--via", via, "--yes")
    assert done.exit_code == 9
    assert "look at the bucket's name" in done.stderr
    assert desk.trainings == 0
    assert desk.noted == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "expected a way to upload or the address of a public folder, got neither"),
        (["--via", "ftp://x"], "expected s3://BUCKET/PREFIX"),
        (["--public-base-url", "https://a.example"], "go together"),
        (["--via", "cmd:echo {name}"], "expected {path} in it"),
        (["--via", "s3://x", "--max-spend", "much"], "expected US dollars such as 20 or 0.15, got 'much'"),
        (["--resume"], "--resume finishes what was begun before: it takes no DIR"),
        (["--via", "s3://x", "--timeout", "0"], "0 is not in the range"),
    ],
)
def test_usage_errors_exit_with_2(
    mia: Path, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTA_API_KEY", "key")
    result = CliRunner().invoke(cli, ["train", str(mia), *arguments])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stdout == ""


def test_a_missing_folder_and_a_missing_key_are_usage_errors(mia: Path) -> None:
    assert CliRunner().invoke(cli, ["train"]).exit_code == 2
    result = CliRunner().invoke(cli, ["train", str(mia), "--via", "s3://x"])
    assert result.exit_code == 2
    assert "PHOTA_API_KEY" in result.stderr


def test_a_command_of_the_users_own(desk: Desk, mia: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "my shelf"
    shelf.mkdir()
    link = desk.sandbox.upload(draw_bytes(tmp_path))
    done = desk.train(
        *(mia, "--tier", "fast", "--yes", "--no-link-check"),
        *("--via", f"cmd:cp {{path}} '{shelf}/'{{name}} && echo {link}", "--via-delete", f"cmd:rm '{shelf}/'{{name}}"),
    )
    assert done.returncode == 0, done.stderr
    assert list(shelf.iterdir()) == []
    assert desk.noted == []


def test_a_public_folder_of_the_users_own(desk: Desk, mia: Path, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    done = desk.invoke(
        *(mia, "--tier", "fast", "--yes"),
        *("--public-base-url", f"{desk.sandbox.origin}/uploads", "--public-dir", tmp_path / "www"),
    )
    assert done.exit_code == 9  # the sandbox does not serve that folder: told before anything is paid
    assert "its link does not lead to it: HTTP 404; the service could not fetch it either" in done.stderr
    assert list((tmp_path / "www").iterdir()) == []
    assert desk.trainings == 0
    assert desk.noted == []


def test_what_no_command_deletes_is_named(desk: Desk, mia: Path, tmp_path: Path) -> None:
    link = desk.sandbox.upload(draw_bytes(tmp_path))
    via = f"cmd:echo {link} # {{path}}"
    done = desk.invoke(mia, "--tier", "fast", "--yes", "--no-link-check", "--via", via, "--json")
    assert done.exit_code == 0
    left = decode(done.stdout)["uploads_left"]
    assert len(left) == 6
    assert all(f"not deleted: {name} at the command echo: no delete command was given" in done.stderr for name in left)
    assert "remove them yourself" in done.stderr


def draw_bytes(folder: Path) -> Path:
    draw(90).save(folder / "served.jpg")
    return folder / "served.jpg"


# Stopped


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_while_it_trains_it_is_finished_later(
    standing: Desk, mia: Path, bucket: Bucket, number: int, code: int
) -> None:
    command = ("train", mia, "--tier", "fast", "--via", bucket.address(), "--yes", "--json", "--interval", "0.02")
    with standing.start(*command) as process:
        read_until(process.stderr, "validating")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)

    (profile_id,) = standing.sandbox.profiles
    assert process.returncode == code
    assert "stopping; once more leaves at once" in err
    assert f"profile {profile_id} goes on training at the service and is paid; until then 6 uploads stay at s3:" in err
    assert "finish with: phota train --resume" in err
    assert decode(out)["status"] == "stopped"
    assert [each["profile_id"] for each in decode(out)["left"]] == [profile_id]
    assert len(bucket.objects) == 6

    repeated = standing.invoke(*command[1:8])
    assert repeated.exit_code == 2
    assert f"has been paid already: profile {profile_id}; finish it first" in repeated.stderr

    with standing.start("train", "--resume", "--interval", "0.02") as process:
        read_until(process.stderr, "validating")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (code, "")
    assert f"profile {profile_id} goes on training" in err
    assert len(bucket.objects) == 6

    standing.sandbox.clock.advance(LONG)
    done = standing.train("--resume")
    assert (done.returncode, done.stdout) == (0, f"{profile_id}\n")
    assert "6 uploads at s3://" in done.stderr
    assert bucket.objects == {}
    assert standing.noted == []
    assert standing.trainings == 1
    again = standing.invoke("--resume", "--json")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "no earlier training left anything behind" in again.stderr


def test_the_next_training_tells_of_what_is_left(standing: Desk, mia: Path, bucket: Bucket) -> None:
    common = (mia, "--tier", "fast", "--via", bucket.address())
    with standing.start("train", *common, "--yes", "--interval", "0.02") as process:
        read_until(process.stderr, "validating")
        process.kill()
        process.communicate(timeout=PATIENCE)
    assert len(bucket.objects) == 6
    assert "1 earlier training left uploads behind: phota train --resume" in standing.invoke(*common).stderr

    standing.sandbox.call(lambda sandbox: sandbox.set_profile(next(iter(sandbox.profiles)), status="INACTIVE"))
    done = standing.invoke("--resume", "--json")
    assert done.exit_code == 9
    assert (decode(done.stdout)["status"], decode(done.stdout)["uploads_deleted"]) == ("INACTIVE", 6)
    assert bucket.objects == {}


def test_stopped_while_it_uploads_nothing_stays(standing: Desk, mia: Path, tmp_path: Path) -> None:
    shelf, pipe = tmp_path / "shelf", tmp_path / "pipe"
    shelf.mkdir()
    os.mkfifo(pipe)
    via = ("--via", f"cmd:cp {{path}} {shelf}/{{name}}; echo begun > {pipe}; sleep 1000")
    delete = ("--via-delete", f"cmd:rm -f {shelf}/{{name}}")
    with standing.start("train", mia, "--tier", "fast", "--yes", *via, *delete) as process, pipe.open() as reader:
        assert reader.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "nothing was paid, and nothing is left" in err
    assert list(shelf.iterdir()) == []
    assert standing.noted == []
    assert standing.trainings == 0


def test_the_second_ctrl_c_leaves_at_once(standing: Desk, mia: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = standing.sandbox.upload(draw_bytes(tmp_path))
    standing.sandbox.fail("POST /profiles/add", status=402)
    via = ("--via", f"cmd:echo {link} # {{path}} {{name}}", "--via-delete", f"cmd:echo {{name}} > {pipe}")
    with standing.start("train", mia, "--tier", "fast", "--yes", "--no-link-check", *via) as process:
        read_until(process.stderr, "deleting")  # which waits for somebody to read
        process.send_signal(signal.SIGINT)
        read_until(process.stderr, "stopping")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == "left; what is uploaded is noted, finish with: phota train --resume\n"
    (noted,) = (name for name in standing.noted if name.endswith(".json"))
    assert noted
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # commands that wait for a reader end, if any had begun
    pipe.unlink()
    pipe.touch()
    until = time.monotonic() + PATIENCE
    while standing.noted and time.monotonic() < until:  # a shell that was about to start holds the lock a moment longer
        assert standing.invoke("--resume").exit_code == 0
    assert standing.noted == []


# Asking


@pytest.fixture
def ask(desk: Desk, mia: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run it at something like a terminal, with answers."""
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    for module in ("asking", "train_options"):
        monkeypatch.setattr(f"phota_async.cli.{module}.can_ask", lambda: True)

    def run(answers: str, *arguments: str) -> Result:
        common = ["train", str(mia), "--tier", "fast", "--via", bucket.address(), "--interval", "0.02"]
        return CliRunner().invoke(cli, [*common, *arguments], input=answers)

    return run


def test_a_yes_pays(ask: Callable[..., Result], desk: Desk) -> None:
    done = ask("y\n")
    assert done.exit_code == 0, done.stderr
    assert "one fast training with 6 photos for $1.49" in done.stderr
    assert done.stdout.strip() in desk.sandbox.profiles


@pytest.mark.parametrize(
    ("answers", "code", "fetched"),
    [("all\ny\n", 0, [7]), ("clear\ny\n", 0, [6]), ("\ny\n", 0, [6]), ("no\n", 130, []), ("all\nn\n", 130, [])],
)
def test_a_person_decides_on_doubtful_photos(
    ask: Callable[..., Result], desk: Desk, mia: Path, answers: str, code: int, fetched: list[int]
) -> None:
    draw(50, side=500).save(mia / "small.png")
    done = ask(answers)
    assert done.exit_code == code, done.stderr
    assert "1 photos are doubtful. Train with all photos, with the clear ones only, or not at all?" in done.stderr
    assert [each.fetched for each in desk.sandbox.profiles.values()] == fetched


# Check


def test_check_says_what_it_finds(desk: Desk, mia: Path, tmp_path: Path) -> None:
    del desk.environment["PHOTA_API_KEY"]
    well = desk.run("check", mia, "--tier", "fast")
    assert (well.returncode, well.stdout) == (0, "")
    assert "6 of 6 photos usable, 0 doubtful; fast: 5 to 10" in well.stderr

    shutil.copy(mia / "00.jpg", mia / "copy.jpg")
    (mia / "sub").mkdir()
    draw(50, side=500).save(mia / "sub" / "small.png")
    sheet = tmp_path / "sheet.html"
    found = desk.run("check", mia, "--tier", "fast", "-r", "--sheet", sheet)
    assert found.returncode == 9
    assert found.stdout.splitlines() == [
        "error\tduplicate\tcopy.jpg\texpected different photos, got 00.jpg once more",
        f"doubtful\tsmall\tsub{os.sep}small.png\texpected sides of 1024 pixels or more, got 500x500",
    ]
    assert "phota: " in found.stderr
    page = sheet.read_text()
    assert "expected sides of 1024 pixels or more" in page
    assert "got 00.jpg once more" in page
    assert page.count('"data:image/jpeg;base64,') == 3  # the copy beside its original, and the small one
    assert desk.sandbox.requests == []


def test_check_as_json(desk: Desk, mia: Path) -> None:
    (mia / "broken.jpg").write_bytes(b"no picture")
    done = desk.run("check", mia, "--tier", "fast", "--json", "-q")
    said = decode(done.stdout)
    assert (done.returncode, said["schema"], said["ready"], len(said["photos"])) == (9, "phota.check/1", False, 7)
    assert said["photos"][0] == {"photo": "00.jpg", "width": 1040, "height": 1040} | {
        "sharpness": said["photos"][0]["sharpness"]
    }
    assert said["photos"][6]["width"] is None
    assert [(each["kind"], each["photo"]) for each in said["findings"]] == [("unreadable", "broken.jpg")]
    assert done.stderr.startswith("phota: ")


def test_names_that_are_no_text_are_shown_all_the_same(desk: Desk, mia: Path) -> None:
    (mia / os.fsdecode(b"0\tx\xff.jpg")).write_bytes(b"no picture")
    (mia / "00.jpg").unlink()
    plain, as_json = desk.run("check", mia, "--tier", "fast"), desk.run("check", mia, "--tier", "fast", "--json")
    assert plain.stdout.startswith("error\tunreadable\t0 x\N{REPLACEMENT CHARACTER}.jpg\t")
    assert decode(as_json.stdout)["findings"][0]["photo"] == "0\tx\N{REPLACEMENT CHARACTER}.jpg"


def test_a_flag_goes_before_the_environment(desk: Desk, mia: Path, tmp_path: Path) -> None:
    desk.environment["PHOTA_UPLOAD"] = "s3://bucket"
    public = ("--public-base-url", "https://a.example", "--public-dir", tmp_path)
    assert desk.invoke(mia, "--tier", "fast", "--dry-run", *public).exit_code == 0
    both = desk.invoke(mia, "--tier", "fast", "--dry-run", "--via", "s3://bucket", *public)
    assert both.exit_code == 2


def test_check_of_no_folder() -> None:
    result = CliRunner().invoke(cli, ["check", "nowhere"])
    assert result.exit_code == 2
    assert "nowhere: expected a folder of photos, got nothing there" in result.stderr


def test_a_sheet_needs_its_extra(mia: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = CliRunner().invoke(cli, ["check", str(mia), "--sheet", "x.html"])
    assert result.exit_code == 2
    assert 'pip install "phota-async[report]"' in result.stderr


def test_a_terminal_gets_a_table(mia: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    draw(50, side=500).save(mia / "small [bold].png")
    script = f"import sys; sys.argv = ['phota', 'check', {str(mia)!r}, '--tier', 'fast']"
    program = f"{script}\nfrom phota_async.__main__ import main; main()"
    code = f"import pty, sys; sys.exit(pty.spawn([sys.executable, '-c', {program!r}]) >> 8)"
    environment = os.environ | {"COLUMNS": "200", "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert "what was found" in done.stdout
    assert "small [bold].png" in done.stdout
    assert "doubtful\tsmall" not in done.stdout


# Small parts


def test_live_display_draws_each_stage() -> None:
    display = LiveDisplay()
    lines: list[str] = []

    def look() -> None:
        console = display._board.console
        with console.capture() as capture:
            console.print(display._render())
        lines.append(capture.get().strip())

    with display:
        display.checked(3, 6)
        look()
        display.told(TrainingProgress(stage="uploading", done=2, total=6, place="s3://b"))
        look()
        display.told(
            TrainingProgress(stage="training", profile_id="p1", status="IN_PROGRESS", elapsed=61, expected=1200)
        )
        look()
        display.told(TrainingProgress(stage="training", profile_id="p1", status="IN_PROGRESS", elapsed=61))
        look()
    assert "checking photos" in lines[0]
    assert "uploading to s3://b: 2 of 6 photos" in lines[1]
    assert "p1 in progress" in lines[2]
    assert "1:01 of about 20:00" in lines[2]
    assert lines[3].endswith("1:01")


def test_pictures_move_on_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(choose_display()) is not LiveDisplay
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("phota_async.cli.progress.can_draw", lambda: True)
    assert type(choose_display()) is LiveDisplay
    assert type(choose_display(quiet=True)) is not LiveDisplay
    assert type(choose_display(no_progress=True)) is not LiveDisplay
    monkeypatch.setenv("CI", "true")
    assert type(choose_display()) is not LiveDisplay


def test_uploads_are_noted_in_the_users_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("PHOTA_STATE_DIR", raising=False)
    assert train_command.journal_folder(load_settings()) == tmp_path / "phota" / "trainings"
    (tmp_path / "phota").mkdir()
    (tmp_path / "phota" / "config.toml").write_text('state_dir = "/var/lib/phota"')
    assert train_command.journal_folder(load_settings()) == Path("/var/lib/phota/trainings")
    monkeypatch.setenv("PHOTA_STATE_DIR", "/elsewhere")
    assert train_command.journal_folder(load_settings()) == Path("/elsewhere/trainings")
