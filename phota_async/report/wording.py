"""What a row's error, hint and price come to in words. No I/O."""

from .rows import SheetRow, clipped, money, without_links

MAX_ADVICE = 300  # characters of a hint
_BY_STATUS = {
    "failed": "look at the reason, then run the same again: what is done is not bought again",
    "unknown": "it may have been charged: resume the run, which asks the service before anything is sent again",
    "budget": "nothing was sent: raise the spending cap and run the same again",
}


def next_step(row: SheetRow) -> str:
    """Return what to do about a row that did not end well; ``""`` where there is nothing to do."""
    if row.status in {"done", "skipped", "planned"}:
        return ""
    return clipped(without_links(row.hint), MAX_ADVICE) or _BY_STATUS.get(row.status, "")


def what_happened(row: SheetRow) -> str:
    """Return what went wrong, without the hint that stands on its own line."""
    return without_links(row.error.removesuffix(f"; {row.hint}") if row.hint else row.error)


def price_words(row: SheetRow) -> str:
    """Say what a row cost or would cost."""
    price = money(row.price_low, row.price_high)
    if row.charged == "unknown" or (row.error and not price):
        return "charge not known"
    if row.charged == "refunded":
        return "refunded"
    if not price:
        return "no published price"
    if not row.price_high and row.status in {"failed", "budget", "skipped"}:
        return "not charged"
    return f"{price} estimated" if row.is_estimate else price
