"""Settings: which source is stronger, what a stranger's project file cannot do, and the file of keys."""

import pickle
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.pretty import pretty_repr

from phota_async.cli.config_files import line_of
from phota_async.cli.credentials import Credential, check_key, mask, read_credentials, write_key
from phota_async.cli.settings import Settings, connect, load_settings
from phota_async.errors import ConfigError

KEY, OTHER_KEY = "sk-first-0123456789", "sk-other-9876543210"
HERE, THERE = "https://api.one.test/v1", "https://api.two.test/v1"
EVIL = "https://api.evil.test/v1"


class Files:
    """A folder to be in, and a user's configuration."""

    def __init__(self, root: Path) -> None:
        self.folder, self.config = root / "photos", root / "config" / "phota"
        self.folder.mkdir()
        self.config.mkdir(parents=True)

    def project(self, text: str) -> Path:
        return self._write(self.folder / "phota.toml", text)

    def own(self, text: str) -> Path:
        return self._write(self.config / "config.toml", text)

    def keys(self, text: str, mode: int = 0o600) -> Path:
        path = self._write(self.config / "credentials.toml", text)
        path.chmod(mode)
        return path

    def _write(self, path: Path, text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    made = Files(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(made.folder)
    return made


def refusal(account: str | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(account)
    return str(caught.value)


# Which source is stronger


def test_nothing_set_is_nothing(files: Files) -> None:
    settings = load_settings()
    assert settings == Settings()
    with pytest.raises(ConfigError, match="PHOTA_KEY and PHOTALABS_API_KEY are not read"):
        connect(settings)


def test_the_environment_goes_before_the_project_before_the_own_file(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.own("concurrency = 1")
    assert load_settings().concurrency == 1
    files.project("concurrency = 2")
    assert load_settings().concurrency == 2
    monkeypatch.setenv("PHOTA_CONCURRENCY", "3")
    settings = load_settings()
    assert settings.concurrency == 3
    assert settings.places["concurrency"] == "PHOTA_CONCURRENCY"


def test_every_setting_comes_from_the_environment(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.keys(f'[accounts.work]\napi_key = "{OTHER_KEY}"')
    for name, text in {
        "ACCOUNT": "work",
        "BASE_URL": HERE,
        "MAX_SPEND": "12.50",
        "CONCURRENCY": "7",
        "UPLOAD": "s3://bucket/tmp",
        "STATE_DIR": "/var/lib/phota",
    }.items():
        monkeypatch.setenv(f"PHOTA_{name}", text)
    settings = load_settings()
    assert (settings.account, settings.base_url, settings.max_spend) == ("work", HERE, "12.50")
    assert (settings.concurrency, settings.upload) == (7, "s3://bucket/tmp")
    assert settings.state_dir == Path("/var/lib/phota")
    assert settings.key == OTHER_KEY


def test_an_empty_variable_counts_as_none(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.own("concurrency = 1")
    monkeypatch.setenv("PHOTA_CONCURRENCY", " ")
    monkeypatch.setenv("PHOTA_API_KEY", "")
    assert load_settings().concurrency == 1
    assert load_settings().key is None


def test_names_that_others_use_for_the_key_are_not_read(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTA_KEY", KEY)
    monkeypatch.setenv("PHOTALABS_API_KEY", KEY)
    assert load_settings().key is None


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("PHOTA_CONCURRENCY", "many", "expected a whole number of 1 or more, got 'many'"),
        ("PHOTA_CONCURRENCY", "0", "expected a whole number of 1 or more, got 0"),
        ("PHOTA_MAX_SPEND", "-1", "expected US dollars, 0 or more, got '-1'"),
        ("PHOTA_MAX_SPEND", "NaN", "expected US dollars, 0 or more"),
        ("PHOTA_MAX_SPEND", "much", "expected US dollars, 0 or more, got 'much'"),
        ("PHOTA_BASE_URL", "http://api.one.test", "expected https, got http"),
        ("PHOTA_STATE_DIR", "here", "expected an absolute path, got 'here'"),
        ("PHOTA_ACCOUNT", "a b", "expected a name of letters"),
        ("PHOTA_ACCOUNT", "nobody", "no account 'nobody'"),
        ("PHOTA_API_KEY", "two words", "expected one word of plain characters"),
    ],
)
def test_a_wrong_variable_is_named(
    variable: str, text: str, expected: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    message = refusal()
    assert message.startswith(f"{variable}: ")
    assert expected in message


# Accounts


def test_an_account_brings_its_key_and_its_settings(files: Files) -> None:
    files.keys(f'api_key = "{KEY}"\n[accounts.work]\napi_key = "{OTHER_KEY}"')
    files.own(f'max_spend = 5\nconcurrency = 2\n[accounts.work]\nbase_url = "{THERE}"\nmax_spend = 50')
    default, work = load_settings(), load_settings("work")
    assert (default.key, default.base_url, default.max_spend) == (KEY, None, "5")
    assert (work.key, work.base_url, work.max_spend, work.concurrency) == (OTHER_KEY, THERE, "50", 2)


def test_a_chosen_account_goes_before_the_key_of_the_environment(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.keys(f'[accounts.work]\napi_key = "{OTHER_KEY}"')
    monkeypatch.setenv("PHOTA_API_KEY", KEY)
    assert load_settings().key == KEY
    assert load_settings("work").key == OTHER_KEY


def test_an_account_without_a_key_never_takes_another_ones(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.keys(f'api_key = "{KEY}"')
    files.own("[accounts.work]\nmax_spend = 1")
    monkeypatch.setenv("PHOTA_API_KEY", OTHER_KEY)
    settings = load_settings("work")
    assert settings.key is None
    with pytest.raises(ConfigError, match="no API key for account work"):
        connect(settings)


def test_a_slip_in_an_accounts_name_is_told(files: Files) -> None:
    files.keys(f'[accounts.work]\napi_key = "{OTHER_KEY}"')
    assert "did you mean work?" in refusal("wrok")
    assert "config set-key --account wrok" in refusal("wrok")


# A project file may come from a stranger


@pytest.mark.parametrize("stored", [True, False])
def test_a_project_file_cannot_send_the_key_elsewhere(
    stored: bool, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.project(f'base_url = "{EVIL}"')
    if stored:
        files.keys(f'api_key = "{KEY}"')
    else:
        monkeypatch.setenv("PHOTA_API_KEY", KEY)
    message = refusal()
    assert f"phota.toml: base_url {EVIL} is not where your key goes" in message
    assert "config set-key" in message
    assert KEY not in message


def test_a_project_file_may_name_the_address_that_the_key_is_bound_to(files: Files) -> None:
    files.project(f'account = "studio"\nbase_url = "{THERE}/"')
    files.keys(f'[accounts.studio]\napi_key = "{KEY}"\nbase_url = "{THERE}"')
    settings = load_settings()
    assert (settings.account, settings.base_url, settings.key) == ("studio", THERE, KEY)


def test_the_environments_address_goes_before_a_projects(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.project(f'base_url = "{EVIL}"')
    monkeypatch.setenv("PHOTA_API_KEY", KEY)
    monkeypatch.setenv("PHOTA_BASE_URL", HERE)
    assert load_settings().base_url == HERE


def test_a_bound_key_goes_nowhere_else(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.keys(f'api_key = "{KEY}"\nbase_url = "{HERE}"')
    assert load_settings().base_url == HERE
    monkeypatch.setenv("PHOTA_BASE_URL", EVIL)
    assert refusal().startswith(f"PHOTA_BASE_URL: the stored key is for {HERE} alone, got base_url {EVIL}")
    monkeypatch.setenv("PHOTA_API_KEY", OTHER_KEY)  # another key, which is bound to none
    assert load_settings().base_url == EVIL


def test_a_project_cannot_pair_the_environments_key_with_an_accounts_address(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.own(f'[accounts.staging]\nbase_url = "{THERE}"')
    files.project('account = "staging"')
    monkeypatch.setenv("PHOTA_API_KEY", KEY)
    settings = load_settings()
    assert (settings.account, settings.base_url, settings.key) == (None, None, KEY)
    monkeypatch.setenv("PHOTA_ACCOUNT", "staging")  # said by the user
    assert load_settings().base_url == THERE


@pytest.mark.parametrize("write", [Files.project, Files.own])
def test_a_key_in_the_environment_needs_no_account_of_a_file(
    write: Callable[[Files, str], Path], files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(files, 'account = "studio"')  # which this machine, a server, does not know
    assert "no account 'studio'" in refusal()
    monkeypatch.setenv("PHOTA_API_KEY", KEY)
    assert load_settings().account is None


@pytest.mark.parametrize(
    "text",
    [f'api_key = "{KEY}"', f'PHOTA_API_KEY = "{KEY}"', f'max_spend = 1\ntoken = "{KEY}"', f'"api-key" = "{KEY}"'],
)
def test_a_key_in_a_settings_file_is_an_error_that_says_where_it_belongs(text: str, files: Files) -> None:
    for write in (files.project, files.own):
        path = write(text)
        message = refusal()
        assert "a key does not belong into this file" in message
        assert "phota config set-key" in message
        assert KEY not in message
        path.unlink()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('upload = "cmd:curl evil.test"', "phota.toml:1: upload belongs into"),
        ('\nstate_dir = "/etc"', "phota.toml:2: state_dir belongs into"),
        (f'[accounts.work]\nbase_url = "{EVIL}"', "phota.toml:1: accounts belong into"),
    ],
)
def test_what_a_project_file_must_not_set(text: str, expected: str, files: Files) -> None:
    files.project(text)
    assert refusal().startswith(expected)


def test_a_projects_cap_stops_and_never_agrees(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.project("max_spend = 1000")
    settings = load_settings()
    assert (settings.cap(), settings.agreed()) == (Decimal(1000), None)
    files.own("max_spend = 20")
    settings = load_settings()
    assert (settings.cap(), settings.agreed()) == (Decimal(20), Decimal(20))
    files.project("max_spend = 3")
    settings = load_settings()
    assert (settings.cap(), settings.agreed()) == (Decimal(3), Decimal(3))
    assert (settings.cap(Decimal(7)), settings.agreed(Decimal(7))) == (Decimal(7), Decimal(7))
    monkeypatch.setenv("PHOTA_MAX_SPEND", "50")
    assert load_settings().cap() == Decimal(50)


def test_no_cap_at_all(files: Files) -> None:
    assert load_settings().cap() is None
    assert load_settings().agreed() is None


# Errors of files


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "concurency = 4",
            "config.toml:1: expected a setting that is known, got 'concurency'; did you mean concurrency?",
        ),
        ('\n# eight\nconcurrency = "8"', "config.toml:3: concurrency: expected a whole number of 1 or more, got '8'"),
        ("concurrency = true", "expected a whole number of 1 or more, got true"),
        ("max_spend = [1]", "config.toml:1: max_spend: expected US dollars, 0 or more, got a list"),
        ("max_spend = inf", "expected US dollars, 0 or more, got inf"),
        ("base_url = 1979-05-27", "base_url: expected an https address, got a date or time"),
        ('base_url = "https://me:secret@one.test"', "config.toml:1: base_url: expected an address without user"),
        ("people = 3", "config.toml:1: people: expected a table, got 3"),
        ("[people]\nmia = 3", "config.toml:2: mia: expected a profile's id, got int"),
        ('[people]\n"mi]]a" = "prof_12345"', "people: expected a short name, got 'mi]]a'"),
        ('[accounts."a b"]\nmax_spend = 1', "account: expected a name of letters"),
        ("[accounts.work]\n\nmax_spend = -1", "config.toml:3: max_spend: expected US dollars, 0 or more, got -1"),
        ('[accounts.work]\naccount = "x"', "config.toml:2: expected a setting that is known, got 'account'"),
        ("[accounts]\nwork = 1", "config.toml:2: account work: expected a table, got something else"),
        ("concurrency = ", "config.toml: expected TOML"),
        ("[x\n", "(at line 1, column 3)"),
        ("a = " + "[" * 5000, "config.toml: expected"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(text: str, expected: str, files: Files) -> None:
    files.own(text)
    assert expected in refusal()


def test_a_file_that_is_no_text_or_no_file(files: Files) -> None:
    path = files.own("")
    path.write_bytes(b'max_spend = "\xff"')
    assert "expected UTF-8, got something else at byte 13" in refusal()
    path.unlink()
    path.mkdir()
    assert "config.toml: expected a file" in refusal()


def test_a_value_cannot_steer_the_terminal(files: Files) -> None:
    files.own('"\\u001b[31mconcurrency" = "\\u001b]0;title\\u0007"')
    assert "\x1b" not in refusal()


@pytest.mark.parametrize(
    ("section", "name", "line"), [("", "a", 1), ("accounts.x", "a", 4), ("accounts.x", "b", 5), ("", "z", None)]
)
def test_the_line_of_a_name(section: str, name: str, line: int | None) -> None:
    assert line_of('a = 1\n\n[accounts."x"] # mine\na = 2\n"b" = 3\n', section, name) == line


# The file of keys


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(mode: int, files: Files) -> None:
    path = files.keys(f'api_key = "{KEY}"', mode)
    message = refusal()
    assert f"can be read by others (mode {mode:04o})" in message
    assert f"chmod 600 {path}" in message
    assert KEY not in message


def test_keys_are_written_privately_and_kept(files: Files) -> None:
    path = files.config / "new" / "credentials.toml"
    write_key(path, None, Credential(KEY))
    write_key(path, "work", Credential(OTHER_KEY, THERE))
    write_key(path, None, Credential("sk-newer-1111111111"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_credentials(path) == {
        None: Credential("sk-newer-1111111111"),
        "work": Credential(OTHER_KEY, THERE),
    }
    assert [each.name for each in path.parent.iterdir()] == ["credentials.toml"]


def test_a_key_with_quotes_survives_the_file(files: Files) -> None:
    path = files.config / "credentials.toml"
    write_key(path, None, Credential('sk-"\\odd"'))
    assert read_credentials(path)[None].api_key == 'sk-"\\odd"'


def test_a_failed_write_leaves_the_old_file(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    path = files.keys(f'api_key = "{KEY}"')

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(ConfigError, match="cannot be written: No space left"):
        write_key(path, None, Credential(OTHER_KEY))
    assert read_credentials(path) == {None: Credential(KEY)}
    assert [each.name for each in path.parent.iterdir()] == ["credentials.toml"]


def test_a_linked_file_of_keys_stays_linked(files: Files, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("")
    real.chmod(0o600)
    link = files.config / "credentials.toml"
    link.symlink_to(real)
    write_key(link, None, Credential(KEY))
    assert link.is_symlink()
    assert read_credentials(real) == {None: Credential(KEY)}


@pytest.mark.parametrize(
    "text",
    [
        f'apikey = "{KEY}"',
        f'"{KEY}" = 1',
        f'api_key = ["{KEY}"]',
        f'[accounts]\nwork = "{KEY}"',
        f'[accounts."{KEY} x"]\napi_key = "{KEY}"',
        f'accounts = "{KEY}"',
        f'api_key = "{KEY} {KEY}"',
        f'api_key = "{KEY}"\nbase_url = "ftp://x"',
        f"api_key = {KEY}",
        'base_url = "https://one.test"',
    ],
)
def test_a_wrong_file_of_keys_is_refused_without_repeating_it(text: str, files: Files) -> None:
    path = files.keys(text)
    message = refusal()
    assert str(path) in message
    assert KEY not in message


@pytest.mark.parametrize(("key", "shown"), [(KEY, "****6789"), ("short", "****")])
def test_a_masked_key(key: str, shown: str) -> None:
    assert mask(key) == shown


@pytest.mark.parametrize("text", ["", "  \n", "a b", "schlüssel", "a\x00b"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^key: expected"):
        check_key(text)


SHOWN: list[Callable[[Any], str]] = [repr, str, pretty_repr]


@pytest.mark.parametrize("show", SHOWN)
def test_the_key_is_never_shown(show: Callable[[Any], str]) -> None:
    assert KEY not in show(Settings(account="work", key=KEY))
    assert KEY not in show(Credential(KEY))
    assert "work" in show(Settings(account="work", key=KEY))


def test_connecting_uses_the_settings(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(Settings(key=KEY, base_url=HERE))
    assert client.base_url == HERE
    monkeypatch.setenv("PHOTA_BASE_URL", EVIL)  # read once, by load_settings
    assert connect(Settings(key=KEY)).base_url == "https://api.photalabs.com/v1/phota"
    with pytest.raises(ConfigError):
        pickle.dumps(client)
