"""The durable account of a batch: killed at any instant, it goes on without paying twice."""

from .records import Begun, Change, Done, File, JobFailed, Lost, Record, Refused, State, Store, Submitted, Wish
from .store import Ledger

__all__ = [
    "Begun",
    "Change",
    "Done",
    "File",
    "JobFailed",
    "Ledger",
    "Lost",
    "Record",
    "Refused",
    "State",
    "Store",
    "Submitted",
    "Wish",
]
