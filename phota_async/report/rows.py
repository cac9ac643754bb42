"""What one row of a contact sheet says, and how its values read. No I/O."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..hidden import rich_repr

SheetPhoto = str | Path | bytes
"""A photo of a row: a path, an ``http(s)`` address (named, never fetched) or the bytes themselves."""

_LINK = re.compile(r"(?i)\b(https?://)(?:[^\s/@\"'<>]*@)?([^\s/?#\"'<>]+)[^\s\"'<>]*")
_SUBJECT = re.compile(r"\[\[\s*([^\[\]]+?)\s*\]\]")

_RANK = {"failed": 0, "unknown": 1, "budget": 2, "done": 4, "planned": 4, "skipped": 5}
RANK_MISSED = 3  # a picture without a face that was asked for stands after what failed, before what is well


class SheetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what became of it."""

    key: str
    """The item's name, unique on the page."""
    operation: str
    """``edit``, ``generate``, ``enhance`` or ``remix``."""
    status: str
    """``done``, ``failed``, ``skipped``, ``unknown``, ``budget`` or ``planned``; another word is shown as it is."""
    prompt: str = ""
    """The prompt as it was sent; ``[[profile_id]]`` is shown as a name."""
    sources: tuple[SheetPhoto, ...] = ()
    """The photos that were sent, in their order."""
    results: tuple[SheetPhoto, ...] = ()
    """The pictures that came back, in their order."""
    expected: tuple[str, ...] = ()
    """Profile ids that were asked for."""
    found: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Profile id to the times it was recognised, as in `KnownSubjects.counts`."""
    price_low: Decimal | None = None
    """US dollars, the least this row costs; ``None`` where no price is published."""
    price_high: Decimal | None = None
    """US dollars, the most this row costs; ``None`` where no price is published."""
    seconds: float | None = None
    """Seconds from the start of the request to its end; ``None`` when nobody measured."""
    is_estimate: bool = False
    """Whether the prices are what it would cost: a dry run's."""
    charged: str = ""
    """Of what went wrong: ``no``, ``refunded`` or ``unknown``; ``""`` where nobody says."""
    error: str = ""
    """What went wrong, with the hint; ``""`` when nothing did."""
    hint: str = ""
    """What to do next; the page shows it on a line of its own."""
    request_id: str | None = None
    """The service's mark of the exchange, or the job's id."""
    recognised: tuple[Mapping[str, int] | None, ...] = ()
    """Who was recognised in each of the results; ``None`` where that was told of several together, or not."""
    candidates: tuple[str, ...] | None = None
    """Profile ids that were passed to be matched; ``None`` where that is not known."""
    options: tuple[str, ...] = ()
    """What else was asked for, in words: ``2K``, ``gpt-image-2``."""
    warnings: tuple[str, ...] = ()
    """What is worth knowing of what went well."""

    picked: int | None = None
    """Which of the results a review picked, from 0."""
    is_rejected: bool = False
    """Whether a review wants none of them."""

    def __repr__(self) -> str:
        return f"<SheetRow {self.key} {self.status}>"

    __rich_repr__ = rich_repr

    @property
    def missing(self) -> tuple[str, ...]:
        """Profiles that were asked for and not recognised in a picture that came back."""
        if self.status != "done":  # who was recognised in a skipped item was said when it was made
            return ()
        return tuple(profile_id for profile_id in self.expected if not self.found.get(profile_id))

    @property
    def kind(self) -> str:
        """What the row is filed under: its status, or ``missed`` where a picture came back without somebody."""
        return "missed" if self.missing else self.status if self.status in _RANK else "other"

    @property
    def rank(self) -> int:
        """Where the row stands when problems come first: 0 is the worst."""
        return RANK_MISSED if self.missing else _RANK.get(self.status, _RANK["unknown"])


class PromptPart(NamedTuple):
    """A piece of a prompt: words, or a subject's profile id."""

    text: str
    is_subject: bool


def prompt_parts(prompt: str) -> Iterator[PromptPart]:
    """Split a prompt at its ``[[profile_id]]`` marks."""
    end = 0
    for match in _SUBJECT.finditer(prompt):
        if match.start() > end:
            yield PromptPart(prompt[end : match.start()], is_subject=False)
        yield PromptPart(match[1], is_subject=True)
        end = match.end()
    if end < len(prompt):
        yield PromptPart(prompt[end:], is_subject=False)


def without_links(text: str) -> str:
    """Cut every address down to its host: a signed link opens somebody's photo to whoever reads the page."""
    return _LINK.sub(r"\1\2/…", text)


def clipped(text: str, limit: int) -> str:
    """Cut a text that is longer than anybody reads."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def money(low: Decimal | None, high: Decimal | None) -> str:
    """Write a price or a range of prices in US dollars; ``""`` where it is not known."""
    known = [value for value in (low, high) if value is not None]
    if not known:
        return ""
    least, most = (f"{value.quantize(Decimal('0.01')):,}" for value in (known[0], known[-1]))
    return f"${least}" if least == most else f"${least}\N{EN DASH}{most}"


def total(prices: Sequence[Decimal | None]) -> Decimal | None:
    """Add the prices that are known; ``None`` when none is."""
    known = [price for price in prices if price is not None]
    return sum(known, Decimal(0)) if known else None
