"""Say in one line what a run of the matrix tried and lost: ``python -m tests.faults.totals totals.json``."""

import json
import sys
from pathlib import Path
from typing import Any


def line(totals: dict[str, Any]) -> str:
    """Return the README's line; a run that left faults out has none."""
    if totals["untried"]:
        raise SystemExit(f"not tried or not passed: {', '.join(totals['untried'])}")
    words = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in totals["losses"].items())
    layers = ", ".join(f"{layer} {count}" for layer, count in sorted(totals["by_layer"].items()))
    lost = sum(totals["losses"].values())
    return f"{totals['faults']} faults ({layers}), {totals['inputs']:,} inputs, losses: {lost} ({words})."


if __name__ == "__main__":
    sys.stdout.write(line(json.loads(Path(sys.argv[1]).read_text())) + "\n")
