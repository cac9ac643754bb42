"""The demo: from the photos to the contact sheet, twice into one folder, with faults, and live."""

import asyncio
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from rich.console import Console

from phota_async.cli import demo_command
from phota_async.cli.credentials import Credential, write_key
from phota_async.cli.demo_command import choose_progress, exit_code_of
from phota_async.cli.main import cli
from phota_async.demo import DemoOptions, DemoReport, PlainProgress, run_demo
from phota_async.demo.folder import DemoFolder
from phota_async.demo.live_progress import LiveProgress
from phota_async.demo.photos import PHOTOS, SUBJECTS, crop, photo_bytes
from phota_async.demo.plan import Cast, live_estimate, plan
from phota_async.demo.progress import Tally
from phota_async.demo.verify import is_whole
from phota_async.errors import InputError, TrainingError
from phota_async.pricing import PUBLISHED, named_subjects
from phota_async.requests import EnhanceRequest
from phota_async.sandbox import Sandbox

FAST = 4000.0  # seconds of the sandbox's clock in a real one: a training passes in a tenth of a second
KEY = "sk-live-0123456789"


def sandbox() -> Sandbox:
    return Sandbox(time_scale=FAST, picture_scale=0.25)


async def run(out: Path, *, on: Sandbox | None = None, progress: PlainProgress | None = None) -> DemoReport:
    return await run_demo(DemoOptions(out=out), progress=progress or PlainProgress(), sandbox=on or sandbox())


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".phota" not in path.parts
    }


def program(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "phota_async", "demo", *arguments]
    surroundings = {**os.environ, **(env or {})}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=surroundings,
        stdin=subprocess.DEVNULL,
    )


# The program, end to end


def test_twice_in_a_row_as_a_program(tmp_path: Path) -> None:
    out = tmp_path / "phota-demo"
    env = {"PHOTA_API_KEY": KEY, "PHOTA_BASE_URL": "http://127.0.0.1:9/nobody", "TERM": "dumb"}
    listings = []
    for _ in range(2):
        result = program("-o", str(out), "--time-scale", str(FAST), env=env)
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-1] == str(out / "contact-sheet.html")
        assert "15, " in result.stdout
        assert "[14/14]" in result.stderr
        assert "[14/14]" not in result.stdout
        assert "\x1b" not in result.stderr + result.stdout
        listings.append(list(files(out)))
    assert listings[0] == listings[1]
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert (summary["requests"], summary["done"], summary["pictures"]) == (14, 14, 15)
    pictures = [out / path for item in summary["items"] for path in item["pictures"]]
    assert len(pictures) == 15
    assert all(is_whole(path) for path in pictures)
    assert not any(KEY.encode() in data or b"sandbox-key" in data for data in files(out).values())


# The library function


async def test_every_operation_succeeds_and_everybody_is_recognised(tmp_path: Path) -> None:
    service = sandbox()
    report = await run(tmp_path, on=service)
    assert exit_code_of(report) == 0
    assert (report.done, report.pictures, report.found, report.missed) == (14, 15, 10, {})
    routes = {route: service.posts(f"/{route}") for route in ("enhance", "edit", "remix", "generate")}
    assert routes == {"enhance": 4, "edit": 4, "remix": 3, "generate": 4}
    assert service.posts("/profiles/add") == 2
    assert report.charged == service.charged
    assert [row.key for row in report.rows] == list(plan(dict.fromkeys(PHOTOS, Path()), Cast()))


async def test_who_was_missed_is_said(tmp_path: Path) -> None:
    service = sandbox()
    service.miss_identity(times=1)
    report = await run(tmp_path, on=service)
    assert exit_code_of(report) == 0
    assert len(report.missed) == 1
    (key,) = report.missed
    assert f"9 of 10 recognised; missed in {key}" in "\n".join(report.lines())
    page = report.sheet.read_text(encoding="utf-8")
    assert page.index("not recognised") < page.index("recognised</span>")


