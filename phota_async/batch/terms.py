"""What all purchases of a batch share."""

import msgspec

from ..leases import Leases
from ..ledger.records import Store
from .budget import BudgetAccount
from .options import Options
from .owned import OwnedTasks
from .proven import Proven
from .sinks import Sink


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The batch's parts that a purchase needs."""

    options: Options
    store: Store
    sink: Sink
    owned: OwnedTasks
    account: BudgetAccount | None
    proven: Proven
    leases: Leases | None = None
    """Places for jobs, where workers share a limit."""
