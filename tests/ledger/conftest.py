from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.clients import connect, listen
from support.library import Folder

from phota_async.sandbox import Sandbox

__all__ = ["connect", "listen"]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(job_seconds=0.0, picture_scale=0.03) as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path, sandbox: Sandbox) -> Folder:
    return Folder(tmp_path, sandbox)
