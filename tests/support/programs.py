"""The real command in a process of its own: with pipes, or on a terminal that a test reads and types into."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from phota_async.sandbox import SandboxThread

DEADLINE = 30.0  # seconds after which something hangs
PHOTA = (sys.executable, "-m", "phota_async")


class Ended(NamedTuple):
    """How a program ended, and what it wrote."""

    code: int
    out: str
    err: str


@cache
def _compiled() -> str:
    """Return a folder where modules are compiled once for all of a run's processes."""
    return tempfile.mkdtemp(prefix="phota-compiled-")


def surroundings(extra: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without settings from outside and with those of a test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PHOTA_", "PYTHONDONTWRITE"))}
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        kept.pop(name, None)
    return {**kept, "PYTHONPYCACHEPREFIX": _compiled(), "TERM": "xterm", **extra}


def access(sandbox: SandboxThread) -> dict[str, str]:
    """Return the environment by which a program finds a sandbox."""
    return {"PHOTA_BASE_URL": sandbox.base_url, "PHOTA_API_KEY": sandbox.api_key}


def phota(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, typed: str | None = None
) -> Ended:
    """Run the command without a terminal; ``typed`` comes through a pipe."""
    done = subprocess.run(
        [*PHOTA, *arguments],
        input=typed,
        stdin=subprocess.DEVNULL if typed is None else None,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
        env=surroundings(env or {}),
        cwd=cwd,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


class OnTerminal:
    """A program whose standard input and error, and output unless it is piped, are a terminal.

    Usage::

        with OnTerminal(["-c", "..."], env={}) as shown:
            shown.wait_for("Delete?")
            shown.type("y\\n")
        shown.screen, shown.piped, shown.code
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        columns: int = 80,
        piped: bool = False,
    ) -> None:
        self._command, self._env, self._cwd = command, surroundings(env or {}), cwd
        self._columns, self._is_piped = columns, piped
        self._raw = b""
        self.piped_bytes = b""
        self.code = -1

    @property
    def screen(self) -> str:
        """All that came to the terminal, escape sequences included."""
        return self._raw.decode(errors="replace")

    @property
    def piped(self) -> str:
        """All that came out of the piped standard output."""
        return self.piped_bytes.decode()

    def __enter__(self) -> Self:
        self._terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, self._columns, 0, 0))
        self._process = subprocess.Popen(
            self._command,
            stdin=inner,
            stdout=subprocess.PIPE if self._is_piped else inner,
            stderr=inner,
            env=self._env,
            cwd=self._cwd,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads hold locks here
        )
        os.close(inner)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        while self._read():
            pass
        if self._process.stdout is not None:
            self.piped_bytes = self._process.stdout.read()
            self._process.stdout.close()
        self.code = self._process.wait(DEADLINE)
        os.close(self._terminal)

    def wait_for(self, text: str) -> None:
        """Read until the terminal has shown a text."""
        while text not in self.screen:
            assert self._read(), f"it ended without {text!r}: {self.screen}"

    def type(self, text: str) -> None:
        """Type; a line ends with ``\\n``, Ctrl-C is ``\\x03``."""
        os.write(self._terminal, text.encode())

    def _read(self) -> bool:
        until = time.monotonic() + DEADLINE
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, until - time.monotonic()))
        assert ready, f"nothing for {DEADLINE:g} s: {self.screen}"
        try:
            piece = os.read(self._terminal, 65536)
        except OSError:  # the other side is closed
            return False
        self._raw += piece
        return bool(piece)