async def test_nobody_elses_file_is_touched(tmp_path: Path) -> None:
    mine = {
        "notes.txt": b"mine",
        "contact-sheet.html": b"mine too",
        "results/astronaut.enhance-1.jpg": b"mine as well",
        "sources/cat.jpg": b"my cat",
    }
    for name, data in mine.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for _ in range(2):
        report = await run(tmp_path)
        assert exit_code_of(report) == 0
        assert report.sheet.name == "contact-sheet-2.html"
    assert {name: files(tmp_path)[name] for name in mine} == mine
    assert len(list((tmp_path / "results").iterdir())) == 1 + 15


async def test_what_a_person_changed_is_kept(tmp_path: Path) -> None:
    await run(tmp_path)
    changed = tmp_path / "results" / "cat.enhance-1.jpg"
    changed.write_bytes(b"retouched")
    report = await run(tmp_path)
    assert changed.read_bytes() == b"retouched"
    assert exit_code_of(report) == 0


async def test_after_a_stopped_run_the_next_one_works(tmp_path: Path) -> None:
    class Impatient(PlainProgress):
        def item(self, key: str, status: str, tally: Tally) -> None:
            raise KeyboardInterrupt

    with pytest.raises(BaseException):  # noqa: B017, PT011 - alone or in a group
        await run(tmp_path, progress=Impatient())
    report = await run(tmp_path)
    assert exit_code_of(report) == 0
    assert [path.name for path in (tmp_path / "sources").glob("*.jpg") if "-" in path.name] == []


# Faults


async def test_failed_requests_are_5_and_come_first_on_the_sheet(tmp_path: Path) -> None:
    service = sandbox()
    service.fail_jobs(times=2)
    lines: list[str] = []
    report = await run(tmp_path, on=service, progress=PlainProgress(lines.append))
    assert exit_code_of(report) == 5
    assert report.done == 12
    assert sum("failed: " in line for line in lines) == 2
    assert len(report.errors) == 2
    page = report.sheet.read_text(encoding="utf-8")
    assert page.index('class="card bad') < page.index('class="card good')


async def test_all_failed_is_6(tmp_path: Path) -> None:
    service = sandbox()
    service.fail_jobs(times=100)
    report = await run(tmp_path, on=service)
    assert exit_code_of(report) == 6
    assert "none" in report.lines()[1]


async def test_an_empty_balance_is_4_and_says_what_was_not_sent(tmp_path: Path) -> None:
    service = sandbox()
    service.balance = 2 * PUBLISHED.training["fast"]  # and nothing left for a picture
    report = await run(tmp_path, on=service)
    assert exit_code_of(report) == 4
    assert "not sent" in {row.status for row in report.rows}
    assert len(report.errors) == 14


async def test_a_picture_that_does_not_decode_is_a_failure(tmp_path: Path) -> None:
    class Vandal(PlainProgress):
        def item(self, key: str, status: str, tally: Tally) -> None:
            if key == "cat":
                path = tmp_path / "results" / "cat.enhance-1.jpg"
                path.write_bytes(path.read_bytes()[:1000])

    report = await run(tmp_path, progress=Vandal())
    assert report.broken == ("cat",)
    assert report.done == 13
    assert exit_code_of(report) == 5
    assert "broken or too few: cat" in "\n".join(report.lines())


async def test_a_training_that_fails_is_raised(tmp_path: Path) -> None:
    service = sandbox()
    service.fail_training("the photos show nobody")
    with pytest.raises(TrainingError, match="the photos show nobody"):
        await run(tmp_path, on=service)


