"""What `phota train` was asked for, and the decisions that follow from it without sending anything."""

from decimal import Decimal
from pathlib import Path

import click
import msgspec

from ..errors import BudgetExceededError, CheckError
from ..pricing import PUBLISHED
from ..profiles import WAIT
from ..training import PhotoCheck, Via, refuse_errors
from .asking import confirm_spending
from .photo_check import Selection
from .questions import choose
from .settings import Settings
from .streams import can_ask

ALL, CLEAR, NONE = "all", "clear", "no"
ANSWERS = {ALL: ALL, CLEAR: CLEAR, NONE: NONE, "": CLEAR}
QUESTION = "Train with all photos, with the clear ones only, or not at all? (all, clear, no) [clear]"
LATER = "look at them, then add --skip-doubtful to leave them out, or --yes to train with them too"


class TrainOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options, as they were given."""

    selection: Selection
    via: Via
    tag: str | None = None
    # Deciding
    yes: bool = False
    skip_doubtful: bool = False
    max_spend: Decimal | None = None
    dry_run: bool = False
    # Waiting
    timeout: float = WAIT
    interval: float | None = None
    link_check: bool = True
    # Telling
    sheet: Path | None = None
    as_json: bool = False

    @property
    def price(self) -> Decimal:
        """US dollars of the training."""
        return PUBLISHED.training[self.selection.tier]


def decide(check: PhotoCheck, options: TrainOptions) -> PhotoCheck:
    """Return the photos to train with: a person, or a flag, decides on the doubtful ones.

    Raises:
        CheckError: They cannot be trained with, or nobody decides.
        click.Abort: The person trains with none.
    """
    if options.skip_doubtful:
        check = check.without_doubtful()
    refuse_errors(check)
    if not check.doubtful or options.yes or options.dry_run:
        return check
    count = len({each.path for each in check.doubtful})
    if not can_ask():
        raise CheckError(f"{count} photos are doubtful, and there is no terminal to ask on").with_context(hint=LATER)
    answer = choose(f"{count} photos are doubtful. {QUESTION}", ANSWERS)
    if answer == NONE:
        raise click.Abort
    if answer == CLEAR:
        check = check.without_doubtful()
        refuse_errors(check)
    return check


def agree(count: int, options: TrainOptions, settings: Settings) -> None:
    """Get a yes for the price.

    Raises:
        BudgetExceededError: It is above ``--max-spend``, or the limit of a settings file.
        click.UsageError: Nobody can be asked.
        click.Abort: The answer is no.
    """
    price, tier = options.price, options.selection.tier
    cap = settings.cap(options.max_spend)
    if cap is not None and price > cap:
        raise BudgetExceededError(f"a {tier} training costs ${price}, and the limit is ${cap}: --max-spend")
    what = f"one {tier} training with {count} photos"
    confirm_spending(price, price, what=what, yes=options.yes, max_spend=settings.agreed(options.max_spend))
