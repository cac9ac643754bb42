"""Sum up what ledgers say was spent, and be honest about what nobody knows. No I/O."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from ..ledger import Record, State
from ..ledger.records import from_micros

SCHEMA = "phota.spend/1"
UNDATED, UNNAMED = "unknown", "-"


class Spending(msgspec.Struct, kw_only=True):
    """What one group of purchases has cost. Money in millionths of a US dollar."""

    purchases: int = 0
    """Those that were sent, or may have been."""
    done: int = 0
    spent: int = 0
    """Paid and delivered, by the price table."""
    open: int = 0
    """What is under way may cost at most."""
    doubtful: int = 0
    """What may have been charged, at most: lost answers, and jobs that failed."""
    unpriced: int = 0
    """Purchases whose price is not known: they are in none of the sums."""

    def add(self, record: Record) -> None:
        """Count a purchase."""
        self.purchases += 1
        self.doubtful += record.lost
        amount = record.cost if record.cost is not None else record.reserved
        self.unpriced += amount is None
        if record.state is State.DONE:
            self.done += 1
            self.spent += record.cost or 0
        elif record.state in (State.INTENT, State.SUBMITTED):
            self.open += amount or 0
        else:
            self.doubtful += amount or 0


def is_purchase(record: Record) -> bool:
    """Whether something may have been bought; what was refused or never sent was not."""
    return record.state is not State.PLANNED and not (
        record.state is State.FAILED and record.cost == 0 and not record.lost
    )


def by_day(record: Record) -> str:
    """Return the day on which it was first sent, in this machine's time; of what was bought anew, the last time."""
    if record.first_intent_at is None:
        return UNDATED
    return datetime.fromtimestamp(record.first_intent_at).astimezone().date().isoformat()


def by_operation(record: Record) -> str:
    """Return what was bought."""
    return record.operation or UNNAMED


def by_batch(record: Record) -> str:
    """Return the name of the batch."""
    return record.batch or UNNAMED


def by_tag(tags: Mapping[str, str]) -> Callable[[Record], str]:
    """Return what tells the tag of the run that an item belonged to last.

    Args:
        tags: Tag by the item's key; ledgers hold no tags.
    """
    return lambda record: tags.get(record.item, UNNAMED)


def sum_up(records: Iterable[Record], group: Callable[[Record], str], sums: dict[str, Spending]) -> None:
    """Add records to the sums of their groups."""
    for record in records:
        if is_purchase(record):
            sums.setdefault(group(record), Spending()).add(record)


def rows(sums: Mapping[str, Spending]) -> Iterator[tuple[str, ...]]:
    """Yield a line for each group, and one for all where there are several."""
    for name in sorted(sums):
        yield (name, *_cells(sums[name]))
    if len(sums) != 1:
        yield ("total", *_cells(total(sums.values())))


def total(groups: Iterable[Spending]) -> Spending:
    """Return the sum of groups."""
    whole = Spending()
    for each in groups:
        for name in whole.__struct_fields__:
            setattr(whole, name, getattr(whole, name) + getattr(each, name))
    return whole


def to_json(name: str, each: Spending) -> str:
    """Return a group as a JSON object, money as decimal text."""
    told = {
        "schema": SCHEMA,
        "group": name,
        "currency": "USD",
        "purchases": each.purchases,
        "done": each.done,
        "spent": _dollars(each.spent),
        "open": _dollars(each.open),
        "doubtful": _dollars(each.doubtful),
        "unpriced": each.unpriced,
    }
    return msgspec.json.encode(told).decode()


def _cells(each: Spending) -> tuple[str, ...]:
    amounts = (f"{_dollars(amount):.2f}" for amount in (each.spent, each.open, each.doubtful))
    return (str(each.done), *amounts, str(each.unpriced))


def _dollars(amount: int) -> Decimal:
    return from_micros(amount)
