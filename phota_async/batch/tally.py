"""Count how the items of a batch ended and what they cost, or will cost."""

from collections import Counter
from decimal import Decimal

from .items import Outcome, OutcomeStatus


class Tally:
    """Sums over the outcomes of one batch; `BatchStatistics` says what they mean."""

    def __init__(self) -> None:
        self.counts: Counter[OutcomeStatus] = Counter()
        self.spent = Decimal(0)
        self.estimated_low = Decimal(0)
        self.estimated_high = Decimal(0)
        self.unpriced = 0

    def pay(self, end: Outcome) -> None:
        """Add what a part of an item, or the item itself, has cost."""
        if end.spent:
            self.spent += end.spent

    def count(self, outcome: Outcome) -> None:
        """Count an item that has ended."""
        self.counts[outcome.status] += 1
        if outcome.estimate is not None:
            low, high = outcome.estimate
            self.estimated_low += low
            self.estimated_high += high
        elif outcome.status == "planned":
            self.unpriced += 1

    def __repr__(self) -> str:
        return ", ".join(f"{count} {status}" for status, count in self.counts.items())
