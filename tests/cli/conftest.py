from pathlib import Path

import pytest
from support.command import Phota

from phota_async.sandbox.thread import SandboxThread


@pytest.fixture
def phota(phota_sandbox: SandboxThread, tmp_path: Path) -> Phota:
    """The command, in an empty folder, on a sandbox where a job takes 40 ms."""
    return Phota(tmp_path, phota_sandbox)
