"""Check a folder's photos for `phota check` and `phota train`, and show what was found."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import shorten
from ..training import Finding, PhotoCheck, check_folder
from .extras import missing_message
from .streams import result, say
from .training_display import Display

STYLES = {"error": "red", "doubtful": "yellow"}


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which photos of which folder, and for which tier."""

    folder: Path
    tier: str = "standard"
    recursive: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def name(self, path: Path | None) -> str:
        """Return a photo's path below the folder; a dash for what is about all of them.

        What of a name is no text is replaced, for it could not be written.
        """
        return "-" if path is None else os.fsencode(path.relative_to(self.folder)).decode(errors="replace")


async def run_check(selection: Selection, display: Display) -> PhotoCheck:
    """Check the photos and draw how far it is."""
    with display:
        return await check_folder(
            selection.folder,
            tier=selection.tier,
            recursive=selection.recursive,
            include=selection.include,
            exclude=selection.exclude,
            tell=display.checked,
        )


def show_findings(check: PhotoCheck, selection: Selection, *, err: bool) -> None:
    """Write the findings: a table on a terminal, else a line each, its fields separated by tabs.

    Args:
        check: What was found.
        selection: Says how photos are named.
        err: Whether to standard error, where they are no result.
    """
    if not check.findings:
        return
    if (sys.stderr if err else sys.stdout).isatty():
        Console(stderr=err).print(_table(check, selection))
        return
    for each in check.findings:
        fields = (each.severity, each.kind, selection.name(each.path), each.message)
        (say if err else result)("\t".join(map(shorten, fields)))  # a name may hold tabs


def _table(check: PhotoCheck, selection: Selection) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    for title in ("photo", "", "what was found"):
        table.add_column(title, overflow="fold")
    for each in check.findings:
        kind = Text(each.kind, style=STYLES[each.severity])
        table.add_row(Text(selection.name(each.path)), kind, Text(shorten(each.message)))
    return table


def summary(check: PhotoCheck) -> str:
    """Say in one line how the photos stand."""
    doubtful, (least, most) = len({each.path for each in check.doubtful}), check.limits.photos[check.tier]
    return (
        f"{len(check.paths)} of {len(check.photos)} photos usable, {doubtful} doubtful; {check.tier}: {least} to {most}"
    )


def check_json(check: PhotoCheck, selection: Selection) -> Mapping[str, Any]:
    """Return what programs read: ``phota.check/1``."""
    return {
        "schema": "phota.check/1",
        "folder": str(selection.folder),
        "tier": check.tier,
        "ready": not check.errors,
        "photos": list(_photos_json(check, selection)),
        "findings": [finding_json(each, selection) for each in check.findings],
    }


def finding_json(finding: Finding, selection: Selection) -> Mapping[str, Any]:
    """Return one finding as plain data."""
    return {
        "severity": finding.severity,
        "kind": finding.kind,
        "photo": None if finding.path is None else selection.name(finding.path),
        "other": None if finding.other is None else selection.name(finding.other),
        "message": shorten(finding.message),
    }


def _photos_json(check: PhotoCheck, selection: Selection) -> Iterator[Mapping[str, Any]]:
    for photo in check.photos:
        seen = photo.measures
        width, height = (None, None) if seen is None else seen.size
        sharpness = None if seen is None else seen.sharpness
        yield {"photo": selection.name(photo.path), "width": width, "height": height, "sharpness": sharpness}


def need_sheet() -> None:
    """Refuse ``--sheet`` at once where what it needs is missing."""
    message = missing_message("--sheet", ["jinja2"])
    if message:
        raise click.UsageError(message)


async def write_sheet(check: PhotoCheck, selection: Selection, path: Path) -> None:
    """Write one page with every photo that something speaks against, beside the one it repeats."""
    from ..report import SheetRow, contact_sheet  # noqa: PLC0415 - needs Jinja2

    rows = [
        SheetRow(
            key=selection.name(each.path),
            operation="check",
            status="failed" if each.severity == "error" else "doubtful",
            sources=tuple(photo for photo in (each.path, each.other) if photo is not None),
            error=each.message,
        )
        for each in check.findings
    ]
    await contact_sheet(rows, path, title=f"Photos of {selection.folder.name}", note=summary(check))
