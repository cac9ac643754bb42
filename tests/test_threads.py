"""File work in threads of our own: bounded, and none of a parent's in a child."""

import asyncio
import os
import threading

import pytest
from support.steps import end_threads

from phota_async import threads


@pytest.mark.parametrize(
    ("how", "most"), [(threads.run, threads.FILE_THREADS), (threads.copy, threads.COPY_THREADS)], ids=["run", "copy"]
)
async def test_so_many_at_once_and_no_more(how: object, most: int) -> None:
    end_threads()
    full = threading.Barrier(most + 1)
    running, peak, lock = 0, 0, threading.Lock()

    def work(number: int) -> int:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        if number < most:
            full.wait(10)  # all of them run at once
        with lock:
            running -= 1
        return number

    assert callable(how)
    tasks = [asyncio.ensure_future(how(work, number)) for number in range(3 * most)]
    await asyncio.to_thread(full.wait, 10)
    assert await asyncio.gather(*tasks) == list(range(3 * most))
    assert peak == most


async def test_what_a_function_raises_comes_back() -> None:
    def fail(*, name: str) -> None:
        raise OSError(2, name)

    with pytest.raises(OSError, match="gone"):
        await threads.run(fail, name="gone")


async def test_a_cancelled_caller_leaves_at_once_and_the_work_goes_on() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(10)
        ended.set()

    task = asyncio.ensure_future(threads.run(work))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ended.is_set()
    go_on.set()
    assert await asyncio.to_thread(ended.wait, 10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on Windows")
def test_a_forked_child_has_threads_of_its_own() -> None:
    asyncio.run(threads.run(int))
    child = os.fork()
    if child == 0:  # pragma: no cover - counted in no process
        try:
            os._exit(asyncio.run(asyncio.wait_for(threads.run(lambda: 7), 10)))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
