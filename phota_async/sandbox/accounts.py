"""Keep the account: a prepaid balance, reserved at submit and settled at the end, and every charge made."""

from decimal import Decimal

import msgspec

from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.prices import ZERO


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase."""

    time: float
    """When it was reserved, in seconds since 1970 on the sandbox's clock."""
    operation: str
    """``edit``, ``generate``, ``enhance``, ``remix`` or ``profile``."""
    amount: Decimal
    """US dollars: what was reserved, and once settled what was really due."""
    images: int = 0
    """Output images that were paid for; 0 for a profile."""
    client_request_id: str | None = None
    """The idempotency value that came with the request."""
    job_id: str | None = None
    """The job, when the call was asynchronous."""
    profile_id: str | None = None
    """The profile, when a training was bought."""
    settled: bool = False
    """Whether the amount is final."""
    refunded: bool = False
    """Whether the money went back, because the work failed."""


class Account:
    """Money of the one developer that the sandbox knows.

    number = account.reserve(Charge(...))   # ServiceError 402 when the balance is short
    account.settle(number, Decimal("0.12")) # or account.refund(number)
    """

    def __init__(self, *, balance: Decimal | None = None) -> None:
        self.credit = balance
        self.charges: list[Charge] = []

    def __repr__(self) -> str:
        return f"<Account {len(self.charges)} charges, {self.charged} charged, {self.balance} left>"

    @property
    def charged(self) -> Decimal:
        """US dollars spent or reserved; what was refunded does not count."""
        return sum((charge.amount for charge in self.charges if not charge.refunded), ZERO)

    @property
    def balance(self) -> Decimal | None:
        """US dollars left; ``None`` means without limit."""
        return None if self.credit is None else self.credit - self.charged

    def reserve(self, charge: Charge) -> int:
        """Take the money for a purchase and return its number."""
        if self.balance is not None and charge.amount > self.balance:
            raise ServiceError(402, f"Insufficient credits: {charge.amount} needed, {self.balance} left")
        self.charges.append(charge)
        return len(self.charges) - 1

    def settle(self, number: int, amount: Decimal) -> None:
        """Correct a reservation to what was really due."""
        self.charges[number] = msgspec.structs.replace(self.charges[number], amount=amount, settled=True)

    def refund(self, number: int) -> None:
        """Give the money of a failed purchase back."""
        self.charges[number] = msgspec.structs.replace(self.charges[number], refunded=True, settled=True)
