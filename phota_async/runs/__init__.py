"""What a run of a batch leaves for people and programs: its settings, and one record an item.

    folder = RunFolder.create("results", operation="enhance", settings={"max_spend": "20"})
    async for outcome in outcomes:
        folder.append(record_of(outcome, run=folder.run, number=number))
    folder.finish(exit_code=0)

Runs lie below ``output/.phota/runs``, readable by their owner only, since prompts stand in them. They are no account of
money: that is the ledger's. Records are JSON with a versioned schema: fields are only ever added.
"""

from .folder import RunFolder, find_run, latest_run, list_runs
from .places import RunPlaces
from .records import (
    Cost,
    ErrorRecord,
    Identity,
    ItemRecord,
    OutputRecord,
    RequestMarks,
    RunRecord,
)
from .translate import record_of, request_of

__all__ = [
    "Cost",
    "ErrorRecord",
    "Identity",
    "ItemRecord",
    "OutputRecord",
    "RequestMarks",
    "RunFolder",
    "RunPlaces",
    "RunRecord",
    "find_run",
    "latest_run",
    "list_runs",
    "record_of",
    "request_of",
]
