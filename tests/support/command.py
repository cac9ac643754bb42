"""The real command in a process of its own, on a sandbox."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from phota_async.sandbox.thread import SandboxThread

from .pictures import real_picture

QUICK = (sys.executable, "-P", str(Path(__file__).with_name("quick_phota.py")))
PATIENCE = 60.0  # seconds until a test gives up: more than a busy machine takes


class Done(msgspec.Struct):
    """How a call of the command ended."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        """What stands on standard output."""
        return os.fsdecode(self.out).splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        """JSON Lines on standard output."""
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


class Phota:
    """Runs ``phota`` in a folder.

    Args:
        folder: Where it is called; its photos and results are there.
        sandbox: What it talks to.
        command: The program; ``PHOTA`` is the real one, which looks at jobs every 2 s.
    """

    def __init__(self, folder: Path, sandbox: SandboxThread, command: Sequence[str] = QUICK) -> None:
        self.folder, self._command = folder, command
        self.sandbox = sandbox
        told = {"PHOTA_API_KEY": sandbox.api_key, "PHOTA_BASE_URL": sandbox.base_url}
        home = {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PHOTA_STATE_DIR": str(folder / "state"),
        }
        self.env = {**os.environ, **told, **home, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}

    def photos(self, *names: str) -> None:
        """Put photos in place, each with a content of its own."""
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(real_picture(len(list(self.folder.rglob("*"))) % 256) + name.encode(errors="replace"))

    def run(self, *arguments: str | bytes, cwd: Path | None = None, **options: Any) -> Done:
        """Call the command and wait for its end."""
        env = self.env | options.pop("env", {})
        command = [*self._command, *arguments]
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=env, capture_output=True, check=False, timeout=PATIENCE, **options
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return Done(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    @contextmanager
    def started(self, *arguments: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Call the command, in a process group of its own, as a shell does."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        pipes |= {"cwd": self.folder, "env": self.env, "start_new_session": True} | options
        with subprocess.Popen([*self._command, *arguments], **pipes) as process:
            try:
                yield process
            finally:
                process.kill()

    def wait_for(self, mark: str, count: int = 1) -> None:
        """Wait until the sandbox has seen such requests as ``GET /jobs/{job_id}``; each look at one job is the same."""

        async def wait() -> None:
            sandbox = self.sandbox.sandbox
            while _different(sandbox.requests, mark) < count:
                await sandbox.wait_for_requests(len(sandbox.requests) + 1)

        asyncio.run_coroutine_threadsafe(wait(), self.sandbox._ready.result()).result(PATIENCE)

    @property
    def files(self) -> list[str]:
        """What lies in the folder, hidden files and those in hidden folders excepted."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if not any(part.startswith(".") for part in path.parts))


def _different(requests: Iterable[Any], mark: str) -> int:
    found = [seen.path for seen in requests if seen.mark == mark]
    return len(set(found)) if mark.startswith("GET") else len(found)


def read_until(stream: Any, word: str) -> str:
    """Read lines until one has the word, and return all of it."""
    read = ""
    while word not in read:
        line = stream.readline().decode()
        assert line, f"ended without {word!r}: {read}"
        read += line
    return read
