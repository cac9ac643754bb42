"""One listing stands for thousands of single calls where it can be believed, and for none where it cannot."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Self

import pytest
from support.looks import TRAINING, subject_of, timers, to_change
from support.virtual_time import near, now, settle, virtual_time

from phota_async.errors import (
    AuthenticationError,
    DecodeError,
    NotFoundError,
    PhotaError,
    RateLimitError,
    ServerError,
)
from phota_async.models import Profile, ProfileStatus
from phota_async.profiles import _stage
from phota_async.watch import Lister, Poller, Watch, steady
from phota_async.watch.listing import LEAST, VERIFY_EVERY
from phota_async.watch.trust import DOUBT_PAUSE, FAULT_PAUSE, LONGEST_PAUSE, Trust

INTERVAL = 15.0
PENDING = ProfileStatus.IN_PROGRESS


class Service:
    """Trainings, told singly and by a listing that can be bent."""

    def __init__(self, count: int = 100, *, tag: str | None = None) -> None:
        self.begin = now()
        self.tag = tag
        self.words: dict[str, list[tuple[float, str]]] = {f"p{n:04}": [(0.0, PENDING)] for n in range(count)}
        self.singles: list[tuple[float, str]] = []
        self.listings: list[tuple[float, str | None]] = []
        self.lag = 0.0
        self.has_statuses = True
        self.hidden: set[str] = set()
        self.listed: dict[str, str] = {}  # words that only the listing has
        self.others = 0  # entries that nobody watches
        self.failures: list[PhotaError] = []
        self.asked: float | None = None
        self.seconds = 0.01
        self.told: list[tuple[str, Profile | None, Profile]] = []

    def change(self, key: str, word: str, *, after: float) -> None:
        self.words[key].append((after, word))

    def word(self, key: str, moment: float) -> str:
        return [word for since, word in self.words[key] if since <= max(0.0, moment - self.begin)][-1]

    async def look(self, key: str) -> tuple[Profile, float | None]:
        self.singles.append((now() - self.begin, key))
        await asyncio.sleep(self.seconds)
        if key not in self.words:
            raise NotFoundError(404)
        return Profile(key, ProfileStatus(self.word(key, now())), "told singly", self.tag), None

    async def fetch(self, tag: str | None) -> tuple[Mapping[str, Profile], float | None]:
        self.listings.append((now() - self.begin, tag))
        await asyncio.sleep(self.seconds)
        if self.failures:
            raise self.failures.pop(0)
        found = {key: self._element(key) for key in self.words if key not in self.hidden}
        others = {f"other{number}": Profile(f"other{number}", PENDING) for number in range(self.others)}
        return found | others, self.asked

    def _element(self, key: str) -> Profile:
        word = self.listed.get(key) or self.word(key, now() - self.lag)
        return Profile(key, ProfileStatus(word if self.has_statuses else ""), "", self.tag)


class Follow:
    """A watch of a service's trainings that is read along: ``async with Follow(service) as news``."""

    def __init__(self, service: Service, *, keys: Any = None, interval: float = INTERVAL) -> None:
        self.service = service
        self.poller = Poller()
        lister = Lister(fetch=service.fetch, tag=lambda profile: profile.tag, stage=_stage)
        self.subject = subject_of(service.look, lister=lister, told=service.told)
        self.keys = list(service.words) if keys is None else keys
        self.interval = interval
        self.news: list[tuple[float, str, str | None]] = []
        self.readers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self.more(self.keys, self.interval)
        return self

    def more(self, keys: Any, interval: float = INTERVAL) -> None:
        self.readers.append(asyncio.create_task(self._read(keys, interval)))

    async def _read(self, keys: Any, interval: float) -> None:
        async with Watch(keys, lambda: self.poller, self.subject, steady(interval), to_change) as changes:
            async for key, _, status, _ in changes:
                self.news.append((now() - self.service.begin, key, status))

    async def __aexit__(self, *_: object) -> None:
        for each in self.readers:
            each.cancel()
        await asyncio.gather(*self.readers, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert timers() == 0

    def learnt(self, key: str) -> list[str | None]:
        return [status for _, each, status in self.news if each == key]

    def when(self, key: str, status: str) -> float:
        return next(moment for moment, each, word in self.news if (each, word) == (key, status))


# In the place of single calls


@virtual_time
async def test_one_call_a_tick_tells_of_all() -> None:
    service = Service(500)
    for number, key in enumerate(service.words):
        service.change(key, "READY" if number % 2 else "PUBLISHED", after=20 + number / 10)
    async with Follow(service) as follow:
        await asyncio.sleep(100)
        assert 7 <= len(service.listings) <= 8
        assert all(follow.learnt(key) == [PENDING, service.words[key][-1][1]] for key in service.words)
        delays = [follow.when(key, words[-1][1]) - words[-1][0] for key, words in service.words.items()]
        assert max(delays) <= INTERVAL  # that of its confirmation included
        singly = [key for _, key in service.singles]
        ended = [key for key, words in service.words.items() if words[-1][1] == "READY"]
        assert {*ended} <= {*singly}
        assert len(singly) <= len(ended) + 100 / INTERVAL  # the rest is for verifying


@virtual_time
async def test_few_are_looked_at_singly() -> None:
    service = Service(LEAST - 1)
    async with Follow(service):
        await asyncio.sleep(200)
    assert service.listings == []
    assert len(service.singles) > 7 * 13


@virtual_time
async def test_the_first_listing_comes_at_once_and_before_any_single_call() -> None:
    service = Service(1000)
    async with Follow(service) as follow:
        await asyncio.sleep(1)
        assert service.listings == [(near(0), None)]
        assert service.singles == []
        assert len(follow.news) == 1000


@virtual_time
async def test_single_waits_join_the_listing_after_a_first_look_of_their_own() -> None:
    service = Service(40)
    async with Follow(service, keys=[*service.words][:30]) as follow:
        await asyncio.sleep(20)
        one = [*service.words][35]
        begun = now() - service.begin
        follow.more(one)
        await asyncio.sleep(1)
        assert [moment for moment, key in service.singles if key == one] == [near(begun)]
        await asyncio.sleep(100)
        assert len([key for _, key in service.singles if key == one]) <= 3  # at most to verify


@virtual_time
async def test_many_who_come_later_bring_the_next_listing_forward() -> None:
    service = Service(200)
    async with Follow(service, keys=[*service.words][:100]) as follow:
        await asyncio.sleep(3)
        follow.more([*service.words][100:])
        await asyncio.sleep(1)
        assert [moment for moment, _ in service.listings] == [near(0), near(3)]
        assert service.singles == []


@virtual_time
async def test_impatient_ones_are_looked_at_singly_beside_the_listing() -> None:
    service = Service(100)
    one = [*service.words][7]
    async with Follow(service) as follow:
        follow.more(one, 1.0)
        await asyncio.sleep(90)
    moments = [moment for moment, key in service.singles if key == one]
    assert len(moments) > 85
    assert len(service.listings) <= 8


@virtual_time
async def test_an_impatient_one_that_comes_shortly_before_a_listing_does_not_stay_with_it() -> None:
    service = Service(100)
    one = [*service.words][7]
    async with Follow(service) as follow:
        await asyncio.sleep(11)
        follow.more(one, 4.0)
        await asyncio.sleep(50)
        assert follow.news[-1] == (near(11), one, PENDING)  # known already
    moments = [moment for moment, key in service.singles if key == one]
    assert moments[0] < 15
    assert len(moments) >= 11


@virtual_time
async def test_the_listing_keeps_the_pace_of_many_impatient_ones() -> None:
    service = Service(100)
    async with Follow(service, interval=60) as follow:
        await asyncio.sleep(1)
        follow.more([*service.words][:20], 10.0)
        await asyncio.sleep(60)  # until the next listing they are looked at singly
        listings, singles = len(service.listings), len(service.singles)
        await asyncio.sleep(100)
    assert 10 <= len(service.listings) - listings <= 12
    assert len(service.singles) - singles < 10


@virtual_time
async def test_a_common_tag_narrows_the_listing() -> None:
    service = Service(20, tag="user-7")
    async with Follow(service):
        await asyncio.sleep(50)
    assert [tag for _, tag in service.listings] == [None, "user-7", "user-7", "user-7"]


@virtual_time
async def test_what_the_service_asks_to_wait_is_kept() -> None:
    service = Service(20)
    service.asked = 100.0
    async with Follow(service) as follow:
        await asyncio.sleep(50)
        follow.more([f"other{number}" for number in range(20)])  # even for many who wait for their first look
        await asyncio.sleep(100)
    assert [moment for moment, _ in service.listings] == [near(0), pytest.approx(100, abs=0.1)]


@virtual_time
async def test_the_last_who_leaves_cuts_a_listing_that_is_under_way() -> None:
    service = Service(20)
    service.seconds = 1000
    async with Follow(service):
        await asyncio.sleep(10)
        assert len(service.listings) == 1
    await asyncio.sleep(2000)
    assert len(service.listings) == 1


@virtual_time
async def test_when_few_are_left_they_are_looked_at_singly() -> None:
    service = Service(20)
    for key in [*service.words][:-2]:
        service.change(key, "READY", after=20)
    async with Follow(service) as follow:
        await asyncio.sleep(40)
        before, listed = len(service.singles), len(service.listings)
        await asyncio.sleep(100)
        assert len(service.listings) <= listed + 1
        assert len(service.singles) - before >= 12
        follow.more([f"p{number}" for number in range(30)])
        await asyncio.sleep(5)
        assert len(service.listings) == listed + 2  # it was not mistrusted


# Ends


@virtual_time
async def test_an_end_is_confirmed_singly_which_tells_the_reason() -> None:
    service = Service(20)
    one = [*service.words][3]
    service.change(one, "ERROR", after=20)
    async with Follow(service) as follow:
        await asyncio.sleep(40)
        assert follow.learnt(one) == [PENDING, "ERROR"]
    assert service.told[-1][2].message == "told singly"
    assert len([key for _, key in service.singles if key == one]) == 1


@virtual_time
async def test_an_end_that_is_none_is_not_told_and_the_listing_not_believed() -> None:
    service = Service(20)
    one = [*service.words][3]
    service.listed[one] = "READY"
    async with Follow(service) as follow:
        await asyncio.sleep(100)
        assert follow.learnt(one) == [PENDING]
    assert len(service.listings) == 1
    assert len(service.singles) > 100


@virtual_time
async def test_an_end_whose_confirmation_fails_is_confirmed_later() -> None:
    service = Service(20)
    one, fails = [*service.words][3], [True]
    service.change(one, "READY", after=20)
    look = service.look

    async def failing(key: str) -> tuple[Profile, float | None]:
        if key == one and fails.pop():
            fails.append(False)
            raise ServerError(503)
        return await look(key)

    service.look = failing  # type: ignore[method-assign]
    async with Follow(service) as follow:
        await asyncio.sleep(70)
        assert follow.learnt(one) == [PENDING, "READY"]


@virtual_time
async def test_however_many_end_together_each_is_known_within_its_interval() -> None:
    service = Service(1000)
    for key in service.words:
        service.change(key, "READY", after=20)
    async with Follow(service) as follow:
        await asyncio.sleep(50)
        assert max(follow.when(key, "READY") for key in service.words) <= 20 + INTERVAL


@virtual_time
async def test_ends_that_come_and_come_are_known_within_their_interval() -> None:
    """Some 300 between two listings."""
    service = Service(3000)
    for number, key in enumerate(reversed(service.words)):  # who has waited longest is the last that is told
        service.change(key, "READY", after=20 + number / 20)
    async with Follow(service) as follow:
        await asyncio.sleep(200)
        delays = [follow.when(key, "READY") - words[-1][0] for key, words in service.words.items()]
        assert max(delays) <= INTERVAL


# What cannot be believed


@virtual_time
async def test_without_statuses_it_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    service = Service(50)
    service.has_statuses = False
    with caplog.at_level(logging.INFO, "phota_async"):
        async with Follow(service) as follow:
            await asyncio.sleep(INTERVAL)
            assert {key for _, key, _ in follow.news} == {*service.words}
            await asyncio.sleep(DOUBT_PAUSE - INTERVAL)
            assert len(service.listings) == 1
            assert len(service.singles) > 50 * 55
            await asyncio.sleep(2 * INTERVAL)
            assert len(service.listings) == 2  # it may have learnt
    assert "the listing of profiles is not used for the next 900 s: it tells too few statuses" in caplog.text


@virtual_time
async def test_what_it_is_worth_stays_known_when_all_have_left() -> None:
    service = Service(50)
    service.has_statuses = False
    async with Follow(service) as follow:
        for _ in range(3):
            await asyncio.sleep(INTERVAL)
            follow.readers[-1].cancel()
            await settle()
            assert not follow.poller._groups
            follow.more(service.words)
        assert len(service.listings) == 1


@virtual_time
async def test_what_it_does_not_tell_of_is_looked_at_singly() -> None:
    service = Service(60)
    service.hidden = {*[*service.words][:10]}
    async with Follow(service, keys=[*service.words, "gone"]) as follow:
        await asyncio.sleep(100)
        assert follow.learnt("gone") == [None]
    singly = [key for _, key in service.singles]
    assert all(6 <= singly.count(key) <= 9 for key in service.hidden)
    assert len(singly) < 10 * 9 + 10
    assert len(service.listings) >= 7


@virtual_time
async def test_one_that_is_behind_is_found_out_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Words change all the time; the single call before each third listing sees one that the listing has not."""
    service = Service(300)
    service.lag = 60.0
    for number, key in enumerate(service.words):
        for stage, word in enumerate(TRAINING):
            service.change(key, word, after=5 + stage * 100 + number / 3)
    with caplog.at_level(logging.INFO, "phota_async"):
        async with Follow(service) as follow:
            await asyncio.sleep(500)
            assert all(follow.learnt(key)[-1] == "READY" for key in service.words)
            late = [follow.when(key, "READY") - words[-1][0] for key, words in service.words.items()]
            assert max(late) < 2 * INTERVAL
    assert "it is behind what single calls tell" in caplog.text
    assert len(service.listings) < 15


@virtual_time
async def test_what_is_older_than_a_single_call_is_never_told() -> None:
    service = Service(20)
    one = [*service.words][3]
    service.words[one] = [(0.0, "VALIDATING"), (1.0, "IN_PROGRESS")]
    service.lag = 1000.0
    async with Follow(service, keys=[key for key in service.words if key != one]) as follow:
        await asyncio.sleep(5)
        follow.more(one)
        await asyncio.sleep(200)
        assert follow.learnt(one) == ["IN_PROGRESS"]
    assert len(service.listings) == 2


@virtual_time
async def test_one_single_call_before_each_third_listing_verifies() -> None:
    service = Service(100)
    async with Follow(service):
        await asyncio.sleep(INTERVAL * 20)
    assert len(service.singles) == pytest.approx(len(service.listings) / VERIFY_EVERY, abs=1)
    for moment, _ in service.singles:
        assert any(0.5 < listing - moment < 1.0 for listing, _ in service.listings)


@virtual_time
async def test_a_word_that_nobody_knows_shows_a_lag_too() -> None:
    service = Service(20)
    for key in service.words:
        service.words[key] = [(0.0, "MIXING"), (30.0, "BAKING")]
    service.lag = 10_000.0
    async with Follow(service) as follow:
        await asyncio.sleep(INTERVAL * (VERIFY_EVERY + 3))
        assert all(follow.learnt(key) == ["MIXING", "BAKING"] for key in service.words)


@virtual_time
async def test_a_long_listing_for_few_is_not_worth_it() -> None:
    service = Service(20)
    service.others = 1000
    async with Follow(service):
        await asyncio.sleep(100)
    assert len(service.listings) == 1
    assert len(service.singles) > 100


@virtual_time
async def test_a_long_listing_does_not_follow_a_few_impatient_ones() -> None:
    service = Service(600)
    async with Follow(service) as follow:
        await asyncio.sleep(1)
        follow.more([*service.words][:20], 1.0)
        await asyncio.sleep(60)
    assert len(service.listings) <= 6
    assert len(service.singles) > 20 * 55


# Faults


@virtual_time
async def test_one_failure_is_looked_past() -> None:
    service = Service(100)
    service.failures = [ServerError(500)]
    async with Follow(service) as follow:
        await asyncio.sleep(10)
        assert len(follow.news) == 100
    assert len(service.listings) == 2
    assert len(service.singles) < 100


@virtual_time
async def test_a_service_that_asks_for_time_gets_it() -> None:
    service = Service(100)
    service.failures = [RateLimitError(429).with_context(retry_after=9.0)]
    async with Follow(service):
        await asyncio.sleep(9.5)
    assert [moment for moment, _ in service.listings] == [near(0), pytest.approx(9, abs=0.1)]


@pytest.mark.parametrize("error", [ServerError(500), DecodeError("cut off")])
def test_two_failures_in_a_row_bring_single_calls_for_a_minute(error: PhotaError) -> None:
    @virtual_time
    async def run() -> None:
        service = Service(100)
        service.failures = [error, error]
        async with Follow(service) as follow:
            await asyncio.sleep(INTERVAL + 2)
            assert len(follow.news) == 100
            assert len(service.listings) == 2
            await asyncio.sleep(FAULT_PAUSE)
            singles = len(service.singles)
            assert singles > 300
            listings = len(service.listings)
            assert 3 <= listings <= 4
            await asyncio.sleep(60)
            assert listings + 4 <= len(service.listings) <= listings + 5
            assert len(service.singles) < singles + 10

    run()


@pytest.mark.parametrize("error", [NotFoundError(404), DecodeError("too long").with_context(is_final=True)])
def test_a_listing_that_cannot_work_is_left_alone(error: PhotaError) -> None:
    @virtual_time
    async def run() -> None:
        service = Service(100)
        service.failures = [error]
        async with Follow(service) as follow:
            await asyncio.sleep(INTERVAL)
            assert len(follow.news) == 100
            assert len(service.listings) == 1

    run()


@virtual_time
async def test_a_refused_key_is_left_to_single_calls_to_tell() -> None:
    service = Service(100)
    service.failures = [AuthenticationError(401)]

    async def look(key: str) -> tuple[Profile, None]:
        service.singles.append((now(), key))
        raise AuthenticationError(401)

    service.look = look  # type: ignore[method-assign]
    async with Follow(service) as follow:
        await settle()
        await asyncio.sleep(1)
        with pytest.raises(AuthenticationError):
            follow.readers[0].result()
    assert len(service.singles) <= 16


@virtual_time
async def test_a_fault_of_the_reading_itself_is_logged_and_single_calls_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = Service(20)
    service.words["broken"] = []
    async with Follow(service, keys=[key for key in service.words if key != "broken"]) as follow:
        await asyncio.sleep(INTERVAL)
        assert len(follow.news) == 20
    assert "the listing could not be read" in caplog.text


# Readers


@virtual_time
async def test_a_slow_reader_loses_nothing_that_the_listing_told() -> None:
    service = Service(600)
    for key in service.words:
        for moment in range(20):
            service.change(key, f"WORD_{moment}", after=20.0 + moment * 20)
    follow = Follow(service)
    watched = Watch(follow.keys, lambda: follow.poller, follow.subject, steady(INTERVAL), to_change)
    async with watched as changes:
        await asyncio.sleep(1000)
        assert len(watched._changes) <= 600 + 256
        last: dict[str, str | None] = {}
        async with asyncio.timeout(100):
            while len(last) < 600 or {*last.values()} != {"WORD_19"}:
                key, previous, status, _ = await anext(changes)
                assert previous == last.get(key)
                last[key] = status


# Trust


def test_trust_is_lost_for_longer_each_time() -> None:
    trust = Trust()
    assert trust.holds(0.0)
    now = 0.0
    for pause in (DOUBT_PAUSE, 2 * DOUBT_PAUSE, 4 * DOUBT_PAUSE):
        trust.doubt(now)
        assert not trust.holds(now + pause - 1)
        assert trust.holds(now + pause)
        now += pause
    for _ in range(20):
        trust.doubt(now)
    assert trust.until == now + LONGEST_PAUSE


def test_failures_count_in_a_row() -> None:
    trust = Trust()
    for _ in range(3):
        assert trust.failed(0.0)
        trust.worked()
    assert trust.failed(0.0)
    assert not trust.failed(0.0)
    assert trust.until == FAULT_PAUSE
    assert trust.failed(100.0)
    assert not trust.failed(100.0)
    assert trust.until == 100 + 2 * FAULT_PAUSE
    assert repr(trust) == "<Trust from 220 s on>"
