"""Lay one run on a contact sheet: which run, where the page goes, and what its head says."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from .. import threads
from ..errors import InputError
from ..results import StrPath, to_path
from ..runs import RunFolder, RunRecord
from .contact_sheet import contact_sheet
from .page import GENERATOR
from .run_rows import rows_of_run

HEAD = 4096  # bytes of a page in which its maker is named


async def sheet_of_run(
    folder: RunFolder,
    path: StrPath | None = None,
    *,
    title: str | None = None,
    names: Mapping[str, str] | None = None,
) -> Path:
    """Write the contact sheet of a run, finished or not.

    Args:
        folder: The run.
        path: The page; ``None`` writes ``.phota/report-RUN.html`` below the run's output, for its owner only, as
            prompts stand in it. An earlier page of ours is replaced, and nothing else.
        title: The heading; ``None`` names the operation and the folder.
        names: Profile id to the name that people know it by.

    Raises:
        InputError: It is no run, or there is something else under the page's name.

    Returns:
        The absolute path of the page.
    """
    target = await threads.run(_target, folder, path)
    record = await threads.run(folder.record)
    rows = await threads.run(rows_of_run, folder)
    operation = "Photos" if record.operation == "mixed" else record.operation.capitalize()
    heading = title or f"{operation} in {folder.output.absolute().name}"
    return await contact_sheet(rows, target, title=heading, note=note_of(record), names=names, is_private=path is None)


def _target(folder: RunFolder, path: StrPath | None) -> Path:
    chosen = default_path(folder) if path is None else to_path(path)
    target = Path(os.path.abspath(chosen))  # noqa: PTH100 - resolve() would follow links
    check_is_ours(target)
    return target


def default_path(folder: RunFolder) -> Path:
    """Return where the sheet of a run lies when nobody says otherwise."""
    return folder.path.parent.parent / f"report-{folder.run}.html"


def note_of(record: RunRecord) -> str:
    """Say which run it is, when it was, and whether it came to its end."""
    began = _moment(record.started)
    if record.ended is None:
        return f"Run {record.run}, begun {began}. It has not ended, or was killed: what follows is what it has told."
    end = "" if record.exit_code in {None, 0} else f", exit code {record.exit_code}"
    return f"Run {record.run}, begun {began}, ended {_moment(record.ended)}{end}."


def check_is_ours(path: Path) -> None:
    """Make sure that nothing but an earlier page of ours would be replaced. Blocks.

    Raises:
        InputError: There is something else.
    """
    if not os.path.lexists(path):
        return
    try:
        with path.open("rb") as file:
            is_ours = GENERATOR.encode() in file.read(HEAD)
    except OSError as error:
        raise InputError(f"{path}: expected a place for a page, got {error.strerror}") from None
    if not is_ours:
        raise InputError(f"{path}: expected an earlier page of ours or nothing, got another file").with_context(
            hint="choose another name; it was left as it is"
        )


def _moment(stamp: str) -> str:
    try:
        return f"{datetime.fromisoformat(stamp):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return stamp
