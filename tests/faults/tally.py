"""Counts what a run tried of the matrix, and writes it where PHOTA_FAULT_TOTALS says: the README's numbers.

    PHOTA_FAULT_TOTALS=totals.json pytest && python -m tests.faults.totals totals.json

A fault counts as tried when each test that proves it has passed in this run, with all of its cases.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from .matrix import ROWS
from .trial import LOSSES

VARIABLE = "PHOTA_FAULT_TOTALS"


class Tally:
    """The plugin that listens to every test of the run, wherever it stands."""

    def __init__(self) -> None:
        self.inputs: Counter[str] = Counter()  # by test, without the case
        self.losses: Counter[str] = Counter(dict.fromkeys(LOSSES, 0))
        self.passed: set[str] = set()
        self.failed: set[str] = set()
        self._proofs = {test for row in ROWS for test in row.tests}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test's end: what it tells lies in its properties once the fixture has closed."""
        test = node(report.nodeid)
        if test not in self._proofs:
            return
        if report.failed:
            self.failed.add(test)
        if report.when == "call" and report.passed:
            self.passed.add(test)
        if report.when == "teardown":
            told: dict[str, Any] = dict(report.user_properties).get("fault", {"inputs": 1, "losses": {}})  # type: ignore[assignment]  # pytest says object
            self.inputs[test] += told["inputs"]
            self.losses.update(told["losses"])

    def pytest_sessionfinish(self) -> None:
        """Write the totals."""
        if path := os.environ.get(VARIABLE):
            Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(self.totals())))

    def totals(self) -> dict[str, Any]:
        """Return how many faults and inputs were tried, what was lost, and which faults were not tried."""
        good = self.passed - self.failed
        tried = [row for row in ROWS if good.issuperset(row.tests)]
        return {
            "faults": len(tried),
            "inputs": sum(self.inputs.values()),
            "losses": dict(self.losses),
            "by_layer": dict(Counter(row.layer for row in tried)),
            "by_fault": {row.id: sum(self.inputs[test] for test in row.tests) for row in tried},
            "untried": [row.id for row in ROWS if row not in tried],
        }


def node(nodeid: str) -> str:
    """Return a test's name without the case: all cases together prove a fault."""
    return nodeid.partition("[")[0]
