"""Progress: when it may move, what it tells, what names cannot do to it, and what it costs."""

import io
import re
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from support.programs import OnTerminal

from phota_async import EnhanceRequest, Outcome
from phota_async.batch.items import BatchStatistics, OutcomeStatus
from phota_async.cli.board import DRAWINGS, MOST_NOTES, Board
from phota_async.cli.live_progress import LiveProgress
from phota_async.cli.pace import duration, speed
from phota_async.cli.plain_text import clean
from phota_async.cli.progress import PlainProgress, choose_progress, may_draw
from phota_async.errors import InputError
from phota_async.pace import Pace

HOSTILE = "a\x1b]0;title\x07\x1b[2J\x1b[31m[bold red]b[/]\r\nc\u202egpj.\udcff\x9bm.jpg"
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\r\n]")


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def outcome(key: str = "a.jpg", status: OutcomeStatus = "done", **rest: Any) -> Outcome:
    return Outcome(key=key, request=EnhanceRequest("a.jpg"), status=status, **rest)


def counts(**given: Any) -> BatchStatistics:
    names = ("running", "limit", "waiting", "done", "failed", "skipped", "unknown", "over_budget")
    zeros: dict[str, Any] = dict.fromkeys(names, 0)
    return BatchStatistics(**zeros | {"spent": Decimal(0), "stopped": None} | given)


def console(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=24, highlight=False)


def drawn(progress: LiveProgress, width: int = 80) -> list[str]:
    """Return the picture's lines as people see them."""
    paper = Console(file=io.StringIO(), width=width, height=24, color_system=None, force_terminal=False)
    paper.print(progress._board._live.get_renderable())
    return str(paper.file.getvalue()).rstrip("\n").split("\n")  # type: ignore[attr-defined]  # a StringIO


# Whether it may move


class Stream(io.StringIO):
    encoding = "utf-8"  # what a real stream says

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def stand_in(monkeypatch: pytest.MonkeyPatch, *, out: bool, err: bool) -> None:
    """Let the command see other streams than pytest's."""
    streams = SimpleNamespace(stdout=Stream(is_terminal=out), stderr=Stream(is_terminal=err))
    monkeypatch.setattr("phota_async.cli.streams.sys", streams)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stand_in(monkeypatch, out=False, err=True)


def test_a_terminal_gets_a_moving_picture(terminal: None) -> None:
    assert isinstance(choose_progress(), LiveProgress)


@pytest.mark.parametrize("flag", ["quiet", "no_progress", "verbose"])
def test_flags_switch_it_off(flag: str, terminal: None) -> None:
    assert not may_draw(**{flag: True})
    assert isinstance(choose_progress(**{flag: True}), PlainProgress)


@pytest.mark.parametrize(
    ("name", "value", "moves"),
    [
        ("TERM", "dumb", False),
        ("CI", "true", False),
        ("CI", "1", False),
        ("CI", "false", True),
        ("CI", "", True),
        ("NO_COLOR", "1", True),
    ],
)
def test_the_environment_decides(
    name: str, value: str, moves: bool, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert may_draw() is moves


def test_force_color_makes_no_pipe_a_terminal(terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, out=True, err=False)  # each stream for itself
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not may_draw()


# Plain lines


def test_a_line_an_item(capsys: pytest.CaptureFixture[str]) -> None:
    with choose_progress() as progress:
        progress.begin(3)
        progress.started("a.jpg")
        progress.item(outcome(), counts(done=1))
        progress.item(outcome(HOSTILE, "failed", error=InputError("no\nphoto")), counts(done=1, failed=1))
        progress.say("one\ntwo\x1b[2J")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[0] == "[1/3] a.jpg: done"
    assert shown.err.splitlines()[1].startswith("[2/3] a")
    assert shown.err.splitlines()[1].endswith("failed: no photo")
    assert len(shown.err.splitlines()) == 4
    assert "\x1b" not in shown.err


def test_quiet_says_only_what_it_is_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    progress = choose_progress(quiet=True)
    progress.item(outcome(), counts(done=1))
    progress.say("resume with: phota resume out")
    assert capsys.readouterr().err == "resume with: phota resume out\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.jpg", "plain name.jpg"),
        ("übung 写真.jpg", "übung 写真.jpg"),
        ("a\x1b[31mb", "a\ufffd[31mb"),
        ("a\r\nb\tc", "a  b c"),
        ("a\u202eb\u2028c\udc80d\x9be", "a\ufffdb\ufffdc\ufffdd\ufffde"),
        ("[red]x[/]", "[red]x[/]"),
        ("x" * 3000, "x" * 2000 + "…"),
    ],
)
def test_any_text_fits_a_line(text: str, shown: str) -> None:
    assert clean(text) == shown


