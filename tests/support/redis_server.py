"""A real Redis from Debian's package, on a free port of the loopback, that can be stopped, started and killed."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as Unreachable

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
FORGETFUL = ("--appendonly", "no")
PATIENCE = 10.0  # seconds for a start


class Server:
    """A server that keeps its data in a folder."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.folder, self.settings, self.port = folder, settings, _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        address = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["redis-server", *address, "--save", "", *self.settings], stdout=log, stderr=log
            )
        until = time.monotonic() + PATIENCE
        while not self._answers():
            is_coming = self._process.poll() is None and time.monotonic() < until
            assert is_coming, (self.folder / "log").read_text()
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def connect(self) -> "Redis":
        return Redis.from_url(self.url)

    def clear(self) -> str:
        """Forget everything, and return the address."""
        with self.connect() as client:
            client.flushall()
        return self.url

    def _answers(self) -> bool:
        try:
            with self.connect() as client:
                return bool(client.ping())
        except Unreachable:  # not there yet, or still loading
            return False


@contextmanager
def running_server(*settings: str) -> Iterator[Server]:
    """Serve from a new folder, which goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="phota-redis-"))
    try:
        server = Server(folder, *(settings or DURABLE))
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
