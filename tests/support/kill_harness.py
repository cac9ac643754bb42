"""Kill a paying batch again and again, and count what it cost and what it lost.

    python tests/support/kill_harness.py --kills 30 --seed 7 --faults

Each life of the client is a forked child that is killed at a random instant (or at a labelled point) and begun
anew until its round is complete; rounds go on until there were enough kills. Prints a JSON report.
"""

import argparse
import contextlib
import hashlib
import os
import random
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from support import kill_client  # noqa: E402 - found beside this file
from support.kill_server import Sold  # noqa: E402

MAX_LIVES = 40  # of one round after its kills: more means that it does not come to an end


class Report(msgspec.Struct, kw_only=True):
    """What a run of the harness found; see `is_clean`."""

    seed: int
    kills: int = 0
    rounds: int = 0
    items: int = 0
    seconds: float = 0.0
    cuts: int = 0
    """Tails of the write-ahead log that were cut off."""
    jobs_failed: int = 0
    unknown: int = 0
    """Items reported as such; a job never is."""
    charged_twice: int = 0
    not_charged: int = 0
    lost: int = 0
    """Items whose picture is not on the disk."""
    broken: int = 0
    """Files that are no picture that the service made."""
    strays: int = 0
    """Files too many: duplicates and unfinished ones."""
    unfinished: int = 0
    """Rounds that did not come to an end."""

    @property
    def is_clean(self) -> bool:
        bad = (self.charged_twice, self.not_charged, self.lost, self.broken, self.strays, self.unfinished)
        return not any(bad)


class Harness:
    """Kills clients of one server."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder = folder
        self.options = options
        self.chance = random.Random(options.seed)
        self.report = Report(seed=options.seed)
        self.base_url = ""

    def run(self) -> Report:
        begun = time.monotonic()
        with self._server() as server:
            while self.report.kills < self.options.kills and not self.report.unfinished:
                self._round(f"round-{self.report.rounds}", [])
            books = self._close(server)
        self._audit(books)
        self.report.seconds = round(time.monotonic() - begun, 1)
        return self.report

    def run_points(self, labels: list[str], passages: list[int]) -> Report:
        """Kill once at each labelled point and passage, each in a round of its own."""
        begun = time.monotonic()
        with self._server() as server:
            for label in labels:
                for passage in passages:
                    self._round(f"{label.replace(':', '-')}-{passage}", [(label, passage)])
            books = self._close(server)
        self._audit(books)
        self.report.seconds = round(time.monotonic() - begun, 1)
        return self.report

    def _round(self, name: str, points: list[tuple[str, int]]) -> None:
        """Run one batch to its end, killing it on the way."""
        self.report.rounds += 1
        self.report.items += self.options.items
        random_kills = not points
        for _ in range(self.options.kills + MAX_LIVES):
            may_kill = random_kills and self.report.kills < self.options.kills
            longest = self.chance.uniform(0.0, self.options.life) if may_kill else None
            if self._live(name, longest, points.pop() if points else None):
                return
        self.report.unfinished += 1

    def _live(self, name: str, longest: float | None, point: tuple[str, int] | None) -> bool:
        """Run a client for a while; whether it came to its end with everything there."""
        pid = os.fork()
        if pid == 0:
            self._be_child(name, point)
        killed = False
        if longest is not None:
            with contextlib.closing(_Pidfd(pid)) as ended:
                if not ended.wait(longest):
                    os.kill(pid, signal.SIGKILL)
                    killed = True
        _, status = os.waitpid(pid, 0)
        killed = killed or os.WIFSIGNALED(status)
        if killed:
            self.report.kills += 1
            self._cut_tail(name)
        return not killed and os.waitstatus_to_exitcode(status) == 0

    def _be_child(self, name: str, point: tuple[str, int] | None) -> None:
        code = 70
        try:
            if point is not None:
                kill_client.crash_at(*point)
            options = self.options
            how = {
                "count": options.items,
                "name": name,
                "mode": options.mode,
                "variations": options.variations,
            }
            code = kill_client.child(self.folder / name, self.base_url, **how)
        except BaseException as error:  # noqa: BLE001 - a child must not go on as its parent
            sys.stderr.write(f"{name}: {error!r}\n")
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _cut_tail(self, name: str) -> None:
        """Cut the log off anywhere, as when a disk lost what it had promised to keep."""
        log = self.folder / name / ".phota" / "ledger.sqlite-wal"
        if self.options.cut and log.exists() and self.chance.random() < 0.5:
            os.truncate(log, self.chance.randrange(log.stat().st_size + 1))
            self.report.cuts += 1

    @contextlib.contextmanager
    def _server(self) -> "Iterator[subprocess.Popen[str]]":
        command = [sys.executable, str(HERE / "kill_server.py"), str(self.options.seed), str(int(self.options.faults))]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                self.base_url = server.stdout.readline().strip()
                yield server
            finally:
                server.kill()

    def _close(self, server: "subprocess.Popen[str]") -> list[Sold]:
        output, _ = server.communicate()
        return msgspec.json.decode(output, type=list[Sold])

    def _audit(self, books: list[Sold]) -> None:
        """Compare the service's books with what lies on the disk."""
        report, variations = self.report, self.options.variations
        pictures: defaultdict[str, list[str]] = defaultdict(list)
        for sold in books:
            pictures[sold.prompt] += [] if sold.refunded else sold.sha256
        report.jobs_failed = sum(sold.refunded for sold in books)
        report.charged_twice = sum(len(digests) > variations for digests in pictures.values())
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            found = {path.name: _digest(path) for path in folder.iterdir() if path.is_file()}
            report.strays += max(0, len(found) - self.options.items * variations)
            unknown = _unknown(folder)
            report.unknown += len(unknown)
            report.lost += max(0, (self.options.items - len(unknown)) * variations - len(found))
            for number in range(self.options.items):
                if kill_client.key(number) in unknown:
                    continue
                expected = pictures[kill_client.prompt(folder.name, number)]
                report.not_charged += len(expected) < variations
                report.lost += not set(expected) <= set(found.values())
            made = {digest for digests in pictures.values() for digest in digests}
            report.broken += sum(digest not in made for digest in found.values())


