"""What a run would do and cost, by the same loop that does it."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from phota_async import __version__
from phota_async.batch import Batch, BatchStatistics
from phota_async.pricing import PUBLISHED
from phota_async.runs import RunRecord
from phota_async.runs.paths import to_text

from .asking import in_dollars
from .exit_codes import RunEnd
from .orders import Order
from .run_options import Invocation
from .showing import Results, is_foreign
from .sums import totals_of
from .wording import in_options

MOST_KEPT = 5  # problems that are told by name


class Plan(msgspec.Struct, kw_only=True):
    """What a dry run found."""

    statistics: BatchStatistics
    code: int = 0
    """The exit code that the run would end with, as far as that is known."""
    foreign: int = 0
    """Items that are left out for files that are not ours."""
    problems: list[str] = []
    """The first ones."""

    @property
    def to_buy(self) -> int:
        """Items that would be carried out."""
        return self.statistics.planned

    @property
    def low(self) -> Decimal | None:
        """US dollars at least; ``None`` where a price is not known."""
        return None if self.statistics.unpriced else self.statistics.estimated_low

    @property
    def most(self) -> Decimal | None:
        """US dollars at most; ``None`` where a price is not known."""
        return None if self.statistics.unpriced else self.statistics.estimated_high

    def sentence(self) -> str:
        """Say it in one line."""
        found = self.statistics
        counts = {
            "to do": found.planned,
            "known already": found.skipped - self.foreign,
            "left out for other files of their names": self.foreign,
            "would fail": found.failed,
            "unknown": found.unknown,
            "over the budget": found.over_budget,
        }
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing to do"
        price = in_dollars(found.estimated_low, found.estimated_high)
        if found.unpriced:
            price = f"{price} and " if found.estimated_high else ""
            price += f"a price that is not published for {found.unpriced}"
        return f"{told}: {price} (prices of {PUBLISHED.date})"


async def foresee(batch: Batch, how: Invocation, order: Order) -> Plan:
    """Read a dry run to its end; its items are shown as the run's would be."""
    results, end = Results(how, is_pipe=False), RunEnd()
    foreign, problems = 0, list[str]()
    async with batch as outcomes:
        async for outcome in outcomes:
            end.add(outcome.status, outcome.error)
            foreign += is_foreign(outcome)
            if outcome.error is not None and len(problems) < MOST_KEPT:
                problems.append(f"{outcome.key}: {in_options(outcome.error)}")
            if how.json or how.jsonl:
                results.item(outcome)
    statistics = batch.statistics()
    code = end.code(stopped=statistics.stopped)
    plan = Plan(statistics=statistics, code=code, foreign=foreign, problems=problems)
    if how.dry_run:
        results.end(_record(plan, order))
    return plan


def _record(plan: Plan, order: Order) -> RunRecord:
    """Return the record of a run that is none: its name is empty."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    prices = {"low": _text(plan.low), "high": _text(plan.most), "prices": PUBLISHED.date}
    return RunRecord(
        run="",
        operation=order.operation,
        output=to_text(order.place.folder),
        started=now,
        ended=now,
        exit_code=plan.code,
        version=__version__,
        totals=totals_of(plan.statistics) | prices,
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
