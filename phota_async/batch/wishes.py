"""What a batch tells its ledger it wants: the parts and takes of its items as wishes."""

from pathlib import Path

from msgspec.structs import replace

from ..ledger.identity import purchase_of
from ..ledger.photos import identify_photos
from ..ledger.records import Wish, to_micros
from ..pricing import estimate
from ..results import StrPath
from .options import Options
from .parts import Part


def path_of(ledger: StrPath | bool, output: Path | None) -> StrPath:
    """Return the path of a ledger's file; ``True`` means the usual place below the output."""
    return (output or Path()) / ".phota" / "ledger.sqlite" if isinstance(ledger, bool) else ledger


class Wishes:
    """Makes the wishes of one run.

    Args:
        options: How the batch buys.
        name: The batch's name, part of what is bought.
        resend_unknown: As in `Batch`.
    """

    def __init__(self, options: Options, *, name: str, resend_unknown: bool) -> None:
        self._options = options
        self._common = Wish(
            purchase="",
            batch=name,
            mode=options.mode,
            guard=options.client.config.retry.resend_guard,
            resend_unknown=resend_unknown,
        )

    async def make(self, part: Part, take: int, *, run: int) -> Wish:
        """Identify a part's photos and say what a take of it buys.

        Raises:
            InputError: A photo cannot be read, or only once.
        """
        item, common = part.item, self._common
        photos = await identify_photos(item.request)
        return replace(
            common,
            purchase=purchase_of(item.request, photos, batch=common.batch, take=take, variation=part.variation),
            item=item.key,
            operation=item.request.operation,
            take=take,
            run=run,
            price=to_micros(estimate(item.request, prices=self._options.prices)[1]),
        )
