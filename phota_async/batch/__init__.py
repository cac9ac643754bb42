"""Many requests: bounded, accounted, outcomes as they finish."""

from .budget import Budget
from .items import BatchItem, BatchStatistics, Outcome
from .runner import Batch

__all__ = ["Batch", "BatchItem", "BatchStatistics", "Budget", "Outcome"]
