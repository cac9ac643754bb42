"""What the parts of a batch share."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from ..config import Mode
from ..errors import InputError
from ..media.files import Exists
from ..pricing import PUBLISHED, PriceTable
from .budget import Budget

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

    @property
    def prices(self) -> PriceTable:
        """The table by which costs are told."""
        return PUBLISHED if self.budget is None else self.budget.prices
