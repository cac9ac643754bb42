"""What a purchase adds to the sums of its batch, which a shared ledger keeps beside its records. No I/O."""

from typing import NamedTuple, Self

from .figures import is_first
from .records import Record, State


class Sums(NamedTuple):
    """Sums over purchases. Money in millionths of a US dollar."""

    committed: int = 0
    """What they have cost or may still cost."""
    done: int = 0
    """Those that were delivered, each item's first tries alone."""
    failed: int = 0
    """Those that the service refused or said to have failed, likewise."""
    spent: int = 0
    """What those that were delivered cost by the price table."""

    @classmethod
    def of(cls, record: Record | None) -> Self:
        """Return what one record adds."""
        if record is None:
            return cls()
        is_done, counts = record.state is State.DONE, is_first(record)
        return cls(
            committed=record.committed,
            done=int(is_done and counts),
            failed=int(record.state is State.FAILED and counts),
            spent=(record.cost or 0) if is_done else 0,
        )

    def since(self, earlier: "Sums") -> "Sums":
        """Return what was added since these sums were others."""
        return Sums(*(now - then for now, then in zip(self, earlier, strict=True)))
