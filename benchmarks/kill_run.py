"""Kill a paying batch 200 times and count what was charged twice and what was lost.

    python benchmarks/kill_run.py            # all five runs, some minutes
    python benchmarks/kill_run.py 50         # fewer kills

Each line is a run of batches; see tests/support/kill_harness.py for what is done to them.
"""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.kill_harness import Report, main

RUNS = {
    "kills": [],
    "kills, faults": ["--faults"],
    "kills, faults, variations": ["--faults", "--variations", "3", "--items", "100"],
    "kills, faults, cut logs": ["--faults", "--cut"],
}
POINTS = ["--faults", "--items", "40", "--passages", "1", "2", "20", "40"]
HEADS = ("kills", "items", "cuts", "jobs_failed", "charged_twice", "lost", "not_charged", "broken", "strays", "seconds")


def show(name: str, report: Report) -> None:
    """Print one line of the table."""
    values = (getattr(report, head) for head in HEADS)
    print(f"{name:<26}" + "".join(f"{value:>14}" for value in values) + f"   seed {report.seed}", flush=True)


def run(kills: int) -> bool:
    """Make all runs; whether all of them were clean."""
    print(" " * 26 + "".join(f"{head:>14}" for head in HEADS))
    clean = True
    for name, arguments in RUNS.items():
        report = main([*arguments, "--kills", str(kills), "--seed", str(random.randrange(10**6))])
        show(name, report)
        clean &= report.is_clean
    report = main([*POINTS, "--seed", str(random.randrange(10**6))])
    show("labelled points", report)
    return clean and report.is_clean


if __name__ == "__main__":
    sys.exit(0 if run(int(sys.argv[1]) if len(sys.argv) > 1 else 200) else 1)
