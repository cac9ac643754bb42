"""``phota completion``: a real bash completes verbs, options, aliases and accounts."""

import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import BashComplete
from support.programs import phota, surroundings

from phota_async.cli.completion_command import VARIABLE
from phota_async.cli.main import COMMANDS, cli

KEYS = '[accounts.work]\napi_key = "sk-0123456789"\n[accounts.home]\napi_key = "sk-9876543210"\n'

Complete = Callable[[str], set[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "phota.toml").write_text('[people]\nmia = "prof_1"\nmilo = "prof_2"\nruth = "prof_3"\n')
    keys = tmp_path / "config" / "phota" / "credentials.toml"
    keys.parent.mkdir(parents=True)
    keys.write_text(KEYS)
    keys.chmod(0o600)
    return tmp_path


@pytest.fixture
def complete(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Ask as the script of bash does, in this process."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))

    def completed(line: str) -> set[str]:
        words = line.split(" ")
        found = BashComplete(cli, {}, "phota", VARIABLE).get_completions(words[1:-1], words[-1])
        return {item.value for item in found}

    return completed


def test_every_verb_without_importing_it(complete: Complete) -> None:
    assert complete("phota ") == set(COMMANDS)
    assert complete("phota pro") == {"profiles"}
    assert complete("phota --v") == {"--version"}
    assert complete("phota profiles wa") == {"wait", "watch"}


def test_options(complete: Complete) -> None:
    assert complete("phota profiles erase --") == {"--tag", "--yes", "--account", "--help"}
    assert complete("phota spend --by ") == {"day", "op", "batch", "tag"}


def test_aliases_and_accounts(complete: Complete) -> None:
    assert complete("phota profiles show mi") == {"mia", "milo"}
    assert complete("phota profiles wait mia ") == {"mia", "milo", "ruth"}
    assert complete("phota config show --account ") == {"work", "home"}
    assert complete("phota profiles show --account w") == {"work"}


@pytest.mark.parametrize("broken", ["phota.toml", "config/phota/credentials.toml"])
def test_settings_that_cannot_be_read_complete_nothing(broken: str, complete: Complete, folder: Path) -> None:
    (folder / broken).write_text("[broken")
    assert complete("phota profiles show ") == set()
    assert complete("phota config show --account ") == set()


def test_a_verb_whose_extra_is_missing_is_still_completed(complete: Complete, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert complete("phota sand") == {"sandbox"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_command(shell: str) -> None:
    printed = phota("completion", shell)
    assert printed.code == 0
    assert f"{VARIABLE}={shell}_complete" in printed.out
    assert "phota" in printed.out


def test_another_shell_is_a_usage_error() -> None:
    assert phota("completion", "csh").code == 2


# What bash's Tab key does: the function that the script names fills COMPREPLY.
DRIVER = """
eval "$(phota completion bash)"
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
_phota_completion phota
printf '%s\\n' "${COMPREPLY[@]}"
complete -p phota
"""


def in_bash(bash: str, folder: Path, *words: str) -> list[str]:
    program = folder / "bin" / "phota"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m phota_async "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    env = surroundings({"XDG_CONFIG_HOME": str(folder / "config")})
    env["PATH"] = f"{program.parent}:{env['PATH']}"
    command = [bash, "--norc", "--noprofile", "-c", DRIVER, "driver", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    *found, registered = done.stdout.splitlines()
    assert "_phota_completion phota" in registered
    return found


def test_in_a_real_bash(folder: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    assert in_bash(bash, folder, "phota", "prof") == ["profiles"]
    assert in_bash(bash, folder, "phota", "profiles", "show", "mi") == ["mia", "milo"]
    assert in_bash(bash, folder, "phota", "spend", "--b") == ["--by"]
