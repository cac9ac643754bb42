"""The brake bounds calls, bytes and rates, is fair, and never loses a place, whoever is cancelled when."""

import asyncio
import random
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from support.virtual_time import near, now, run_virtual, settle, virtual_time

from phota_async.errors import ConfigError
from phota_async.limiter import Limiter, LimiterStatistics
from phota_async.turns import FREE, MOST_IN_A_ROW, PAID


class Calls:
    """Calls through a limiter, and what became of them."""

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.begun: list[str] = []
        self.times: list[float] = []
        self.most = 0
        self.running = 0

    async def call(self, name: str = "", seconds: float = 1.0, priority: int = PAID, size: int = 0) -> None:
        await self.limiter.acquire(priority)
        try:
            async with self.limiter.reserve(size):
                self.begun.append(name)
                self.times.append(now())
                self.running += 1
                self.most = max(self.most, self.running)
                await asyncio.sleep(seconds)
                self.running -= 1
        except asyncio.CancelledError:
            self.running -= name in self.begun
            raise
        finally:
            self.limiter.release()


def idle(limiter: Limiter) -> bool:
    seen = limiter.statistics()
    return (seen.running, seen.waiting, seen.bytes_in_flight) == (0, 0, 0)


async def cancel(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def fill(limiter: Limiter, count: int) -> None:
    for _ in range(count):
        await limiter.acquire()


# Settings


@pytest.mark.parametrize("value", [0, -1, float("nan"), "8", True])
@pytest.mark.parametrize("name", ["max_concurrency", "rate", "max_bytes"])
def test_limits_are_positive_numbers(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{name}: expected more than 0, got {value!r}"):
        Limiter(**{name: value})


@pytest.mark.parametrize("name", ["max_concurrency", "max_bytes"])
def test_what_is_counted_is_whole(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: expected a whole number, got 2.5"):
        Limiter(**{name: 2.5})  # type: ignore[arg-type]  # this is what is tested
    assert Limiter(rate=2.5).rate == 2.5


def test_concurrency_always_has_a_limit() -> None:
    with pytest.raises(ConfigError, match="max_concurrency: expected more than 0, got None"):
        Limiter(None)  # type: ignore[arg-type]  # this is what is tested
    limiter = Limiter()
    assert (limiter.max_concurrency, limiter.rate, limiter.max_bytes) == (64, None, None)


# Calls at once


@virtual_time
async def test_calls_at_once_are_bounded() -> None:
    calls = Calls(Limiter(3))
    start = now()
    await asyncio.gather(*(calls.call(str(number)) for number in range(10)))
    assert calls.most == 3
    assert now() - start == near(4)  # 3 + 3 + 3 + 1 calls of one second
    assert idle(calls.limiter)


@virtual_time
async def test_who_waits_longest_goes_first() -> None:
    calls = Calls(Limiter(1))
    names = [str(number) for number in range(20)]
    await asyncio.gather(*(calls.call(name) for name in names))
    assert calls.begun == names


@virtual_time
async def test_paid_calls_go_before_free_ones() -> None:
    calls = Calls(Limiter(1))
    order = [("first", FREE), ("poll 1", FREE), ("buy 1", PAID), ("poll 2", FREE), ("buy 2", PAID)]
    await asyncio.gather(*(calls.call(name, priority=priority) for name, priority in order))
    assert calls.begun == ["first", "buy 1", "buy 2", "poll 1", "poll 2"]


@virtual_time
async def test_free_calls_come_through_in_the_end() -> None:
    calls = Calls(Limiter(1))
    paid = [(f"buy {number}", PAID) for number in range(30)]
    order = [("first", PAID), ("poll 1", FREE), ("poll 2", FREE), *paid]
    await asyncio.gather(*(calls.call(name, priority=priority) for name, priority in order))
    row = MOST_IN_A_ROW
    assert calls.begun.index("poll 1") == 1 + row
    assert calls.begun.index("poll 2") == 2 + 2 * row
    assert [name for name in calls.begun if name.startswith("buy")] == [name for name, _ in paid]


@virtual_time
async def test_nobody_overtakes_a_queue() -> None:
    limiter = Limiter(1)
    await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await settle()
    limiter.release()  # the place goes straight to the one who waits
    assert not limiter.acquire_nowait()
    await waiting
    limiter.release()
    assert idle(limiter)


@virtual_time
async def test_a_free_place_costs_no_turn_of_the_loop() -> None:
    limiter = Limiter(1)
    with pytest.raises(StopIteration):
        limiter.acquire().send(None)
    assert limiter.statistics().running == 1
    limiter.release()


# Without waiting


@virtual_time
async def test_taking_a_place_without_waiting() -> None:
    limiter = Limiter(2)
    assert [limiter.acquire_nowait() for _ in range(3)] == [True, True, False]
    limiter.release()
    assert limiter.acquire_nowait()
    limiter.release()
    limiter.release()
    assert idle(limiter)


@virtual_time
async def test_without_waiting_a_pause_and_a_rate_are_kept() -> None:
    assert not Limiter(rate=100).acquire_nowait()  # whether it may go now, only waiting tells
    limiter = Limiter()
    limiter.pause(5)
    assert not limiter.acquire_nowait()
    await asyncio.sleep(5)
    assert limiter.acquire_nowait()
    assert limiter.statistics().running == 1


# A pause for all


@virtual_time
async def test_nobody_starts_in_a_pause() -> None:
    calls = Calls(Limiter(2))
    start = now()
    calls.limiter.pause(30)
    assert calls.limiter.statistics().paused_for == near(30)
    await asyncio.gather(*(calls.call(seconds=1) for _ in range(3)))
    assert [time - start for time in calls.times] == pytest.approx([30, 30, 31], abs=0.01)
    assert calls.limiter.statistics().paused_for == 0


@virtual_time
async def test_a_pause_is_made_longer_and_never_shorter() -> None:
    limiter = Limiter()
    start = now()
    limiter.pause(10)
    limiter.pause(1)
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(9)
    limiter.pause(20)
    await waiting
    assert now() - start == near(29)


@virtual_time
async def test_calls_under_way_go_on_in_a_pause() -> None:
    calls = Calls(Limiter(1))
    running = asyncio.create_task(calls.call(seconds=5))
    await settle()
    calls.limiter.pause(100)
    start = now()
    await running
    assert now() - start == near(5)


# Calls a second


@virtual_time
async def test_calls_a_second() -> None:
    calls = Calls(Limiter(rate=5))
    start = now()
    await asyncio.gather(*(calls.call(seconds=0) for _ in range(15)))
    times = [time - start for time in calls.times]
    assert times[:5] == pytest.approx([0] * 5, abs=1e-3)  # one burst
    assert times[5:] == pytest.approx([0.2 * number for number in range(1, 11)], abs=1e-3)


@virtual_time
async def test_less_than_one_call_a_second() -> None:
    calls = Calls(Limiter(rate=0.1))
    start = now()
    await asyncio.gather(*(calls.call(seconds=0) for _ in range(4)))
    assert [time - start for time in calls.times] == pytest.approx([0, 10, 20, 30], abs=0.01)


@virtual_time
async def test_polls_do_not_stand_before_paid_calls_in_the_line_for_the_rate() -> None:
    """Watchers of thousands always have some polls waiting: behind them all, buying would be slower by as much."""
    calls, start = Calls(Limiter(rate=1)), now()
    polls = [asyncio.create_task(calls.call(f"poll {number}", 0, FREE)) for number in range(50)]
    await asyncio.sleep(10.5)
    await asyncio.gather(*(calls.call(f"buy {number}", 0) for number in range(3)))
    assert now() - start <= 14.01  # whoever is at the head of the line stays there
    await asyncio.gather(*polls)
    assert now() - start == near(52)
    assert idle(calls.limiter)


@virtual_time
async def test_who_waits_for_the_rate_keeps_a_pause_too() -> None:
    calls, start = Calls(Limiter(rate=1)), now()
    running = [asyncio.create_task(calls.call(seconds=0)) for _ in range(5)]
    await asyncio.sleep(0.5)
    calls.limiter.pause(100)
    await asyncio.gather(*running)
    assert [each - start for each in calls.times[:2]] == [near(0), near(100.5)]
    assert max(calls.times) - start <= 104


@virtual_time
async def test_who_is_cancelled_while_waiting_for_the_rate_gives_the_place_back() -> None:
    limiter = Limiter(2, rate=0.01)
    await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await settle()
    assert limiter.statistics().running == 2
    await cancel(waiting)
    assert limiter.statistics().running == 1
    assert repr(limiter._line) == "<Turns 0/1 running, 0 waiting>"


@virtual_time
async def test_who_is_cancelled_in_a_pause_gives_the_place_back() -> None:
    limiter = Limiter(1)
    limiter.pause(100)
    waiting = asyncio.create_task(limiter.acquire())
    await settle()
    await cancel(waiting)
    assert idle(limiter)


# Bytes


@virtual_time
async def test_bytes_in_flight_are_bounded() -> None:
    calls = Calls(Limiter(max_bytes=100))
    start = now()
    await asyncio.gather(*(calls.call(str(number), size=40) for number in range(5)))
    assert calls.most == 2
    assert calls.begun == ["0", "1", "2", "3", "4"]
    assert now() - start == near(3)
    assert idle(calls.limiter)


@virtual_time
async def test_a_small_body_does_not_overtake_a_big_one() -> None:
    calls = Calls(Limiter(max_bytes=100))
    sizes = {"a": 60, "big": 100, "small": 1}
    await asyncio.gather(*(calls.call(name, size=size) for name, size in sizes.items()))
    assert calls.begun == ["a", "big", "small"]


@virtual_time
async def test_a_body_larger_than_everything_goes_alone() -> None:
    calls = Calls(Limiter(max_bytes=100))
    sizes = {"a": 10, "huge": 1000, "b": 10, "c": 10}
    start = now()
    await asyncio.gather(*(calls.call(name, size=size) for name, size in sizes.items()))
    assert [time - start for time in calls.times] == pytest.approx([0, 1, 2, 2], abs=0.01)
    assert idle(calls.limiter)


@pytest.mark.parametrize("limiter", [Limiter(max_bytes=None), Limiter(max_bytes=1)], ids=["no limit", "no bytes"])
def test_nothing_is_held_where_nothing_is_to_hold(limiter: Limiter) -> None:
    async def hold() -> None:
        async with limiter.reserve(0 if limiter.max_bytes else 10**9):
            assert limiter.statistics().bytes_in_flight == 0

    run_virtual(hold)


@virtual_time
async def test_an_error_gives_the_bytes_back() -> None:
    limiter = Limiter(max_bytes=100)

    async def fail() -> None:
        async with limiter.reserve(80):
            assert limiter.statistics().bytes_in_flight == 80
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert idle(limiter)


@virtual_time
async def test_waiting_for_bytes_ends_at_a_deadline() -> None:
    limiter = Limiter(max_bytes=100)
    start = now()
    async with limiter.reserve(100):
        with pytest.raises(TimeoutError):
            async with limiter.reserve(1, start + 7):
                raise AssertionError
        assert now() - start == near(7)
        assert limiter.statistics().bytes_in_flight == 100
    assert idle(limiter)


# Cancellation: while waiting, and in the moment of hand-over


async def holding(limiter: Limiter, what: str) -> None:
    """Take a place, or all bytes, and keep it until cancelled."""
    if what == "place":
        await limiter.acquire()
    async with limiter.reserve(10 if what == "bytes" else 0):
        try:
            await asyncio.sleep(1000)
        finally:
            if what == "place":
                limiter.release()


@pytest.fixture(params=["place", "bytes"])
def what(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


def held(limiter: Limiter) -> int:
    seen = limiter.statistics()
    return seen.running + seen.bytes_in_flight // 10


@virtual_time
async def test_who_is_cancelled_while_waiting_is_passed_over(what: str) -> None:
    limiter = Limiter(1, max_bytes=10)
    first, second, third = [asyncio.create_task(holding(limiter, what)) for _ in range(3)]
    await settle()
    assert (held(limiter), limiter.statistics().waiting) == (1, 2)
    await cancel(second)
    assert (held(limiter), limiter.statistics().waiting) == (1, 1)
    await cancel(first)
    await settle()
    assert (held(limiter), limiter.statistics().waiting) == (1, 0)  # the third has it
    await cancel(third)
    assert idle(limiter)


@virtual_time
async def test_who_is_cancelled_in_the_moment_of_hand_over_passes_it_on(what: str) -> None:
    limiter = Limiter(1, max_bytes=10)
    first, second, third = [asyncio.create_task(holding(limiter, what)) for _ in range(3)]
    await settle()
    first.cancel()
    await asyncio.sleep(0)  # the first has given it to the second, which has not run since
    assert (held(limiter), limiter.statistics().waiting) == (1, 1)
    await cancel(second)
    await settle()
    assert (held(limiter), limiter.statistics().waiting) == (1, 0)
    await cancel(third)
    with pytest.raises(asyncio.CancelledError):
        await first
    assert idle(limiter)


@virtual_time
async def test_who_is_cancelled_in_the_moment_of_hand_over_with_nobody_behind_frees_it(what: str) -> None:
    limiter = Limiter(1, max_bytes=10)
    first, second = [asyncio.create_task(holding(limiter, what)) for _ in range(2)]
    await settle()
    first.cancel()
    await asyncio.sleep(0)
    await cancel(second)
    assert idle(limiter)
    assert first.cancelled()
    assert limiter.acquire_nowait()


@virtual_time
async def test_all_who_wait_are_cancelled_at_once(what: str) -> None:
    limiter = Limiter(1, max_bytes=10)
    tasks = [asyncio.create_task(holding(limiter, what)) for _ in range(10)]
    await settle()
    for task in reversed(tasks):
        task.cancel()
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*tasks, return_exceptions=True)
    )
    assert idle(limiter)


@pytest.mark.parametrize("seed", range(60))
def test_no_place_is_lost_in_a_crowd(seed: int) -> None:
    dice = random.Random(seed)
    calls = Calls(Limiter(3, max_bytes=100, rate=dice.choice([None, 50])))

    async def one(name: str) -> None:
        await asyncio.sleep(dice.choice([0, 0, 0.1, 0.5]))
        if dice.random() < 0.05:
            calls.limiter.pause(dice.random())
        seconds, size = dice.choice([0, 0.01, 0.3]), dice.choice([0, 1, 60, 150])
        timeout = dice.choice([None, None, 0, 0.05, 0.5])
        try:
            async with asyncio.timeout(timeout):
                await calls.call(name, seconds, dice.choice([PAID, FREE]), size)
        except TimeoutError:
            pass

    async def crowd() -> None:
        tasks = [asyncio.create_task(one(str(number))) for number in range(80)]
        for task in dice.sample(tasks, 25):
            await asyncio.sleep(dice.choice([0, 0, 0.02, 0.3]))
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10_000)

    run_virtual(crowd)
    assert idle(calls.limiter)
    assert calls.running == 0
    assert 1 <= calls.most <= 3
    assert calls.begun


# Its state


@virtual_time
async def test_it_tells_its_state() -> None:
    limiter = Limiter(2, max_bytes=100)
    assert repr(limiter) == "<Limiter 0/2 running, 0 waiting>"
    await fill(limiter, 2)
    waiting = [asyncio.create_task(limiter.acquire(priority)) for priority in (PAID, FREE)]
    async with limiter.reserve(30):
        await settle()
        limiter.pause(2.5)
        seen = msgspec.structs.replace(limiter.statistics(), paused_for=2.5)
        expected = LimiterStatistics(running=2, waiting=2, max_concurrency=2, bytes_in_flight=30, paused_for=2.5)
        assert seen == expected
        assert limiter.statistics().paused_for == near(2.5)
        assert repr(limiter) == "<Limiter 2/2 running, 2 waiting, paused for 2.5 s>"
    limiter.release()
    limiter.release()
    await asyncio.gather(*waiting)
    assert limiter.statistics().running == 2


def test_it_tells_its_state_outside_of_a_loop() -> None:
    limiter = Limiter(8)
    run_virtual(lambda: _pause(limiter))
    assert repr(limiter) == "<Limiter 0/8 running, 0 waiting>"
    assert limiter.statistics().paused_for == 0


async def _pause(limiter: Limiter) -> None:
    limiter.pause(100)
    assert limiter.statistics().paused_for > 99


# Loops and forks


@pytest.mark.parametrize("how", [{}, {"rate": 1000}, {"max_bytes": 10}])
def test_one_limiter_serves_one_loop_after_the_other(how: dict[str, Any]) -> None:
    limiter = Limiter(2, **how)
    for _ in range(2):
        calls = Calls(limiter)

        async def work(calls: Calls = calls) -> None:
            await asyncio.gather(*(calls.call(size=5) for _ in range(6)))

        run_virtual(work)
        assert calls.most == 2
        assert len(calls.begun) == 6
        assert idle(limiter)


def test_a_pause_of_one_loop_is_not_anothers() -> None:
    limiter = Limiter()
    run_virtual(lambda: _pause(limiter))

    async def start() -> None:
        begun = now()
        await limiter.acquire()
        assert now() - begun < 1

    run_virtual(start)


def test_a_loop_that_ended_in_the_middle_leaves_no_place_taken() -> None:
    limiter = Limiter(1, max_bytes=10)

    async def leave() -> None:
        tasks = [asyncio.create_task(holding(limiter, "place")) for _ in range(3)]
        await settle()
        assert limiter.statistics().running == 1
        del tasks

    asyncio.run(leave())  # cancels what is left
    assert idle(limiter)


FORK = """
import os
from phota_async import Limiter

limiter = Limiter(1)
assert limiter.acquire_nowait()
if os.fork() == 0:
    print("child", limiter, flush=True)
    os._exit(0)
os.wait()
print("parent", limiter)
"""


def test_a_forked_child_begins_anew() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "child <Limiter 0/1 running, 0 waiting>",
        "parent <Limiter 1/1 running, 0 waiting>",
    ]


