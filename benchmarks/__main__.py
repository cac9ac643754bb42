"""``python -m benchmarks [names]``: see `benchmarks`."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .runner import Options, Results, prime, run_scenario, running_server
from .scenario import load
from .table import reached, table, to_json

NAMES = (
    "read_bodies",
    "write_bodies",
    "small_calls",
    "downloads",
    "fan_out",
    "import_time",
    "command_help",
    "eight_calls",
    "photo_run",
)
SHARED_MEMORY = Path("/dev/shm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run benchmarks and print what came of them."""
    chosen = _parser().parse_args(arguments)
    scale = 0.25 if chosen.quick else 1.0
    options = Options(chosen.rounds, scale, chosen.directory, time.monotonic() + chosen.seconds * scale)
    everything: list[Results] = []
    with (
        tempfile.TemporaryDirectory() as directory,
        running_server(Path(directory)) as server,
    ):
        for name in dict.fromkeys(chosen.names or NAMES):
            scenario = load(name)
            prime(server, scenario)
            everything.append(run_scenario(scenario, server, options))
            print(table(everything[-1]), end="\n\n", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(to_json(everything), indent=1))
    if chosen.chart:
        from .chart import draw  # noqa: PLC0415 - matplotlib takes a second

        draw(everything, chosen.chart)
    return _status(everything, check=chosen.check)


def _status(everything: Sequence[Results], *, check: bool) -> int:
    if any(results.failures for results in everything):
        return 2
    values = [pair for results in everything for pair in reached(results)]
    missed = [target for target, value in values if value is None or not target.is_met(value)]
    return int(check and bool(missed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Measure phota_async beside others, against one server on this machine. Trust the ratios.",
    )
    parser.add_argument("names", nargs="*", metavar="name", choices=[[], *NAMES], help=", ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=11, help="at most so many, as time allows (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=165.0, help="afterwards no case gets more than one round (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="a quarter of the time: 3 rounds of most")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a number is missed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw the main numbers as a PNG")
    default = SHARED_MEMORY if SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
    parser.add_argument(
        "--directory",
        type=Path,
        default=default,
        help="where files are read and written (%(default)s: memory where there is such, as disks differ)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
