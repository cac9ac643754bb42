"""``phota --help`` in a new interpreter: what a person waits for before anything happens."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

from .measure import Run, Work
from .scenario import OURS, Case, Samples, Scenario, Setup, Target

HELP = "import sys; sys.argv = ['phota', '--help']; from phota_async.__main__ import main; main()"
CODE = {"python": "pass", "click": "import click", OURS: HELP}
CASE = "phota --help"


@asynccontextmanager
async def opened(name: str, setup: Setup) -> AsyncIterator[Run]:  # noqa: ARG001 - as all others
    with tempfile.TemporaryDirectory() as compiled:

        async def run() -> Work:
            nowhere = asyncio.subprocess.DEVNULL
            command = (sys.executable, "-c", CODE[name])
            process = await asyncio.create_subprocess_exec(*command, stdout=nowhere, env=installed(compiled))
            if await process.wait():
                raise AssertionError(f"{CODE[name]} failed")
            return Work(1)

        await run()
        yield run


def installed(compiled: str) -> dict[str, str]:
    """Return an environment where modules are compiled once, as an installation is, wherever this one writes them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": compiled}


def milliseconds_beyond(one: str, other: str) -> Target:
    """Return the aim for what one takes beyond another, round by round."""

    def value(samples: Samples) -> float:
        pairs = zip(samples[CASE, one], samples[CASE, other], strict=False)
        return 1000 * median(a.wall - b.wall for a, b in pairs)

    return Target(f"phota --help beyond {other}", 100, value, "ms")


SCENARIO = Scenario(
    "command_help",
    "the command's help in a new interpreter",
    opened,
    (Case(CASE, tuple(CODE), 12),),
    (milliseconds_beyond(OURS, "python"),),
)
