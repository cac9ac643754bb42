"""Places for jobs that workers share: never more than the cap, through deaths and takeovers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phota_async import ConfigError, InputError, LedgerError, MemoryLeases, PostgresLeases
from phota_async.leases import Lease, Leases

pytestmark = pytest.mark.system

Opened = Callable[[int], AbstractAsyncContextManager[Leases]]


@pytest.fixture(params=["memory", "postgres"])
def opened(request: pytest.FixtureRequest, dsn: str) -> Opened:
    @asynccontextmanager
    async def of_memory(cap: int) -> AsyncIterator[Leases]:
        yield MemoryLeases(cap)

    return of_memory if request.param == "memory" else lambda cap: PostgresLeases(dsn, cap)


async def is_waiting(task: "asyncio.Future[Any]") -> bool:
    await asyncio.wait([task], timeout=0.2)
    return not task.done()


def age(dsn: str, *, columns: str = "alive_until, expires_at") -> None:
    """Let time pass for all places."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for column in columns.split(", "):
            connection.execute(f"UPDATE phota.lease SET {column} = clock_timestamp() - interval '1 second'".encode())


async def close(leases: PostgresLeases) -> None:
    """End a process as a crash does: nothing is given back."""
    await leases.aclose()


# What both must do


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


async def test_wrong_caps_are_refused(dsn: str) -> None:
    for cap in (0, True, "3"):
        with pytest.raises(InputError, match="cap"):
            MemoryLeases(cap)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="cap"):
            PostgresLeases(dsn, cap)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="longest"):
        PostgresLeases(dsn, 1, longest=0)


# Several processes


async def test_a_dead_process_that_had_sent_nothing_gives_its_place_back_soon(dsn: str) -> None:
    async with PostgresLeases(dsn, 1) as other:
        dead = PostgresLeases(dsn, 1, ttl=0.5)
        await dead.__aenter__()
        await dead.acquire("a")
        await close(dead)
        assert await other.held() == 1
        await (await other.acquire("b")).release()
        assert await other.held() == 0


async def test_a_dead_processes_job_keeps_its_place(dsn: str) -> None:
    async with PostgresLeases(dsn, 1) as other:
        dead = PostgresLeases(dsn, 1, ttl=0.2)
        await dead.__aenter__()
        await (await dead.acquire("a")).confirm()
        await close(dead)
        age(dsn, columns="alive_until")
        waiting = asyncio.ensure_future(other.acquire("b"))
        assert await is_waiting(waiting)
        taken = await other.adopt("a")
        assert taken is not None
        await taken.release()
        await (await waiting).release()


async def test_a_place_whose_job_cannot_run_any_more_is_free(dsn: str) -> None:
    async with PostgresLeases(dsn, 1) as leases:
        await (await leases.acquire("a")).confirm()
        age(dsn)
        await (await leases.acquire("b")).release()


async def test_places_are_renewed_while_their_holder_lives(dsn: str) -> None:
    async with PostgresLeases(dsn, 1, ttl=0.6) as leases, PostgresLeases(dsn, 1) as other:
        lease = await leases.acquire("a")
        waiting = asyncio.ensure_future(other.acquire("b"))
        await asyncio.wait([waiting], timeout=1.5)
        assert not waiting.done()
        await lease.confirm()
        await lease.release()
        await (await waiting).release()


async def test_an_expired_place_starts_nothing_new(dsn: str) -> None:
    async with PostgresLeases(dsn, 1) as leases, PostgresLeases(dsn, 1) as other:
        lease = await leases.acquire("a")
        age(dsn)
        await other.acquire("b")
        with pytest.raises(LedgerError, match="lost"):
            await lease.confirm()
        await lease.release()  # not the other one's
        assert await other.held() == 1


async def test_an_item_that_another_process_is_at_is_waited_for(dsn: str) -> None:
    async with PostgresLeases(dsn, 2, ttl=1.0) as leases, PostgresLeases(dsn, 2, ttl=1.0) as other:
        lease = await leases.acquire("a")
        waiting = asyncio.ensure_future(other.acquire("a"))
        assert await is_waiting(waiting)
        await (await other.acquire("b")).release()  # nobody else is kept
        await lease.release()
        await (await waiting).release()


async def test_limits_of_two_names_are_apart(dsn: str) -> None:
    async with PostgresLeases(dsn, 1, name="one") as one, PostgresLeases(dsn, 1, name="two") as two:
        await one.acquire("a")
        await two.acquire("a")
        assert (await one.held(), await two.held()) == (1, 1)


async def test_while_the_server_is_away_a_process_keeps_to_its_share(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with PostgresLeases(dsn, 5, expected_workers=2) as leases:

        async def away(operation: object, **how: object) -> None:
            raise LedgerError("cannot be reached")

        with monkeypatch.context() as patch:
            patch.setattr(leases._database, "run", away)
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
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PostgresLeases(dsn, 5) as leases:

        async def away(operation: object, **how: object) -> None:
            raise LedgerError("cannot be reached")

        monkeypatch.setattr(leases._database, "run", away)
        with pytest.raises(LedgerError, match="cannot be reached"):
            await leases.acquire("a")


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
