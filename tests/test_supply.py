"""What is shipped, and what it needs: strays are found, and what is known to be vulnerable."""

import importlib
import io
import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
CHECK = ROOT / ".ci" / "wheel_contents.py"
sys.path.insert(0, str(CHECK.parent))

audit: Any = importlib.import_module("audit")
wheel_contents: Any = importlib.import_module("wheel_contents")

NAMES = {
    *wheel_contents.NEEDED,
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "phota_async").rglob("*.py")),
}
INFO = {f"phota_async-0.1.0.dist-info/{name}" for name in wheel_contents.DIST_INFO}


def wheel(path: Path, *more: str, without: str = "") -> Path:
    with zipfile.ZipFile(path / "phota_async-0.1.0-py3-none-any.whl", "w") as file:
        for name in {*NAMES, *INFO, *more} - {without}:
            file.writestr(name, "")
    return path / "phota_async-0.1.0-py3-none-any.whl"


def sdist(path: Path, *more: str) -> Path:
    target = path / "phota_async-0.1.0.tar.gz"
    with tarfile.open(target, "w:gz") as file:
        for name in {*NAMES, "PKG-INFO", "README.md", "pyproject.toml", "tests/test_supply.py", *more}:
            file.addfile(tarfile.TarInfo(f"phota_async-0.1.0/{name}"), io.BytesIO())
    return target


@pytest.fixture(params=[True, False], ids=["with Git", "without Git"])
def tracked(request: pytest.FixtureRequest) -> set[str]:
    return NAMES | {"README.md", "pyproject.toml", "tests/test_supply.py"} if request.param else set()


def test_what_should_be_there_passes(tmp_path: Path, tracked: set[str]) -> None:
    assert wheel_contents.check(wheel(tmp_path), tracked) == []
    assert wheel_contents.check(sdist(tmp_path), tracked) == []


STRAYS = [
    *("phota_async/__pycache__/client.cpython-311.pyc", "phota_async/ledger.sqlite", "phota_async/.env", "notes.txt"),
    *("tests/test_x.py", "phota_async/client.py.orig", ".phota/runs/r/run.json", "phota_async/demo/.hidden/a.py"),
    *("phota_async-0.1.0.dist-info/direct_url.json", "setup.py", "phota_async/photo.jpg.part"),
]


@pytest.mark.parametrize("stray", STRAYS)
def test_a_stray_file_in_a_wheel_is_found(stray: str, tmp_path: Path, tracked: set[str]) -> None:
    [told] = wheel_contents.check(wheel(tmp_path, stray), tracked)
    assert told.endswith(f"stray: {stray}")


@pytest.mark.parametrize("stray", [each for each in STRAYS if not each.startswith("tests/")])
def test_a_stray_file_in_a_source_distribution_is_found(stray: str, tmp_path: Path, tracked: set[str]) -> None:
    [told] = wheel_contents.check(sdist(tmp_path, stray), tracked)
    assert told.endswith(f"stray: {stray}")


def test_what_git_does_not_have_is_a_stray(tmp_path: Path) -> None:
    assert wheel_contents.check(wheel(tmp_path, "phota_async/mine.py"), NAMES)
    assert wheel_contents.check(wheel(tmp_path, "phota_async/mine.py"), set()) == []  # and nobody knows without it


def test_what_is_missing_is_found(tmp_path: Path, tracked: set[str]) -> None:
    [told] = wheel_contents.check(wheel(tmp_path, without="phota_async/py.typed"), tracked)
    assert told.endswith("missing: phota_async/py.typed")


def test_the_check_fails_as_a_program(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, CHECK, wheel(tmp_path, "x.txt")], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"stray: x.txt" in done.stderr


# Vulnerabilities.

FAULT = {"id": "X-1", "fix_versions": ["2.0"]}


@pytest.mark.parametrize(
    ("dependencies", "code", "said"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 distributions checked, 0 vulnerabilities"),
        ([{"name": "a", "version": "1", "vulns": [FAULT]}], 1, "a 1: X-1, mended in 2.0"),
        ([{"name": "a", "skip_reason": "unknown"}], 0, "NOT CHECKED against known vulnerabilities: unknown"),
        ([{"name": "phota-async", "skip_reason": "ours"}], 0, "NOT CHECKED"),
        ([{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "?"}], 0, "not checked: b"),
    ],
)
def test_the_audit_says_what_it_knows(
    dependencies: Any, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = subprocess.CompletedProcess([], 0, json.dumps({"dependencies": dependencies}), "")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: answer)
    assert audit.main(is_strict=False) == code
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("is_strict", [False, True])
def test_an_audit_that_nobody_answers_says_so(
    is_strict: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = subprocess.CompletedProcess([], 1, "", "Traceback\nConnectionError: no route")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: answer)
    assert audit.main(is_strict=is_strict) == 2 * is_strict
    assert "NOT CHECKED against known vulnerabilities: ConnectionError: no route" in capsys.readouterr().out


def test_every_dependency_has_a_minimum() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    assert [each for each in needed if ">=" not in each] == []
