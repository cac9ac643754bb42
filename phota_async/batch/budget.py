"""A cap on what a batch may spend. Items in flight cannot pass it: each reserves its upper price first."""

from decimal import Decimal

from ..errors import BudgetExceededError, ConfigError
from ..pricing import PUBLISHED, PriceTable, estimate, spent
from ..requests import AnyRequest
from ..results import ImageResult


class Budget:
    """A spending cap in US dollars, usable for one batch or several.

    Usage::

        batch = Batch(client, items, budget=Budget(usd=20))

    Args:
        usd: The cap.
        prices: The price table; yours, where prices are not published: a request without a price is refused,
            since a cap that cannot be kept is none.
    """

    def __init__(self, usd: Decimal | float | str, *, prices: PriceTable = PUBLISHED) -> None:
        try:
            self.usd = Decimal(str(usd))
        except ArithmeticError:
            raise ConfigError(f"usd: expected an amount, got {usd!r}") from None
        if not self.usd.is_finite() or self.usd < 0:
            raise ConfigError(f"usd: expected 0 or more, got {usd!r}")
        self.prices = prices
        self.spent = Decimal(0)
        """Settled so far."""
        self.reserved = Decimal(0)
        """Upper prices of what is under way."""
        self._adopted: set[str] = set()

    @property
    def left(self) -> Decimal:
        """What a next item may cost at most."""
        return self.usd - self.spent - self.reserved

    def reserve(self, request: AnyRequest) -> Decimal:
        """Set a request's upper price aside and return it.

        Raises:
            BudgetExceededError: It could pass the cap.
            ConfigError: Its price is not known.
        """
        _, high = estimate(request, prices=self.prices)
        if high is None:
            raise ConfigError(
                f"the price of {request.operation} is not published, so a budget cannot be kept"
            ).with_context(
                hint="Budget(usd, prices=PriceTable(...)) takes prices that you know",
            )
        if high > self.left:
            raise BudgetExceededError(f"expected at most ${self.left} left to spend, got a request of up to ${high}")
        self.reserved += high
        return high

    def adopt(self, account: str, amount: Decimal) -> None:
        """Count what a ledger says was spent before this budget was made; each account once."""
        if account not in self._adopted:
            self._adopted.add(account)
            self.spent += amount

    def settle(self, reserved: Decimal, cost: Decimal) -> None:
        """Put what something cost in the place of what was reserved for it."""
        self.reserved -= reserved
        self.spent += cost

    def __repr__(self) -> str:
        return f"<Budget ${self.spent} of ${self.usd} spent, ${self.reserved} reserved>"


def cost_of(request: AnyRequest, result: ImageResult, prices: PriceTable) -> Decimal | None:
    """Return what a result cost by the table, or ``None`` where no price is known."""
    return spent(request, result.known_subjects.counts, len(result.images), prices)
