"""Ask before money is spent."""

from decimal import Decimal

import click

from .streams import can_ask, say

ASK_ABOVE = Decimal(1)  # US dollars: less is spent without a question


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
    if yes or max_spend is not None or (high is not None and high <= ASK_ABOVE):
        return
    price = "a price that is not published" if high is None else f"${low:.2f} to ${high:.2f}"
    say(f"{what}: {price}")
    if not can_ask():
        raise click.UsageError(f"{what} cost {price}, and there is no terminal to ask on: add --max-spend USD or --yes")
    click.confirm("Spend it?", abort=True, err=True)
