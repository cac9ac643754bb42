"""One poller for all who wait: one look a tick, one end for each, and nothing left of those who leave."""

import asyncio
import gc
import tracemalloc
import weakref
from collections import Counter
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

import pytest
from support.looks import Script, read_along, subject_of, timers, to_change, wait_script, watch_script
from support.virtual_time import near, now, settle, virtual_time

from phota_async.errors import (
    AuthenticationError,
    ConfigError,
    DeadlineError,
    InsufficientCreditsError,
    NotFoundError,
    PhotaError,
    ServerError,
)
from phota_async.models import Profile, ProfileStatus
from phota_async.watch import WORKERS, Lister, Poller, Subject, Watch, growing, steady, wait_for
from phota_async.watch import changes as changes_module

NEVER = "QUEUING"


async def gone(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and see them end."""
    for each in tasks:
        each.cancel()
    await asyncio.wait(tasks)


class Many:
    """A poller, a subject, and those who wait through it."""

    def __init__(self, script: Script, *, told: list[Any] | None = None) -> None:
        self.script = script
        self.poller = Poller()
        self.subject = subject_of(script.look, told=told)

    def wait(self, key: str = "a", *, interval: float = 10, timeout: float = 10_000) -> "asyncio.Task[Profile]":
        return asyncio.create_task(
            wait_script(self.poller, self.subject, key, interval=interval, timeout=timeout), name=f"wait {key}"
        )

    def watch(self, keys: Any = "a", *, interval: float = 10) -> Watch[Profile, Any]:
        return Watch(keys, lambda: self.poller, self.subject, steady(interval), to_change)

    def gaps(self, key: str = "a") -> list[float]:
        return [after - before for before, after in pairwise(self.script.times(key))]

    async def is_clean(self) -> bool:
        """Whether neither a look, nor a task, nor a timer, nor a target is left."""
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert self.script.running == 0
        assert timers() == 0
        await asyncio.sleep(0)  # what has ended is struck off in the loop's next turn
        assert repr(self.poller) == "<Poller 0 watched, <Schedule 0 running, 0 waiting>>"
        return True


# One look for all


@virtual_time
async def test_many_wait_for_one_id_and_it_is_looked_at_once_a_tick() -> None:
    many = Many(Script(a=[NEVER] * 5 + ["READY"]))
    waits = [many.wait() for _ in range(20)]
    watches = [read_along(many.watch()) for _ in range(20)]
    ended = await asyncio.gather(*waits)
    seen = await asyncio.gather(*watches)
    assert len(many.script.looks) == 6
    assert {each.status for each in ended} == {"READY"}
    assert seen == [[("a", None, NEVER, None), ("a", NEVER, "READY", None)]] * 20
    assert await many.is_clean()


@virtual_time
async def test_a_change_is_told_to_hooks_once_however_many_wait() -> None:
    told: list[Any] = []
    many = Many(Script(a=["QUEUING", "IN_PROGRESS", "READY"]), told=told)
    await asyncio.gather(*[many.wait() for _ in range(5)], read_along(many.watch()))
    words = [(previous and str(previous.status), str(seen.status)) for _, previous, seen in told]
    assert words == [(None, "QUEUING"), ("QUEUING", "IN_PROGRESS"), ("IN_PROGRESS", "READY")]


@virtual_time
async def test_the_shortest_interval_rules_for_as_long_as_somebody_wants_it() -> None:
    many = Many(Script(a=[NEVER]))
    slow = many.wait(interval=100)
    await asyncio.sleep(250)
    assert len(many.script.looks) == 3
    quick = many.wait(interval=5)
    await asyncio.sleep(50)
    assert 12 <= len(many.script.looks) <= 15  # at once, and every 4.5 to 5 s
    quick.cancel()
    await asyncio.sleep(1000)
    assert all(gap > 90 for gap in many.gaps()[-8:])
    slow.cancel()
    await settle()
    assert await many.is_clean()


@virtual_time
async def test_who_comes_later_is_told_what_is_known_without_a_look() -> None:
    many = Many(Script(a=[NEVER]))
    first = many.wait(interval=100)
    await asyncio.sleep(50)
    async with many.watch(interval=100) as changes:
        assert await anext(changes) == ("a", None, NEVER, None)
        assert len(many.script.looks) == 1
    await gone(first)


@virtual_time
async def test_who_comes_during_a_look_waits_for_its_answer() -> None:
    many = Many(Script(a=["READY"]))
    many.script.seconds = 5
    first = many.wait()
    await asyncio.sleep(1)
    second = many.wait(interval=0.1)
    assert (await first, await second) == (Profile("a", ProfileStatus.READY),) * 2
    assert len(many.script.looks) == 1


@virtual_time
async def test_a_new_wait_begins_quickly_although_an_old_one_has_slowed_down() -> None:
    script = Script(a=[NEVER])
    poller, subject = Poller(), subject_of(script.look)

    def wait() -> "asyncio.Task[Profile]":
        return asyncio.create_task(wait_for(poller, subject, "a", growing(2, 15), now() + 500, what="a", hint=""))

    old = wait()
    await asyncio.sleep(100)
    slow = len(script.looks)
    new = wait()
    await asyncio.sleep(7)
    assert len(script.looks) - slow >= 3
    assert slow <= 12
    await gone(old, new)


@virtual_time
async def test_two_subjects_keep_their_ids_apart() -> None:
    one, two = Script(a=["READY"]), Script(a=["ERROR"])
    poller = Poller()
    first = wait_script(poller, subject_of(one.look))
    second = wait_script(poller, subject_of(two.look))
    assert [each.status for each in await asyncio.gather(first, second)] == ["READY", "ERROR"]


@virtual_time
async def test_a_subject_that_nobody_waits_for_is_forgotten() -> None:
    """Each end user's scope has one of its own; they come and go for as long as a service runs."""
    poller = Poller()
    kept: list[Any] = []
    for _ in range(50):
        subject = subject_of(Script(a=["READY"]).look, lister=Lister(fetch=no_listing, tag=str, stage=len))
        kept.append(weakref.ref(subject))
        await wait_script(poller, subject)
    del subject
    await settle()
    gc.collect()
    assert not poller._groups
    assert [each for each in kept if each() is not None] == []


async def no_listing(tag: str | None) -> Any:
    raise AssertionError(tag)


# First looks


@virtual_time
async def test_a_single_wait_looks_at_once() -> None:
    many, start = Many(Script(a=["READY"])), now()
    await many.wait()
    assert many.script.times("a") == [near(start)]


@virtual_time
async def test_first_looks_at_many_are_scattered_over_no_more_than_an_interval() -> None:
    keys = [f"p{number}" for number in range(3000)]
    script, start = Script(**{key: [NEVER] for key in keys}), now()
    reader = read_along(watch_script(script, interval=10))
    await asyncio.sleep(10)
    await gone(reader)
    firsts: dict[str, float] = {}
    for moment, key in script.looks:
        firsts.setdefault(key, moment - start)
    assert len(firsts) == 3000
    assert max(firsts.values()) < 10
    tenths = Counter(int(each) for each in firsts.values())
    assert all(100 < tenths[tenth] < 700 for tenth in range(9))  # a herd would come in the first
    assert script.most <= WORKERS


@virtual_time
async def test_looks_of_the_same_beginning_drift_apart() -> None:
    script = Script(**{f"p{number}": [NEVER] for number in range(5)})
    async with watch_script(script, interval=10):
        await asyncio.sleep(500)
        last = [script.times(key)[-1] for key in script.steps]
    assert len({round(each, 1) for each in last}) > 2


# Errors


@virtual_time
async def test_each_who_waits_gets_an_error_of_its_own() -> None:
    many = Many(Script(a=[NotFoundError(404, "gone")]))
    errors = await asyncio.gather(many.wait(), many.wait(), read_along(many.watch()), return_exceptions=True)
    first, second, seen = errors
    assert isinstance(first, NotFoundError)
    assert isinstance(second, NotFoundError)
    assert first is not second
    assert len(many.script.looks) == 2
    assert seen == [("a", None, None, seen[0][3])]  # type: ignore[index]
    assert await many.is_clean()


@pytest.mark.parametrize("error", [AuthenticationError(401), InsufficientCreditsError(402), ConfigError("closed")])
def test_what_is_about_the_client_ends_every_wait_at_once(error: PhotaError) -> None:
    @virtual_time
    async def run() -> None:
        many = Many(Script(a=[NEVER, error], b=[NEVER], c=[NEVER]))
        other = subject_of(many.script.look)
        waits = [many.wait("b"), many.wait("b"), asyncio.create_task(wait_script(many.poller, other, "c"))]
        watch = read_along(many.watch(["a", "b"]))
        ended = await asyncio.gather(*waits, watch, return_exceptions=True)
        assert [type(each) for each in ended] == [type(error)] * 4
        assert len({id(each) for each in ended}) == 4
        assert await many.is_clean()

    run()


@virtual_time
async def test_the_end_of_all_cuts_looks_that_are_under_way() -> None:
    async def look(key: str) -> tuple[Profile, None]:
        if key == "a":
            await asyncio.sleep(1)
            raise AuthenticationError(401)
        await asyncio.sleep(1000)
        raise AssertionError

    poller, start = Poller(), now()
    subject: Subject[Profile] = subject_of(look)
    ended = await asyncio.gather(
        wait_script(poller, subject, "a"), wait_script(poller, subject, "b"), return_exceptions=True
    )
    assert [type(each) for each in ended] == [AuthenticationError] * 2
    assert now() - start == near(1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual_time
async def test_closing_tells_everybody() -> None:
    many = Many(Script(a=[NEVER], b=[NEVER]))
    many.script.seconds = 50
    waits = [many.wait("a"), many.wait("b"), read_along(many.watch(["a", "b"]))]
    await asyncio.sleep(10)
    await many.poller.aclose(ConfigError("the client is closed"))
    assert many.script.running == 0
    ended = await asyncio.gather(*waits, return_exceptions=True)
    assert [str(each) for each in ended] == ["the client is closed"] * 3
    assert await many.is_clean()
    many.script.steps["a"] = ["READY"]
    assert (await many.wait("a")).status == "READY"  # whoever comes later is served


@virtual_time
async def test_a_wait_that_ends_in_time_out_says_what_was_seen() -> None:
    many = Many(Script(a=[NEVER]))
    long, short = many.wait(timeout=200), many.wait(timeout=25)
    with pytest.raises(DeadlineError, match="profile a is not done in time, last seen QUEUING; wait for the same"):
        await short
    assert not long.done()
    await gone(long)


# Cancellation


@virtual_time
async def test_one_of_several_leaves_in_the_middle_of_a_look_and_the_others_go_on() -> None:
    many = Many(Script(a=["READY"]))
    many.script.seconds = 5
    waits = [many.wait() for _ in range(3)]
    await asyncio.sleep(1)
    waits[0].cancel()
    await settle()
    assert waits[0].cancelled()
    assert many.script.running == 1
    assert [each.status for each in await asyncio.gather(*waits[1:])] == ["READY"] * 2
    assert len(many.script.looks) == 1
    assert await many.is_clean()


@pytest.mark.parametrize("when", [0, 1, 5.001, 8])
def test_the_last_who_leaves_leaves_nothing(when: float) -> None:
    """Before the first look, during it, and between two."""

    @virtual_time
    async def run() -> None:
        many = Many(Script(a=[NEVER]))
        many.script.seconds = 5
        waits = [many.wait() for _ in range(3)]
        await asyncio.sleep(when)
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        assert all(each.cancelled() for each in waits)
        assert await many.is_clean()

    run()


@virtual_time
async def test_a_look_that_takes_its_time_to_end_is_waited_for() -> None:
    cut = asyncio.Event()

    async def look(_: str) -> tuple[Profile, None]:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(3)
            cut.set()
        raise AssertionError

    waiter = asyncio.create_task(wait_script(Poller(), subject_of(look)))
    await asyncio.sleep(1)
    waiter.cancel()
    await asyncio.wait([waiter])
    assert cut.is_set()


@virtual_time
async def test_whoever_cancels_every_task_does_not_stop_those_who_wait_on() -> None:
    many = Many(Script(a=["READY"]))
    many.script.seconds = 5
    waiter = many.wait()
    await asyncio.sleep(1)
    for each in asyncio.all_tasks() - {asyncio.current_task(), waiter}:
        each.cancel()
    assert (await waiter).status == "READY"
    assert len(many.script.looks) == 2


@virtual_time
async def test_every_moment_of_leaving_is_clean() -> None:
    for turns in range(40):
        many = Many(Script(a=[NEVER, "READY"]), told=[])
        many.script.seconds = 0
        waits = [many.wait(interval=0.001), many.wait(interval=0.001)]
        for _ in range(turns):
            await asyncio.sleep(0)
        waits[0].cancel()
        await asyncio.wait(waits)
        assert waits[1].result().status == "READY"
        assert await many.is_clean()


# Callbacks


@virtual_time
async def test_a_nudge_looks_at_once_and_once() -> None:
    many = Many(Script(a=[NEVER, NEVER, "READY"]))
    waiter, start = many.wait(interval=1000, timeout=5000), now()
    await asyncio.sleep(100)
    assert many.poller.nudge(many.subject, "a")
    await asyncio.sleep(500)
    assert [each - start for each in many.script.times("a")] == [near(0), near(100)]
    many.poller.nudge(many.subject, "a")
    assert (await waiter).status == "READY"


@virtual_time
async def test_a_nudge_during_a_look_is_followed_by_another_look() -> None:
    many = Many(Script(a=[NEVER, "READY"]))
    many.script.seconds = 5
    waiter, start = many.wait(interval=1000, timeout=5000), now()
    await asyncio.sleep(1)
    for _ in range(3):
        many.poller.nudge(many.subject, "a")
    await waiter
    assert now() - start == near(10)
    assert len(many.script.looks) == 2


@virtual_time
async def test_a_nudge_comes_before_the_moment_that_the_service_named() -> None:
    many = Many(Script(a=[(NEVER, 900.0), "READY"]))
    waiter, start = many.wait(), now()
    await asyncio.sleep(20)
    many.poller.nudge(many.subject, "a")
    await waiter
    assert now() - start == near(20)


@virtual_time
async def test_a_nudge_comes_before_a_backlog_of_others() -> None:
    many = Many(Script(**{f"p{number}": [NEVER] for number in range(500)}))
    many.script.seconds = 4  # 16 at once: it takes two minutes to look at all
    reading = read_along(many.watch(list(many.script.steps), interval=1000))
    await asyncio.sleep(20)
    targets = many.poller._groups[many.subject].targets.values()
    last = max((each for each in targets if not each.looks), key=lambda each: each.due)
    many.poller.nudge(many.subject, last.key)
    await asyncio.sleep(5)
    assert len(many.script.times(last.key)) == 1
    await gone(reading)


@virtual_time
async def test_a_nudge_for_what_nobody_waits_for_does_nothing() -> None:
    many = Many(Script(a=["READY"]))
    assert not many.poller.nudge(many.subject, "a")
    await many.wait()
    assert not many.poller.nudge(many.subject, "a")
    assert await many.is_clean()


# Readers


@virtual_time
async def test_a_slow_reader_holds_nobody_else_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes_module, "WAITING_CHANGES", 4)
    keys = [f"p{number}" for number in range(30)]
    many = Many(Script(**{key: [NEVER] * 3 + ["READY"] for key in keys}))
    async with many.watch(keys) as slow:
        await asyncio.sleep(100)
        assert len(many.script.looks) < 30
        quick = await many.wait("p29")  # its id is looked at on behalf of who reads
        assert quick.status == "READY"
        left = [change async for change in slow]
    assert sorted(key for key, _, status, _ in left if status == "READY") == sorted(keys)
    assert await many.is_clean()


# Contexts


@virtual_time
async def test_a_look_runs_in_the_context_of_who_has_waited_longest() -> None:
    mark: ContextVar[str] = ContextVar("mark", default="nobody's")
    seen: list[str] = []

    async def look(_: str) -> tuple[Profile, None]:
        seen.append(mark.get())
        mark.set("changed")
        return Profile("a", ProfileStatus("READY" if len(seen) == 4 else NEVER)), None

    async def wait(name: str) -> None:
        mark.set(name)
        await wait_script(poller, subject)

    poller = Poller()
    subject: Subject[Profile] = subject_of(look)
    first, second = asyncio.create_task(wait("first")), asyncio.create_task(wait("second"))
    await asyncio.sleep(15)
    first.cancel()
    await second
    assert seen == ["first", "first", "second", "second"]


# Size


@virtual_time
async def test_a_watched_profile_is_less_than_a_kilobyte() -> None:
    async def look(key: str) -> tuple[Profile, None]:
        return Profile("".join(key), ProfileStatus.QUEUING), None

    keys = [f"prof_{number:024}" for number in range(2000)]
    watched = Watch(keys, Poller, subject_of(look), steady(10), to_change)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        async with watched as changes:
            for _ in keys:
                await anext(changes)
            gc.collect()
            used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert used / len(keys) < 1024


@virtual_time
async def test_those_who_come_and_go_do_not_pile_up() -> None:
    many = Many(Script(stays=[NEVER], comes=[NEVER]))
    stays = many.wait("stays", interval=10**6, timeout=10**7)
    await settle()
    for _ in range(500):
        comes = many.wait("comes", interval=10**6, timeout=10**7)
        await asyncio.sleep(1)
        comes.cancel()
        await settle()
    assert len(many.poller.schedule._heap) < 150
    await gone(stays)


@virtual_time
async def test_what_was_followed_is_forgotten_with_the_last_who_followed_it() -> None:
    """Each end user's scope is a subject of its own: a service that opens one a request would keep them all."""
    many = Many(Script(a=["READY"]))
    await many.wait()
    assert await read_along(many.watch(())) == []  # and who follows nothing is not noted
    subject = weakref.ref(many.subject)
    del many.subject
    gc.collect()
    assert subject() is None


@virtual_time
async def test_faults_are_looked_past_by_all() -> None:
    many = Many(Script(a=[ServerError(500), NEVER, ServerError(503), "READY"]))
    assert {each.status for each in await asyncio.gather(many.wait(), many.wait())} == {"READY"}
