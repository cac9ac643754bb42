"""Who carries the parts of a batch out: with a ledger or without, for money or as a dry run."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from ..results import StrPath
from .items import Outcome
from .options import Options
from .parts import Part
from .plain import PlainBuyer

if TYPE_CHECKING:
    from ..ledger.records import Store


class Carrier(Protocol):
    """Whoever carries out parts."""

    async def carry_out(self, part: Part) -> Outcome:
        """Finish one part; errors are raised."""
        ...


class Buyer(Carrier, Protocol):
    """What the workers of a batch hand their parts to."""

    async def open(self) -> None:
        """Begin."""
        ...

    def hurry(self, grace: float) -> None:
        """Give steps that would outlive the batch that many seconds when it is left."""
        ...

    async def aclose(self) -> None:
        """End; what is under way comes to its end."""
        ...


def buyer_of(
    options: Options,
    ledger: "StrPath | Store | bool | None",
    *,
    name: str,
    resend_unknown: bool,
    dry_run: bool,
    count: Callable[[], Awaitable[int | None]],
) -> Buyer:
    """Return a buyer; the arguments are those of `Batch`. SQLite is imported only where it is used.

    Args:
        options: How it buys.
        ledger: As in `Batch`.
        name: As in `Batch`.
        resend_unknown: As in `Batch`.
        dry_run: As in `Batch`.
        count: Tells how many purchases there will be, where that is known.
    """
    if ledger is None or ledger is False:
        if not dry_run:
            return PlainBuyer(options)
        from .planned import PlainPlanner  # noqa: PLC0415

        return PlainPlanner(options)
    if dry_run:
        from .planned import LedgerPlanner  # noqa: PLC0415

        return LedgerPlanner(options, ledger, name=name, resend_unknown=resend_unknown)
    from .accounted import LedgerBuyer  # noqa: PLC0415

    return LedgerBuyer(options, ledger, name=name, resend_unknown=resend_unknown, count=count)
