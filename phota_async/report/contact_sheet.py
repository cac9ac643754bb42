"""Write the contact sheet: every source beside what came of it, on one page that opens from disk."""

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import anyio.to_thread

from .page import render
from .rows import SheetRow
from .thumbnails import thumbnails


async def contact_sheet(
    rows: Iterable[SheetRow],
    path: str | os.PathLike[str],
    *,
    title: str = "Contact sheet",
    note: str = "",
    names: Mapping[str, str] | None = None,
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

    Returns:
        The path of the page.
    """
    target = Path(path)
    listed = list(rows)
    small = await thumbnails(photo for row in listed for photo in (*row.sources, *row.results))
    pieces = render(listed, small, folder=target.parent, title=title, note=note, names=names)
    await anyio.to_thread.run_sync(write_atomically, target, pieces)
    return target


def write_atomically(path: Path, pieces: Iterable[str]) -> None:
    """Write text into a file beside ``path`` and rename it, so that nobody ever reads half a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
