"""What a batch tells its ledger it wants: the parts and takes of its items as wishes."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from ..ledger.digests import KnownDigests
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
        by_item: Whether only an item's own record counts; see `Wish`.
    """

    def __init__(self, options: Options, *, name: str, resend_unknown: bool, by_item: bool = False) -> None:
        self._options = options
        self.digests: KnownDigests | None = None
        """What photos hashed to before, where that is remembered."""
        self._common = Wish(
            purchase="",
            batch=name,
            mode=options.mode,
            guard=options.client.config.retry.resend_guard,
            resend_unknown=resend_unknown,
            by_item=by_item,
        )

    async def identify(self, part: Part) -> tuple[str, ...]:
        """Return what identifies a part's photos.

        Raises:
            InputError: A photo cannot be read, or only once.
        """
        return await identify_photos(part.item.request, self.digests)

    async def as_sent(
        self, part: Part, photos: Sequence[str], was_sent: Callable[[str], Awaitable[bool]]
    ) -> Part | None:
        """Return what a part is to be carried out as.

        Where an item was sent as one request before, its first variation stands for all of it, and there is nothing
        to do for the others (``None``): nothing that may be bought is bought again in parts.

        Args:
            part: The part.
            photos: What identifies its photos.
            was_sent: Asks the ledger; see `Store.was_sent`.
        """
        whole = part.in_one
        if whole is None or not await was_sent(self.make(whole, 1, photos, run=0).purchase):
            return part
        return whole if part.variation == 1 else None

    def place_of(self, part: Part, take: int) -> str:
        """Return what the place of a take's job is called, by every worker that may carry it out."""
        item, batch = part.item, self._common.batch
        what = f"{batch}\0{item.key}\0{item.request.operation}\0{part.variation}\0{take}"
        return hashlib.blake2b(what.encode(errors="surrogatepass"), digest_size=16).hexdigest()

    def make(self, part: Part, take: int, photos: Sequence[str] | None, *, run: int) -> Wish:
        """Say what a take of a part buys.

        Args:
            part: The part.
            take: The take, from 1.
            photos: What identifies its photos; ``None`` when they are gone, so that only a job can be looked for.
            run: The run that asks.
        """
        item, common, variation = part.item, self._common, part.variation
        return replace(
            common,
            purchase=purchase_of(item.request, photos, batch=common.batch, take=take, variation=variation)
            if photos is not None
            else "",
            item=item.key,
            operation=item.request.operation,
            take=take,
            run=run,
            price=to_micros(estimate(item.request, prices=self._options.prices)[1]),
        )
