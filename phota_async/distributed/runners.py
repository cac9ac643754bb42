"""What carries out the items of each batch in a worker: made when its first item comes, closed when the worker ends."""

import asyncio
import inspect
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from ..batch.single import ItemRunner
from ..errors import ConfigError, LedgerError
from .encoding import from_argument
from .repeating import NotDoneError, check_done

logger = logging.getLogger("phota_async")
Make = Callable[[str], ItemRunner | Awaitable[ItemRunner]]


class Runners:
    """Carries out what is delivered.

    Args:
        given: A runner that is entered and stays its owner's, or makes one of a batch's name.
    """

    def __init__(self, given: ItemRunner | Make) -> None:
        if not isinstance(given, ItemRunner) and not callable(given):
            raise ConfigError(f"runners: expected an ItemRunner or a callable, got {type(given).__name__}")
        self._given = given
        self._ready: dict[str, ItemRunner] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._scope = AsyncExitStack()

    async def deliver(self, batch: str, item: Any) -> str:
        """Carry out one item and return how it ended.

        Raises:
            NotDoneError: It did not end well; says whether another delivery may help.
            LedgerError: The store cannot be read: nothing was sent.
        """
        try:
            return await self._deliver(batch, item)
        except (NotDoneError, LedgerError) as error:
            logger.warning("an item did not come out: %s", error)
            raise

    async def aclose(self, grace: float) -> None:
        """Close the runners made here: downloads under way have so many seconds to their end. Safe to call again."""
        scope, self._scope = self._scope.pop_all(), AsyncExitStack()
        for runner in self._ready.values():
            runner.hurry(grace)
        self._ready.clear()
        await scope.aclose()

    async def _deliver(self, batch: str, item: Any) -> str:
        try:
            decoded = from_argument(item)
            runner = await self._runner_of(batch)
        except Exception as error:  # of whoever makes runners too: a worker that is set up well goes on with it
            raise NotDoneError(f"this worker cannot carry it out: {error}", None, worth=True) from error
        return check_done(await runner.run(decoded))

    async def _runner_of(self, batch: str) -> ItemRunner:
        if isinstance(self._given, ItemRunner):
            return _of_batch(self._given, batch)
        async with self._turns[batch]:  # those who come first make one, not several
            if batch not in self._ready:
                made = self._given(batch)
                runner = _of_batch(await made if inspect.isawaitable(made) else made, batch)
                self._ready[batch] = await self._scope.enter_async_context(runner)
        return self._ready[batch]

    def __repr__(self) -> str:
        return f"<Runners of {len(self._ready)} batches>"


def _of_batch(runner: Any, batch: str) -> ItemRunner:
    """Return a runner if it keeps its account under the batch's name: no other one knows what was bought."""
    if not isinstance(runner, ItemRunner):
        raise ConfigError(f"runners: expected an ItemRunner, got {type(runner).__name__}")
    if runner.name != batch:
        raise ConfigError(f"expected a runner with ItemSettings(name={batch!r}), got {runner.name!r}")
    return runner
