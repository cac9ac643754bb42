"""Lay a batch on a contact sheet by what its ledger knows: no run's folder is needed."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from .. import threads
from ..ledger import Record
from ..results import StrPath, to_path
from .contact_sheet import contact_sheet
from .ledger_rows import Folders, rows_of_ledger
from .run_sheet import check_is_ours

LONGEST = 60  # characters of a batch's name in a file's
NOTE = "From the ledger that its machines share, which holds neither prompts nor who was asked for."


async def sheet_of_ledger(
    records: Iterable[Record],
    output: StrPath,
    path: StrPath | None = None,
    *,
    batch: str = "",
    photos: StrPath | None = None,
    title: str | None = None,
    names: Mapping[str, str] | None = None,
) -> Path:
    """Write the contact sheet of a batch, finished or not.

    Args:
        records: Those of the batch.
        output: The folder of its results, as this machine sees it.
        path: The page; ``None`` writes ``.phota/report-BATCH.html`` below the results, for its owner only. An earlier
            page of ours is replaced, and nothing else.
        batch: Its name.
        photos: A folder where its photos lie under the keys of their items; ``None`` shows no sources.
        title: The heading; ``None`` names the batch.
        names: Profile id to the name that people know it by.

    Raises:
        InputError: There is something else under the page's name.

    Returns:
        The absolute path of the page.
    """
    folders = Folders(to_path(output), None if photos is None else to_path(photos))
    target = await threads.run(_target, default_path(folders.output, batch) if path is None else path)
    rows = await threads.run(rows_of_ledger, records, folders)
    heading = title or f"Photos in {batch or folders.output.absolute().name}"
    return await contact_sheet(rows, target, title=heading, note=NOTE, names=names, is_private=path is None)


def _target(path: StrPath) -> Path:
    target = Path(os.path.abspath(to_path(path)))  # noqa: PTH100 - resolve() would follow links
    check_is_ours(target)
    return target


def default_path(output: Path, batch: str) -> Path:
    """Return where the sheet of a batch lies when nobody says otherwise."""
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "-_") else "_" for each in batch)
    return output / ".phota" / f"report-{plain[:LONGEST] or 'batch'}.html"
