"""What a dry run foresees of one part: what is there, what would be bought, where it would go, what it would cost."""

import os
from decimal import Decimal
from pathlib import Path

from .. import threads
from ..errors import BudgetExceededError, InputError
from ..media.destination import make_destination
from ..media.files import Exists, check_inside, check_name
from ..media.formats import file_name
from ..media.sources import measure
from ..pricing import estimate
from ..protocol import image_call
from ..requests import AnyRequest
from ..results import ImageResult
from .budget import Budget
from .items import NOTHING, BatchItem, Outcome, outcome_of
from .options import Options


class Allowance:
    """What a budget leaves for a dry run. The budget itself stays as it is.

    Every price counts with its upper bound, so that what is planned fits in any case.

    Args:
        budget: The cap; ``None`` for no cap.
        left: US dollars of it that are left.
    """

    def __init__(self, budget: Budget | None = None, left: Decimal = NOTHING[0]) -> None:
        self._budget = budget
        self._left = None if budget is None else left

    def check_price(self, request: AnyRequest) -> None:
        """Raise `ConfigError` when there is a budget and the request's price is not known."""
        if self._budget is not None:
            self._budget.upper_price(request)

    def take(self, high: Decimal) -> None:
        """Set a request's upper price aside, or raise `BudgetExceededError`."""
        if self._left is not None:
            if high > self._left:
                raise BudgetExceededError(
                    f"expected at most ${self._left} left to spend, got a request of up to ${high}"
                )
            self._left -= high

    def give_back(self, high: Decimal) -> None:
        """Undo `take`."""
        if self._left is not None:
            self._left += high

    def take_up_to(self, high: Decimal) -> Decimal:
        """Set aside what may come on top, as far as it is there, and return how much that is."""
        if self._left is None:
            return high
        found = max(Decimal(0), min(high, self._left))
        self._left -= found
        return found

    def __repr__(self) -> str:
        return f"<Allowance of {'any amount' if self._left is None else f'${self._left}'}>"


class Plan:
    """What would be done for one part, take by take.

    Args:
        options: How the batch buys.
        request: The part's.
        allowance: What may be spent.
    """

    def __init__(self, options: Options, request: AnyRequest, allowance: Allowance) -> None:
        self._options, self._request, self._allowance = options, request, allowance
        self._price = estimate(request, prices=options.prices)
        self._low, self._high = NOTHING
        self._paths: list[Path] = []
        self._result: ImageResult | None = None
        self._is_priced, self._is_kept = True, True

    async def buy(self, target: Path | None, exists: Exists, *, is_sure: bool = True) -> None:
        """Foresee a purchase that would be sent.

        Args:
            target: Its first picture, without a suffix.
            exists: As in `Batch`.
            is_sure: Whether it would be charged; one that is sent again with its id may have been already, and
                is set aside already.

        Raises:
            BudgetExceededError: It could pass the budget.
            InputError: It cannot be sent: a photo that is none, a place where nothing can be written.
        """
        low, high = self._price if self._price[0] is not None else NOTHING
        if is_sure:
            self._allowance.take(high)
        try:
            is_job = self._options.mode == "job"
            await measure(image_call(self._request, job=is_job).body or ())
            self.fetch(await threads.run(places, target, self._request, exists, self._options.output))
        except InputError:
            if is_sure:
                self._allowance.give_back(high)
            raise
        self._add(low if is_sure else Decimal(0), high)

    def fetch(self, paths: tuple[Path, ...]) -> None:
        """Foresee pictures that have been bought and only have to be fetched."""
        self._paths += paths
        self._is_kept = False

    def keep(self, result: ImageResult) -> None:
        """Foresee pictures that are there."""
        self._paths += [image.path for image in result.images if image.path is not None]
        self._result = result

    def ask_again(self, times: int) -> None:
        """Foresee that it may be asked for again so often, if somebody is not recognised."""
        if times:
            self._add(Decimal(0), self._allowance.take_up_to((self._price[1] or Decimal(0)) * times))

    def outcome(self, item: BatchItem) -> Outcome:
        """Return the outcome of it all."""
        return outcome_of(
            item,
            "skipped" if self._is_kept else "planned",
            result=self._result if self._is_kept else None,
            paths=tuple(self._paths),
            missing=self._result.missing() if self._result is not None and self._is_kept else (),
            estimate=(self._low, self._high) if self._is_priced else None,
        )

    def _add(self, low: Decimal, high: Decimal) -> None:
        self._low += low
        self._high += high
        self._is_priced = self._is_priced and self._price[0] is not None


def places(target: Path | None, request: AnyRequest, exists: Exists, root: Path | None) -> tuple[Path, ...]:
    """Return where the pictures of a request would go, as far as that can be known. Blocks.

    Raises:
        InputError: Nothing can be written there.
    """
    if target is None:
        return ()
    destination = make_destination(target.with_name(f"{target.name}.jpg"), request.operation, exists)
    above = next(each for each in (destination.directory, *destination.directory.parents) if os.path.lexists(each))
    if not above.is_dir():
        raise InputError(f"cannot write {target}: {above} is no directory")
    check_inside(destination.directory, root)
    names = (destination.name(index) for index in range(request.num_output_images))
    paths = [destination.directory / file_name(name, request.output_format) for name in names]
    for path in paths:
        check_name(path, exists)
    return tuple(_free(path) if exists == "number" else path for path in paths)


def _free(path: Path) -> Path:
    """Return the name that a file gets when its own is taken."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
