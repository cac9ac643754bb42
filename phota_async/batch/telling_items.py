"""Tell hooks of a batch's items, from the beginning of each to its end."""

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Self

from ..events import Hooks, ItemEnded, ItemStarted
from .items import BatchItem, Outcome
from .parts import Part

if TYPE_CHECKING:
    from ..client import PhotaClient


class ItemTelling:
    """Tells of items that are begun: each once, and each that was begun ends once.

    Args:
        hooks: Who is told.
        batch: The batch's name in its ledger.
    """

    def __init__(self, hooks: Hooks, batch: str) -> None:
        self._hooks, self._batch = hooks, batch
        self._open: dict[int, tuple[BatchItem, float]] = {}  # by the item's number: as many as are under way

    @classmethod
    def of(cls, client: "PhotaClient", batch: str) -> Self | None:
        """Return what tells a client's hooks, ``None`` where it has none."""
        hooks = client._transport.hooks  # noqa: SLF001 - one package
        return None if hooks is None else cls(hooks, batch)

    def begin(self, part: Part) -> None:
        """Tell of an item whose first part begins."""
        if part.number in self._open:
            return
        item = part.item
        self._open[part.number] = (item, time.monotonic())
        self._hooks(ItemStarted(key=item.key, operation=item.request.operation, batch=self._batch))

    def end(self, part: Part, outcome: Outcome) -> None:
        """Tell how an item ended."""
        images = 0 if outcome.result is None else len(outcome.result.images)
        self._tell(part.number, outcome.status, images=images, spent=outcome.spent)

    def leave(self) -> None:
        """Tell that those which are under way will not end."""
        for number in tuple(self._open):
            self._tell(number, "cancelled", spent=None)

    def _tell(self, number: int, status: str, *, images: int = 0, spent: Decimal | None) -> None:
        found = self._open.pop(number, None)
        if found is None:
            return
        item, begun = found
        self._hooks(
            ItemEnded(
                key=item.key,
                operation=item.request.operation,
                status=status,
                seconds=time.monotonic() - begun,
                batch=self._batch,
                images=images,
                spent=spent,
            )
        )

    def __repr__(self) -> str:
        return f"<ItemTelling of {len(self._open)} items>"
