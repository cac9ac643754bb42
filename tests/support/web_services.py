"""A web example as its users run it: as two processes, over HTTP, with their log in hand."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PATIENCE = 20.0  # seconds for a process to start or to end, on a busy machine
WARNINGS = ("-W", "error", "-W", "ignore:unclosed <socket.socket fd:ResourceWarning")  # uvicorn's parent leaves one
SLOW = ("COVERAGE_PROCESS", "PYTHONDONTWRITEBYTECODE")  # two dozen starts would measure, or compile, it all again
READY = re.compile("Application startup complete|Running on")


class WebService:
    """Two workers of one example: uvicorn's behind one port, or two processes of aiohttp.web on two ports.

    Args:
        name: The example.
        settings: Environment variables.
    """

    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(SLOW)}
        self._environment = {**inherited, **settings}
        self._name = name
        self._running: list[subprocess.Popen[str]] = []
        self.ports = free_ports(2 if name == "web_aiohttp" else 1)

    @property
    def first(self) -> str:
        """The address of one worker, or of both."""
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def last(self) -> str:
        """The address of the other worker, or of both."""
        return f"http://127.0.0.1:{self.ports[-1]}"

    def start(self) -> None:
        """Start the workers and wait until they serve."""
        for command in self._commands():
            process = subprocess.Popen(
                [sys.executable, "-u", *WARNINGS, *command],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            self._running.append(process)
        for process in self._running:
            self._wait_until_ready(process, 2 // len(self._running))
        for port in self.ports:
            wait_until_open(port)  # uvicorn's workers say that they are complete just before they listen

    def stop(self) -> str:
        """Ask all to stop and return what they wrote since they served."""
        for process in self._running:
            process.terminate()
        return self._end()

    def kill(self) -> None:
        """End all at once, as a power cut does."""
        for process in self._running:
            os.killpg(process.pid, signal.SIGKILL)  # uvicorn's workers too
        self._end()

    def _commands(self) -> Iterator[list[str]]:
        if self._name == "web_aiohttp":
            yield from ([str(EXAMPLES / "web_aiohttp.py"), str(port)] for port in self.ports)
        else:
            where = ["--app-dir", str(EXAMPLES), "--port", str(self.ports[0])]
            yield ["-m", "uvicorn", f"{self._name}:app", "--workers", "2", "--no-access-log", *where]

    def _wait_until_ready(self, process: subprocess.Popen[str], workers: int) -> None:
        assert process.stdout is not None
        seen: list[str] = []
        with _deadline(process):
            for line in process.stdout:
                seen.append(line)
                workers -= bool(READY.search(line))
                if not workers:
                    return
        raise AssertionError(f"{self._name} did not start:\n{''.join(seen)}")

    def _end(self) -> str:
        log = ""
        for process in self._running:
            with _deadline(process):
                log += process.communicate()[0]
        self._running.clear()
        return log


def wait_until_open(port: int) -> None:
    """Wait until somebody listens on a port; nothing tells when."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


@contextmanager
def _deadline(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill what takes too long, which ends the reading of its output."""
    timer = threading.Timer(PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
