"""Cut a task off after the k-th step of its event loop, for every k, and look what is left behind.

    for cut in every_step(flow):
        ...  # the loop is closed and its threads have ended

A step is one callback of the loop: finer than awaits, since a task may be cut off between the moment at which
what it waits for is there and the moment at which it goes on.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

from phota_async import threads

Flow = Callable[["SteppingLoop"], Coroutine[Any, Any, None]]


class SteppingLoop(asyncio.SelectorEventLoop):
    """An event loop that counts callbacks from the moment it is armed."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.steps = 0
        self.was_cut = False
        self._victim: asyncio.Task[Any] | None = None
        self._ready = _Steps(self.step)  # what the loop takes its next callback from

    def step(self) -> None:
        """Count, and cut when it is time; called before each callback."""
        if self._victim is None:
            return
        self.steps += 1
        if self.steps == self.at:
            self.was_cut = self._victim.cancel()

    async def cut(self, flow: Awaitable[Any]) -> None:
        """Run a flow and cut it off at the step; it must end by that, or as if nothing had happened."""
        self._victim = asyncio.ensure_future(flow)
        done, _ = await asyncio.wait([self._victim], timeout=20)
        assert done, "the flow does not end"
        victim, self._victim = self._victim, None
        if not victim.cancelled():
            victim.result()


def every_step(flow: Flow) -> Iterator[SteppingLoop]:
    """Run a flow once for each of its steps, on a loop of its own; ends with the run that nothing cut off."""
    for at in itertools.count(1):
        loop = SteppingLoop(at)
        with asyncio.Runner(loop_factory=lambda loop=loop: loop) as runner:  # type: ignore[misc]
            runner.run(flow(loop))
        end_threads()
        yield loop
        if not loop.was_cut:
            return


def end_threads() -> None:
    """Let file work come to its end; what comes later gets new threads."""
    for pool in threads._pools.values():
        pool.shutdown()
    threads._pools.clear()


class _Steps(deque[Any]):
    def __init__(self, step: Callable[[], None]) -> None:
        super().__init__()
        self._step = step

    def popleft(self) -> Any:
        self._step()
        return super().popleft()
