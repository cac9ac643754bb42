"""Run benchmarks: a process for each contender of a case, and rounds in turn, so that what drifts drifts for all."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

from .bodies import picture, sizes
from .measure import Sample
from .scenario import Case, Scenario, Setup
from .server import serve
from .worker import work

MIN_ROUNDS = 3
PATIENCE = 120.0  # seconds for one round

spawn = get_context("spawn")


class Options(NamedTuple):
    """How much to run."""

    rounds: int
    scale: float
    """What a case's seconds are multiplied with."""
    directory: Path
    deadline: float
    """The monotonic clock's time after which no case gets more than one round."""


class Results(NamedTuple):
    """What came of one scenario."""

    scenario: Scenario
    samples: dict[tuple[str, str], list[Sample]]
    failures: dict[tuple[str, str], str]


class Server(NamedTuple):
    """Where the server listens."""

    plain: str
    tls: str
    authority: Path


@contextmanager
def running_server(directory: Path) -> Iterator[Server]:
    """Run the server for as long as the block lasts."""
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, directory), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Server(*ours.recv())
    finally:
        ours.close()
        process.join(5)
        process.terminate()


def run_scenario(scenario: Scenario, server: Server, options: Options) -> Results:
    """Run all cases of a scenario."""
    results = Results(scenario, {}, {})
    for case in scenario.cases:
        directory = Path(tempfile.mkdtemp(dir=options.directory, prefix="phota-benchmark-"))
        try:
            _make_photos(case, directory / "photos")
            origin = server.tls if case.tls else server.plain
            _run_case(results, Setup(origin, case, directory, server.authority), options)
        finally:
            shutil.rmtree(directory)
    return results


def _run_case(results: Results, setup: Setup, options: Options) -> None:
    case, name = setup.case, results.scenario.name
    with ExitStack() as stack:
        pipes = {each: stack.enter_context(_process(name, each, setup)) for each in case.contenders}
        for contender in case.contenders:
            _note(results, case, contender, pipes)  # "ready", or why not
        begun, done = time.monotonic(), 0
        while pipes and _has_time(done, time.monotonic() - begun, case, options):
            for contender in _rotated(list(pipes), done):
                pipes[contender].send("go")
                _note(results, case, contender, pipes)
            done += 1
            _progress(f"{name}: {case.name}, round {done}")
    _progress(f"{name}: {case.name}, {done} rounds in {time.monotonic() - begun:.0f} s", end="\n")


@contextmanager
def _process(scenario: str, contender: str, setup: Setup) -> Iterator[Connection]:
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=work, args=(theirs, scenario, contender, setup), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()  # it ends when it reads again
        process.join(5)
        process.terminate()


def _note(results: Results, case: Case, contender: str, pipes: dict[str, Connection]) -> None:
    """Take a contender's next word: a sample, or the reason why it takes no further part."""
    pipe = pipes[contender]
    try:
        word = pipe.recv() if pipe.poll(PATIENCE) else f"no answer in {PATIENCE:.0f} s"
    except EOFError:
        word = "its process died"
    if isinstance(word, Sample):
        results.samples.setdefault((case.name, contender), []).append(word)
    elif word != "ready":
        results.failures[case.name, contender] = word
        del pipes[contender]


def _has_time(done: int, elapsed: float, case: Case, options: Options) -> bool:
    if done and time.monotonic() >= options.deadline:
        return False
    if done < min(MIN_ROUNDS, options.rounds):
        return True
    return done < options.rounds and elapsed * (done + 1) / done <= case.seconds * options.scale


def _rotated(contenders: list[str], by: int) -> list[str]:
    by %= len(contenders)
    return contenders[by:] + contenders[:by]


def _make_photos(case: Case, directory: Path) -> None:
    if not case.photos:
        return
    count, size = sizes(case.photos)
    directory.mkdir()
    for number in range(count):
        (directory / f"{number:02}.jpg").write_bytes(picture(size))


def prime(server: Server, scenario: Scenario) -> None:
    """Have the server make every answer before anybody asks for it in earnest."""
    for case in scenario.cases:
        for shape in ("phota", "openai", "fal", "file") if case.body != "0x0" else ():
            with urlopen(Request(f"{server.plain}/{shape}/{case.body}/", method="HEAD")):
                pass


def _progress(text: str, end: str = "\r") -> None:
    if end == "\n" or sys.stderr.isatty():
        print(f"\x1b[K{text}" if sys.stderr.isatty() else text, end=end, file=sys.stderr, flush=True)
