"""The sums of a run, for people and for its record. No I/O."""

from typing import Any

from phota_async.batch import BatchStatistics


def summary(statistics: BatchStatistics, *, unpriced: int = 0) -> str:
    """Return the counts that are not 0, and what was spent.

    Args:
        statistics: The batch's.
        unpriced: Items that were bought for a price that nobody knows.
    """
    counts = {
        "done": statistics.done,
        "known already": statistics.skipped,
        "failed": statistics.failed,
        "unknown": statistics.unknown,
        "over the budget": statistics.over_budget,
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing done"
    return f"{told}; {_spent(statistics, unpriced)}"


def _spent(statistics: BatchStatistics, unpriced: int) -> str:
    """Say what was spent; what is not known is never told as nothing."""
    if not unpriced:
        return f"${statistics.spent:.2f} spent"
    rest = f"a price that is not known for {unpriced}"
    return f"${statistics.spent:.2f} spent and {rest}" if statistics.spent else f"spent {rest}"


def totals_of(statistics: BatchStatistics, *, missed: int = 0) -> dict[str, Any]:
    """Return what a run's record keeps of its sums; money is text."""
    names = ("done", "skipped", "failed", "unknown", "over_budget", "planned")
    counts: dict[str, Any] = {name: getattr(statistics, name) for name in names}
    return counts | {"missed": missed, "spent": str(statistics.spent)}


def in_words(count: int, what: str) -> str:
    """Return a count with its noun: ``1 photo``, ``2 photos``."""
    return f"{count} {what}{'' if count == 1 else 's'}"
