"""Carry out a part whatever happens, and make the item's outcome of it."""

import time
from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace

from ..errors import (
    AuthenticationError,
    BudgetExceededError,
    DownloadError,
    InsufficientCreditsError,
    LedgerError,
    PhotaError,
    ResponseLostError,
)
from .buyers import Carrier
from .halt import Halt
from .items import NOTHING, BatchItem, Outcome, OutcomeStatus, outcome_of
from .parts import Part
from .tally import Tally
from .telling_items import ItemTelling

FATAL = (AuthenticationError, InsufficientCreditsError, LedgerError)  # every further item would fail the same way


class Finisher:
    """Finishes parts, and counts.

    Args:
        halt: Is set by what would strike every further item.
        on_begin: As in `Batch`.
        dry_run: As in `Batch`.
        telling: Tells hooks; ``None`` where nobody is told.
    """

    def __init__(
        self,
        halt: Halt,
        on_begin: Callable[[str], None] | None,
        *,
        dry_run: bool,
        telling: ItemTelling | None = None,
    ) -> None:
        self.tally = Tally()
        self.running = 0
        """Parts under way."""
        self._halt, self._on_begin, self._dry_run = halt, on_begin, dry_run
        self._telling = telling

    async def finish(self, part: Part, buyer: Carrier) -> Outcome:
        """Carry out one part; whatever happens becomes its outcome."""
        if self._telling is not None:
            self._telling.begin(part)
        if part.refusal is not None:
            return self._failed(part.item, part.refusal)
        if self._halt.error is not None:  # while the iterator was waited for
            return self._ended(part.item, "failed", self._halt.error)
        if self._on_begin is not None and part.variation == 1:
            self._on_begin(part.item.key)
        self.running += 1
        try:
            return await buyer.carry_out(part)
        except PhotaError as error:
            return self._failed(part.item, error)
        finally:
            self.running -= 1

    def join(self, part: Part, end: Outcome, begun: float) -> Outcome | None:
        """Count what a part cost, and return the item's outcome with its last part.

        Args:
            part: The part.
            end: How it ended.
            begun: When it began, on the monotonic clock.
        """
        self.tally.pay(end)
        outcome = end
        if (whole := part.whole) is not None:
            begun = whole.begun = min(begun, whole.begun)
            joined = whole.add(part.variation, end)
            if joined is None:
                return None
            outcome = joined
        self.tally.count(outcome)
        if self._telling is not None:
            self._telling.end(part, outcome)
        return replace(outcome, number=part.number + 1, seconds=time.monotonic() - begun)

    def leave(self) -> None:
        """End it: what is under way has no end any more."""
        if self._telling is not None:
            self._telling.leave()

    def __repr__(self) -> str:
        return f"<Finisher {self.running} running>"

    def _failed(self, item: BatchItem, error: PhotaError) -> Outcome:
        if isinstance(error, BudgetExceededError):
            return self._ended(item, "budget", error)
        if isinstance(error, ResponseLostError):
            return self._ended(item, "unknown", error, spent=None)
        if isinstance(error, FATAL) or (isinstance(error, DownloadError) and error.is_full):
            self._halt.begin_no_more(error)
        return self._ended(item, "failed", error, spent=None if error.charged == "unknown" else Decimal(0))

    def _ended(
        self, item: BatchItem, status: OutcomeStatus, error: PhotaError, spent: Decimal | None = NOTHING[0]
    ) -> Outcome:
        return outcome_of(item, status, error=error, spent=spent, estimate=NOTHING if self._dry_run else None)
