"""No advice names what somebody without a program does not have."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import phota_async
from phota_async.cli.wording import in_options
from phota_async.errors import AuthenticationError, RateLimitError

PACKAGE = Path(phota_async.__file__).parent
PROGRAMS = {"cli", "demo", "sandbox"}
LIBRARY = re.compile(r"\w=|\w\(|await |Config|Limiter")
NOT_BY_A_COMMAND = (  # what only a program can do wrong
    *("client.webhooks.secret()", "prepare=", "client.profiles.list(tag=", "pass api_key=", "job's error"),
    *("jobs.submit(", "result.save(", "nobody would await it", "PhotoWorkers", "validate=False", "must_persist="),
)


def text_of(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "'x'"


def constants(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(map(text_of, node.values))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for each in ast.iter_child_nodes(node):
            yield from constants(each)


def is_hint(node: ast.AST) -> bool:
    names = [getattr(each, "id", "") for each in getattr(node, "targets", [])]
    return "hint" in names or (isinstance(node, ast.keyword) and node.arg == "hint")


def hints() -> Iterator[str]:
    """Yield every piece of advice that stands in the library."""
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] not in PROGRAMS:
            for node in filter(is_hint, ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
                yield from constants(node)


def test_every_hint_of_the_library_is_one_of_the_command() -> None:
    found = [hint for hint in hints() if not any(word in hint for word in NOT_BY_A_COMMAND)]
    assert len(found) > 20
    library = [told for told in map(in_options, found) if LIBRARY.search(told)]
    assert library == [], "\n".join(library)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AuthenticationError(401), "store the right key: phota config set-key, or PHOTA_API_KEY; keys are made at"),
        (RateLimitError(429), "send fewer at once (-c), or wait"),
        ("await error.resume() waits on, as does client.jobs.wait('job_1')", "phota jobs wait job_1"),
        ("client.jobs.wait('job_1') fetches it again", "phota jobs wait job_1 fetches it again"),
    ],
)
def test_an_error_advises_options(error: object, told: str) -> None:
    assert told in in_options(error)
