"""Ask before money is spent."""

from decimal import Decimal

import click

from .questions import confirm
from .streams import can_ask, say

ASK_ABOVE = Decimal(1)  # US dollars: less is spent without a question


def needs_asking(high: Decimal | None, *, yes: bool, max_spend: Decimal | None) -> bool:
    """Whether a run may cost so much that nobody has agreed to it yet; the arguments are `confirm_spending`'s."""
    return not yes and max_spend is None and (high is None or high > ASK_ABOVE)


def confirm_spending(
    low: Decimal | None, high: Decimal | None, *, what: str, yes: bool, max_spend: Decimal | None
) -> None:
    """Get a yes for what a run may cost.

    Args:
        low: US dollars, at least; ``None`` where no price is known.
        high: US dollars, at most; ``None`` where no price is known.
        what: What is bought, for the question: ``"214 photos"``.
        yes: Whether ``--yes`` was given.
        max_spend: The cap of ``--max-spend``; whoever sets one has agreed to it.

    Raises:
        click.UsageError: Nobody can be asked, and neither flag was given.
        click.Abort: The answer is no.
    """
    if not needs_asking(high, yes=yes, max_spend=max_spend):
        return
    price = "a price that is not published" if high is None or low is None else in_dollars(low, high)
    if not can_ask():
        raise click.UsageError(f"{what} for {price}, and no terminal to ask on: add --max-spend USD or --yes")
    say(f"{what} for {price}")
    confirm("Spend it?")


def dollars(text: str | None) -> Decimal | None:
    """Return an amount that an option has checked."""
    return None if text is None else Decimal(text)


def in_dollars(low: Decimal, high: Decimal) -> str:
    """Return a range of prices: ``$25.20 to $31.50``, or one price where there is no range."""
    return f"${high:.2f}" if low == high else f"${low:.2f} to ${high:.2f}"
