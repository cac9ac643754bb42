"""A real PostgreSQL from Debian's package, in a folder of its own, that can be stopped, started and killed."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

USER = "postgres"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SETTINGS = "-c listen_addresses='' -c max_connections=200 -c shared_buffers=32MB"
CARELESS = " -c fsync=off -c full_page_writes=off"  # where durability is not what is tested


class Server:
    """A server on a socket in a folder."""

    def __init__(self, folder: Path, *, careless: bool = True) -> None:
        self.folder, self.data = folder, folder / "data"
        self.settings = f"-k {folder} {SETTINGS}{CARELESS if careless else ''}"
        self._run("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")

    def start(self) -> None:
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.data), "-l", log, "-w", "-o", self.settings, "start")

    def stop(self, how: str = "fast") -> None:
        """Stop it: ``fast`` ends what runs, ``immediate`` is as a crash."""
        self._run("pg_ctl", "-D", str(self.data), "-m", how, "-w", "stop")

    def dsn(self, name: str = USER) -> str:
        return f"host={self.folder} user={USER} dbname={name}"

    def create(self) -> str:
        """Make an empty database and return its address."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.dsn(name)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(PROGRAMS[-1] / program), *arguments]
        if os.getuid() == 0:  # it refuses to run as root
            command = ["runuser", "-u", USER, "--", *command]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def url(dsn: str) -> str:
    """Return the words of an address as one."""
    words = psycopg.conninfo.conninfo_to_dict(dsn)
    return f"postgresql://{words['user']}@/{words['dbname']}?host={words['host']}"


@contextmanager
def running_server(*, careless: bool = True) -> Iterator[Server]:
    """Serve in a new folder, which goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="phota-pg-"))
    try:
        if os.getuid() == 0:
            account = pwd.getpwnam(USER)
            os.chown(folder, account.pw_uid, account.pw_gid)
        server = Server(folder, careless=careless)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
