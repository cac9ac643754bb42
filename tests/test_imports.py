"""Layers import downwards only, importing costs next to nothing, and the public names are fixed."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import msgspec
import pytest

import phota_async

PACKAGE = Path(phota_async.__file__).parent
ROOT = "phota_async"

# From the bottom to the top: what a level is, and the modules or folders on it. A module imports from its own
# level and from those below.
LEVELS: list[tuple[str, set[str]]] = [
    (
        "Values: structs, words, settings and errors. They know nothing but each other.",
        {"config", "errors", "events", "hidden", "links", "models", "requests"},
    ),
    (
        "Pure rules: bytes, headers and times in, decisions out. No event loop, no files, no sockets.",
        {"answers", "b64stream", "guard", "pace", "pricing", "protocol", "retry", "signatures", "validation"},
    ),
    (
        "Machinery: asyncio, threads, files and aiohttp, one call or one file at a time.",
        {"limiter", "marks", "media", "telling", "threads", "transport", "turns", "uptime", "watch"},
    ),
    (
        "Photos made ready for sending: reading, scaling, and what of their data goes along.",
        {"photos"},
    ),
    (
        "What a user awaits: the client and what hangs on it.",
        {
            *("client", "creating", "erasing", "hooks", "jobs", "operations", "otel", "profiles", "results", "scope"),
            *("sending", "webhooks"),
        },
    ),
    (
        "The durable account of a batch, and the limit that workers share.",
        {"leases", "ledger", "rates"},
    ),
    (
        "Many requests, and many photos of one subject.",
        {"batch", "training"},
    ),
    (
        "What batches are made of, and what their runs leave behind.",
        {"collecting", "runs"},
    ),
    (
        "The same items on many machines.",
        {"distributed"},
    ),
    (
        "Programs and pages: the outermost ring.",
        {"report", "review", "demo", "cli", "__main__", "pytest_plugin"},
    ),
    (
        "The stand-in of the service, on nobody's level: it imports values only, and programs start it late.",
        {"sandbox"},
    ),
]
LEVEL_OF = {name: level for level, (_, names) in enumerate(LEVELS) for name in names}
SANDBOX, PROGRAMS, PURE, VALUES = LEVEL_OF["sandbox"], LEVEL_OF["cli"], LEVEL_OF["retry"], LEVEL_OF["models"]

# Single imports that point upwards all the same: importer, imported, why.
EXCEPTIONS = {
    ("media.destination", "results"): "it lives with the files it names, and hands out finished OutputImages",
}

AIOHTTP_FOLDERS = {"media", "review", "sandbox", "transport"}  # the review serves a page, and makes no calls itself


class Import(msgspec.Struct, frozen=True):
    """One import statement's one target."""

    target: str
    """The module, whole: ``phota_async.errors`` or ``aiohttp.web``."""
    is_late: bool
    """Whether it stands in a function."""
    is_for_types: bool
    """Whether it stands under ``if TYPE_CHECKING``."""

    @property
    def inside(self) -> str | None:
        """The module's name below the package, ``""`` for the package itself, ``None`` for others'."""
        if self.target != ROOT and not self.target.startswith(f"{ROOT}."):
            return None
        return self.target.removeprefix(ROOT).removeprefix(".")

    @property
    def library(self) -> str:
        return self.target.split(".")[0]


