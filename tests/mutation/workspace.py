"""Run mutmut for one group of modules, in a copy of the project where its settings may differ."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "mutation"
COPIED = ("phota_async", "tests", "examples", "benchmarks", "pyproject.toml", "README.md", "LICENSE")
WORKERS = 2
SEED = 7
SETTINGS = """
[tool.mutmut]
source_paths = ["phota_async"]
only_mutate = {modules}
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider"]
also_copy = ["examples", "benchmarks", "README.md", "LICENSE"]
timeout_multiplier = {patience}
timeout_constant = 3.0
process_isolation = "forkserver"  # each mutant meets tests that have not run yet
use_git_change_detection = false
on_dependency_change = "ignore"
"""


class Group(msgspec.Struct, frozen=True):
    """Modules that the same tests prove."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    share: float = 1.0
    """How many of its mutants are tried: a sample by a fixed seed, where all would take too long."""
    patience: float = 10.0
    """How many times as long as usual its tests may take: what takes longer hangs, and that is noticed too."""

    @property
    def home(self) -> Path:
        """Where its copy of the project lies."""
        return WORK / self.name

    @property
    def sources(self) -> list[str]:
        """Its modules as paths."""
        return [f"phota_async/{each}.py" for each in self.modules]


def run(group: Group) -> None:
    """Test every mutant, or those of the sample, that has no verdict yet."""
    _copy(group)
    if group.share == 1.0:
        _mutmut(group)
        return
    _mutmut(group, "none", check=False)  # a name that no mutant bears: they are made, and none is tested
    if names := _sample(group):  # without names all would be tested
        _mutmut(group, *names)


def generated(group: Group, module: str, suffix: str = "") -> Path:
    """Return what mutmut made of a module: its mutants or, by suffix, their verdicts and places."""
    return group.home / "mutants" / "phota_async" / f"{module}.py{suffix}"


def _mutmut(group: Group, *names: str, check: bool = True) -> None:
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutation"}
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(WORKERS), *names]
    with (group.home / "mutmut.log").open("w") as log:
        ended = subprocess.run(command, cwd=group.home, env=environment, stdout=log, stderr=log, check=False)
    if ended.returncode and check:
        sys.exit(f"mutmut failed on {group.name}; see {log.name}")


def _sample(group: Group) -> list[str]:
    """Return the mutants of the sample that have no verdict yet."""
    chosen: list[str] = []
    for module in group.modules:
        codes = json.loads(generated(group, module, ".meta").read_bytes())["exit_code_by_key"]
        names = random.Random(SEED).sample(sorted(codes), round(len(codes) * group.share))
        chosen += [name for name in names if codes[name] is None]
    return chosen


def _copy(group: Group) -> None:
    for name in COPIED:
        source, target = ROOT / name, group.home / name
        for path in [source] if source.is_file() else source.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                _copy_file(path, target / path.relative_to(source) if source.is_dir() else target)
    with (group.home / "pyproject.toml").open("a") as settings:
        tests = [f"tests/{each}" for each in group.tests]
        settings.write(SETTINGS.format(modules=_listed(group.sources), tests=_listed(tests), patience=group.patience))


def _copy_file(source: Path, target: Path) -> None:
    """Copy what differs: the time of a source tells mutmut whether its mutants are still right."""
    if source.name == "pyproject.toml" or not target.exists() or source.read_bytes() != target.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _listed(names: Iterable[str]) -> str:
    return msgspec.json.encode(list(names)).decode()


def load(names: Sequence[str]) -> list[Group]:
    """Return the groups that are asked for, in the order of the file; all of them for no names."""
    targets = msgspec.toml.decode((Path(__file__).parent / "targets.toml").read_bytes(), type=dict[str, list[Group]])
    groups = [each for each in targets["group"] if not names or each.name in names]
    if unknown := set(names) - {each.name for each in groups}:
        sys.exit(f"expected groups of targets.toml, got {', '.join(sorted(unknown))}")
    return groups
