"""Many requests: bounded, accounted, outcomes as they finish."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .budget import Budget
from .items import BatchItem, BatchStatistics, Outcome
from .runner import Batch
from .sinks import DirectorySink, Sink

if TYPE_CHECKING:
    from .objects import ObjectSink
    from .single import ItemRunner, ItemSettings, is_worth_repeating, run_item

__all__ = [
    "Batch",
    "BatchItem",
    "BatchStatistics",
    "Budget",
    "DirectorySink",
    "ItemRunner",
    "ItemSettings",
    "ObjectSink",
    "Outcome",
    "Sink",
    "is_worth_repeating",
    "run_item",
]

_LATE = {  # they bring SQLite, which batches without a ledger do not need
    "ItemRunner": "single",
    "ItemSettings": "single",
    "ObjectSink": "objects",
    "is_worth_repeating": "single",
    "run_item": "single",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATE[name]}", __name__), name)
