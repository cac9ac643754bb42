"""What requests will cost, as far as prices are published. No I/O.

The table is data with a date; pass your own where you know better.

Source: https://docs.photalabs.com/release-notes (v0.5.0, v0.6.0)
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from .requests import AnyRequest
from .validation import fail

NAMED = "[["  # a prompt names trained subjects as [[profile_id]]


class Holder(Protocol):
    """Holds a request: an item of a batch."""

    @property
    def request(self) -> AnyRequest:
        """What would be sent."""
        ...


class Price(msgspec.Struct, frozen=True):
    """US dollars an output image."""

    plain: Decimal
    identity: Decimal
    """When a named profile is recognised in it, which is known afterwards only."""


class PriceTable(msgspec.Struct, frozen=True, kw_only=True):
    """Prices, and the day they were read."""

    date: str
    images: Mapping[str, Price]
    """By operation, or by ``operation/model/resolution`` where that matters. What is absent is unknown."""
    training: Mapping[str, Decimal]
    """By training tier."""

    def price(self, request: AnyRequest) -> Price | None:
        """Return the price of one output image, or ``None`` where none is published."""
        model, size = getattr(request, "base_model", "nb2"), getattr(request, "resolution", "2K")
        return self.images.get(f"{request.operation}/{model}/{size}") or self.images.get(request.operation)


PUBLISHED = PriceTable(
    date="2026-11-21",
    images={
        "enhance": Price(Decimal("0.12"), Decimal("0.15")),
        "remix": Price(Decimal("0.12"), Decimal("0.15")),
        # edit and generate: flat by model and resolution, but the numbers are not published
    },
    training={"standard": Decimal("2.90"), "fast": Decimal("1.49")},
)


def estimate(
    requests: AnyRequest | Holder | Iterable[AnyRequest | Holder],
    *,
    prices: PriceTable = PUBLISHED,
) -> tuple[Decimal, Decimal] | tuple[None, None]:
    """Say what requests will cost, without sending anything.

    Args:
        requests: One request or item of a batch, or many.
        prices: The table; yours, where you know prices that are not published.

    Returns:
        Low and high in US dollars: without and with every named subject recognised. ``(None, None)`` when the
        price of any of them is not known.

    Raises:
        InputError: Something is no request.
    """
    low = high = Decimal(0)
    for each in requests if isinstance(requests, Iterable) else (requests,):
        request = getattr(each, "request", each)
        if not isinstance(request, AnyRequest):
            fail("requests", "requests or items of a batch", request)
        price = prices.price(request)
        if price is None:
            return None, None
        low += price.plain * request.num_output_images
        high += (price.identity if names_subjects(request) else price.plain) * request.num_output_images
    return low, high


def spent(request: AnyRequest, counts: Mapping[str, int], images: int, prices: PriceTable) -> Decimal | None:
    """Return what a finished request cost by the table: each appearance marks one image, at most all."""
    price = prices.price(request)
    if price is None:
        return None
    with_identity = min(images, max(counts.values(), default=0))
    return price.identity * with_identity + price.plain * (images - with_identity)


def names_subjects(request: AnyRequest) -> bool:
    """Whether a request names any profile, as an id or in its prompt."""
    return bool(getattr(request, "profile_ids", ())) or NAMED in _prompt(request)


def named_subjects(request: AnyRequest) -> tuple[str, ...]:
    """Return the profile ids a request names, in order, each once."""
    found = [each for each in getattr(request, "profile_ids", ()) if isinstance(each, str)]
    for piece in _prompt(request).split(NAMED)[1:]:
        name, end, _ = piece.partition("]]")
        if end and name.strip():
            found.append(name.strip())
    return tuple(dict.fromkeys(found))


def _prompt(request: AnyRequest) -> str:
    """Return the prompt; a request that was not validated may hold anything there."""
    return request.prompt if isinstance(request.prompt, str) else ""
