"""The folder of one run: ``run.json``, and ``items.jsonl``, which grows by a line an item.

Lines are written as they come and not synced: a crash may lose the last ones, which the next run writes again. What was
paid stands in the ledger.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, Self

import msgspec

from .. import __version__
from ..errors import InputError
from ..media.files import check_inside, translated
from ..media.reading import open_file, open_to_append, read_file
from ..results import StrPath, to_path
from .paths import to_text
from .records import ItemRecord, RunRecord, decode_item, decode_run, encode

RUNS = Path(".phota") / "runs"
PRIVATE = 0o600
ITEMS, RUN = "items.jsonl", "run.json"
NO_RECORD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what decoding raises over a stranger's bytes
SHOWN = 5  # names of runs in an error
MAX_LINE = 4 * 2**20  # bytes: a longer one was not written by a run
MAX_RUN = 64 * 2**20  # bytes of run.json, which names every source of the command line


class RunFolder:
    """One run's records, to write and to read.

    Attributes:
        path: The folder.
        output: The folder that holds the pictures; records' relative paths begin there.
        run: The run's name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.output = path.parent.parent.parent
        self.run = path.name

    @classmethod
    def create(
        cls, output: StrPath, *, operation: str, settings: Mapping[str, Any] | None = None, now: datetime | None = None
    ) -> Self:
        """Begin a run below an output folder. Blocks for the time of two small files.

        Args:
            output: Where the pictures go.
            operation: ``edit``, ``generate``, ``enhance``, ``remix`` or ``mixed``.
            settings: What the program needs to go on with the run; JSON values, never the key.
            now: When it begins; ``None`` looks at the clock.

        Raises:
            DownloadError: The disk is full.
            InputError: The folder cannot be written, or a link in it leads elsewhere.
        """
        root, begun = to_path(output), now or datetime.now(UTC)
        begun_within = f"{begun.microsecond // 1000:03x}"  # names stand in the order in which runs began
        name = f"{begun.astimezone(UTC):%Y%m%d-%H%M%S}-{begun_within}{secrets.token_hex(2)}"
        folder = cls(root / RUNS / name)
        check_inside(folder.path, root)
        with translated(folder.path):
            folder.path.mkdir(parents=True, mode=0o700)
        folder._write(
            RunRecord(
                run=name,
                operation=operation,
                output=to_text(root),
                started=_stamp(begun),
                version=__version__,
                settings=dict(settings or {}),
            )
        )
        return folder

    def record(self) -> RunRecord:
        """Return what the run is about.

        Raises:
            InputError: It is no run of ours.
        """
        try:
            return decode_run(read_file(self.path / RUN, MAX_RUN))
        except (OSError, *NO_RECORD) as error:
            raise InputError(f"{self.path}: expected the folder of a run, got {type(error).__name__}") from None

    def append(self, record: ItemRecord) -> None:
        """Write how an item ended. Blocks for a small write.

        Raises:
            DownloadError: The disk is full.
            InputError: The folder is gone, or a link or something else has the file's name.
        """
        with translated(self.path / ITEMS):
            _append(open_to_append(self.path / ITEMS, PRIVATE), encode(record))

    def finish(self, *, exit_code: int, totals: Mapping[str, Any] | None = None, now: datetime | None = None) -> None:
        """Write how the run ended; of a run that was taken up again, how it ended then."""
        ended = _stamp(now or datetime.now(UTC))
        changes = {"ended": ended, "exit_code": exit_code, "totals": dict(totals or {})}
        self._write(msgspec.structs.replace(self.record(), **changes))

    def records(self) -> list[ItemRecord]:
        """Return how each item ended last, in the run's order; what is no record is passed over.

        What was done and is then found done (``skipped``) keeps what was told of it.

        Raises:
            InputError: They cannot be read.
        """
        last: dict[str, ItemRecord] = {}
        for record in self._lines():
            earlier = last.get(record.key)
            if earlier is None or record.status != "skipped" or earlier.status != "done":
                last[record.key] = record
        return sorted(last.values(), key=lambda each: each.number)

    def picture(self, path: str) -> Path:
        """Return the absolute path of one of the run's outputs, wherever the folder was moved to."""
        return (self.output / path).absolute()

    def _lines(self) -> Iterator[ItemRecord]:
        try:
            with open_file(self.path / ITEMS) as file:
                while line := file.readline(MAX_LINE):
                    try:
                        yield decode_item(line)
                    except NO_RECORD:  # cut by a crash, or not ours
                        continue
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(f"{self.path / ITEMS} cannot be read: {error.strerror or error}") from None

    def _write(self, record: RunRecord) -> None:
        part = self.path / f".{RUN}.{secrets.token_hex(4)}.part"
        with translated(part):
            try:
                part.touch(mode=PRIVATE, exist_ok=False)
                part.write_bytes(msgspec.json.format(encode(record)) + b"\n")
                part.replace(self.path / RUN)
            finally:
                part.unlink(missing_ok=True)

    def __repr__(self) -> str:
        return f"<RunFolder {self.run}>"


def list_runs(output: StrPath) -> list[RunFolder]:
    """Return the runs below an output folder, the oldest first. Blocks."""
    try:
        found = sorted((to_path(output) / RUNS).iterdir())
    except OSError:
        return []
    return [RunFolder(path) for path in found if (path / RUN).is_file()]


def latest_run(output: StrPath) -> RunFolder:
    """Return the run that began last. Blocks.

    Raises:
        InputError: There is none.
    """
    runs = list_runs(output)
    if not runs:
        raise InputError(f"{to_path(output)}: expected a folder that a run wrote to, got none with {RUNS}")
    return runs[-1]


def find_run(output: StrPath, name: str | None = None) -> RunFolder:
    """Return a run below an output folder by its name or the beginning of it; ``None`` is the latest. Blocks.

    Raises:
        InputError: There is none, or several begin so.
    """
    if name is None:
        return latest_run(output)
    runs = list_runs(output)
    fitting = [run for run in runs if run.run == name] or [run for run in runs if name and run.run.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(run.run for run in reversed((fitting or runs)[-SHOWN:])) or "none"
    raise InputError(f"run: expected one of those below {to_path(output)} ({known}), got {name!r}")


def append_line(path: Path, line: bytes) -> None:
    """Add a line to a file of the person's choice, for them alone when it is new; one that was cut is ended first."""
    _append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), PRIVATE), line)


def _append(descriptor: int, line: bytes) -> None:
    with os.fdopen(descriptor, "a+b", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        is_cut = size > 0 and _last_byte(file, size) != b"\n"
        file.write((b"\n" if is_cut else b"") + line + b"\n")


def _last_byte(file: FileIO, size: int) -> bytes:
    file.seek(size - 1)
    return file.read(1)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
