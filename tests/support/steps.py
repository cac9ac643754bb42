"""Cut a task off after the k-th step of its event loop, for every k, and look what is left behind.

    for cut in every_step(flow):
        ...  # the loop is closed and its threads have ended

A step is one callback of the loop: finer than awaits, since a task may be cut off between the moment at which
what it waits for is there and the moment at which it goes on.

A cut comes in three ways, which differ in what they do to those who clean up: ``task.cancel()`` strikes once, a
cancelled scope of anyio strikes again at each further await, ``asyncio.wait_for`` strikes a task that is waited for.
"""

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any, Literal, get_args

import anyio

from phota_async import threads

Way = Literal["cancel", "scope", "wait_for"]
WAYS: tuple[Way, ...] = get_args(Way)
FAR = 1e6  # seconds: no timeout but ours is so long
SEED = 7  # of the steps that are sampled
Flow = Callable[["SteppingLoop"], Coroutine[Any, Any, None]]


class SteppingLoop(asyncio.SelectorEventLoop):
    """An event loop that counts callbacks from the moment it is armed, and does something at one of them.

    Args:
        at: The step; 0 is none.
        way: How `cut` does it.
    """

    def __init__(self, at: int, way: Way = "cancel") -> None:
        super().__init__()
        self.at = at
        self.steps = 0
        self.was_cut = False
        self._way = way
        self._strike: Callable[[], object] | None = None
        self._ready = _Steps(self.step)  # what the loop takes its next callback from

    def step(self) -> None:
        """Count, and strike when it is time; called before each callback."""
        if self._strike is None:
            return
        self.steps += 1
        if self.steps == self.at:
            self.was_cut = True
            self._strike()

    def call_at(  # type: ignore[override]  # typeshed ties the arguments to the callback's
        self, when: float, callback: Callable[..., object], *args: Any, **how: Any
    ) -> asyncio.TimerHandle:
        """Set a timer; that of our ``wait_for`` goes off at the step."""
        if when - self.time() > FAR / 2:
            self._strike = lambda: self.call_soon(callback, *args)
        return super().call_at(when, callback, *args, **how)

    async def cut(self, flow: Awaitable[Any]) -> None:
        """Run a flow and cut it off at the step; it must end by that, or as if nothing had happened."""
        try:
            if self._way == "cancel":
                victim = asyncio.ensure_future(flow)
                await self._end_of(victim, victim.cancel)
            elif self._way == "scope":
                await self._end_of(asyncio.ensure_future(self._scoped(flow)))
            else:
                await self._end_of(asyncio.ensure_future(asyncio.wait_for(flow, FAR)))
        except TimeoutError:
            assert self._way == "wait_for"

    async def strike(self, flow: Awaitable[Any], act: Callable[[], object]) -> None:
        """Run a flow, and do something at the step instead of cutting it off."""
        await self._end_of(asyncio.ensure_future(flow), act)

    async def _scoped(self, flow: Awaitable[Any]) -> None:
        with anyio.CancelScope() as scope:
            self._strike = scope.cancel
            await flow

    async def _end_of(self, victim: "asyncio.Future[Any]", strike: Callable[[], object] | None = None) -> None:
        self._strike = strike
        done, _ = await asyncio.wait([victim], timeout=20)
        assert done, "the flow does not end"
        self._strike = None
        if not victim.cancelled():
            victim.result()


def every_step(flow: Flow, way: Way = "cancel", most: int | None = None) -> Iterator[SteppingLoop]:
    """Run a flow once for each of its steps, on a loop of its own; ends with a run that nothing cut off.

    Args:
        flow: Made anew for each run.
        way: How it is cut off.
        most: Of a flow with more steps, so many are taken as a sample with a fixed seed; ``None`` takes all.
    """
    for at in _places(flow, way, most):
        loop = _run(flow, at, way)
        yield loop
        if not loop.was_cut:
            return


def _places(flow: Flow, way: Way, most: int | None) -> Iterable[int]:
    steps = 0 if most is None else _run(flow, 0, way).steps
    if most is None or steps <= most:
        return itertools.count(1)
    return [*sorted(random.Random(SEED).sample(range(1, steps), most)), 0]


def _run(flow: Flow, at: int, way: Way) -> SteppingLoop:
    loop = SteppingLoop(at, way)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(flow(loop))
    end_threads()
    return loop


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
