"""A PostgreSQL for as long as an example runs, from the programs of an installed package.

    with running_postgres() as dsn: ...

It keeps its files in a folder of its own, listens on a socket in there and on no port, and goes without a trace.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"
DEBIAN = Path("/usr/lib/postgresql")  # has a folder for each version
HINT = """This example needs a PostgreSQL: the programs of one, to start it here, or the address of an empty database.

    apt-get install postgresql            # Debian and Ubuntu
    brew install postgresql               # macOS
    python examples/fleet.py --dsn postgresql://USER@HOST/NAME"""


class PostgresError(Exception):
    """It cannot be started; says why, and what to do."""


def programs() -> Path:
    """Return the folder of a server's programs: the one in the path, or Debian's newest."""
    if in_path := shutil.which("initdb"):
        return Path(in_path).resolve().parent
    found = sorted(DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name))
    if not found:
        raise PostgresError(HINT)
    return found[-1]


@contextmanager
def running_postgres() -> Iterator[str]:
    """Serve in a new folder, which goes with it; yields the address of an empty database. Blocks."""
    where = programs()
    with tempfile.TemporaryDirectory(prefix="phota-fleet-pg-") as folder:
        if os.getuid() == 0:  # it refuses to run as root
            give_away(folder)
        data = f"{folder}/data"
        settings = f"-k {folder} -c listen_addresses='' -c shared_buffers=32MB"
        call(where / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        call(where / "pg_ctl", "-D", data, "-l", f"{folder}/log", "-w", "-o", settings, "start")
        try:
            yield f"host={folder} user={USER} dbname={USER}"
        finally:
            call(where / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def give_away(folder: str) -> None:
    """Let the server's user have a folder."""
    try:
        account = pwd.getpwnam(USER)
    except KeyError:
        raise PostgresError(f"A server cannot run as root, and there is no user {USER}.") from None
    os.chown(folder, account.pw_uid, account.pw_gid)


def call(program: Path, *arguments: str) -> None:
    """Run one of its programs to the end, as a user that is not root."""
    command = [str(program), *arguments]
    if os.getuid() == 0:
        command = ["runuser", "-u", USER, "--", *command]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise PostgresError(f"{program.name} failed:\n{done.stdout}{done.stderr}")
