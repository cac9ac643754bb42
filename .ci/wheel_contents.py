"""Check that distributions hold what they should, and nothing else: ``python wheel_contents.py WHEEL SDIST``.

A file belongs in when Git has it, its place is one of those below and its name ends as such files do. Without Git, as
in an unpacked source distribution, only the last two are looked at, and that is said.
"""

import fnmatch
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
PACKAGE = "phota_async"
CODE = {".py", ".typed"}
DATA = {".css", ".js", ".jinja", ".json", ".jpg", ".md", ".html", ".svg", ".ico"}
ENDINGS = {
    PACKAGE: CODE | DATA,
    "tests": CODE | {".heic", ".json", ".csv", ".toml"},
    "examples": {".py", ".png", ".svg"},
    "benchmarks": {".py"},
    ".ci": {".py"},
}
ALONE = {"README.md", "LICENSE", "pyproject.toml", ".gitignore", ".ci/run", ".ci/lowest"}  # of a source distribution
ANY_NAME = "tests/fuzz/found/*"  # inputs that were found; they end as they like
MADE = {"PKG-INFO"}  # by the build
DIST_INFO = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
NEEDED = {f"{PACKAGE}/py.typed", f"{PACKAGE}/sandbox/openapi.json", f"{PACKAGE}/demo/photos/cat.jpg"}


def main(paths: list[str]) -> None:
    tracked = tracked_files()
    if not tracked:
        print("Git is not there: files that it does not have pass unnoticed")
    faults = [fault for path in paths for fault in check(Path(path), tracked)]
    if faults or not paths:
        sys.exit("\n".join(faults) or "expected a wheel or a source distribution, got nothing")
    print(f"{len(paths)} distributions hold what they should, and nothing else")


def check(path: Path, tracked: set[str]) -> list[str]:
    """Return what is wrong with a distribution."""
    is_wheel = path.suffix == ".whl"
    names = wheel_names(path) if is_wheel else sdist_names(path)
    strays = [name for name in sorted(names) if not belongs(name, tracked, is_wheel=is_wheel)]
    missing = (NEEDED | {name for name in tracked if name.startswith(f"{PACKAGE}/")}) - names
    told = [f"{path.name}: stray: {name}" for name in strays]
    return told + [f"{path.name}: missing: {name}" for name in sorted(missing)]


def belongs(name: str, tracked: set[str], *, is_wheel: bool) -> bool:
    """Whether a file may be in it."""
    if name in MADE and not is_wheel:
        return True
    top, _, rest = name.partition("/")
    if is_wheel and top.endswith(".dist-info"):
        return rest in DIST_INFO
    if tracked and name not in tracked:
        return False
    if is_wheel and top != PACKAGE:
        return False
    is_known = name in ALONE or fnmatch.fnmatch(name, ANY_NAME) or (top == ".ci" and name.endswith(".py"))
    return is_known or (is_plain(name) and PurePosixPath(name).suffix in ENDINGS.get(top, set()))


def is_plain(name: str) -> bool:
    """Whether no part of a path is hidden or left over."""
    return not any(part.startswith(".") or part == "__pycache__" for part in PurePosixPath(name).parts)


def wheel_names(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as wheel:
        return {name for name in wheel.namelist() if not name.endswith("/")}


def sdist_names(path: Path) -> set[str]:
    """Return the names without the folder that all of them lie in; what is no plain file keeps its own."""
    with tarfile.open(path) as archive:
        members = [member for member in archive.getmembers() if not member.isdir()]
    return {member.name.partition("/")[2] if member.isfile() else f"{member.name} (no file)" for member in members}


def tracked_files() -> set[str]:
    try:
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return set()
    return set(filter(None, listed.stdout.split("\0")))


if __name__ == "__main__":
    main(sys.argv[1:])
