"""What the parts of a batch share."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..config import Mode
from ..media.files import Exists
from ..pricing import PUBLISHED, PriceTable
from .budget import Budget

if TYPE_CHECKING:
    from ..client import PhotaClient
else:
    PhotaClient = Any  # the client imports much; a struct's annotation need not


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch buys; the fields are arguments of `Batch`."""

    client: PhotaClient
    mode: Mode = "job"
    output: Path | None = None
    exists: Exists = "error"
    budget: Budget | None = None
    retry_missed: int = 0

    @property
    def prices(self) -> PriceTable:
        """The table by which costs are told."""
        return PUBLISHED if self.budget is None else self.budget.prices
