"""Names may hold anything: a terminal is not moved by them, and a pipe gets them as they are."""

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.programs import OnTerminal

from phota_async.cli.main import cli
from phota_async.cli.streams import say

RED = "\x1b[31mred"
OFFER = [sys.executable, "-c", "from phota_async.cli.streams import offer; offer('\\x1b[31mred\\udce9.jpg')"]


@pytest.mark.parametrize("arguments", [["enhance", f"{RED}.jpg"], ["enhance", f"--{RED}"], ["doctor", "a", RED]])
def test_an_error_moves_no_cursor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner(env={"PHOTA_API_KEY": "k"}).invoke(cli, arguments)
    assert ended.exit_code == 2
    assert "red" in ended.stderr
    assert "\x1b" not in ended.stderr


def test_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one\ntwo\t{RED}")
    assert capsys.readouterr().err == "one\ntwo\t\N{REPLACEMENT CHARACTER}[31mred\n"


def test_a_result_moves_no_cursor_and_a_pipe_gets_its_bytes() -> None:
    with OnTerminal(OFFER) as shown:
        pass
    assert "\N{REPLACEMENT CHARACTER}[31mred" in shown.screen
    assert "\x1b" not in shown.screen
    with OnTerminal(OFFER, piped=True) as piped:
        pass
    assert piped.piped_bytes == b"\x1b[31mred" + os.fsencode("\udce9.jpg") + b"\n"