# A rate that other processes share


class Turnstile:
    """Lets one paid call pass every ten seconds."""

    lateness = 0.5

    def __init__(self) -> None:
        self.passed: list[float] = []

    async def acquire(self) -> None:
        if self.passed:
            await asyncio.sleep(self.passed[-1] + 10 - now())
        self.passed.append(now())


@virtual_time
async def test_paid_calls_wait_for_the_shared_rate_and_polls_do_not() -> None:
    limiter = Limiter(2, paid_rate=Turnstile())
    calls, start = Calls(limiter), now()
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(calls.call(f"paid {number}"))
        for number in range(5):
            group.create_task(calls.call(f"poll {number}", priority=FREE))
    at = dict(zip(calls.begun, calls.times, strict=True))
    assert [at[f"paid {number}"] - start for number in range(3)] == [near(0), near(10), near(20)]
    assert max(at[f"poll {number}"] for number in range(5)) - start < 6  # one place waits for the rate, never more
    assert idle(limiter)


@virtual_time
async def test_leave_of_before_a_pause_is_asked_for_again_after_it() -> None:
    rate = Turnstile()
    limiter, start = Limiter(2, paid_rate=rate), now()
    first = asyncio.ensure_future(limiter.acquire())
    await first
    second = asyncio.ensure_future(limiter.acquire())
    await settle()
    limiter.pause(15)
    await second
    assert [at - start for at in rate.passed] == [near(0), near(10), near(20)]
    assert now() - start == near(20)


@virtual_time
async def test_a_call_that_is_sent_late_asks_again() -> None:
    rate = Turnstile()
    limiter = Limiter(2, paid_rate=rate)
    await limiter.acquire()
    await limiter.keep_to_rate(now() - 0.4)
    assert len(rate.passed) == 1
    await limiter.keep_to_rate(now() - 0.6)
    assert len(rate.passed) == 2
    await Limiter(2).keep_to_rate(now() - 100)


@virtual_time
async def test_who_is_cut_off_while_waiting_for_the_shared_rate_gives_everything_back() -> None:
    limiter = Limiter(2, paid_rate=Turnstile())
    await limiter.acquire()
    waiting = [asyncio.ensure_future(limiter.acquire()) for _ in range(3)]
    await settle()
    assert (limiter.statistics().running, limiter.statistics().waiting) == (2, 2)
    for task in waiting:
        await cancel(task)
    limiter.release()
    assert idle(limiter)
    assert not limiter.acquire_nowait()


def test_what_is_no_shared_rate_is_refused() -> None:
    with pytest.raises(ConfigError, match="paid_rate: expected a PostgresRate or RedisRate, got int"):
        Limiter(paid_rate=60)  # type: ignore[arg-type]
