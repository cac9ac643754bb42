"""Questions on a terminal: Ctrl-C is heard at any moment, and nothing but an answer is one."""

import sys

import click
import pytest
from click.testing import CliRunner
from support.programs import OnTerminal

from phota_async.cli.questions import choose, confirm

ASKS = "import os, signal; from phota_async.cli import questions; "
EARLY = "questions.select.select = lambda *_: (os.kill(os.getpid(), signal.SIGINT), real(*_)); "
ENDS = "\ntry: questions.confirm('Sure?')\nexcept questions.click.Abort: print('ABORTED')"


def test_a_signal_just_before_the_read_is_heard() -> None:
    """Sent before anything blocks, it would else wait for the next key."""
    late = ASKS + "real = questions.select.select; " + EARLY + ENDS
    with OnTerminal([sys.executable, "-c", late]) as shown:
        shown.wait_for("ABORTED")
    assert shown.code == 0, shown.screen


def test_a_signal_that_the_wait_does_not_see_is_in_the_pipe() -> None:
    """As if the signal came between two steps of Python, where no call is interrupted."""
    blocked = "signal.pthread_sigmask(signal.SIG_BLOCK, []); signal.signal(signal.SIGINT, lambda *_: heard.append(1)); "
    check = (
        ASKS + "heard = []; " + blocked + "real = questions.select.select\n"
        "with questions._woken_by_signals() as woken:\n"
        "  os.kill(os.getpid(), signal.SIGINT)\n"
        "  print('READY' if real([0, woken], [], [], 20)[0] == [woken] else 'LOST', heard)"
    )
    with OnTerminal([sys.executable, "-c", check]) as shown:
        shown.wait_for("READY [1]")


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 1), ("\n", 1), ("", 1), ("x\ny\n", 0)])
def test_answers(typed: str, code: int) -> None:
    @click.command()
    def program() -> None:
        confirm("Sure?")

    ended = CliRunner().invoke(program, input=typed)
    assert ended.exit_code == code
    assert ended.stdout == ""
    assert "Sure? [y/N]: " in ended.stderr
    assert ("expected y or yes or n or no" in ended.stderr) is typed.startswith("x")


def test_a_question_moves_no_cursor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin.readline", lambda: "a\n", raising=False)
    assert choose("\x1b[31mred", {"a": 1}) == 1
    assert "\x1b" not in capsys.readouterr().err
