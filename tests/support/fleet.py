"""Workers of a fleet as processes of their own, a service that misbehaves, and what must come of it."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from phota_async.sandbox import Sandbox


@asynccontextmanager
async def worker_process(program: Path, told: Mapping[str, Any], *, is_begun: bool = False) -> AsyncIterator[Process]:
    """Start a worker, wait until it is ready, and end it at the end, if it has not ended.

    Args:
        program: Of `tests/support`: writes ``ready`` once it is.
        told: Its argument.
        is_begun: Whether it begins by itself; the others wait for a line.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), json.dumps(told), stdin=DEVNULL if is_begun else PIPE, stdout=PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def misbehave(sandbox: Sandbox) -> None:
    """Let a fifth of the service's answers go wrong."""
    sandbox.fail("POST /*", share=0.10, times=None, reset="after")  # charged, and the answer is lost
    sandbox.fail("POST /*", share=0.05, times=None, status=503)
    sandbox.fail("GET /jobs/{job_id}", share=0.05, times=None, status=500)
    sandbox.fail("GET /cdn/{name}", share=0.05, times=None, cut_after=200)


def check_each_once(sandbox: Sandbox, folder: Path, count: int) -> None:
    """Every item was bought once and lies there once."""
    bought = [charge for charge in sandbox.charges if not charge.refunded]
    files = sorted(path.name for path in folder.rglob("*") if path.is_file())
    assert files == [f"{number:04}.generate-1.jpg" for number in range(count)]
    assert len(bought) == count
