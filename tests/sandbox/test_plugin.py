import subprocess
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

from phota_async.sandbox.thread import SandboxThread


def test_the_fixture(phota_sandbox: SandboxThread) -> None:
    request = urllib.request.Request(
        phota_sandbox.base_url + "/profiles/ids", headers={"X-API-Key": phota_sandbox.api_key}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.read() == b'{"profiles":[]}'
    assert phota_sandbox.gets("/profiles/ids") == 1


def test_each_test_has_a_fresh_one(phota_sandbox: SandboxThread) -> None:
    assert phota_sandbox.requests == []


def test_the_factory(phota_sandbox_factory: Callable[..., SandboxThread]) -> None:
    one, other = phota_sandbox_factory(), phota_sandbox_factory(api_key="mine")

    assert one.origin != other.origin
    assert other.api_key == "mine"


def test_options_can_be_overridden(phota_sandbox_options: dict[str, Any]) -> None:
    assert phota_sandbox_options["time_scale"] == 1000


def test_the_plugin_imports_no_sandbox() -> None:
    program = "import sys, phota_async.pytest_plugin; print('phota_async.sandbox' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
