"""Places for jobs that workers share: never more than the cap, through deaths and takeovers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from phota_async import ConfigError, InputError, LedgerError, MemoryLeases, PostgresLeases, RedisLeases
from phota_async.leases import Lease, Leases
from phota_async.leases import postgres as leases_in_postgres
from phota_async.leases.shared import SharedLeases

pytestmark = pytest.mark.system

Opened = Callable[[int], AbstractAsyncContextManager[Leases]]


class Postgres:
    """Leases in a PostgreSQL, and what tests do to them behind their back."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def make(self, cap: int, **options: Any) -> SharedLeases:
        return PostgresLeases(self.dsn, cap, **options)

    def age(self, *, columns: str = "alive_until, expires_at") -> None:
        """Let time pass for all places."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for column in columns.split(", "):
                connection.execute(
                    f"UPDATE phota.lease SET {column} = clock_timestamp() - interval '1 second'".encode()
                )


class InRedis:
    """Leases in a Redis that was used before."""

    def __init__(self, url: str) -> None:
        self.url = url
        with Redis.from_url(url) as client:
            for name in ("jobs", "one", "two"):
                client.hset(f"phota:{{{name}}}:mark", mapping={"id": "old", "made": 0, "opens": 0})

    def make(self, cap: int, **options: Any) -> SharedLeases:
        return RedisLeases(self.url, cap, **options)

    def age(self, *, columns: str = "alive_until, expires_at") -> None:
        with Redis.from_url(self.url) as client:
            for column in columns.split(", "):
                name = f"phota:{{jobs}}:{'alive' if column == 'alive_until' else 'ends'}"
                client.zadd(name, {key: time.time() * 1000 - 1000 for key in client.zrange(name, 0, -1)})


Shared = Postgres | InRedis


@pytest.fixture(params=["postgres", "redis"])
def shared(request: pytest.FixtureRequest) -> Shared:
    if request.param == "postgres":
        return Postgres(request.getfixturevalue("dsn"))
    return InRedis(request.getfixturevalue("redis_url"))


@pytest.fixture(params=["memory", "postgres", "redis"])
def opened(request: pytest.FixtureRequest) -> Opened:
    @asynccontextmanager
    async def of_memory(cap: int) -> AsyncIterator[Leases]:
        yield MemoryLeases(cap)

    if request.param == "memory":
        return of_memory
    if request.param == "postgres":
        return Postgres(request.getfixturevalue("dsn")).make
    return InRedis(request.getfixturevalue("redis_url")).make


async def is_waiting(task: "asyncio.Future[Any]") -> bool:
    await asyncio.wait([task], timeout=0.2)
    return not task.done()


def ask(dsn: str, statement: str, *words: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), words)
        return [] if cursor.description is None else cursor.fetchall()


async def close(leases: SharedLeases) -> None:
    """End a process as a crash does: nothing is given back."""
    await leases.aclose()


def cut_off(leases: SharedLeases, patch: pytest.MonkeyPatch) -> None:
    """Let the server be away."""

    async def away(operation: object, **how: object) -> None:
        raise LedgerError("cannot be reached")

    patch.setattr(leases._server if isinstance(leases, RedisLeases) else leases._database, "run", away)  # type: ignore[attr-defined]


# What all must do


async def test_the_cap_is_kept_and_the_first_who_waits_is_the_next(opened: Opened) -> None:
    async with opened(2) as leases:
        held = [await leases.acquire(key) for key in "ab"]
        waiting = [asyncio.ensure_future(leases.acquire(key)) for key in "cd"]
        assert await is_waiting(waiting[0])
        await held[0].release()
        await waiting[0]
        assert await is_waiting(waiting[1])
        await held[1].release()
        await (await waiting[1]).release()
        await (await waiting[0]).release()


async def test_a_place_that_was_left_is_its_jobs_until_the_key_comes_back(opened: Opened) -> None:
    async with opened(1) as leases:
        lease = await leases.acquire("a")
        await lease.confirm()
        await lease.abandon()
        waiting = asyncio.ensure_future(leases.acquire("b"))
        assert await is_waiting(waiting)
        again = await leases.adopt("a")
        assert again is not None
        await again.release()
        await (await waiting).release()


async def test_who_lost_a_place_to_a_takeover_sends_nothing(opened: Opened) -> None:
    async with opened(1) as leases:
        lease = await leases.acquire("a")
        other = await leases.adopt("a")
        assert other is not None
        with pytest.raises(LedgerError, match="before anything was sent"):
            await lease.confirm()
        await lease.release()
        await other.confirm()
        assert await leases.adopt("b") is None


async def test_a_place_whose_answer_was_lost_is_had_once(shared: Shared) -> None:
    async with shared.make(2) as leases:
        assert [await leases._take("a", "mine", patience=None) for _ in range(2)] == [True, True]
        assert not await leases._take("a", "another", patience=None)  # though there is a free one: it stays so
        assert await leases.held() == 1
        assert await leases._take("b", "another", patience=None)
        assert not await leases._take("c", "one more", patience=None)
        assert await leases.held() == 2


async def test_one_who_is_cut_off_while_waiting_takes_nothing(opened: Opened) -> None:
    async with opened(1) as leases:
        lease = await leases.acquire("a")
        waiting = asyncio.ensure_future(leases.acquire("b"))
        assert await is_waiting(waiting)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await lease.release()
        await lease.release()
        await (await leases.acquire("c")).release()


async def test_wrong_caps_are_refused(shared: Shared) -> None:
    for cap in (0, True, "3"):
        with pytest.raises(InputError, match="cap"):
            MemoryLeases(cap)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="cap"):
            shared.make(cap)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="longest"):
        shared.make(1, longest=0)
    with pytest.raises(ConfigError, match="expected 2 or fewer for a cap of 2, got 3"):
        shared.make(2, expected_workers=3)


# Several processes


async def test_a_dead_process_that_had_sent_nothing_gives_its_place_back_soon(shared: Shared) -> None:
    async with shared.make(1) as other:
        dead = shared.make(1, ttl=0.5)
        await dead.__aenter__()
        await dead.acquire("a")
        await close(dead)
        assert await other.held() == 1
        await (await other.acquire("b")).release()
        assert await other.held() == 0


async def test_a_dead_processes_job_keeps_its_place(shared: Shared) -> None:
    async with shared.make(1) as other:
        dead = shared.make(1, ttl=0.2)
        await dead.__aenter__()
        await (await dead.acquire("a")).confirm()
        await close(dead)
        shared.age(columns="alive_until")
        waiting = asyncio.ensure_future(other.acquire("b"))
        assert await is_waiting(waiting)
        taken = await other.adopt("a")
        assert taken is not None
        await taken.release()
        await (await waiting).release()


async def test_a_place_whose_job_cannot_run_any_more_is_free(shared: Shared) -> None:
    async with shared.make(1) as leases:
        await (await leases.acquire("a")).confirm()
        shared.age()
        await (await leases.acquire("b")).release()


async def test_places_are_renewed_while_their_holder_lives(shared: Shared) -> None:
    async with shared.make(1, ttl=0.6) as leases, shared.make(1) as other:
        lease = await leases.acquire("a")
        waiting = asyncio.ensure_future(other.acquire("b"))
        await asyncio.wait([waiting], timeout=1.5)
        assert not waiting.done()
        await lease.confirm()
        await lease.release()
        await (await waiting).release()


async def test_an_expired_place_starts_nothing_new(shared: Shared) -> None:
    async with shared.make(1) as leases, shared.make(1) as other:
        lease = await leases.acquire("a")
        shared.age()
        await other.acquire("b")
        with pytest.raises(LedgerError, match="lost"):
            await lease.confirm()
        await lease.release()  # not the other one's
        assert await other.held() == 1


async def test_an_item_that_another_process_is_at_is_waited_for(shared: Shared) -> None:
    async with shared.make(2, ttl=1.0) as leases, shared.make(2, ttl=1.0) as other:
        lease = await leases.acquire("a")
        waiting = asyncio.ensure_future(other.acquire("a"))
        assert await is_waiting(waiting)
        await (await other.acquire("b")).release()  # nobody else is kept
        await lease.release()
        await (await waiting).release()


async def test_what_a_crash_of_the_server_undid_is_given_back_again(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases_in_postgres, "LOOK", 0.05)
    async with PostgresLeases(dsn, 1) as leases:
        lease = await leases.acquire("a")
        await lease.confirm()
        before = ask(dsn, "SELECT key, token, expires_at FROM phota.lease")
        await lease.release()
        put_back = "UPDATE phota.lease SET (key, token, expires_at) = ROW (%s, %s, %s)"
        ask(dsn, put_back, *before[0])
        assert await leases.held() == 1
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN phota%%'"
        async with asyncio.timeout(60):
            while not ask(dsn, cut):  # noqa: ASYNC110 - likewise; it may not listen yet
                await asyncio.sleep(0.02)
            while await leases.held():  # noqa: ASYNC110 - what is waited for happens in the server
                await asyncio.sleep(0.02)
        taken = await leases.acquire("b")
        await leases.give_up_again()  # nothing of another's is given back
        await taken.confirm()


async def test_limits_of_two_names_are_apart(shared: Shared) -> None:
    async with shared.make(1, name="one") as one, shared.make(1, name="two") as two:
        await one.acquire("a")
        await two.acquire("a")
        assert (await one.held(), await two.held()) == (1, 1)


async def test_while_the_server_is_away_a_process_keeps_to_its_share(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shared.make(5, expected_workers=2) as leases:
        with monkeypatch.context() as patch:
            cut_off(leases, patch)
            held = [await leases.acquire(key) for key in "ab"]
            for lease in held:
                await lease.confirm()
            waiting = asyncio.ensure_future(leases.acquire("c"))
            assert await is_waiting(waiting)
            await held[0].release()
            await held[1].abandon()
            leases._news.set()
            await waiting
        assert await leases.held() == 0


async def test_without_a_share_nothing_begins_while_the_server_is_away(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shared.make(5) as leases:
        cut_off(leases, monkeypatch)
        with pytest.raises(LedgerError, match="cannot be reached"):
            await leases.acquire("a")


async def test_those_who_come_after_one_that_lost_patience_do_not_wait_as_long_again(shared: Shared) -> None:
    async with shared.make(5) as leases:
        real, patiences = leases._take, list[float | None]()

        async def fail(*given: Any, patience: float | None) -> bool:
            patiences.append(patience)
            if len(patiences) < 4:
                raise LedgerError("away")
            return await real(*given, patience=patience)

        setattr(leases, "_take", fail)  # noqa: B010 - in its place
        ended = await asyncio.gather(*map(leases.acquire, "abcde"), return_exceptions=True)
        assert [isinstance(each, LedgerError) for each in ended] == [True, True, True, False, False]
        assert patiences == [None, 0.0, 0.0, 0.0, None]


# A model: whatever workers do, and whenever they die, the jobs that run at the service never pass the cap

STEP = st.tuples(
    st.sampled_from(["begin", "send", "end", "die", "redeliver"]), st.integers(0, 2), st.sampled_from("abcdef")
)


@settings(max_examples=30, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_whatever_happens_jobs_never_pass_the_cap(steps: list[tuple[str, int, str]]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int, str]]) -> None:
    leases, cap = MemoryLeases(2), 2
    holding: dict[tuple[int, str], Lease] = {}
    jobs: set[str] = set()
    for step, worker, key in steps:
        lease = holding.get((worker, key))
        if step == "begin" and not any(each == key for _, each in holding) and leases._is_free(key):
            holding[worker, key] = await leases.acquire(key)
        elif step == "send" and lease is not None:
            await lease.confirm()
            jobs.add(key)
        elif step == "end" and lease is not None:
            jobs.discard(key)
            await holding.pop((worker, key)).release()
        elif step == "die":
            for place in [each for each in holding if each[0] == worker]:
                await holding.pop(place).abandon()
        elif step == "redeliver" and not any(each == key for _, each in holding):
            taken = await leases.adopt(key)
            if taken is not None:
                holding[worker, key] = taken
        assert len(jobs) <= cap
