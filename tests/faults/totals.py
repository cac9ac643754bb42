"""Say in one line what a run of the matrix tried and lost, and keep the README's line true.

    PHOTA_FAULT_TOTALS=totals.json pytest
    python -m tests.faults.totals totals.json                     # prints the line
    python -m tests.faults.totals totals.json --write README.md   # puts it between <!-- faults --> and <!-- /faults -->

`tests/faults/test_matrix.py` fails when the README counts other faults than the matrix has.
"""

import argparse
import json
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .row import Row

BEGIN, END = "<!-- faults -->", "<!-- /faults -->"
BETWEEN = re.compile(rf"{BEGIN}(.*?){END}", re.DOTALL)
WIDTH = 120  # characters of a line in the README


def line(totals: dict[str, Any]) -> str:
    """Return the README's line; a run that left faults out has none."""
    if totals["untried"]:
        raise SystemExit(f"not tried or not passed: {', '.join(totals['untried'])}")
    words = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in totals["losses"].items())
    lost = sum(totals["losses"].values())
    return f"{faults(totals['by_layer'])}, {totals['inputs']:,} inputs, losses: {lost} ({words})."


def faults(by_layer: Mapping[str, int]) -> str:
    """Return the part of the line that the matrix alone decides."""
    layers = ", ".join(f"{layer} {count}" for layer, count in sorted(by_layer.items()))
    return f"{sum(by_layer.values())} faults ({layers})"


def is_true(text: str, rows: Iterable[Row]) -> bool | None:
    """Whether a README counts just these faults; ``None`` when it has no place for them."""
    found = BETWEEN.search(text)
    if found is None:
        return None
    return " ".join(found[1].split()).startswith(f"{faults(Counter(row.layer for row in rows))}, ")


def with_line(text: str, told: str) -> str:
    """Return a README with the line in its place."""
    if BETWEEN.search(text) is None:
        raise SystemExit(f"expected {BEGIN} and {END}, got a text without")
    return BETWEEN.sub(lambda _: f"{BEGIN}\n{textwrap.fill(told, WIDTH)}\n{END}", text, count=1)


def main(arguments: list[str] | None = None) -> None:
    """Print the line, or write it."""
    parser = argparse.ArgumentParser("python -m tests.faults.totals")
    parser.add_argument("totals", type=Path, help="what a run of the tests wrote")
    parser.add_argument("--write", type=Path, metavar="README", help="put the line between its marks")
    chosen = parser.parse_args(arguments)
    told = line(json.loads(chosen.totals.read_text(encoding="utf-8")))
    sys.stdout.write(told + "\n")
    if chosen.write is not None:
        text = chosen.write.read_text(encoding="utf-8")
        chosen.write.write_text(with_line(text, told), encoding="utf-8")


if __name__ == "__main__":
    main()
