"""What workers need to know of a batch: it stands once in the shared database, under the batch's name."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec.structs import replace

from ..batch.budget import Budget
from ..batch.items import BatchItem, Outcome
from ..batch.options import Metadata
from ..batch.single import ItemRunner, ItemSettings
from ..batch.sinks import DirectorySink, Sink, is_bucket
from ..config import Mode
from ..errors import InputError, LedgerError
from ..hidden import rich_repr
from ..leases import Leases
from ..ledger.database import Connection, Database
from ..pricing import PUBLISHED, PriceTable

if TYPE_CHECKING:
    from ..client import PhotaClient

CAP = 50  # jobs at once
INSERT = "INSERT INTO phota.batch (batch, described) VALUES (%s, %s) ON CONFLICT DO NOTHING"
SELECT = "SELECT described FROM phota.batch WHERE batch = %s"
UPDATE = "UPDATE phota.batch SET described = %s WHERE batch = %s"


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a batch's items are carried out, by whichever worker; most fields are those of `ItemSettings`."""

    output: str
    """A directory, or an object store's address."""
    cap: int = CAP
    """Unfinished jobs at once, of all workers together."""
    max_spend: Decimal | None = None
    """US dollars, of all workers together."""
    prices: PriceTable = PUBLISHED
    tag: str | None = None
    """The end user whose profiles alone are allowed."""
    take: int = 1
    mode: Mode = "job"
    exists: Literal["number", "replace"] = "number"
    retry_missed: int = 0
    names: str | None = None
    metadata: Metadata = "copy"
    gps: bool = True
    one_request: bool = False

    def __repr__(self) -> str:
        return f"<Description of a batch to {self.output}>"

    __rich_repr__ = rich_repr

    def sink(self) -> Sink:
        """Return where pictures go."""
        if not is_bucket(self.output):
            return DirectorySink(self.output)
        from ..batch.objects import ObjectSink  # noqa: PLC0415 - of an extra

        return ObjectSink(self.output)

    def settings(self, batch: str) -> ItemSettings:
        """Return the settings of a runner."""
        budget = None if self.max_spend is None else Budget(self.max_spend, prices=self.prices)
        own = {name: getattr(self, name) for name in _SETTINGS}
        return ItemSettings(name=batch, budget=budget, **own)


_SETTINGS = ("prices", "take", "mode", "exists", "retry_missed", "names", "metadata", "gps", "one_request")
_decode = msgspec.json.Decoder(Description).decode


class DescribedRunner(ItemRunner):
    """Carries out items as a batch's description says, whose spending cap may be changed at any time.

    Args:
        client: Makes the calls.
        batch: The batch's name.
        description: How it began.
        store: The shared ledger.
        limiter: Places for jobs.
        look: Returns the description as it is now.
    """

    def __init__(
        self,
        client: "PhotaClient",
        batch: str,
        description: Description,
        *,
        store: Any,
        limiter: Leases,
        look: Callable[[], Awaitable[Description]],
    ) -> None:
        settings = description.settings(batch)
        super().__init__(client, description.sink(), store=store, limiter=limiter, settings=settings)
        self._budget, self._look = settings.budget, look

    async def run(self, item: BatchItem) -> Outcome:
        """Carry out one item; see `ItemRunner.run`."""
        if self._budget is not None:
            found = await self._look()
            self._budget.usd = self._budget.usd if found.max_spend is None else found.max_spend
        return await super().run(item)


async def describe(database: Database, batch: str, description: Description) -> None:
    """Write down how a batch is carried out, before its first item is enqueued.

    Its spending cap, its prices and its cap of jobs may be other ones than before; workers hear of the first with
    their next item, and of the others when they begin.

    Raises:
        InputError: A batch of that name is there and is carried out otherwise: it goes elsewhere, or has no cap.
    """

    async def operation(connection: Connection) -> str | None:
        text = msgspec.json.encode(description).decode()
        await connection.execute(INSERT, (batch, text))
        row = await (await connection.execute(SELECT + " FOR UPDATE", (batch,))).fetchone()
        differing = _difference(_read(batch, row), description)
        if differing is None:
            await connection.execute(UPDATE, (text, batch))
        return differing

    if (name := await database.run(operation)) is not None:
        raise InputError(f"batch {batch!r}: expected the {name} with which it was begun, got another").with_context(
            hint="give this one another name, or the same options"
        )


async def description_of(database: Database, batch: str) -> Description:
    """Return how a batch is carried out.

    Raises:
        LedgerError: Nobody said, or a newer client did.
    """
    return _read(batch, await database.one(SELECT, (batch,)))


def _read(batch: str, row: tuple[Any, ...] | None) -> Description:
    if row is None:
        raise LedgerError(f"batch {batch!r}: expected a description in the database, got none")
    try:
        return _decode(str(row[0]))
    except msgspec.ValidationError as error:
        raise LedgerError(f"batch {batch!r}: expected a description that this version knows: {error}") from None


def _difference(old: Description, new: Description) -> str | None:
    """Return the name of a field in which two descriptions may not differ, and do."""
    if (old.max_spend is None) != (new.max_spend is None):
        return "spending cap, or none,"
    same = replace(new, max_spend=old.max_spend, prices=old.prices, cap=old.cap)
    return next((name for name in Description.__struct_fields__ if getattr(same, name) != getattr(old, name)), None)
