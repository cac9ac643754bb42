"""SIGKILL at random instants and at labelled points, against a service that counts its charges.

The long run is ``python benchmarks/kill_run.py``: 200 kills.
"""

import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from support.kill_harness import Report, all_points

HARNESS = Path(__file__).parent.parent / "support" / "kill_harness.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills forked children through pidfd")


def kill(*arguments: str) -> Report:
    seed = random.randrange(10**6)
    command = [sys.executable, str(HARNESS), "--seed", str(seed), *arguments]
    sys.stdout.write(" ".join(command) + "\n")  # pytest shows it when the test fails
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sys.stdout.write(done.stdout + done.stderr)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Report)


@pytest.mark.parametrize("how", [["--kills", "20", "--faults"], ["--kills", "10", "--faults", "--cut"]])
def test_killed_at_random_instants(how: list[str]) -> None:
    report = kill(*how, "--items", "200", "--life", "0.5")
    assert report.kills >= int(how[1])
    assert report.is_clean, report


def test_killed_between_variations() -> None:
    report = kill("--kills", "10", "--faults", "--variations", "3", "--items", "60", "--life", "0.5")
    assert report.kills >= 10
    assert report.is_clean, report


def test_killed_while_calls_are_held_open() -> None:
    report = kill("--kills", "5", "--faults", "--mode", "sync", "--items", "100", "--life", "0.5")
    assert report.kills >= 5
    assert report.unknown
    assert report.is_clean, report


def test_killed_at_labelled_points() -> None:
    report = kill("--items", "12", "--passages", "2")
    assert report.kills == len(all_points())
    assert report.is_clean, report
