"""The programs, with a key in their environment: what they print, log and leave, also when they crash.

A new command is a line in ``RUNS``.
"""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.canaries import KEY, LINKS, SECRETS
from support.clients import Listen
from support.peer import silence
from support.secret_calls import SecretShop
from support.witness import Witness, witness

from phota_async.sandbox.thread import SandboxThread, running_sandbox

from .trial import Trial

__all__ = ["witness"]
LOUD = {"PHOTA_API_KEY": KEY.text, "PYTHONASYNCIODEBUG": "1", "PYTHONFAULTHANDLER": "1", "NO_COLOR": "1"}


class Run(NamedTuple):
    """A command line, and what it ends with; ``{url}`` is the service's address."""

    arguments: tuple[str, ...]
    code: int


LIVE = ("demo", "--live", "--yes", "--profile", "anna", "-o", "out", "--base-url")
RUNS = {
    "demo": Run(("demo", "-o", "out", "--time-scale", "4000"), 0),
    "demo, live": Run((*LIVE, "{url}"), 0),
    "demo, no service there": Run((*LIVE, "{url}/nowhere"), 6),
    "demo, no such place": Run((*LIVE, "ftp://{url}"), 2),
    "a word that is no command": Run(("develop",), 2),
    "sandbox, for everybody": Run(("sandbox", "--host", "0.0.0.0"), 2),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxThread]:
    with running_sandbox(api_key=KEY.text, time_scale=10_000, picture_scale=1 / 16) as running:
        running.add_profile("anna")
        yield running


def start(command: list[str], folder: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | LOUD | env
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("name", RUNS)
def test_commands(name: str, sandbox: SandboxThread, tmp_path: Path, witness: Witness, fault: Trial) -> None:
    arguments = [each.format(url=sandbox.base_url) for each in RUNS[name].arguments]
    fault.tried()
    done = start([sys.executable, "-m", "phota_async", *arguments], tmp_path)
    assert done.returncode == RUNS[name].code, done.stderr[-2000:]
    witness.see_text("what it said", done.stdout + done.stderr, LINKS)
    witness.see_folder(tmp_path, LINKS)
    witness.assert_discreet()


# Programs of others that use the package, and die of it.

PROGRAM = """
    import asyncio, faulthandler, logging, os, sys, threading
    import rich.traceback
    from phota_async import PhotaClient
    from phota_async.hooks import logging_hook

    logging.basicConfig(level=logging.DEBUG)

    async def main(how):
        async with PhotaClient(hooks=[logging_hook()]) as client:
            if how == "in a task":
                asyncio.create_task(client.generate("a sea"))  # nobody looks what becomes of it
                await asyncio.sleep(0.2)
            elif how == "on a signal":
                asyncio.get_running_loop().call_later(0.2, os.abort)
                await client.generate("a sea")
            elif how == "dumped":
                asyncio.get_running_loop().call_later(0.2, dump)
                await client.generate("a sea")
            else:
                async with asyncio.timeout(0.2):
                    await client.generate("a sea")

    def dump():
        faulthandler.dump_traceback(all_threads=True)
        for task in asyncio.all_tasks():
            task.print_stack()
        raise SystemExit(3)

    if sys.argv[1] == "in colours":
        rich.traceback.install(show_locals=True, width=90)
    asyncio.run(main(sys.argv[1]), debug=True)
"""


@pytest.mark.parametrize("how", ["plain", "in colours", "in a task", "on a signal", "dumped"])
async def test_programs_that_die(how: str, listen: Listen, tmp_path: Path, witness: Witness, fault: Trial) -> None:
    shop = await SecretShop.open(listen)
    shop.break_down(silence)
    fault.tried()
    command = [sys.executable, "-X", "dev", "-c", textwrap.dedent(PROGRAM), how]
    done = await asyncio.to_thread(start, command, tmp_path, PHOTA_BASE_URL=shop.service.url)
    assert (done.returncode == 0) == (how == "in a task")
    assert b"generate" in done.stderr
    witness.see_text("what it said", done.stdout + done.stderr, SECRETS)
    witness.see_folder(tmp_path, SECRETS)
    witness.assert_discreet()
