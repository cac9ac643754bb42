"""What the parts of a batch share."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from ..config import Mode
from ..errors import InputError
from ..hidden import rich_repr
from ..links import without_queries
from ..media.files import Exists
from ..pricing import PUBLISHED, PriceTable
from .budget import Budget
from .templates import Names

if TYPE_CHECKING:
    from ..client import PhotaClient
else:
    PhotaClient = Any  # the client imports much; a struct's annotation need not

Metadata = Literal["copy", "basic", "none"]
"""How much of what an original says its results get."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch buys; the fields are arguments of `Batch`."""

    client: PhotaClient
    mode: Mode = "job"
    output: Path | None = None
    exists: Exists = "error"
    budget: Budget | None = None
    retry_missed: int = 0
    names: Names = msgspec.field(default_factory=Names)
    skips_foreign: bool = False
    """Whether an item is left alone when a file that is not the batch's has its name, with a ledger."""
    table: PriceTable | None = None
    callback_url: str | None = None
    """What the service tells when a job ends; no part of what is bought."""
    # Photos
    prepare: bool = True
    metadata: Metadata = "copy"
    gps: bool = True
    mark: bool = True

    def __post_init__(self) -> None:
        if self.metadata not in get_args(Metadata):
            raise InputError(f"metadata: expected {' or '.join(get_args(Metadata))}, got {self.metadata!r}")
        for name in ("prepare", "gps", "mark"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name}: expected True or False, got {getattr(self, name)!r}")

    def __repr__(self) -> str:
        return without_queries(super().__repr__())

    __rich_repr__ = rich_repr

    @property
    def prices(self) -> PriceTable:
        """The table by which costs are told."""
        return self.table or (PUBLISHED if self.budget is None else self.budget.prices)


def check_numbers(*, max_concurrency: object, retry_missed: object, take: object) -> None:
    """Raise `InputError` for what is no number, or too small."""
    least = {"max_concurrency": (max_concurrency, 1), "retry_missed": (retry_missed, 0), "take": (take, 1)}
    for argument, (value, smallest) in least.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
            raise InputError(f"{argument}: expected {smallest} or more, got {value!r}")


def name_of_take(name: str, take: int) -> str:
    """Return what the ledger calls a batch's take: each is an account and a set of purchases of its own."""
    return name if take == 1 else f"{name}#take-{take}"
