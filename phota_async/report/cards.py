"""What each card of the sheet shows, ready for the template. No I/O, except that links depend on where files lie."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from ..hidden import rich_repr
from .causes import UNSEEN, Cause, likely_causes
from .rows import PromptPart, SheetPhoto, SheetRow, clipped, prompt_parts, without_links
from .shrinking import Thumbnail
from .thumbnails import is_address
from .wording import next_step, price_words, what_happened

TONES = {"done": "good", "failed": "bad", "unknown": "odd", "budget": "odd", "skipped": "calm", "planned": "calm"}
MAX_PROMPT = 4000  # characters shown
MAX_NAME = 200  # characters shown of a name or a key
MAX_ERROR = 1000  # characters shown

Thumbnails = Mapping[SheetPhoto, Thumbnail]


class CardPicture(msgspec.Struct, frozen=True, kw_only=True):
    """One picture of a card."""

    photo: SheetPhoto
    name: str
    thumbnail: Thumbnail | None
    link: str | None
    """Where the full picture lies, seen from the page."""
    without: tuple[str, ...] = ()
    """Profiles that were asked for and are not in it, where that is known of this one picture."""
    is_picked: bool = False
    """Whether a review picked it."""

    def __repr__(self) -> str:
        return f"<CardPicture {self.name}>"

    __rich_repr__ = rich_repr


class Miss(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was not recognised."""

    profile_id: str
    causes: list[Cause]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what became of it."""

    number: int
    row: SheetRow
    key: str
    tone: str
    prompt: list[PromptPart]
    sources: list[CardPicture]
    results: list[CardPicture]
    error: str
    next: str
    """What to do; ``""`` where nothing is to be done."""
    misses: list[Miss]
    recognised: dict[str, int]
    warnings: list[str]
    price: str
    cents: float
    """What to sort by: US cents."""

    def __repr__(self) -> str:
        return f"<Card {self.number} {self.tone}>"

    __rich_repr__ = rich_repr


def cards_of(rows: Sequence[SheetRow], thumbnails: Thumbnails, folder: Path) -> list[Card]:
    """Return the cards, problems first.

    Args:
        rows: In the order they were asked for.
        thumbnails: What could be read of the rows' photos.
        folder: Where the page will lie; links to the full pictures are relative to it.
    """
    made = [_card(number, row, thumbnails, folder) for number, row in enumerate(rows, start=1)]
    return sorted(made, key=lambda card: (card.row.rank, card.number))


def _card(number: int, row: SheetRow, thumbnails: Thumbnails, folder: Path) -> Card:
    sources = [_picture(photo, thumbnails, folder) for photo in row.sources]
    misses = _misses(row, sources)
    return Card(
        number=number,
        row=row,
        key=clipped(without_links(row.key), MAX_NAME),
        tone=TONES.get(row.status, "odd"),
        prompt=list(prompt_parts(clipped(without_links(row.prompt), MAX_PROMPT))),
        sources=sources,
        results=_results(row, thumbnails, folder),
        error=clipped(what_happened(row), MAX_ERROR),
        next=_next(row, misses),
        misses=misses,
        recognised={name: count for name, count in row.found.items() if count},
        warnings=[without_links(each) for each in row.warnings],
        price=price_words(row),
        cents=float(row.price_high or row.price_low or 0) * 100,
    )


def _results(row: SheetRow, thumbnails: Thumbnails, folder: Path) -> list[CardPicture]:
    told = [*row.recognised, *(None for _ in row.results)]
    return [
        _picture(photo, thumbnails, folder, without=_without(row, who), is_picked=number == row.picked)
        for number, (photo, who) in enumerate(zip(row.results, told, strict=False))
    ]


def _without(row: SheetRow, who: Mapping[str, int] | None) -> tuple[str, ...]:
    return () if who is None else tuple(each for each in row.missing if not who.get(each))


def _misses(row: SheetRow, sources: list[CardPicture]) -> list[Miss]:
    seen = [each.thumbnail for each in sources if each.thumbnail is not None]
    seen = seen if len(seen) == len(sources) else []  # of photos that nobody saw nothing is said
    return [Miss(profile_id=each, causes=likely_causes(row, each, seen)) for each in row.missing]


def _next(row: SheetRow, misses: list[Miss]) -> str:
    advice = list(dict.fromkeys(cause.advice for miss in misses for cause in miss.causes[:1]))
    if any(not miss.causes for miss in misses):
        advice.append(UNSEEN)
    return "; ".join(advice) or next_step(row)


def _picture(photo: SheetPhoto, thumbnails: Thumbnails, folder: Path, **marks: Any) -> CardPicture:
    return CardPicture(
        photo=photo,
        name=clipped(_name(photo), MAX_NAME),
        thumbnail=thumbnails.get(photo),
        link=_link(photo, folder),
        **marks,
    )


def _name(photo: SheetPhoto) -> str:
    if isinstance(photo, bytes) or str(photo).lower().startswith("data:"):
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