# How fast, how long


def test_the_rate_is_the_last_minutes() -> None:
    pace = Pace(0.0)
    assert pace.rate is None
    assert pace.left(10) is None
    for second in range(1, 121):
        pace.see(second * 10, float(second))
    assert pace.rate == pytest.approx(10, rel=0.05)
    for second in range(121, 200):
        pace.see(1200 + second - 120, float(second))
    assert pace.rate == pytest.approx(1, rel=0.05)
    assert pace.left(30) == pytest.approx(30, rel=0.05)


def test_the_newest_count_is_part_of_the_rate() -> None:
    """A short run ends between two samples."""
    pace = Pace(0.0)
    pace.see(2, 1.0)
    pace.see(8, 1.4)
    assert pace.rate == pytest.approx(8 / 1.4)


def test_looking_often_keeps_little() -> None:
    pace = Pace(0.0)
    for tick in range(100_000):
        pace.see(tick, tick / 100)
    assert len(pace._seen) <= 121


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (-1, "0:00"), (250, "4:10"), (3723, "1:02:03"), (90_000, "1 d 1 h")]
)
def test_times(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("rate", "text"), [(1234, "1,234/s"), (2.14, "2.1/s"), (0.5, "30/min"), (0.001, "3.6/h")])
def test_rates(rate: float, text: str) -> None:
    assert speed(rate) == text


# The picture


def test_the_picture_tells_done_failed_spent_rate_time_left_and_the_file() -> None:
    clock = Clock()
    progress = LiveProgress(console(), clock=clock)
    progress.begin(100)
    progress.started("2019/beach.jpg")
    for number in range(20):
        clock.now += 1
        statistics = counts(done=number, failed=1, skipped=2, unknown=3, over_budget=4, spent=Decimal("2.28"))
        progress.item(outcome(), statistics)
        drawn(progress)
    line, current = drawn(progress, width=140)
    assert line.strip("━─ ").startswith("20/100  19 done  1 failed  3 unknown  4 over budget  2 skipped  $2.28")
    assert line.endswith("1:20 left  1.0/s  0:20")
    assert line.startswith("  ━━━━━─")
    assert current == "  2019/beach.jpg"


def test_without_a_total_there_is_no_bar_and_no_end() -> None:
    progress = LiveProgress(console(), clock=Clock())
    progress.begin(None)
    progress.item(outcome(), counts(done=1))
    assert drawn(progress) == ["  1  1 done  0:00"]


def test_what_was_there_already_is_no_speed() -> None:
    clock = Clock()
    progress = LiveProgress(console(), clock=clock)
    progress.begin(1000)
    for _ in range(900):
        progress.item(outcome(status="skipped"), counts(skipped=900))
    clock.now += 10
    assert "/s" not in drawn(progress)[0]


@pytest.mark.parametrize("width", [1, 2, 5, 10, 20, 33, 40, 60, 80, 200])
def test_it_fits_any_width_whatever_the_name(width: int) -> None:
    progress = LiveProgress(console(width), clock=Clock())
    progress.begin(1000)
    progress.item(outcome(), counts(done=1, failed=2, spent=Decimal("12.40")))
    for name in (HOSTILE, "写真" * 200, "sub/" * 100 + "end.jpg", ""):
        progress.started(name)
        lines = drawn(progress, width)
        assert 1 <= len(lines) <= 2
        assert all(cell_len(line) <= max(1, width) for line in lines), lines
        assert "\x1b" not in "".join(lines)


def test_of_a_long_name_the_end_is_shown() -> None:
    progress = LiveProgress(console(), clock=Clock())
    progress.started("a/" * 200 + "last.jpg")
    assert drawn(progress, 40)[1].endswith("a/last.jpg")
    assert drawn(progress, 40)[1].startswith("  …")


# What it costs


