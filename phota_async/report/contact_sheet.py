"""Write the contact sheet: every source beside what came of it, on one page that opens from disk."""

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import threads
from .cards import Thumbnails
from .page import render
from .rows import SheetRow
from .thumbnails import thumbnails

PRIVATE, SHARED = 0o600, 0o666  # before what the user's own mask takes away


async def contact_sheet(
    rows: Iterable[SheetRow],
    path: str | os.PathLike[str],
    *,
    title: str = "Contact sheet",
    note: str = "",
    names: Mapping[str, str] | None = None,
    is_private: bool = False,
) -> Path:
    """Write one self-contained HTML page that shows sources, results, prompts, identity and prices.

    The page holds small pictures of its own and links to the full ones by relative paths. It needs no network
    and holds no signed link; prompts and profile ids do appear in it, so treat it like the photos.

    Args:
        rows: In the order they were asked for; the page shows problems first.
        path: The file to write; it is replaced at once, when the page is whole.
        title: The heading.
        note: A line below the heading.
        names: Profile id to the name that people know it by.
        is_private: Whether only its owner may read the page.

    Returns:
        The path of the page.
    """
    target = Path(path)
    listed = list(rows)
    small = await thumbnails(photo for row in listed for photo in (*row.sources, *row.results))
    head = {"title": title, "note": note, "names": names}
    await threads.run(_write, target, listed, small, head, PRIVATE if is_private else SHARED)
    return target


def _write(path: Path, rows: Sequence[SheetRow], small: Thumbnails, head: Mapping[str, Any], mode: int) -> None:
    write_atomically(path, render(rows, small, folder=path.parent, **head), mode)


def write_atomically(path: Path, pieces: Iterable[str], mode: int = SHARED) -> None:
    """Write text into a file beside ``path`` and rename it, so that nobody ever reads half a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name[:50]}.{secrets.token_hex(4)}.part")
    try:
        part.touch(mode=mode, exist_ok=False)
        with part.open("r+", encoding="utf-8", errors="replace", newline="\n") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
