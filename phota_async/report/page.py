"""Turn rows and thumbnails into one HTML document that needs nothing else. No network, no other file."""

import base64
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from .rows import RANK_MISSED, SheetPhoto, SheetRow, money, prompt_parts, total, without_links
from .thumbnails import Thumbnail, is_address

TONES = {"done": "good", "failed": "bad", "unknown": "odd", "budget": "odd", "skipped": "calm", "planned": "calm"}


def render(
    rows: Sequence[SheetRow],
    thumbnails: Mapping[SheetPhoto, Thumbnail],
    *,
    folder: Path,
    title: str,
    note: str = "",
    names: Mapping[str, str] | None = None,
) -> Iterable[str]:
    """Yield the document piece by piece.

    Args:
        rows: In the order they were asked for; the page shows problems first.
        thumbnails: What could be read of the rows' photos.
        folder: Where the page will lie; links to the full pictures are relative to it.
        title: The page's heading.
        note: A line below the heading.
        names: Profile id to the name that people know it by.
    """
    cards = [_card(number, row, thumbnails, folder) for number, row in enumerate(rows, start=1)]
    return _template().generate(
        title=title,
        note=note,
        names=names or {},
        cards=sorted(cards, key=lambda card: (card["row"].rank, card["number"])),
        facts=_facts(rows),
        style=_asset("contact_sheet.css"),
        script=_asset("contact_sheet.js"),
        policy=_policy(),
    )


def _card(number: int, row: SheetRow, thumbnails: Mapping[SheetPhoto, Thumbnail], folder: Path) -> dict[str, Any]:
    return {
        "number": number,
        "row": row,
        "key": without_links(row.key),
        "prompt": list(prompt_parts(without_links(row.prompt))),
        "error": without_links(row.error),
        "sources": [_picture(photo, thumbnails, folder) for photo in row.sources],
        "results": [_picture(photo, thumbnails, folder) for photo in row.results],
        "price": money(row.price_low, row.price_high),
        "cents": row.price_high or row.price_low or 0,
        "tone": TONES.get(row.status, "odd"),
        "recognised": {name: count for name, count in row.found.items() if count},
    }


def _picture(photo: SheetPhoto, thumbnails: Mapping[SheetPhoto, Thumbnail], folder: Path) -> dict[str, Any]:
    return {"thumbnail": thumbnails.get(photo), "name": _name(photo), "link": _link(photo, folder)}


def _name(photo: SheetPhoto) -> str:
    if isinstance(photo, bytes) or str(photo).startswith("data:"):
        return "a photo from memory"
    if is_address(photo):
        return f"a photo at {without_links(str(photo))}"
    return Path(photo).name


def _link(photo: SheetPhoto, folder: Path) -> str | None:
    """Return a relative link to a file; it starts with a dot, so that no name can pass for a scheme."""
    if isinstance(photo, bytes) or is_address(photo):
        return None
    try:
        relative = os.path.relpath(photo, folder)
    except ValueError:  # another drive on Windows
        return Path(photo).resolve().as_uri()
    path = quote(os.fsencode(Path(relative).as_posix()))  # a name need not be valid text
    return path if path.startswith("../") else f"./{path}"


def _facts(rows: Sequence[SheetRow]) -> list[tuple[str, str, str]]:
    """Return the header's numbers: (label, value, tone)."""
    failed = sum(row.rank < RANK_MISSED for row in rows)
    asked = sum(len(row.expected) for row in rows if row.status == "done")
    missed = sum(len(row.missing) for row in rows)
    priced = sum(row.price_high is not None for row in rows)
    facts = [
        ("requests", str(len(rows)), ""),
        ("pictures", str(sum(len(row.results) for row in rows)), ""),
        ("not done", str(failed), "bad" if failed else "good"),
    ]
    if asked:
        facts.append(("subjects recognised", f"{asked - missed} of {asked}", "odd" if missed else "good"))
    price = money(total([row.price_low for row in rows]), total([row.price_high for row in rows]))
    if price:
        facts.append((f"published price, {priced} of {len(rows)}", price, ""))
    return facts


@cache
def _template() -> jinja2.Template:
    source = resources.files(__package__).joinpath("contact_sheet.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(source)


@cache
def _asset(name: str) -> Markup:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - our own file, shipped in the package


def _policy() -> str:
    """Allow this page's own style and script, by their hashes, embedded pictures, and nothing else."""
    style, script = (_hash(_asset(name)) for name in ("contact_sheet.css", "contact_sheet.js"))
    return (
        f"default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