@pytest.fixture
def command_sandbox(monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Let the command meet a sandbox of the test's."""
    service = sandbox()
    monkeypatch.setattr("phota_async.demo.stage.Sandbox", lambda **_: service)
    return service


def test_a_failed_training_leaves_with_9(command_sandbox: Sandbox, tmp_path: Path) -> None:
    command_sandbox.fail_training("the photos show nobody")
    result = CliRunner().invoke(cli, ["demo", "-o", str(tmp_path)])
    assert result.exit_code == 9
    assert result.stdout == ""
    assert "the photos show nobody" in result.stderr.splitlines()[-1]


def test_some_failures_leave_with_5(command_sandbox: Sandbox, tmp_path: Path) -> None:
    command_sandbox.fail_jobs(times=1)
    result = CliRunner().invoke(cli, ["demo", "-o", str(tmp_path)])
    assert result.exit_code == 5
    assert "13 of 14 done" in result.stdout


def test_a_folder_that_cannot_be_written_is_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = CliRunner().invoke(cli, ["demo", "-o", str(tmp_path / "file" / "below")])
    assert result.exit_code == 2
    assert "cannot write into" in result.stderr


# Live


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PHOTA_API_KEY", KEY)
    monkeypatch.delenv("PHOTA_BASE_URL", raising=False)
    return KEY


async def test_live_buys_once_and_keeps_what_it_bought(key: str, tmp_path: Path) -> None:
    async with Sandbox(api_key=key, time_scale=FAST, picture_scale=0.25) as service:
        person = service.add_profile(photo=photo_bytes("astronaut"))
        arguments = ["--live", "--yes", "--base-url", service.base_url, "--profile", person]
        first = await asyncio.to_thread(program, "-o", str(tmp_path), *arguments)
        assert first.returncode == 0, first.stderr
        assert "14 requests for 15 pictures" in first.stderr
        assert "not published" in first.stderr
        assert "cost $0.84 for 7 requests" in first.stdout
        bought = {name: data for name, data in files(tmp_path).items() if name.startswith("results/live-")}
        assert len(bought) == 15
        second = await asyncio.to_thread(program, "-o", str(tmp_path), *arguments)
        assert second.returncode == 0, second.stderr
        assert service.posts("/enhance") == 4
        assert service.posts("/profiles/add") == 0
    report = await run(tmp_path)
    assert exit_code_of(report) == 0
    assert {name: files(tmp_path)[name] for name in bought} == bought
    assert key not in first.stdout + first.stderr + second.stdout + second.stderr
    assert not any(key.encode() in data for data in files(tmp_path).values())


async def test_live_takes_the_key_that_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And sends one that is bound to an address to no other, whatever flag says so."""
    monkeypatch.delenv("PHOTA_API_KEY", raising=False)
    monkeypatch.delenv("PHOTA_BASE_URL", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    async with Sandbox(api_key=KEY, time_scale=FAST, picture_scale=0.25) as service:
        write_key(tmp_path / "config/phota/credentials.toml", None, Credential(KEY, service.base_url))
        live = ["-o", str(tmp_path / "out"), "--live", "--yes"]
        refused = await asyncio.to_thread(program, *live, "--base-url", "http://127.0.0.1:9/v1")
        assert refused.returncode == 2
        assert f"the stored key is for {service.base_url} alone" in refused.stderr
        done = await asyncio.to_thread(program, *live)
        assert done.returncode == 0, done.stderr
        assert service.posts("/enhance") == 4


async def test_live_with_a_wrong_key_is_3(tmp_path: Path, key: str) -> None:
    async with Sandbox(api_key="another key", time_scale=FAST) as service:
        result = await asyncio.to_thread(
            program, "-o", str(tmp_path), "--live", "--yes", "--base-url", service.base_url
        )
        assert service.charged == 0
    assert result.returncode == 3
    assert key not in result.stdout + result.stderr


def invoke(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["demo", *arguments], input=answer)


def test_live_without_a_terminal_needs_yes(key: str, tmp_path: Path) -> None:
    result = invoke("--live", "-o", str(tmp_path / "out"), "--base-url", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "There is no terminal to ask on: add --yes" in result.stderr
    assert not (tmp_path / "out").exists()


def test_live_asks_and_takes_no_for_an_answer(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phota_async.cli.common.can_ask", lambda: True)
    result = invoke("--live", "-o", str(tmp_path / "out"), answer="n\n")
    assert result.exit_code == 130
    assert "Send them to the real service?" in result.stderr
    assert result.stdout.strip() in ("", "n")  # before 8.4 click's runner shows there what was typed
    assert not (tmp_path / "out").exists()


def test_live_without_a_key_says_so_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTA_API_KEY", raising=False)
    result = invoke("--live", "--yes", "-o", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert result.stderr.startswith("phota: no API key")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [["--profile", "p"], ["--base-url", "http://x"], ["--yes"], ["--live", *["--profile", "p"] * 3]]
)
def test_options_that_do_not_fit_together(arguments: list[str], key: str) -> None:
    assert invoke(*arguments).exit_code == 2


def test_the_estimate_never_hides_what_is_unknown() -> None:
    assert "7 enhance and remix requests cost $0.84" in live_estimate([])
    assert "7 edit and generate requests is not published" in live_estimate(["p1", "p2"])


# Parts


def test_the_plan_names_whom_it_can() -> None:
    photos = {name: Path(f"{name}.jpg") for name in PHOTOS}
    trained = plan(photos, Cast(astronaut="a", cat="c"))
    assert sum(len(named_subjects(request)) for request in trained.values()) == 10
    assert sum(request.num_output_images for request in trained.values()) == 15
    strangers = plan(photos, Cast.of(["a", "c"]))
    enhanced = [request for request in strangers.values() if isinstance(request, EnhanceRequest)]
    assert not any(request.profile_ids for request in enhanced)
    assert not any("[[" in (request.prompt or "") for request in plan(photos, Cast.of([])).values())


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.photo)
def test_crops_are_of_a_size_that_trains(subject: object) -> None:
    (subject,) = (one for one in SUBJECTS if one is subject)
    assert 5 <= len(subject.boxes) <= 10
    photo = photo_bytes(subject.photo)
    sizes = []
    for box in subject.boxes:
        with Image.open(io.BytesIO(crop(photo, box))) as image:
            sizes.append(min(image.size))
    assert sizes == [1024] * len(subject.boxes)


def test_each_photo_has_its_credits() -> None:
    folder = Path(demo_command.__file__).parents[1] / "demo" / "photos"
    credits_given = json.loads((folder / "credits.json").read_text(encoding="utf-8"))
    assert {entry["file"] for entry in credits_given} == {f"{name}.jpg" for name in PHOTOS}
    assert all(entry["author"] and entry["licence"] and entry["source"] for entry in credits_given)
    assert all(f"`{name}.jpg`" in (folder / "CREDITS.md").read_text(encoding="utf-8") for name in PHOTOS)


def test_a_forged_note_removes_nothing_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    note = tmp_path / "out" / ".phota" / "demo.json"
    note.parent.mkdir(parents=True)
    note.write_bytes(msgspec.json.encode({"../outside.txt": empty, str(outside): empty}))
    (tmp_path / "out" / "link.txt").symlink_to(outside)
    DemoFolder(tmp_path / "out").open()
    assert outside.exists()


def test_a_spoiled_note_is_as_none(tmp_path: Path) -> None:
    (tmp_path / ".phota").mkdir()
    (tmp_path / ".phota" / "demo.json").write_bytes(b"{spoiled")
    folder = DemoFolder(tmp_path)
    folder.open()
    assert folder.write("a.txt", b"a").name == "a.txt"
    assert folder.write("a.txt", b"b").name == "a-2.txt"
    assert repr(folder).endswith("2 own files>")


def test_a_file_in_the_way_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(InputError, match="cannot write into"):
        DemoFolder(tmp_path / "out").open()


def test_pictures_are_looked_at_to_the_last_pixel(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.jpg", tmp_path / "cut.jpg"
    whole.write_bytes(photo_bytes("coffee"))
    cut.write_bytes(photo_bytes("coffee")[:-5000])
    assert [is_whole(path) for path in (whole, cut, tmp_path / "none.jpg")] == [True, False, False]


# Progress


def test_the_moving_picture_shows_profiles_and_the_batch() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=110, no_color=True)
    with LiveProgress(console) as progress:
        progress.say("one step [not markup]")
        progress.profile("Chelsea [x]", "IN_PROGRESS", 1.0)
        progress.profile("Chelsea [x]", "READY", 2.0)
        progress.begin(3)
        progress.item("a", "done", Tally(total=3, done=1, spent="$0.12"))
        progress.item("b", "failed: HTTP 400 [refused]", Tally(total=3, done=1, failed=1, spent="$0.12"))
    shown = screen.getvalue()
    for words in ("one step [not markup]", "Chelsea [x]", "ready", "2/3", "1 failed", "b: failed: HTTP 400 [refused]"):
        assert words in shown


@pytest.mark.parametrize(
    ("terminal", "term", "kind"),
    [(True, "xterm", LiveProgress), (True, "dumb", PlainProgress), (False, "xterm", PlainProgress)],
)
def test_the_picture_moves_only_on_a_terminal_that_can(
    terminal: bool, term: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert isinstance(choose_progress(), kind)
