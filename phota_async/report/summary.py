"""The numbers at the head of the sheet. No I/O."""

from collections.abc import Sequence
from typing import NamedTuple

from .cards import Card
from .rows import RANK_MISSED, SheetRow, money, total

KINDS = {  # what rows are filed under, in the order of the filter, and what people call it
    "failed": "failed",
    "unknown": "answer lost",
    "budget": "over the cap",
    "other": "other",
    "missed": "someone missed",
    "done": "done",
    "planned": "planned",
    "skipped": "already there",
}


class Fact(NamedTuple):
    """A number, what it counts, and whether that is good, odd or bad."""

    label: str
    value: str
    tone: str = ""


class Person(NamedTuple):
    """How often a subject was recognised."""

    profile_id: str
    found: int
    """Requests in whose pictures they were recognised."""
    asked: int
    """Requests that named them and came back."""


class ToDo(NamedTuple):
    """What is to be done about one or more cards."""

    advice: str
    keys: list[str]
    """The cards' names, in the page's order."""

    @property
    def cards(self) -> int:
        """How many cards it is about."""
        return len(self.keys)


def facts(rows: Sequence[SheetRow]) -> list[Fact]:
    """Return the header's numbers."""
    failed = sum(row.rank < RANK_MISSED for row in rows)
    return [
        Fact("requests", f"{len(rows):,}"),
        Fact("pictures", f"{sum(len(row.results) for row in rows):,}"),
        Fact("not done", f"{failed:,}", "bad" if failed else "good"),
        *_identity(rows),
        *_prices(rows),
    ]


def people(rows: Sequence[SheetRow]) -> list[Person]:
    """Return who was asked for, those missed most often first."""
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        for profile_id in row.expected if row.status == "done" else ():
            well, asked = found.get(profile_id, (0, 0))
            found[profile_id] = (well + (profile_id not in row.missing), asked + 1)
    listed = [Person(profile_id, well, asked) for profile_id, (well, asked) in found.items()]
    return sorted(listed, key=lambda each: (each.found - each.asked, -each.asked))


def to_do(cards: Sequence[Card]) -> list[ToDo]:
    """Return what is to be done, that which mends most first."""
    found: dict[str, list[str]] = {}
    for card in cards:
        if card.next:
            found.setdefault(card.next, []).append(card.key)
    return sorted((ToDo(advice, keys) for advice, keys in found.items()), key=lambda each: -len(each.keys))


def kinds(rows: Sequence[SheetRow]) -> list[tuple[str, str, int]]:
    """Return what rows are filed under, in words, and how many there are."""
    counts = {kind: sum(row.kind == kind for row in rows) for kind in KINDS}
    return [(kind, KINDS[kind], count) for kind, count in counts.items() if count]


def _identity(rows: Sequence[SheetRow]) -> list[Fact]:
    everybody = people(rows)
    asked, found = sum(each.asked for each in everybody), sum(each.found for each in everybody)
    return [Fact("subjects recognised", f"{found:,} of {asked:,}", "odd" if found < asked else "good")] if asked else []


def _prices(rows: Sequence[SheetRow]) -> list[Fact]:
    known = [row for row in rows if row.price_high is not None and row.charged != "unknown"]
    planned = [row for row in known if row.is_estimate]
    made = [row for row in known if not row.is_estimate]
    unclear = sum(row.charged == "unknown" for row in rows)
    return [
        *_sum(f"published price, {len(made):,} of {len(rows) - len(planned):,}", made),
        *_sum(f"estimate for {len(planned):,}", planned),
        *([Fact("charge not known", f"{unclear:,}", "odd")] if unclear else []),
    ]


def _sum(label: str, rows: Sequence[SheetRow]) -> list[Fact]:
    price = money(total([row.price_low for row in rows]), total([row.price_high for row in rows]))
    return [Fact(label, price)] if price else []
