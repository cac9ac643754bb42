"""Fixtures that users get by installing the package.

Nothing of the sandbox is imported before a test asks for it, so that pytest starts as fast as without us and
coverage that starts later still counts.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from phota_async.sandbox.thread import SandboxThread


@pytest.fixture
def phota_sandbox_options() -> dict[str, Any]:
    """Arguments of the sandbox; override this fixture to change them.

    Time runs a thousand times as fast: a job takes 40 ms, a training 1.2 s. Pictures are small.
    Idempotency values are remembered all the same, since clients measure that time with their own clock.
    """
    return {"time_scale": 1000.0, "picture_scale": 0.25, "id_memory": float("inf"), "link_lifetime": 1e8}


@pytest.fixture
def phota_sandbox_factory() -> "Iterator[Callable[..., SandboxThread]]":
    """Start any number of sandboxes with arguments of your own; they end with the test."""
    from phota_async.sandbox.thread import running_sandbox  # noqa: PLC0415, see above

    with ExitStack() as running:
        yield lambda **options: running.enter_context(running_sandbox(**options))


@pytest.fixture
def phota_sandbox(
    phota_sandbox_factory: "Callable[..., SandboxThread]", phota_sandbox_options: dict[str, Any]
) -> "SandboxThread":
    """Run a fresh sandbox for one test, in a thread of its own."""
    return phota_sandbox_factory(**phota_sandbox_options)
