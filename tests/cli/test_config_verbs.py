"""``phota config``: where the files are, what holds, and the key that nobody sees."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from support.programs import PHOTA, Ended, OnTerminal, phota

KEY = "sk-live-0123456789abcd"

Run = Callable[..., Ended]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def run(tmp_path: Path, env: dict[str, str]) -> Run:
    def started(*arguments: str, typed: str | None = None, **more: str) -> Ended:
        return phota("config", *arguments, env=env | more, cwd=tmp_path, typed=typed)

    return started


def test_the_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "phota.toml").write_text("")
    own = tmp_path / "config" / "phota"
    assert run("path").out.splitlines() == [
        f"project\t{tmp_path / 'phota.toml'}\tthere",
        f"config\t{own / 'config.toml'}\tnot there",
        f"credentials\t{own / 'credentials.toml'}\tnot there",
    ]


def test_a_key_through_a_pipe_is_stored_and_masked(run: Run, tmp_path: Path) -> None:
    stored = run("set-key", typed=f"{KEY}\n")
    assert (stored.code, stored.out) == (0, "")
    assert "****abcd" in stored.err
    assert KEY not in stored.err
    path = tmp_path / "config" / "phota" / "credentials.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY in path.read_text()
    shown = run("show")
    assert KEY not in shown.out
    assert f"key\t****abcd\t{path}" in shown.out.splitlines()


def test_an_account_with_an_address(run: Run) -> None:
    run("set-key", "--account", "work", "--base-url", "https://api.one.test/v1/", typed=KEY)
    shown = json.loads(run("show", "--account", "work", "--json").out)
    assert shown["schema"] == "phota.config/1"
    assert shown["account"] == {"value": "work", "from": "--account"}
    assert shown["base_url"]["value"] == "https://api.one.test/v1"
    assert run("show").out.startswith("base_url\thttps://api.photalabs.com/v1/phota\tthe public service")


def test_what_holds_and_where_it_was_found(run: Run, tmp_path: Path) -> None:
    (tmp_path / "phota.toml").write_text('max_spend = 5\n[people]\nmia = "prof_1"\n')
    lines = run("show", PHOTA_CONCURRENCY="3", PHOTA_API_KEY=KEY).out.splitlines()
    assert lines == [
        "key\t****abcd\tPHOTA_API_KEY",
        "base_url\thttps://api.photalabs.com/v1/phota\tthe public service",
        "project_max_spend\t5\tphota.toml",
        "concurrency\t3\tPHOTA_CONCURRENCY",
        "people.mia\tprof_1\t",
    ]


def test_the_prompt_shows_nothing_of_the_key(env: dict[str, str], tmp_path: Path) -> None:
    with OnTerminal([*PHOTA, "config", "set-key"], env=env, cwd=tmp_path) as shown:
        shown.wait_for("API key: ")
        shown.type(f"{KEY}\n")
    assert shown.code == 0, shown.screen
    assert KEY not in shown.screen
    assert "****abcd" in shown.screen
    assert KEY in (tmp_path / "config" / "phota" / "credentials.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "typed", "sentence"),
    [
        ((), "", "key: expected the API key, got nothing"),
        ((), "two words\n", "key: expected one word"),
        (("--account", "a/b"), KEY, "account: expected a name of letters"),
        (("--base-url", "http://api.one.test"), KEY, "expected https"),
    ],
)
def test_what_is_not_stored(arguments: tuple[str, ...], typed: str, sentence: str, run: Run, tmp_path: Path) -> None:
    refused = run("set-key", *arguments, typed=typed)
    assert refused.code == 2
    assert sentence in refused.err
    assert not (tmp_path / "config").exists()


def test_a_key_is_no_argument(run: Run) -> None:
    refused = run("set-key", KEY)
    assert refused.code == 2


def test_a_strangers_file_stops_every_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "phota.toml").write_text('base_url = "https://evil.test"\n')
    refused = run("show", PHOTA_API_KEY=KEY)
    assert refused.code == 2
    assert "is not where your key goes" in refused.err
