"""What a PostgreSQL of one's own has done since a moment: CPU of all its processes, transactions, log, connections."""

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.postgres import Server, running_server

__all__ = ["Meter", "Server", "Used", "cpu_of", "running_server"]
TICKS = os.sysconf("SC_CLK_TCK")
PROCESSES = Path("/proc")
COUNTED = """SELECT xact_commit + xact_rollback, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')
    FROM pg_stat_database WHERE datname = current_database()"""
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class Used(NamedTuple):
    """Sums since the server's start, or between two such."""

    cpu: float
    """Seconds of a core."""
    transactions: int
    log: int
    """Bytes of write-ahead log."""

    def __sub__(self, other: "Used") -> "Used":
        return Used(self.cpu - other.cpu, self.transactions - other.transactions, self.log - other.log)


class Meter:
    """Reads what a server used.

    Args:
        data: The server's folder of data, on this machine.
        dsn: One of its databases; what is counted is this one's.
    """

    def __init__(self, data: Path, dsn: str) -> None:
        self._postmaster = int((data / "postmaster.pid").read_text().split()[0])
        self._dsn = dsn

    def read(self) -> Used:
        """Return the sums; what a connection did counts once it is idle for a second, or closed."""
        transactions, log = self.one(COUNTED)
        return Used(self.cpu(), int(transactions), int(log))

    def connections(self) -> int:
        """Return how many others are connected to the database."""
        return int(self.one(CONNECTED)[0])

    def one(self, statement: str) -> tuple[Any, ...]:
        """Return the first row of an answer."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone()
        if row is None:
            raise AssertionError(f"expected a row of {statement}")
        return row

    def cpu(self) -> float:
        """Return the seconds of all processes, those that have ended included."""
        own = _stat(self._postmaster)
        ended = int(own[13]) + int(own[14])  # of children that were waited for
        running = sum(sum(map(int, _stat(pid)[11:13])) for pid in self._children())
        return (ended + running + sum(map(int, own[11:13]))) / TICKS

    def _children(self) -> list[int]:
        file = PROCESSES / str(self._postmaster) / "task" / str(self._postmaster) / "children"
        return [int(pid) for pid in file.read_text().split()]


def cpu_of(pid: int) -> float:
    """Return the seconds of a core that a process has used."""
    return sum(map(int, _stat(pid)[11:13])) / TICKS


def _stat(pid: int) -> list[str]:
    """Return the fields of a process from its third on; zeros when it has just ended."""
    try:
        return (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return ["0"] * 20