def test_telling_draws_nothing() -> None:
    paper = console()
    progress = LiveProgress(paper)
    for number in range(50_000):
        progress.started(f"{number}.jpg")
        progress.item(outcome(f"{number}.jpg", "failed"), counts(failed=number))
    assert paper.file.getvalue() == ""  # type: ignore[attr-defined]  # a StringIO
    assert progress._board._live.refresh_per_second == DRAWINGS == 8
    assert len(progress._board._notes) == MOST_NOTES


def test_too_many_failures_are_counted_and_what_is_said_is_kept() -> None:
    paper = console()
    board = Board(lambda: "picture", paper)
    for number in range(1000):
        board.note(f"{number}.jpg: failed")
        board.say(f"line {number}")
    assert board._flush()
    shown = str(paper.file.getvalue())  # type: ignore[attr-defined]  # a StringIO
    assert "19.jpg: failed" in shown
    assert "20.jpg: failed" not in shown
    assert "... and 980 more" in shown
    assert shown.count("line ") == 1000
    assert not board._flush()


def test_what_others_write_meanwhile_stands_above(monkeypatch: pytest.MonkeyPatch) -> None:
    paper, terminal = console(), Stream(is_terminal=True)
    monkeypatch.setattr(sys, "stderr", terminal)
    with Board(lambda: "picture", paper):
        assert sys.stderr.isatty()
        assert sys.stderr.encoding == "utf-8"
        sys.stderr.write("one\ntwo\x1b[2J\nno end of a line")
    assert sys.stderr is terminal
    shown = str(paper.file.getvalue())  # type: ignore[attr-defined]  # a StringIO
    assert "one\ntwo\ufffd[2J\nno end of a line\npicture" in shown
    assert terminal.getvalue() == ""


# On a real terminal

RUN = """
import sys
from decimal import Decimal
from phota_async import EnhanceRequest, Outcome
from phota_async.batch.items import BatchStatistics
from phota_async.cli.progress import choose_progress
name = sys.argv[1].encode().decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
with choose_progress() as progress:
    progress.begin(2)
    for number, status in enumerate(("done", "failed"), 1):
        progress.started(name)
        progress.item(
            Outcome(key=name, request=EnhanceRequest("x"), status=status),
            BatchStatistics(running=0, limit=1, waiting=0, done=1, failed=number - 1, skipped=0, unknown=0,
                            over_budget=0, spent=Decimal("0.12"), stopped=None),
        )
        print(f"out/{number}.jpg")
        print("told by others", file=sys.stderr)
"""


def on_terminal(env: Mapping[str, str] | None = None, *, piped: bool = False, columns: int = 80) -> OnTerminal:
    name = HOSTILE.encode("unicode_escape").decode()
    return OnTerminal([sys.executable, "-c", RUN, name], piped=piped, columns=columns, env=env)


@pytest.mark.parametrize("columns", [80, 24])
def test_on_a_terminal_results_stand_above_the_picture(columns: int) -> None:
    with on_terminal(columns=columns) as shown:
        pass
    assert shown.code == 0, shown.screen
    plain = ESCAPE.sub("\n", shown.screen)
    assert "\x1b" not in plain
    assert "\x07" not in plain
    lines = plain.split("\n")
    assert lines.count("out/1.jpg") == 1
    assert "out/2.jpg" in lines
    assert "told by others" in lines
    assert "2/2" in shown.screen
    assert "\x1b[?25l" not in shown.screen  # the cursor stays, whatever kills the program
    assert "\x1b[31m[bold red]" not in shown.screen


def test_a_pipe_gets_results_only(tmp_path: Path) -> None:
    with on_terminal(piped=True) as shown:
        pass
    assert shown.piped == "out/1.jpg\nout/2.jpg\n"
    assert "out/1.jpg" not in shown.screen
    assert "2/2" in shown.screen


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("CI", "1")])
def test_where_nothing_may_move_there_is_a_line_an_item(name: str, value: str) -> None:
    with on_terminal({name: value, "FORCE_COLOR": "1"}, piped=True) as shown:
        pass
    assert "\x1b" not in shown.screen
    assert "[1/2] " in shown.screen
    assert "[2/2] " in shown.screen


def test_no_color_moves_without_colour() -> None:
    with on_terminal({"NO_COLOR": "1"}) as shown:
        pass
    assert "2/2" in shown.screen
    assert not re.search(r"\x1b\[(3[0-7]|9[0-7])", shown.screen)
