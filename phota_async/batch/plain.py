"""Carry out items without a ledger: what lies under an item's name already is not bought again."""

from decimal import Decimal
from functools import partial
from pathlib import Path

from .. import threads
from ..errors import PhotaError
from ..requests import AnyRequest
from ..results import ImageResult
from .bought import Bought, check_pictures, take_all
from .budget import cost_of
from .items import Outcome, outcome_of
from .names import existing
from .options import Options
from .parts import Part
from .photos import PhotoDesk, RequestPhotos


class PlainBuyer:
    """Buys each item once a run.

    Args:
        options: How.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._desk = PhotoDesk(options)

    async def open(self) -> None:
        """Nothing to prepare."""

    def hurry(self, grace: float) -> None:
        """Nothing goes on when the batch is left."""

    async def aclose(self) -> None:
        """End the processes that prepared photos."""
        await self._desk.aclose()

    async def carry_out(self, part: Part) -> Outcome:
        """Finish one part; errors are raised."""
        target = self._target(part)
        if self._options.exists == "error" and target is not None and (found := await threads.run(existing, target)):
            return outcome_of(part.item, "skipped", paths=tuple(found))
        return await take_all(part.item, self._options.retry_missed + 1, partial(self._take, part))

    async def _take(self, part: Part, take: int) -> Bought:
        """Make one call within the budget; what it may have cost stays reserved when that is not known."""
        request, budget = part.item.request, self._options.budget
        target, photos = self._target(part, take), self._desk.photos_of(request)
        reserved = budget.reserve(request) if budget else Decimal(0)
        cost: Decimal | None = reserved  # until the service has said otherwise, it may have cost that much
        try:
            result = await self._send(request, target, photos)
            check_pictures(result)
            cost = cost_of(request, result, self._options.prices)
        except PhotaError as error:
            cost = reserved if error.charged == "unknown" else Decimal(0)
            raise
        finally:
            if budget:
                budget.settle(reserved, reserved if cost is None else cost)
        return Bought(result=result, cost=cost, uncarried=photos.uncarried(result))

    def _target(self, part: Part, take: int = 1) -> Path | None:
        options = self._options
        return None if options.output is None else part.target(options.names, options.output, take)

    async def _send(self, request: AnyRequest, target: Path | None, photos: RequestPhotos) -> ImageResult:
        options = self._options
        return await options.client._send(  # noqa: SLF001 - one package
            request,
            None if target is None else target.with_name(target.name + ".jpg"),
            exists=options.exists,
            mode=options.mode,
            ready=photos.ready,
            root=options.output,
            finish=photos.finish if photos.finishes else None,
        )
