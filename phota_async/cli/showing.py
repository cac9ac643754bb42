"""Results on their way to programs: paths, JSON Lines, or the one picture itself."""

import os
from pathlib import Path
from typing import Any

import msgspec

from phota_async.batch import Outcome
from phota_async.errors import InputError
from phota_async.media.files import translated
from phota_async.runs import RunRecord, record_of
from phota_async.runs.folder import append_line
from phota_async.runs.records import encode

from .places import shown
from .run_options import Invocation
from .streams import offer, say, write

FOUND = frozenset({"done", "skipped"})


class Results:
    """Writes what a run brings.

    Args:
        how: In which form.
        is_pipe: Whether the picture itself goes to standard output.

    Raises:
        InputError: The file of ``--jsonl`` is something else.
    """

    def __init__(self, how: Invocation, *, is_pipe: bool = False) -> None:
        self._is_json, self._is_pipe = how.json, is_pipe
        self._file = None if how.jsonl is None else _lines_file(how.jsonl)
        self._is_read = True
        self.is_lost = False
        """Whether the picture itself did not arrive."""

    def item(self, outcome: Outcome, run: str = "") -> None:
        """Write an item's results; its prompt stays here."""
        if self._is_json or self._file is not None:
            self._line(record_of(outcome, run=run).without_prompt())
        if self._is_json or outcome.status not in FOUND or is_foreign(outcome):
            return
        for path in outcome.paths:
            self._picture(path) if self._is_pipe else self._tell(shown(path))

    def end(self, record: RunRecord) -> None:
        """Write how the run ended; its settings stay here."""
        self._line(msgspec.structs.replace(record, settings={}))

    def __repr__(self) -> str:
        return f"<Results {'as JSON Lines' if self._is_json else 'as paths'}>"

    def _line(self, record: Any) -> None:
        line = encode(record)
        if self._is_json:
            self._tell(line.decode())
        if self._file is not None:
            with translated(self._file):
                append_line(self._file, line)

    def _tell(self, line: str) -> None:
        if not offer(line) and self._is_read:
            self._is_read = False
            say("nobody reads standard output any more; the run goes on")

    def _picture(self, path: Path) -> None:
        if not write(path.read_bytes()):
            self.is_lost = True
            say(f"standard output did not take the picture; it is kept as {path}")


def is_foreign(outcome: Outcome) -> bool:
    """Whether an item, or a variation of it, was left out for a file that is not ours."""
    ends = outcome.variations or (outcome,)
    return any(end.status == "skipped" and end.result is None and bool(end.paths) for end in ends)


def _lines_file(name: str) -> Path:
    """Return a file that lines can be added to.

    Raises:
        InputError: It holds something else.
    """
    path = Path(os.fsdecode(name)).absolute()
    with translated(path):
        if path.exists():
            with path.open("rb") as file:
                first = file.read(1)
            if first not in (b"", b"{"):
                raise InputError(f"--jsonl: expected a new file or one of JSON Lines, got {name}")
    return path
