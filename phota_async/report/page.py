"""Turn rows and thumbnails into one HTML document that needs nothing else. No network, no other file."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from .cards import Thumbnails, cards_of
from .later import SHELF, Later
from .rows import SheetRow
from .summary import facts, kinds, people, to_do

ROOT = __package__.partition(".")[0]
GENERATOR = '<meta name="generator" content="phota-async">'
MOST = {"people": 24, "groups": 6, "named": 4}  # shown in the header


def render(
    rows: Sequence[SheetRow],
    thumbnails: Thumbnails,
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
    cards = cards_of(rows, thumbnails, folder)
    return _template().generate(
        title=title,
        note=note,
        names=names or {},
        cards=cards,
        later=Later(cards),
        shelf=SHELF,
        facts=facts(rows),
        people=people(rows),
        kinds=kinds(rows),
        todo=to_do(cards),
        most=MOST,
        style=_style(),
        script=_asset("contact_sheet.js"),
        policy=_policy(),
        generator=Markup(GENERATOR),  # noqa: S704 - a constant
    )


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
def _style() -> Markup:
    """Return the review's colours, since both pages look alike, and the sheet's own style."""
    palette = resources.files(f"{ROOT}.review").joinpath("page", "palette.css").read_text(encoding="utf-8")
    return Markup(palette) + _asset("contact_sheet.css")  # noqa: S704 - our own file


@cache
def _asset(name: str) -> Markup:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - our own file, shipped in the package


def _policy() -> str:
    """Allow this page's own style and script, by their hashes, embedded pictures, and nothing else."""
    style, script = _hash(_style()), _hash(_asset("contact_sheet.js"))
    return (
        f"default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