def name_of(path: Path) -> str:
    """Return a module's name below the package: ``media.files``; a folder's ``__init__`` is the folder."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def targets_of(node: ast.Import | ast.ImportFrom, name: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        parents = [ROOT, *name.split(".")] if name else [ROOT]
        if modules()[name].stem != "__init__":
            parents.pop()
        parents = parents[: len(parents) - node.level + 1]
        base = ".".join([*parents, *([node.module] if node.module else [])])
    below = base.removeprefix(ROOT).removeprefix(".") if base.startswith(ROOT) else None
    for alias in node.names:
        inner = ".".join(filter(None, [below, alias.name])) if below is not None else None
        yield f"{ROOT}.{inner}" if inner in modules() else base


@cache
def imports_of(name: str) -> tuple[Import, ...]:
    """Return everything that a module imports, wherever in it."""
    found: list[Import] = []

    def walk(node: ast.AST, *, is_late: bool, is_for_types: bool) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.extend(Import(target, is_late, is_for_types) for target in targets_of(node, name))
        is_late = is_late or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        guarded = node.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" else []
        for child in ast.iter_child_nodes(node):
            walk(child, is_late=is_late, is_for_types=is_for_types or child in guarded)

    walk(ast.parse(modules()[name].read_text()), is_late=False, is_for_types=False)
    return tuple(found)


def own_imports(name: str, *, types: bool = False) -> set[str]:
    """Return the modules of this package that a module imports, now or late; ``types`` adds those for types."""
    found = imports_of(name)
    return {each.inside for each in found if each.inside and (types or not each.is_for_types)}


def folder(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def offenders(wrong: Callable[[str], Iterable[object]]) -> dict[str, list[object]]:
    """Return what is wrong with each module, and nothing for those with which nothing is."""
    found = {name: list(wrong(name)) for name in modules() if name}
    return {name: faults for name, faults in found.items() if faults}


# The reader of imports itself


def test_the_reader_finds_imports_wherever_they_stand() -> None:
    assert "errors" in own_imports("retry")
    assert "threads" in own_imports("media.sources")  # from .. import threads
    assert "batch.runner" in own_imports("batch")  # in a folder's __init__
    assert Import("phota_async.sending", is_late=True, is_for_types=False) in imports_of("client")
    assert Import("aiohttp", is_late=False, is_for_types=True) in imports_of("client")
    assert Import("phota_async", is_late=False, is_for_types=False) in imports_of("transport.exchange")
    assert "sandbox.faults" in own_imports("sandbox")  # absolute imports count too


# Layers


def test_every_module_has_a_level_and_every_level_its_modules() -> None:
    assert {folder(name) for name in modules() if name} == set(LEVEL_OF), "a new folder needs a level in LEVELS"
    assert len(LEVEL_OF) == sum(len(names) for _, names in LEVELS)


def test_imports_point_downwards() -> None:
    def upwards(name: str) -> list[str]:
        own = LEVEL_OF[folder(name)]
        return [each for each in own_imports(name) if own < LEVEL_OF[folder(each)] < SANDBOX]

    expected: dict[str, list[str]] = {}
    for importer, imported in EXCEPTIONS:
        expected.setdefault(importer, []).append(imported)
    assert offenders(upwards) == expected


def test_nothing_imports_programs() -> None:
    def programs(name: str) -> list[str]:
        found = own_imports(name, types=True)
        return (
            [] if LEVEL_OF[folder(name)] == PROGRAMS else [each for each in found if LEVEL_OF[folder(each)] == PROGRAMS]
        )

    assert not offenders(programs)


def test_only_programs_start_the_sandbox() -> None:
    def sandboxes(name: str) -> list[Import]:
        found = [each for each in imports_of(name) if each.inside and folder(each.inside) == "sandbox"]
        if folder(name) == "pytest_plugin":
            found = [each for each in found if not each.is_late and not each.is_for_types]
        return [] if folder(name) in {"sandbox", "cli", "demo"} else found

    assert not offenders(sandboxes)


def test_the_sandbox_shares_values_only() -> None:
    def shared(name: str) -> list[str]:
        found = own_imports(name) if folder(name) == "sandbox" else set()
        return [each for each in found if LEVEL_OF[folder(each)] not in (SANDBOX, VALUES)]

    assert not offenders(shared)


def test_aiohttp_stays_where_the_network_is() -> None:
    def uses(name: str) -> list[Import]:
        found = [each for each in imports_of(name) if each.library == "aiohttp" and not each.is_for_types]
        return [] if folder(name) in AIOHTTP_FOLDERS else found

    assert not offenders(uses)


def test_rules_and_values_need_no_machinery() -> None:
    machinery = {"aiohttp", "aiolimiter", "anyio", "asyncio", "socket", "subprocess", "threading"}

    def uses(name: str) -> set[str]:
        return {each.library for each in imports_of(name) if LEVEL_OF[folder(name)] <= PURE} & machinery

    assert not offenders(uses)


def test_verifying_a_callback_needs_rules_and_values_only() -> None:
    needed = [each for each in imports_of("webhooks") if not each.is_late and not each.is_for_types]
    assert {LEVEL_OF[folder(each.inside)] for each in needed if each.inside} <= {VALUES, PURE}
    assert "aiohttp" not in {each.library for each in needed}


def test_modules_do_not_import_each_other_in_a_ring() -> None:
    below = {
        name: {each.inside for each in imports_of(name) if each.inside and not each.is_late and not each.is_for_types}
        for name in modules()
    }
    left = dict(below)
    while left:
        free = {name for name, needed in left.items() if not (needed - {name}) & left.keys()}
        assert free, f"a ring among {sorted(left)}"
        left = {name: needed for name, needed in left.items() if name not in free}


def test_exceptions_are_used_and_have_a_reason() -> None:
    for (importer, imported), reason in EXCEPTIONS.items():
        assert imported in own_imports(importer)
        assert len(reason) > 20


# What importing costs

HEAVY = [
    "aiohttp",
    "msgspec",
    "anyio",
    "pybase64",
    "PIL",
    "aiolimiter",
    "asyncio",
    "ssl",
    "sqlite3",
    "obstore",
    "psycopg",
    "procrastinate",
    "redis",
    "pyrate_limiter",
]
REPORT = f"import sys; print(*[name for name in {HEAVY} if name in sys.modules])"


def run(code: str) -> list[str]:
    """Run a program in a fresh interpreter and return the words it prints."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}  # it imports
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=alone)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert run(f"import phota_async; phota_async.__version__; {REPORT}") == []


def test_reading_every_public_name_does_not_import_the_network() -> None:
    words = run(
        "import phota_async\n"
        "for name in phota_async.__all__: assert getattr(phota_async, name) is not None, name\n"
        f"{REPORT}"
    )
    assert not {"aiohttp", "PIL", "aiolimiter"} & set(words)
    assert "msgspec" in words


