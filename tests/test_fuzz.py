"""The fuzzing's targets without a fuzzer: their seeds, what was ever found, and a few thousand changes by dice."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FUZZ = Path(__file__).parent / "fuzz"
sys.path.insert(0, str(FUZZ))

from run import TARGETS, load  # noqa: E402

FOUND = sorted((FUZZ / "found").glob("*/*"))
CHANGES = {"ledgers": 60, "runs": 300, "photos": 600}
"""Changed inputs of a target, where they take long."""


def changed(target: Any, count: int) -> Iterator[bytes]:
    """Yield seeds with a word put in, a piece cut out, and bytes thrown; the same ones each time."""
    dice = random.Random(7)
    for _ in range(count):
        data = bytearray(dice.choice(target.SEEDS))
        at = dice.randint(0, len(data))
        data[at : at + dice.choice((0, 0, 4, 40))] = dice.choice(target.WORDS)
        for _ in range(dice.randint(0, 3)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        yield bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_and_changes_of_them(name: str) -> None:
    target = load(name)
    assert target.SEEDS
    for data in (b"", *target.SEEDS, *changed(target, CHANGES.get(name, 1000))):
        target.check(data)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_stays_mended(path: Path) -> None:
    load(path.parent.name).check(path.read_bytes())


def test_findings_are_of_targets() -> None:
    assert {path.parent.name for path in FOUND} <= set(TARGETS)


@pytest.mark.parametrize("arguments", [[], ["--runs", "1", "nobody"], ["--runs", "1", "--seconds", "1"]])
def test_the_runner_says_what_it_wants(arguments: list[str]) -> None:
    command = [sys.executable, str(FUZZ / "run.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "usage:" in done.stderr
