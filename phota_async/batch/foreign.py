"""Files that have an item's name and are not the batch's: ``exists="skip"`` leaves both alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from .. import threads
from ..errors import InputError
from ..ledger.records import File, Record
from ..marks import Marks
from .held import from_stored
from .names import existing
from .options import Options
from .parts import Part
from .wishes import Wishes

Files = AsyncIterator[Sequence[File]]


class ForeignFiles:
    """Finds them, by what the ledger knows.

    Args:
        options: How the batch buys.
        wishes: What it asks its ledger for.
        was_sent: Asks the ledger; see `Store.was_sent`.
        files: Yields all files that the ledger knows.
    """

    def __init__(
        self,
        options: Options,
        wishes: Wishes,
        was_sent: Callable[[str], Awaitable[bool]],
        files: Callable[[], Files],
    ) -> None:
        self._options, self._wishes, self._was_sent, self._files = options, wishes, was_sent, files
        self._known: Marks | None = None
        self._turn = asyncio.Lock()

    async def in_place_of(self, part: Part) -> tuple[Path, ...]:
        """Return the files that keep a part from being bought: not the ledger's, and the part is not known to it."""
        options = self._options
        if not options.skips_foreign or options.output is None:
            return ()
        found = await threads.run(existing, part.target(options.names, options.output))
        if not found or await self._are_known(found) or await self._is_bought(part):
            return ()
        return tuple(found)

    def close(self) -> None:
        """Forget what was read."""
        if self._known is not None:
            self._known.close()

    async def _is_bought(self, part: Part) -> bool:
        """Whether a part may have been bought already; one whose photo cannot be read is left to whoever tries."""
        try:
            photos = await self._wishes.identify(part)
        except InputError:
            return True
        sent = await self._wishes.as_sent(part, photos, self._was_sent)
        return sent is None or await self._was_sent(self._wishes.make(sent, 1, photos, run=0).purchase)

    async def _are_known(self, found: Sequence[Path]) -> bool:
        async with self._turn:
            if self._known is None:
                self._known = await self._read()
        return any(self._known.has(_mark(path)) for path in found)

    async def _read(self) -> Marks:
        known = Marks()
        async for files in self._files():
            for file in from_stored(files, self._options.output):
                known.add(_mark(file.path))
        return known


async def files_of(records: AsyncIterator[Record]) -> Files:
    """Yield the files of records."""
    async for record in records:
        yield record.files


def _mark(path: Path | str) -> bytes:
    return str(Path(path)).encode(errors="surrogateescape")
