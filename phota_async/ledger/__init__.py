"""The durable account of a batch: killed at any instant, it goes on without paying twice."""

from typing import TYPE_CHECKING, Any

from .records import Begun, Change, Done, File, JobFailed, Lost, Record, Refused, State, Store, Submitted, Wish

if TYPE_CHECKING:
    from .postgres import PostgresLedger
    from .store import Ledger

__all__ = [
    "Begun",
    "Change",
    "Done",
    "File",
    "JobFailed",
    "Ledger",
    "Lost",
    "PostgresLedger",
    "Record",
    "Refused",
    "State",
    "Store",
    "Submitted",
    "Wish",
]


def __getattr__(name: str) -> Any:
    if name == "PostgresLedger":
        from .postgres import PostgresLedger  # noqa: PLC0415 - of an extra

        return PostgresLedger
    if name != "Ledger":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .store import Ledger  # noqa: PLC0415 - it brings SQLite, and batches without a ledger use this package too

    return Ledger
