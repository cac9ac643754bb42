"""Carry out items without a ledger: what lies under an item's name already is not bought again."""

from decimal import Decimal
from pathlib import Path

from .. import threads
from ..errors import PhotaError
from ..results import ImageResult
from .budget import cost_of
from .items import BatchItem, Outcome, outcome_of
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

    async def aclose(self) -> None:
        """End the processes that prepared photos."""
        await self._desk.aclose()

    async def carry_out(self, part: Part) -> Outcome:
        """Finish one part; errors are raised."""
        output, is_careful = self._options.output, self._options.exists == "error"
        if is_careful and output is not None and (found := await threads.run(existing, part.target(output))):
            return outcome_of(part.item, "skipped", paths=tuple(found))
        return await self._take_all(part)

    async def _take_all(self, part: Part) -> Outcome:
        """Ask until everybody was recognised, or as often as allowed."""
        item, output, paths, uncarried = part.item, self._options.output, list[Path](), list[Path]()
        spent: Decimal | None = Decimal(0)
        for take in range(1, self._options.retry_missed + 2):
            where = None if output is None else part.target(output, take)
            photos = self._desk.photos_of(item.request)
            try:
                result, cost = await self._buy(item, where, photos)
            except PhotaError as error:
                if take == 1:
                    raise
                spent = None if error.charged == "unknown" else spent
                break  # what was bought before stays the item's result
            spent = None if cost is None or spent is None else spent + cost
            paths += [image.path for image in result.images if image.path is not None]
            uncarried += photos.uncarried(result)
            last, missing = result, result.missing()
            if not missing:
                break
        return outcome_of(
            item,
            "done",
            result=last,
            paths=tuple(paths),
            uncarried=tuple(uncarried),
            missing=missing,
            spent=spent,
        )

    async def _buy(
        self, item: BatchItem, target: Path | None, photos: RequestPhotos
    ) -> tuple[ImageResult, Decimal | None]:
        """Make one call within the budget; what it may have cost stays reserved when that is not known."""
        budget = self._options.budget
        reserved = budget.reserve(item.request) if budget else Decimal(0)
        cost: Decimal | None = reserved  # until the service has said otherwise, it may have cost that much
        try:
            result = await self._send(item, target, photos)
            cost = cost_of(item.request, result, self._options.prices)
        except PhotaError as error:
            cost = reserved if error.charged == "unknown" else Decimal(0)
            raise
        finally:
            if budget:
                budget.settle(reserved, reserved if cost is None else cost)
        return result, cost

    async def _send(self, item: BatchItem, target: Path | None, photos: RequestPhotos) -> ImageResult:
        options = self._options
        return await options.client._send(  # noqa: SLF001 - one package
            item.request,
            None if target is None else target.with_name(target.name + ".jpg"),
            exists=options.exists,
            mode=options.mode,
            ready=photos.ready,
            finish=photos.finish if photos.finishes else None,
        )
