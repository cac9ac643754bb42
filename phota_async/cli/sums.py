"""The sums of a run, for people and for its record. No I/O."""

from typing import Any

from phota_async.batch import BatchStatistics


def summary(statistics: BatchStatistics) -> str:
    """Return the counts that are not 0, and what was spent."""
    counts = {
        "done": statistics.done,
        "known already": statistics.skipped,
        "failed": statistics.failed,
        "unknown": statistics.unknown,
        "over the budget": statistics.over_budget,
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing done"
    return f"{told}; ${statistics.spent:.2f} spent"


def totals_of(statistics: BatchStatistics, *, missed: int = 0) -> dict[str, Any]:
    """Return what a run's record keeps of its sums; money is text."""
    names = ("done", "skipped", "failed", "unknown", "over_budget", "planned")
    counts: dict[str, Any] = {name: getattr(statistics, name) for name in names}
    return counts | {"missed": missed, "spent": str(statistics.spent)}
