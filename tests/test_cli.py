"""The command's frame: lazy verbs, exit codes, one line an error, and the word about a missing extra."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from phota_async import errors
from phota_async.cli import main as frame
from phota_async.cli.exit_codes import ExitCode, code_for, code_for_items, leading_error
from phota_async.cli.extras import missing_message
from phota_async.cli.main import COMMANDS, cli
from phota_async.cli.wording import in_options


def run_python(code: str, *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=cwd)


def run_failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> Result:
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setitem(cli.commands, "fail", fail)
    return CliRunner().invoke(cli, ["fail"])


# Help and version


def test_help_lists_the_commands_and_the_exit_codes() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    assert all(name in result.output for name in COMMANDS)
    assert "130 stopped by Ctrl-C, 143 terminated" in result.output


def test_without_arguments_it_shows_its_help_as_a_usage_error() -> None:
    result = CliRunner().invoke(cli, [])
    assert result.exit_code == 2
    assert "Usage:" in result.output


def test_version() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert result.exit_code == 0
    assert result.output.startswith("phota-async ")


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(cli, ["develop"])
    assert result.exit_code == 2
    assert "No such command 'develop'" in result.stderr
    assert result.stdout == ""


def test_help_imports_nothing_heavy() -> None:
    heavy = ["aiohttp", "msgspec", "anyio", "asyncio", "rich", "PIL", "jinja2", "phota_async.demo"]
    code = (
        "import sys; sys.argv = ['phota', '--help']\n"
        "from phota_async.__main__ import main\n"
        "try: main()\n"
        f"finally: print([name for name in {heavy} if name in sys.modules])"
    )
    result = run_python(code)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"


def test_every_command_is_where_the_table_says() -> None:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "phota_async", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.startswith("phota-async ")


# Missing extras


@pytest.mark.parametrize(
    ("blocked", "arguments", "sentence"),
    [
        (["click"], ["--help"], 'phota needs click: pip install "phota-async[cli]"'),
        (["rich"], ["demo"], 'phota demo needs rich: pip install "phota-async[cli]"'),
        (["PIL"], ["demo"], 'phota demo needs Pillow: pip install "phota-async[images]"'),
        (["PIL", "jinja2"], ["demo"], 'needs Pillow and Jinja2: pip install "phota-async[images,report]"'),
        (["PIL"], ["review"], 'phota review needs Pillow: pip install "phota-async[images]"'),
        (["jinja2"], ["report"], 'phota report needs Jinja2: pip install "phota-async[report]"'),
        (["PIL"], ["sandbox"], 'phota sandbox needs Pillow: pip install "phota-async[images]"'),
    ],
)
def test_a_missing_extra_is_named(blocked: list[str], arguments: list[str], sentence: str) -> None:
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({blocked}))\n"  # None makes the import fail
        f"sys.argv = ['phota', *{arguments}]\n"
        "from phota_async.__main__ import main\n"
        "main()"
    )
    result = run_python(code)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_nothing_is_said_when_nothing_is_missing() -> None:
    assert missing_message("phota", ["click", "rich"]) is None


# Errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("no key"), 2),
        (errors.InputError("no photo"), 2),
        (errors.ScopeError("not yours"), 2),
        (errors.LedgerError("locked"), 2),
        (errors.AuthenticationError(401), 3),
        (errors.InsufficientCreditsError(402), 4),
        (errors.ContentModerationError(400), 6),
        (errors.JobFailedError("j", "failed"), 6),
        (errors.BudgetExceededError("cap"), 7),
        (errors.TrainingError("p", "ERROR"), 9),
        (errors.ConnectError("https://api.test"), 10),
        (errors.DeadlineError("late"), 10),
        (errors.RateLimitError(429), 10),
        (errors.ServerError(503), 10),
        (PermissionError(13, "Permission denied", "/out"), 2),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(error: Exception, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_failing(error, monkeypatch)
    assert result.exit_code == code
    assert result.stderr == f"phota: {in_options(error)}\n"
    assert result.stdout == ""


def test_of_a_group_the_first_to_deal_with_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = ExceptionGroup("inner", [errors.InsufficientCreditsError(402), errors.InputError("no photo")])
    result = run_failing(ExceptionGroup("outer", [errors.ServerError(503), inner]), monkeypatch)
    assert result.exit_code == 4


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_failing(ZeroDivisionError("ours"), monkeypatch)
    assert result.exit_code == 1
    assert isinstance(result.exception, ZeroDivisionError)


def test_a_bug_beside_an_error_is_still_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    group = ExceptionGroup("both", [errors.ServerError(503), ZeroDivisionError("ours")])
    assert run_failing(group, monkeypatch).exit_code == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_a_stop_by_the_person_is_130(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_failing(error, monkeypatch)
    assert result.exit_code == 130
    assert result.stderr.strip() == "stopped"


def test_without_standalone_mode_errors_come_through(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def fail() -> None:
        raise errors.ConfigError("no key")

    monkeypatch.setitem(cli.commands, "fail", fail)
    with pytest.raises(errors.ConfigError):
        frame.cli(["fail"], standalone_mode=False)


def test_codes_of_many_items() -> None:
    moderated, refused = errors.ContentModerationError(400), errors.AuthenticationError(401)
    assert code_for_items(done=3, errors=[]) == ExitCode.DONE
    assert code_for_items(done=0, errors=[]) == ExitCode.DONE
    assert code_for_items(done=2, errors=[moderated, None]) == ExitCode.SOME_FAILED
    assert code_for_items(done=0, errors=[moderated, None]) == ExitCode.ALL_FAILED
    assert code_for_items(done=0, errors=[refused, refused]) == ExitCode.AUTHENTICATION
    assert code_for_items(done=1, errors=[errors.InsufficientCreditsError(402)]) == ExitCode.BALANCE
    assert code_for_items(done=0, errors=[refused, moderated]) == ExitCode.ALL_FAILED
    assert code_for_items(done=0, errors=[errors.ServerError(503)]) == ExitCode.UNAVAILABLE
    assert code_for_items(done=1, errors=[errors.ServerError(503)]) == ExitCode.SOME_FAILED


def test_what_is_not_ours_is_a_bug() -> None:
    assert code_for(ValueError()) == ExitCode.BUG
    assert leading_error(error := ValueError()) is error
