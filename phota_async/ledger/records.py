"""The values of a ledger: one record a purchase, what may happen to it, and what a store of them must do."""

from collections.abc import AsyncIterator, Callable
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from typing import Literal, Protocol

import msgspec

from ..config import Mode
from ..hidden import rich_repr

MICRO = Decimal(1_000_000)  # money is stored in whole millionths of a US dollar: sums stay exact


class State(StrEnum):
    """Where a purchase stands."""

    PLANNED = "planned"
    """Known, and nothing was ever sent for it under its present id."""
    INTENT = "intent"
    """It may have been sent: written before the first byte."""
    SUBMITTED = "submitted"
    """The service has it as a job."""
    DONE = "done"
    """Paid and delivered."""
    FAILED = "failed"
    """The service refused it, or said that its job failed."""
    UNKNOWN = "unknown"
    """It may have been charged, and nobody can tell."""


class File(msgspec.Struct, frozen=True):
    """A picture that was delivered."""

    path: str
    """Relative to the batch's output, with forward slashes, or absolute."""
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase. It holds neither prompts nor links nor keys."""

    purchase: str
    """What is bought; see `identity`."""
    copy: int = 1
    """Number among equal purchases of one batch."""
    batch: str = ""
    item: str = ""
    """The item's key, for people."""
    operation: str = ""
    take: int = 1
    mode: Mode = "job"
    state: State = State.PLANNED
    generation: int = 0
    """How often it was bought anew, each with an id of its own."""
    run: int = 0
    """The run of the batch that took it up last."""
    intent_run: int = 0
    """The run that wrote the intent: another one cannot know what became of it."""
    first_intent_at: float | None = None
    """Unix time; never refreshed while the id may be known to the service."""
    reserved: int | None = None
    """Upper price in millionths of a dollar; ``None`` where none is known."""
    cost: int | None = None
    """What it cost by the price table; ``None`` while that is not known."""
    lost: int = 0
    """What earlier generations may have cost."""
    job_id: str | None = None
    files: tuple[File, ...] = ()
    counts: dict[str, int] | None = {}
    """Who was recognised: profile id to appearances; ``None`` where the service did not tell."""
    error: str | None = None
    """Kind, status and code of the last failure; never the service's words, which may repeat a prompt."""

    @property
    def committed(self) -> int:
        """What it has cost or may still cost, in millionths of a dollar."""
        return self.lost + (self.cost if self.cost is not None else self.reserved or 0)

    def __repr__(self) -> str:
        return f"<Record {self.purchase[:8]}/{self.copy} {self.state}>"

    __rich_repr__ = rich_repr


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch wants to buy, and under which conditions."""

    purchase: str
    batch: str = ""
    item: str = ""
    operation: str = ""
    take: int = 1
    mode: Mode = "job"
    run: int = 0
    """What `Store.enter` returned."""
    price: int | None = None
    """Upper price in millionths of a dollar; ``None`` where none is known."""
    cap: int | None = None
    """What all purchases of the batch may cost together; ``None`` for no cap."""
    now: float = 0.0
    """Unix time."""
    guard: float = 2880.0
    """Seconds for which an intent may be sent again with its id."""
    resend_unknown: bool = False
    """Whether to buy anew what may have been bought already."""
    by_item: bool = False
    """Whether only a record that was made for this very item counts, as when items are carried out one by one by
    many: nobody could tell a renamed item from another one that buys the same."""


Action = Literal["buy", "resend", "poll", "done", "unknown", "budget"]


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch has to do for a wish."""

    action: Action
    """``buy``: send it, its intent is durable; ``resend``: send it with the same id; ``poll``: its job is there;
    ``done``: nothing; ``unknown``: report it; ``budget``: it could pass the cap."""
    record: Record
    is_new: bool = False
    """Whether no earlier run knew of it."""


class Submitted(msgspec.Struct, frozen=True):
    """The service took it as a job."""

    job_id: str


class Refused(msgspec.Struct, frozen=True):
    """It was not sent, or the service refused it: nothing was bought by this run."""

    error: str


class JobFailed(msgspec.Struct, frozen=True):
    """The service says that its job failed; whether that was charged is not published."""

    error: str


class Lost(msgspec.Struct, frozen=True):
    """It may have been bought, and nobody can tell."""

    error: str


class Done(msgspec.Struct, frozen=True):
    """It was delivered: its files lie whole under their names."""

    files: tuple[File, ...] = ()
    cost: int | None = None
    counts: dict[str, int] | None = {}
    """Profile id to appearances; ``None`` where the service did not tell."""


Change = Submitted | Refused | JobFailed | Lost | Done


class Store(Protocol):
    """What keeps records: this machine's `Ledger`, or a database that many machines share.

    What `begin`, `take_up` and `change` did is durable when they return; runs may be seen by others, and end for
    them, somewhat later than `join` and `leave` return, unless somebody would wait for them.
    """

    clock: Callable[[], float]
    """Unix time, as all who share the store see it."""
    is_shared: bool
    """Whether other processes may write it meanwhile: what a run takes up is its own until it leaves or dies."""

    async def enter(self, batch: str) -> int:
        """Begin a run of a batch and return its number.

        A second one at once is a `LedgerError` where one process has the store to itself. In a shared one it has
        records of its own: `begin` waits for those that another run has taken up, while that run lives.
        """
        ...

    async def join(self, batch: str) -> int:
        """Begin a run of one item beside all others and return its number."""
        ...

    async def leave(self, batch: str, run: int | None = None) -> None:
        """End a run of a batch; ``None`` ends those that this store's `enter` began."""
        ...

    def attend(self, batch: str) -> None:
        """Say that this process is at work on a batch, where others can see it."""
        ...

    async def expect(self, batch: str, total: int) -> None:
        """Write how many purchases a batch will come to, where others ask for it."""
        ...

    async def was_sent(self, purchase: str) -> bool:
        """Whether a purchase may have been bought already (`rules.may_be_bought`); takes nothing up."""
        ...

    async def begin(self, wish: Wish) -> Begun:
        """Find or make the record of a wish, check the cap and write the intent, as if in one step (`rules.begin`)."""
        ...

    async def take_up(self, wish: Wish) -> Begun | None:
        """Find a job that an earlier run submitted for an item, whose purchase cannot be told: a photo is gone.

        Of the wish only batch, item, operation, take and run are looked at.
        """
        ...

    async def change(self, record: Record, change: Change) -> Record:
        """Write what happened (`rules.apply`) and return the record as it now is.

        A record that another run has taken up since hears good news only (`rules.hears`).
        """
        ...

    async def give_back(self, record: Record) -> None:
        """Let others take up a record that is not ended, and which its run will not touch again."""
        ...

    async def committed(self, batch: str) -> int:
        """Return what a batch's purchases have cost or may still cost, in millionths of a dollar."""
        ...

    def records(self, batch: str | None = None) -> AsyncIterator[Record]:
        """Yield the records, of one batch or of all."""
        ...


def to_micros(amount: Decimal | None) -> int | None:
    """Return dollars as whole millionths, rounded up."""
    return None if amount is None else int((amount * MICRO).to_integral_value(ROUND_UP))


def from_micros(amount: int) -> Decimal:
    """Return millionths as dollars."""
    return Decimal(amount) / MICRO
