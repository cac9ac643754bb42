"""An event loop whose clock jumps: a test of an hour's waiting takes milliseconds and never sleeps.

    @virtual_time
    async def test_waits() -> None:
        await asyncio.sleep(3600)

There are no threads and no sockets on this loop: what waits for one of them would see time rush past.
"""

import asyncio
import functools
import inspect
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import pytest

TICK = 1e-6  # seconds that one turn of the loop takes, so that waits for "later than now" end
STILL = 200  # turns after which everything that is ready has run

T = TypeVar("T")
P = ParamSpec("P")


class StuckError(RuntimeError):
    """Nothing is ready and no timer is set: the test would wait for ever."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer when nothing else is ready. Its clock begins at 1000 s."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_JumpingSelector(self.jump))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds + TICK


class _JumpingSelector(selectors.DefaultSelector):
    """Lets virtual time pass instead of waiting."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is None and not ready:
            raise StuckError("nothing is ready and no timer is set")
        self._jump(0.0 if ready else timeout or 0.0)
        return ready


def run_virtual(test: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function in virtual time; it must leave no task behind."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_without_leftovers(test()))


def virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in virtual time; it must leave no task behind."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(functools.partial(test, *args, **kwargs))

    del run.__wrapped__  # or pytest-asyncio would take it for asynchronous
    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]  # pytest reads its fixtures here
    return run


async def _without_leftovers(test: Awaitable[T]) -> T:
    result = await test
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left
    return result


async def settle() -> None:
    """Let everything run that is ready, without letting time pass."""
    for _ in range(STILL):
        await asyncio.sleep(0)


def now() -> float:
    """Return the running loop's time in seconds."""
    return asyncio.get_running_loop().time()


def near(seconds: float) -> Any:
    """Return what equals so many seconds but for the turns of the loop."""
    return pytest.approx(seconds, abs=0.01)
