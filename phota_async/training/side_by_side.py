"""Do the same with many things, a few at once."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def side_by_side(work: Callable[[T], Awaitable[object]], items: Iterable[T], *, at_once: int) -> None:
    """Call ``work`` with each item, ``at_once`` of them side by side.

    After a failure no further item is begun; those that were begun are waited for, and the first failure is raised
    as it is, in no group.
    """
    waiting = iter(items)
    failures: list[Exception] = []

    async def worker() -> None:
        for item in waiting:
            if failures:
                return
            try:
                await work(item)
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(at_once):
            tasks.start_soon(worker)
    if failures:
        raise failures[0]
