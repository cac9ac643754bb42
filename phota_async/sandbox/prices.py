"""Price what the sandbox sells. Numbers nobody published are invented and say so."""

from decimal import Decimal

PROFILE_PRICES = {"standard": Decimal("2.90"), "fast": Decimal("1.49")}
IDENTITY_SURCHARGE = Decimal("0.03")  # an output image in which a named profile was recognised
FIXED_PRICE = Decimal("0.12")  # enhance and remix, an output image
SANDBOX_PRICES = {
    "1K": Decimal("0.09"),
    "2K": Decimal("0.12"),
    "4K": Decimal("0.18"),
}  # invented: edit, generate
ZERO = Decimal(0)


def price_images(operation: str, resolution: str, *, images: int, recognised: int) -> Decimal:
    """Price one call in US dollars.

    Args:
        operation: edit, generate, enhance or remix.
        resolution: 1K, 2K or 4K; enhance and remix ignore it.
        images: Output images, each of which counts.
        recognised: How many of them show a named profile.
    """
    unit = SANDBOX_PRICES[resolution] if operation in {"edit", "generate"} else FIXED_PRICE
    return images * unit + recognised * IDENTITY_SURCHARGE