class _Pidfd:
    """Waits for a child with a limit, without polling."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    def wait(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def close(self) -> None:
        os.close(self._descriptor)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _unknown(folder: Path) -> set[str]:
    """Return the keys of items that the ledger calls unknown: reported, so not lost."""
    with contextlib.closing(sqlite3.connect(folder / ".phota" / "ledger.sqlite")) as connection:
        return {key for (key,) in connection.execute("SELECT item FROM purchase WHERE state = 'unknown'")}


def all_points() -> list[str]:
    return [f"{name}:{when}" for name in kill_client.POINTS for when in ("before", "after")]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--life", type=float, default=0.6, help="longest life of a client, in seconds")
    parser.add_argument("--faults", action="store_true", help="let the service misbehave")
    parser.add_argument("--cut", action="store_true", help="cut the log's tail off after half of the kills")
    parser.add_argument("--mode", choices=("job", "sync"), default="job")
    parser.add_argument("--variations", type=int, default=1, help="pictures an item, a request each")
    parser.add_argument("--passages", type=int, nargs="*", help="kill at the labelled points instead")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> Report:
    options = parse(arguments)
    folder = Path(tempfile.mkdtemp(prefix="phota-kills-"))
    try:
        harness = Harness(folder, options)
        report = harness.run_points(all_points(), options.passages) if options.passages else harness.run()
        if report.is_clean:
            shutil.rmtree(folder)
        else:
            sys.stderr.write(f"see {folder}\n")
        return report
    finally:
        sys.stderr.flush()


if __name__ == "__main__":
    found = main()
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    sys.exit(0 if found.is_clean else 1)
