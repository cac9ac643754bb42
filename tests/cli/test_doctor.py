"""``phota doctor``: what is wrong is found, and ends with the code that a run would end with."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from support.programs import Ended, access, phota

from phota_async import Ledger
from phota_async.cli.checks import Check, check_clock, check_disk
from phota_async.sandbox import SandboxThread, running_sandbox

Run = Callable[..., Ended]


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    with running_sandbox(time_scale=0) as running:
        yield running


@pytest.fixture
def run(sandbox: SandboxThread, tmp_path: Path) -> Run:
    def started(*arguments: str, **env: str) -> Ended:
        more = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
        return phota("doctor", *arguments, env=access(sandbox) | more | env, cwd=tmp_path)

    return started


def states(told: Ended) -> dict[str, str]:
    return {each["name"]: each["state"] for each in json.loads(told.out)["checks"]}


async def make_ledger(path: Path) -> None:
    async with Ledger(path):
        pass


def test_all_is_well(run: Run, sandbox: SandboxThread, tmp_path: Path) -> None:
    (tmp_path / "out" / ".phota").mkdir(parents=True)
    asyncio.run(make_ledger(tmp_path / "out" / ".phota" / "ledger.sqlite"))
    told = run("out", "--json")
    assert told.code == 0, told.out
    assert json.loads(told.out)["exit_code"] == 0
    assert states(told) == {
        "versions": "ok",
        "extras": "ok",
        "file phota.toml": "ok",
        "file config.toml": "ok",
        "file credentials.toml": "ok",
        "key": "ok",
        "service": "ok",
        "clock": "ok",
        "disk": "ok",
        "ledger": "ok",
    }
    assert sandbox.charged == 0
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.iterdir()] == ["out"]


def test_a_line_for_each(run: Run, sandbox: SandboxThread) -> None:
    lines = run().out.splitlines()
    assert f"ok       service: {sandbox.base_url} takes the key" in lines
    assert "ok       key: **** from PHOTA_API_KEY" in lines
    assert "skipped  ledger: no .phota/ledger.sqlite" in lines


@pytest.mark.parametrize(("status", "words"), [(401, "does not know this key"), (403, "knows this key and refuses it")])
def test_an_unknown_key_is_told_from_a_refused_one(status: int, words: str, run: Run, sandbox: SandboxThread) -> None:
    sandbox.fail("GET /profiles/ids", status=status)
    told = run()
    assert told.code == 3
    assert f"{words} (HTTP {status})" in told.out


def test_no_key_is_usage_and_nothing_is_asked(run: Run, sandbox: SandboxThread) -> None:
    told = run("--json", PHOTA_API_KEY="")
    assert told.code == 2
    assert (states(told)["key"], states(told)["service"]) == ("failed", "skipped")
    assert not sandbox.requests


def test_nobody_answers(run: Run) -> None:
    told = run(PHOTA_BASE_URL="http://127.0.0.1:9")
    assert told.code == 10
    assert "failed   service: cannot connect to http://127.0.0.1:9" in told.out


def test_a_service_that_speaks_no_tls(run: Run, sandbox: SandboxThread) -> None:
    told = run(PHOTA_BASE_URL=sandbox.base_url.replace("http://", "https://"))
    assert told.code == 10
    assert "failed   service: cannot connect to https://127.0.0.1" in told.out
    assert ": TLS: " in told.out


def test_a_service_that_is_down(run: Run, sandbox: SandboxThread) -> None:
    sandbox.fail("GET /profiles/ids", status=503, times=None)
    assert run().code == 10


def test_keys_that_others_can_read(run: Run, sandbox: SandboxThread, tmp_path: Path) -> None:
    path = tmp_path / "config" / "phota" / "credentials.toml"
    path.parent.mkdir(parents=True)
    path.write_text('api_key = "sk-0123456789abcdef"')
    path.chmod(0o644)
    told = run("--json")
    assert told.code == 2
    assert states(told)["file credentials.toml"] == "failed"
    assert states(told)["service"] == "skipped"
    assert f"chmod 600 {path}" in told.out
    assert "sk-0123456789abcdef" not in told.out
    assert not sandbox.requests


def test_settings_that_do_not_fit_together(run: Run, tmp_path: Path) -> None:
    (tmp_path / "phota.toml").write_text('base_url = "https://evil.test"')
    told = run(PHOTA_BASE_URL="")
    assert told.code == 2
    assert "failed   settings: phota.toml: base_url https://evil.test is not where your key goes" in told.out


def test_a_damaged_ledger(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".phota").mkdir()
    (tmp_path / ".phota" / "ledger.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 9)
    told = run("--json")
    assert told.code == 2
    assert states(told)["ledger"] == "failed"


def test_a_change_that_the_service_announces(run: Run, sandbox: SandboxThread) -> None:
    sandbox.fail("GET /profiles/ids", headers={"X-Phota-Deprecation-Date": "2031-01-01"})
    told = run()
    assert told.code == 0
    assert "warning  notice: GET /profiles/ids will change on" in told.out


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "state", "words"),
    [
        (0, "ok", "agrees"),
        (29, "ok", "agrees"),
        (-120, "warning", "120 s ahead of"),
        (3600, "warning", "3600 s behind"),
    ],
)
def test_a_clock_that_is_wrong(seconds: int, state: str, words: str) -> None:
    check = check_clock(format_datetime(NOW + timedelta(seconds=seconds), usegmt=True), NOW)
    assert check.state == state
    assert words in check.message


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_service_without_a_clock_is_skipped(date: str | None) -> None:
    assert check_clock(date, NOW).state == "skipped"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    check: Check = check_disk(tmp_path / "gone")
    assert check.state == "failed"
    assert int(check.code) == 2
    assert check_disk(tmp_path).state == "ok"
    assert not list(tmp_path.iterdir())