def test_creating_a_client_imports_the_network() -> None:
    words = run(f"from phota_async import PhotaClient; PhotaClient('k'); {REPORT}")
    assert "aiohttp" in words
    assert "PIL" not in words


def test_errors_cost_no_library() -> None:
    assert run(f"from phota_async import PhotaError, InputError; {REPORT}") == []


def test_verifying_a_callback_costs_no_network() -> None:
    assert "aiohttp" not in run(f"from phota_async.webhooks import verify; {REPORT}")


@pytest.mark.parametrize("module", ["cli.main", "pytest_plugin", "__main__", "client", "batch", "report.rows"])
def test_the_sandbox_is_started_late(module: str) -> None:
    assert run(f"import sys, phota_async.{module}; print(*[n for n in sys.modules if '.sandbox' in n])") == []


def test_every_module_can_be_imported_first() -> None:
    """No module counts on another having been imported before; rings that only bite in one order show here."""
    names = [f"{ROOT}.{name}" for name in modules() if name and LEVEL_OF[folder(name)] < PROGRAMS]
    program = (
        "import importlib, sys\n"
        f"for name in {names}:\n"
        "    for each in [each for each in sys.modules if each.startswith('phota_async')]: del sys.modules[each]\n"
        "    importlib.import_module(name)\n"
        "print('all')"
    )
    assert run(program) == ["all"]


def test_nothing_is_read_from_the_environment_at_import() -> None:
    """Libraries are imported first, so that what is noted then is this package's doing."""
    names = [f"{ROOT}.{name}" for name in modules() if name and folder(name) not in ("__main__", "demo", "cli")]
    program = (
        "import importlib, os, sys\n"
        f"names = {names}\n"
        "for name in names: importlib.import_module(name)\n"
        "for each in [each for each in sys.modules if each.startswith('phota_async')]: del sys.modules[each]\n"
        "class Noting(type(os.environ)):\n"
        "    def __getitem__(self, key): noted.append(key); return super().__getitem__(key)\n"
        "    def __iter__(self): noted.append('all'); return super().__iter__()\n"
        "old, noted = os.environ, []\n"
        "os.environ = Noting(old._data, old.encodekey, old.decodekey, old.encodevalue, old.decodevalue)\n"
        "os.environ.get('CONTROL')\n"
        "for name in names: importlib.import_module(name)\n"
        "print(*noted)"
    )
    assert run(program) == ["CONTROL"]


# Public names: users, examples and checks rely on them

PUBLIC = {
    *("PhotaClient", "ClientConfig", "RetryPolicy", "Limiter"),
    *("EditRequest", "GenerateRequest", "EnhanceRequest", "RemixRequest"),
    *("ImageResult", "OutputImage", "KnownSubjects", "Profile", "ProfileStatus", "Job", "JobStatus"),
    *("Batch", "BatchItem", "Outcome", "Budget"),
    "estimate",
    *("PhotaError", "ConfigError", "InputError", "TransportError", "ConnectError", "ResponseLostError"),
    *("DeadlineError", "DecodeError", "StatusError", "BadRequestError", "ContentModerationError"),
    *("AuthenticationError", "InsufficientCreditsError", "NotFoundError", "ConflictError", "RateLimitError"),
    *("ServerError", "JobFailedError", "TrainingError", "DownloadError", "SignatureError"),
    *("BudgetExceededError", "LedgerError", "ScopeError"),
}
ADDED = {  # later than the rest
    *("CheckError", "EraseReceipt", "Ledger", "UploadError", "UserScope"),
    *("DirectorySink", "ItemRunner", "ItemSettings", "MemoryLeases", "ObjectSink", "PostgresLeases", "PostgresLedger"),
    *("PostgresRate", "RedisLeases", "RedisRate"),
    "run_item",
}


def test_the_public_names_are_fixed() -> None:
    assert set(phota_async.__all__) == PUBLIC | ADDED | {"__version__"}
    assert len(phota_async.__all__) == len(set(phota_async.__all__))


@pytest.mark.parametrize("name", sorted(PUBLIC | ADDED))
def test_a_public_name_leads_to_its_home(name: str) -> None:
    value = getattr(phota_async, name)
    assert value.__name__ == name
    assert value.__module__.startswith(ROOT)
    assert vars(phota_async)[name] is value  # found once
    assert value.__doc__


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    typed = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    assert typed == phota_async._HOME_OF


def test_dir_lists_the_public_names() -> None:
    assert set(dir(phota_async)) >= PUBLIC | {"__version__"}


def test_other_names_are_missing_as_usual() -> None:
    with pytest.raises(AttributeError, match="module 'phota_async' has no attribute 'Edit'"):
        phota_async.Edit  # noqa: B018 - reading it is what is tested
    assert not hasattr(phota_async, "__wrapped__")


def test_the_version_is_the_distributions() -> None:
    lines = (PACKAGE.parent / "pyproject.toml").read_text().splitlines()
    assert f'version = "{phota_async.__version__}"' in lines
