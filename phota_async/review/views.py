"""What the page is told, as JSON values: no path but names, and money as people write it. No I/O."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from ..runs import ItemRecord
from ..runs.places import LINKS
from .items import ReviewItem, Variation
from .picks import Ask, Picks
from .pictures import Pictures


class Views:
    """Tells of items.

    Args:
        pictures: Knows the pictures' names.
        names: Profile id to the name that people know it by.
    """

    def __init__(self, pictures: Pictures, names: Mapping[str, str] | None = None) -> None:
        self._pictures = pictures
        self._names = names or {}

    def item(self, item: ReviewItem, picks: Picks, troubles: Mapping[str, str], price: "Price") -> dict[str, Any]:
        """Return all that the page shows of an item.

        Args:
            item: The item.
            picks: What was decided.
            troubles: Ask id to why it is not made yet.
            price: What a further variation costs at most, or why there is none.
        """
        record = item.record
        return {
            "number": item.number,
            "key": record.key,
            "operation": record.operation,
            "prompt": str(record.request.get("prompt") or ""),
            "names": dict(self._names),
            "sources": [self._source(*each) for each in item.sources],
            "variations": [self._variation(each) for each in item.variations],
            "price": money(record.cost.settled),
            "missing": [self._name(each) for each in _missing(item)],
            "choice": self._choice(item, picks),
            "asks": [_ask(each, troubles) for each in picks.asks(record.key) if each.state != "made"],
            "further": price.view(),
        }

    def _source(self, source: str, picture: int | None) -> dict[str, Any]:
        if picture is not None:
            return {"picture": picture, "name": self._pictures.name(picture)}
        is_link = source.lower().startswith(LINKS)
        name = f"a photo at {urlsplit(source).hostname}" if is_link else "a photo from memory"
        return {"picture": None, "name": name}

    def _variation(self, variation: Variation) -> dict[str, Any]:
        found = variation.recognised or {}
        return {
            "picture": variation.picture,
            "name": self._pictures.name(variation.picture),
            "found": [self._name(each) for each, count in found.items() if count],
            "missing": [self._name(each) for each in variation.missing],
            "price": money(price_of(variation)),
            "further": variation.is_further,
        }

    def _choice(self, item: ReviewItem, picks: Picks) -> dict[str, Any] | None:
        choice = picks.choice(item.key)
        if choice is None:
            return None
        return {"kind": choice.kind, "picture": item.picture_of(choice.output)}

    def _name(self, profile_id: str) -> str:
        return self._names.get(profile_id, profile_id)


class Price:
    """What a further variation costs at most, or why there is none."""

    def __init__(self, dollars: Decimal | None = None, reason: str = "") -> None:
        self.dollars, self.reason = dollars, reason

    def view(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        exact = None if self.dollars is None else str(self.dollars)
        return {"price": exact, "text": money(self.dollars), "reason": self.reason}

    def __repr__(self) -> str:
        return f"<Price {self.dollars or self.reason}>"


def _missing(item: ReviewItem) -> tuple[str, ...]:
    """Return who is not recognised, where that is told of all pictures together only."""
    is_told_of_each = any(variation.recognised is not None for variation in item.variations)
    return () if is_told_of_each else item.record.identity.missing


def price_of(variation: Variation) -> Decimal | None:
    """Return what a variation cost; ``None`` where its record tells a sum that may not be shared equally.

    A picture in which somebody was recognised costs more than one of the same request in which nobody was.
    """
    record = variation.record
    if not record.cost.settled or not record.outputs:
        return None
    is_equal = len(record.outputs) == 1 or not record.identity.expected or _is_equally_recognised(record)
    return record.cost.settled / len(record.outputs) if is_equal else None


def _is_equally_recognised(record: ItemRecord) -> bool:
    told = [output.recognised for output in record.outputs]
    return None not in told and len({any((each or {}).values()) for each in told}) == 1


def money(dollars: Decimal | None) -> str:
    """Write US dollars as people do; ``""`` where they are not known."""
    return "" if dollars is None else f"${dollars.quantize(Decimal('0.01')):,}"


def _ask(ask: Ask, troubles: Mapping[str, str]) -> dict[str, Any]:
    error = ask.error.message if ask.error else ""
    return {"id": ask.id, "state": ask.state, "price": money(ask.price), "trouble": error or troubles.get(ask.id, "")}
