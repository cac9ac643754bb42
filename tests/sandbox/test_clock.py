import asyncio
import time

import pytest

from phota_async.sandbox import Clock


async def test_a_standing_clock_is_stepped() -> None:
    clock = Clock(scale=0, start=100.0)
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        with clock.work():
            await clock.sleep(seconds)
            woken.append(clock.time())

    async with asyncio.TaskGroup() as tasks:
        for seconds in (10, 20, 20):
            tasks.create_task(sleep(seconds))
        await clock.idle()
        assert woken == []
        assert repr(clock) == "<Clock x0, 0 at work, 3 asleep>"
        clock.advance(9)
        clock.advance(1)
        await clock.idle()
        assert woken == [110.0]
        clock.advance(1000)
        await clock.idle()
        assert woken == [110.0, 1110.0, 1110.0]


async def test_a_fast_clock_runs() -> None:
    clock = Clock(scale=1e6)
    before, started = clock.time(), time.monotonic()
    await clock.sleep(1000)

    assert clock.time() - before >= 1000
    assert time.monotonic() - started < 1


async def test_a_running_clock_can_be_stepped_too() -> None:
    clock = Clock(scale=1)
    sleeping = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    clock.advance(3600)
    await sleeping


async def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    clock = Clock(scale=0)
    await clock.sleep_until(clock.time())
    await clock.sleep(-1)


async def test_a_cancelled_sleeper_is_gone() -> None:
    clock = Clock(scale=0)
    sleeping = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping

    assert repr(clock) == "<Clock x0, 0 at work, 0 asleep>"


async def test_idle_waits_for_work_that_a_step_sets_off() -> None:
    clock = Clock(scale=0)
    done: list[int] = []

    async def chain() -> None:
        with clock.work():
            for step in range(3):
                await clock.sleep(1)
                await asyncio.to_thread(time.sleep, 0.002)
                done.append(step)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(chain())
        await clock.idle()
        for expected in ([0], [0, 1], [0, 1, 2]):
            clock.advance(1)
            await clock.idle()
            assert done == expected


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="0 or more, got -1"):
        Clock(scale=-1)
    with pytest.raises(ValueError, match="0 seconds or more, got -1"):
        Clock(scale=0).advance(-1)


def test_a_clock_starts_now() -> None:
    assert abs(Clock().time() - time.time()) < 5
