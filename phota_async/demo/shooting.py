"""Run the demo's one batch and note how each request ended."""

import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from phota_async.batch import Batch, BatchItem, Outcome
from phota_async.client import PhotaClient
from phota_async.errors import PhotaError
from phota_async.media.files import Exists
from phota_async.report.outcomes import row_of
from phota_async.report.rows import SheetRow, money, without_links
from phota_async.requests import AnyRequest

from .progress import Progress, Tally

NOT_SENT = "not sent"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What the batch gave."""

    rows: tuple[SheetRow, ...]
    """One for each request, in the order of the plan."""
    errors: dict[str, PhotaError | None]
    """By key, for each request that did not end well."""
    short: frozenset[str]
    """Keys of requests that brought fewer pictures than were asked for."""


class Shooting:
    """One batch over the plan, with a clock for each item.

        taken = await Shooting(client, requests, progress, output=folder).run()

    Args:
        client: Makes the calls.
        requests: The plan.
        progress: Is told each outcome.
        output: Where the pictures go.
        exists: As in `Batch`: what is there already is bought again, or not.
        max_concurrency: Items begun and not final.
        on_picture: Is told each file that was written.
    """

    def __init__(
        self,
        client: PhotaClient,
        requests: Mapping[str, AnyRequest],
        progress: Progress,
        *,
        output: Path,
        exists: Exists,
        max_concurrency: int,
        on_picture: Callable[[Path], object],
    ) -> None:
        self._requests = requests
        self._progress = progress
        self._on_picture = on_picture
        self._begun: dict[str, float] = {}
        self._rows: dict[str, SheetRow] = {}
        self._errors: dict[str, PhotaError | None] = {}
        self._short: set[str] = set()
        self._batch = Batch(
            client,
            self._items(),
            max_concurrency=max_concurrency,
            output=output,
            exists=exists,
        )

    async def run(self) -> Taken:
        """Run the batch to its end; it never raises for a request."""
        async with self._batch as outcomes:
            async for outcome in outcomes:
                self._take(outcome)
        stopped = self._batch.statistics().stopped
        for key, request in self._requests.items():
            if key not in self._rows:
                self._rows[key] = _unsent(key, request, stopped)
                self._errors[key] = stopped
        return Taken(
            rows=tuple(self._rows[key] for key in self._requests), errors=self._errors, short=frozenset(self._short)
        )

    def _items(self) -> Iterator[BatchItem]:
        """Yield the items as the batch has room for them, and start their clocks."""
        for key, request in self._requests.items():
            self._begun[key] = time.monotonic()
            yield BatchItem(key, request)

    def _take(self, outcome: Outcome) -> None:
        seconds = time.monotonic() - self._begun[outcome.key]
        self._rows[outcome.key] = row_of(outcome, seconds=seconds)
        for path in outcome.paths:
            self._on_picture(path)
        if outcome.status not in {"done", "skipped"}:
            self._errors[outcome.key] = outcome.error
        elif outcome.status == "done" and len(outcome.paths) < outcome.request.num_output_images:
            self._short.add(outcome.key)
        status = f"{outcome.status}: {outcome.error.sentence()}" if outcome.error else outcome.status
        self._progress.item(outcome.key, without_links(status), self._tally())

    def _tally(self) -> Tally:
        failed, spent = len(self._errors), self._batch.statistics().spent
        done = len(self._rows) - failed
        price = money(spent, spent) if spent else ""
        return Tally(total=len(self._requests), done=done, failed=failed, spent=price)


def _unsent(key: str, request: AnyRequest, stopped: PhotaError | None) -> SheetRow:
    reason = f"the batch stopped before it: {stopped.sentence()}" if stopped else "the batch stopped before it"
    return SheetRow(
        key=key,
        operation=request.operation,
        status=NOT_SENT,
        prompt=request.prompt or "",
        price_low=Decimal(0),
        price_high=Decimal(0),
        error=reason,
    )
