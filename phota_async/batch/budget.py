"""A cap on what a batch may spend. Items in flight cannot pass it: each reserves its upper price first."""

from decimal import Decimal

from ..errors import BudgetExceededError, ConfigError
from ..pricing import PUBLISHED, PriceTable, estimate, names_subjects, spent
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
        self._accounts: set[str] = set()

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
        high = self.upper_price(request)
        if high > self.left:
            raise BudgetExceededError(f"expected at most ${self.left} left to spend, got a request of up to ${high}")
        self.reserved += high
        return high

    def upper_price(self, request: AnyRequest) -> Decimal:
        """Return what a request costs at most.

        Raises:
            ConfigError: Its price is not known.
        """
        _, high = estimate(request, prices=self.prices)
        if high is None:
            raise ConfigError(
                f"the price of {request.operation} is not published, so a budget cannot be kept"
            ).with_context(
                hint="Budget(usd, prices=PriceTable(...)) takes prices that you know",
            )
        return high

    def open_account(self, name: str, before: Decimal) -> "BudgetAccount":
        """Return the part of this budget that a ledger keeps; what it spent before counts, once."""
        if name not in self._accounts:
            self._accounts.add(name)
            self.spent += before
        return BudgetAccount(self, before)

    def left_with(self, name: str, before: Decimal) -> Decimal:
        """Return what is left once that account counts too, as it does already when it was opened."""
        return self.left if name in self._accounts else self.left - before

    def settle(self, reserved: Decimal, cost: Decimal) -> None:
        """Put what something cost in the place of what was reserved for it."""
        self.reserved -= reserved
        self.spent += cost

    def __repr__(self) -> str:
        return f"<Budget ${self.spent} of ${self.usd} spent, ${self.reserved} reserved>"


class BudgetAccount:
    """The part of a budget that a ledger keeps for one batch: the ledger checks the cap, durably.

    Args:
        budget: The budget, which other batches may share.
        own: US dollars of it that this account has spent or set aside.
    """

    def __init__(self, budget: Budget, own: Decimal) -> None:
        self._budget = budget
        self._own = own

    @property
    def cap(self) -> Decimal:
        """What all purchases of this account may cost together: what others use is not for it."""
        budget = self._budget
        return budget.usd - (budget.spent + budget.reserved - self._own)

    def hold(self, request: AnyRequest) -> Decimal:
        """Set a request's upper price aside, unchecked: other batches see it while the ledger decides."""
        high = self._budget.upper_price(request)
        self._budget.reserved += high
        self._own += high
        return high

    def settle(self, held: Decimal, cost: Decimal) -> None:
        """Put what something cost in the place of what was held for it."""
        self._budget.settle(held, cost)
        self._own += cost - held

    def __repr__(self) -> str:
        return f"<BudgetAccount ${self._own} of {self._budget!r}>"


def account_of(store: object, batch: str) -> str:
    """Return what a budget calls a batch's account in a store, which is known by its file where it has one."""
    return f"{getattr(store, 'path', store)!r} {batch!r}"


def cost_of(request: AnyRequest, result: ImageResult, prices: PriceTable) -> Decimal | None:
    """Return what a result cost by the table.

    ``None`` where no price is known, or where the price depends on who was recognised and the service did not tell.
    """
    known, images = result.known_subjects, len(result.images)
    cost = spent(request, known.counts, images, prices)
    if known.is_told or not names_subjects(request):
        return cost
    dearest = spent(request, {"anybody": images}, images, prices)
    return cost if cost == dearest else None
