"""Fuzz what reads bytes from outside: only errors of ours come out, soon and within bounded memory.

    python tests/fuzz/run.py --seconds 300                # each target in turn
    python tests/fuzz/run.py --runs 2000 answers errors    # bounded, for CI
    python tests/fuzz/run.py --seconds 60 --corpus ~/phota-corpus ledgers

Needs atheris (``pip install atheris``), which no test does: `tests/test_fuzz.py` replays seeds and findings without it.
A target is a module ``fuzz_NAME.py`` with ``check(data)``, ``SEEDS`` and ``WORDS``; what it finds is an input that
makes ``check`` raise, take longer than 10 s or need more than 1 GB. Put it into ``found/NAME`` with the mending.
"""

import argparse
import importlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

HERE = Path(__file__).parent
TARGETS = tuple(sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py")))
LIMITS = ("-timeout=10", "-rss_limit_mb=1024", "-max_len=16384", "-print_final_stats=1", "-verbosity=1")
CHATTER = ("INFO:", "WARNING:", "#", "stat::")  # how far the fuzzer is
CHILD = "PHOTA_FUZZ_TARGET"  # set for the process of one target


def load(name: str) -> Any:
    """Import a target."""
    for place in (str(HERE), str(HERE.parent)):
        if place not in sys.path:
            sys.path.insert(0, place)
    return importlib.import_module(f"fuzz_{name}")


def fuzz(name: str, arguments: list[str]) -> None:
    """Run libFuzzer on a target in this process, which it never leaves."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["phota_async"]):
        target = load(name)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        mutated = cast("bytes", atheris.Mutate(data, max_size))
        if seed % 2 or not target.WORDS:
            return mutated
        at = seed // len(target.WORDS) % (len(mutated) + 1)  # what random bytes seldom come upon
        word: bytes = target.WORDS[seed % len(target.WORDS)]
        return (mutated[:at] + word + mutated[at:])[:max_size]

    atheris.Setup([f"fuzz_{name}", *arguments], target.check, custom_mutator=mutate)
    atheris.Fuzz()


def run(name: str, bound: str, corpus: Path) -> bool:
    """Run a target in a process of its own; return whether nothing was found."""
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(load(name).SEEDS):
        (corpus / f"seed-{number}").write_bytes(seed)
    artifacts = Path(tempfile.gettempdir()) / f"phota-fuzz-{name}-"
    command = [sys.executable, __file__, *LIMITS, bound, f"-artifact_prefix={artifacts}", str(corpus)]
    done = subprocess.run(command, env=os.environ | {CHILD: name}, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    executions = re.search(r"number_of_executed_units: (\d+)", said)
    memory = re.search(r"peak_rss_mb: +(\d+)", said)
    told = f"{executions[1] if executions else '?'} executions, {memory[1] if memory else '?'} MB at most"
    _say(f"{name:<12} {told}, {'nothing found' if done.returncode == 0 else 'FOUND'}")
    if done.returncode:
        _say("\n".join(line for line in said.splitlines() if not line.startswith(CHATTER))[-6000:])
    return done.returncode == 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Run the targets that the command line names, one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all when none is named")
    bounds = parser.add_mutually_exclusive_group(required=True)
    bounds.add_argument("--seconds", type=int, help="for each target")
    bounds.add_argument("--runs", type=int, help="of each target")
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what was come upon")
    wanted = parser.parse_args()
    if unknown := set(wanted.targets) - set(TARGETS):
        parser.error(f"expected targets of {', '.join(TARGETS)}, got {', '.join(sorted(unknown))}")
    bound = f"-runs={wanted.runs}" if wanted.seconds is None else f"-max_total_time={wanted.seconds}"
    with tempfile.TemporaryDirectory() as scratch:
        root = (wanted.corpus or Path(scratch)).absolute()
        found = [name for name in wanted.targets or TARGETS if not run(name, bound, root / name)]
    sys.exit(bool(found))


if __name__ == "__main__":
    if CHILD in os.environ:
        fuzz(os.environ[CHILD], sys.argv[1:])
    main()
