"""Import in a new interpreter. The floor imports what a client cannot do without."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .measure import Run, Work
from .scenario import OURS, Case, Scenario, Setup, Target, ratio

CODE = {
    "aiohttp + msgspec": "import aiohttp, msgspec",
    "python": "pass",
    "httpx": "import httpx; httpx.AsyncClient",
    "openai": "import openai; openai.AsyncOpenAI",
    "fal-client": "import fal_client; fal_client.AsyncClient",
    "PhotaClient()": "import phota_async; phota_async.PhotaClient('key')",
    OURS: "import phota_async",
}


@asynccontextmanager
async def opened(name: str, setup: Setup) -> AsyncIterator[Run]:  # noqa: ARG001 - as all others
    async def run() -> Work:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", CODE[name])
        if await process.wait():
            raise AssertionError(f"{CODE[name]} failed")
        return Work(1)

    yield run


SCENARIO = Scenario(
    "import_time",
    "import in a new interpreter",
    opened,
    (Case("import", tuple(CODE), 6),),
    (
        Target("PhotaClient() / aiohttp + msgspec", 1.3, ratio("import", "PhotaClient()", "aiohttp + msgspec")),
        Target("import phota_async / openai", 0.35, ratio("import", OURS, "openai")),
    ),
)
