"""Programs in processes of their own, with the tests' support at hand."""

import asyncio
import os
import sys
import textwrap
from pathlib import Path

TESTS = Path(__file__).parents[1]


async def run_program(code: str, *arguments: str, patience: float = 60) -> tuple[int, str, str]:
    """Run Python code; return its status, and what it said on both streams."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(code), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
    )
    try:
        said, warned = await asyncio.wait_for(process.communicate(), patience)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode is not None
    return process.returncode, said.decode(), warned.decode()
