"""What is wrong with a call is said before anything is sent, and what to do instead."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from support.pictures import REAL

from phota_async import errors
from phota_async.cli import asking, streams
from phota_async.cli.common import usd
from phota_async.cli.exit_codes import ExitCode, RunEnd
from phota_async.cli.main import cli
from phota_async.cli.places import place_of, shown
from phota_async.cli.run_options import RunOptions, from_record, to_settings
from phota_async.runs import RunRecord


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call the command where there are photos and a key, and nothing listens."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTA_API_KEY", "k")
    monkeypatch.setenv("PHOTA_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("PHOTA_STATE_DIR", str(tmp_path / "state"))
    for name in ("a.jpg", "b.jpg", "in/c.jpg", "empty/deep/d.jpg", "text/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(REAL if name.endswith("jpg") else b"text")
    return lambda *arguments, **how: CliRunner().invoke(cli, list(arguments), **how)


WRONG: list[tuple[list[str], str]] = [
    (["enhance"], "enhance needs photos: phota enhance SRC..., with - for standard input"),
    (["enhance", "gone"], "gone: expected a photo or a folder, got nothing there"),
    (["enhance", "empty"], "not looked into: 1 folder inside; -r does"),
    (["enhance", "text"], "no photos found in"),
    (["enhance", "a.jpg", "--from", "list.csv"], "give either SRC or --from"),
    (["enhance", "--from", "gone.csv"], "No such file"),
    (["enhance", "-", "a.jpg"], "standard input brings one photo: give - alone"),
    (["enhance", "-"], "standard input: expected a photo (JPEG, PNG, WebP, HEIC), got 4 bytes of something"),
    (["enhance", "a.jpg", "b.jpg", "-o", "-"], "for a single photo only: give a folder"),
    (["enhance", "in", "-o", "x.jpg"], "for a single photo only: give a folder"),
    (["enhance", "a.jpg", "-o", "-", "--json"], "it goes with neither --json nor -k"),
    (["enhance", "a.jpg", "-o", "-", "-k", "2"], "it goes with neither --json nor -k"),
    (["enhance", "a.jpg", "-o", "x.webp"], "pictures come as jpg or png"),
    (["enhance", "a.jpg", "-o", "x.png", "--format", "jpg"], "do not go together"),
    (["enhance", "a.jpg", "-o", "x.jpg", "--name", "{stem}-{k}"], "leave --name out, or give a folder"),
    (["enhance", "a.jpg", "-o", "text/notes.txt"], "is a file, and no photo's name"),
    (["enhance", "a.jpg", "-k", "5"], "--variations: expected 1 to 4 output images, got 5"),
    (["enhance", "a.jpg", "--resolution", "2K"], "No such option '--resolution'"),
    (["enhance", "a.jpg", "--name", "{sha8}.{ext}"], "names: expected fields among"),
    (["enhance", "a.jpg", "--name", "{row.x}.{ext}"], "{row.x} is a column of a list: it goes with --from"),
    (["enhance", "a.jpg", "--name", "{stem}.{ext}", "-k", "2"], "expected {k} for an item of several pictures"),
    (["enhance", "a.jpg", "--name", "{model}-{k}.{ext}"], "models for {model}, got enhance"),
    (["enhance", "a.jpg", "--max-spend", "much"], "expected US dollars such as 20 or 0.15, got 'much'"),
    (["enhance", "a.jpg", "--max-spend", "-1"], "expected US dollars such as 20 or 0.15"),
    (["enhance", "a.jpg", "--jsonl", "b.jpg"], "expected a new file or one of JSON Lines, got b.jpg"),
    (["enhance", "a.jpg", "--include", ""], "include: expected a pattern"),
    (["enhance", "a.jpg", "-p", "@gone.txt"], "prompt: gone.txt cannot be read: No such file or directory"),
    (["enhance", "a.jpg", "-p", "@a.jpg"], "it is not UTF-8 text; a prompt that begins with @ is written @@"),
    (["edit", "a.jpg"], "edit needs -p TEXT: the change in words"),
    (["edit", "a.jpg", "-p", " "], "--prompt: expected what to edit, got nothing"),
    (["edit", "a.jpg", "-p", "x", "--resolution", "8K"], "--resolution: expected 1K or 2K or 4K, got '8K'"),
    (["edit", "a.jpg", "-p", "x", "-m", "nb3"], "--model: expected nb2 or"),
    (
        ["edit", "a.jpg", "-p", "x", "--max-spend", "5"],
        "the price of edit is not published, so --max-spend cannot be kept",
    ),
    (["edit", "a.jpg", "-p", "x"], "1 request for a price that is not published, and no terminal to ask on"),
    (["remix", "a.jpg"], "remix needs --reference PHOTO"),
    (["remix", "a.jpg", "--reference", "text/notes.txt"], "--reference: expected a photo"),
    (["generate"], "generate needs -p TEXT, or --from a list of prompts"),
    (["generate", "a.jpg", "-p", "x"], "Got unexpected extra argument"),
    (["resume", "in"], "expected a folder that a run wrote to"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(each) for each, _ in WRONG])
def test_a_wrong_call_is_2_and_says_what_to_do(
    call: Callable[..., Result], tmp_path: Path, arguments: list[str], said: str
) -> None:
    before = sorted(path for path in tmp_path.rglob("*") if "state" not in path.parts)
    result = call(*arguments, input=b"text")
    assert result.exit_code == 2, result.stderr
    assert said in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert sorted(path for path in tmp_path.rglob("*") if "state" not in path.parts) == before


def test_without_a_key_nothing_begins(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTA_API_KEY")
    result = call("enhance", "a.jpg")
    assert result.exit_code == 2
    assert "PHOTA_API_KEY" in result.stderr
    planned = call("enhance", "a.jpg", "-n")  # looking costs nothing and sends nothing
    assert planned.exit_code == 0
    assert "1 to do: $0.12" in planned.stderr
    assert call("enhance", "a.jpg", "-n", "--tag", "u_17").exit_code == 2


def test_a_record_of_another_program_is_no_run_of_this_one() -> None:
    record = RunRecord(run="r", operation="edit", output="/out", started="now", settings={"mine": 1})
    with pytest.raises(errors.InputError, match="expected one of this command"):
        from_record(record)
    options = RunOptions(operation="edit", sources=("/a.jpg",), plan={"operation": "edit", "prompt": "x"})
    again = from_record(RunRecord(run="r", operation="edit", output="", started="", settings=to_settings(options)))
    assert again == options
    assert repr(options) == "<RunOptions edit>"


def test_paths_are_shown_as_short_as_they_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "out") == "out"
    assert shown(Path("/elsewhere")) == "/elsewhere"
    assert place_of(RunOptions(operation="edit")).folder == tmp_path / "phota-out"


def test_pictures_of_pipes_are_kept_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTA_STATE_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "phota").mkdir()
    (tmp_path / "phota" / "config.toml").write_text(f'state_dir = "{tmp_path}/mine"')
    assert place_of(RunOptions(operation="edit", out="-")).folder == tmp_path / "mine" / "pipe"
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o700


def test_photos_of_one_name_are_refused_before_anything_is_sent(call: Callable[..., Result], tmp_path: Path) -> None:
    """On a system that ignores case they would be one file."""
    (tmp_path / "twins").mkdir()
    (tmp_path / "twins/A.jpg").write_bytes(REAL)
    (tmp_path / "twins/a.jpg").write_bytes(REAL + b"!")
    result = call("enhance", "twins")
    assert result.exit_code == 2
    assert "expected a place of its own for each, got 'A.jpg' and 'a.jpg'" in result.stderr
    assert "rename one of them, or leave one out" in result.stderr
    assert call("enhance", "twins", "--exclude", "nothing", "-n").exit_code == 5  # a dry run says it of each


# Exit codes of runs


BUSY, MODERATED = errors.ServerError(503), errors.ContentModerationError(400)
POOR, REFUSED = errors.InsufficientCreditsError(402), errors.AuthenticationError(401)


@pytest.mark.parametrize(
    ("items", "stopped", "code"),
    [
        ([], None, 0),
        ([("done", None), ("skipped", None), ("planned", None)], None, 0),
        ([("done", None), ("failed", REFUSED), ("failed", BUSY)], REFUSED, 3),
        ([("failed", POOR), ("failed", BUSY), ("budget", None)], POOR, 4),
        ([("done", None), ("failed", BUSY), ("failed", MODERATED)], None, 10),
        ([("done", None), ("failed", MODERATED), ("budget", None)], None, 5),
        ([("failed", MODERATED), ("failed", None)], None, 6),
        ([("unknown", errors.ResponseLostError("POST /edit"))], None, 6),
        ([("done", None), ("budget", errors.BudgetExceededError("x"))], None, 7),
        ([("budget", errors.BudgetExceededError("x"))], None, 7),
        ([("done", None)], errors.InputError("the list changed"), 5),
        ([], errors.InputError("the list changed"), 6),
    ],
)
def test_of_several_codes_the_first_to_deal_with(
    items: list[tuple[str, Any]], stopped: BaseException | None, code: int
) -> None:
    end = RunEnd()
    for status, error in items:
        end.add(status, error)
    assert end.code(stopped=stopped) == code


def test_identity_matters_only_when_told() -> None:
    end = RunEnd()
    end.add("done", None, is_missed=True)
    assert end.code() == ExitCode.DONE
    assert end.code(require_identity=True) == ExitCode.IDENTITY
    end.add("budget", None)
    assert end.code(require_identity=True) == ExitCode.BUDGET
    assert repr(end) == "<RunEnd 1 well, 0 failed, 1 over the budget>"


# Asking


@pytest.mark.parametrize(
    ("high", "yes", "cap", "needed"),
    [
        *(("1", False, None, False), ("1.01", False, None, True), (None, False, None, True)),
        *(("9", True, None, False), ("9", False, "20", False), (None, True, None, False)),
    ],
)
def test_when_a_yes_is_needed(high: str | None, yes: bool, cap: str | None, needed: bool) -> None:
    amount = None if high is None else Decimal(high)
    assert asking.needs_asking(amount, yes=yes, max_spend=Decimal(cap) if cap else None) is needed


def test_a_question_is_asked_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "can_ask", lambda: True)

    @click.command()
    def spend() -> None:
        asking.confirm_spending(Decimal(2), Decimal(3), what="9 requests", yes=False, max_spend=None)

    assert CliRunner().invoke(spend, input="y\n").exit_code == 0
    refused = CliRunner().invoke(spend, input="n\n")
    assert refused.exit_code == 1  # click's own; the command makes it 130
    assert refused.stdout == ""
    assert "9 requests for $2.00 to $3.00\nSpend it? [y/N]" in refused.stderr


# Streams


def test_whoever_stops_reading_stops_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Broken:
        buffer = property(lambda self: self)

        def write(self, data: bytes) -> None:
            raise BrokenPipeError

        def flush(self) -> None: ...

        def isatty(self) -> bool:
            return False

        def fileno(self) -> int:
            raise OSError("none")

    monkeypatch.setattr("sys.stdout", Broken())
    monkeypatch.setattr("sys.stderr", Broken())
    assert not streams.offer("a path")
    with pytest.raises(BrokenPipeError):
        streams.result("a path")
    streams.say("and nobody hears of it")


@pytest.mark.parametrize(("text", "amount"), [("2.90", "2.90"), ("$20", "20"), ("0", "0")])
def test_dollars(text: str, amount: str) -> None:
    assert usd(text) == amount


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "x", ""])
def test_no_dollars(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected US dollars"):
        usd(text)
