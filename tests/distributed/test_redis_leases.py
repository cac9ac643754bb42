"""Places in a Redis: what it must promise, and what happens when it goes away, returns, or forgets everything."""

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis as Client
from support.redis_server import FORGETFUL, Server, running_server

from phota_async import ConfigError, LedgerError, RedisLeases
from phota_async.leases.redis_server import RedisServer

pytestmark = pytest.mark.system


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as started:
        yield started


async def is_waiting(task: "asyncio.Future[Any]", seconds: float = 0.3) -> bool:
    await asyncio.wait([task], timeout=seconds)
    return not task.done()


# What is lost and what is not


async def test_places_outlive_a_crash_of_the_server(server: Server) -> None:
    async with RedisLeases(server.url, 2, ttl=2) as leases:
        first = await leases.acquire("a")
        await first.confirm()
        await leases.acquire("b")
        waiting = asyncio.ensure_future(leases.acquire("c"))
        await asyncio.to_thread(server.kill)
        late = asyncio.ensure_future(first.release())
        assert await is_waiting(waiting)
        await asyncio.to_thread(server.start)
        await late
        await waiting
        assert await leases.held() == 2


async def test_while_it_is_away_nothing_is_confirmed(server: Server) -> None:
    async with RedisLeases(server.url, 2, ttl=1, patience=0.2) as leases:
        lease = await leases.acquire("a")
        server.kill()
        with pytest.raises(LedgerError, match="cannot be reached"):
            await lease.confirm()
        with pytest.raises(LedgerError, match="cannot be reached"):
            await leases.acquire("b")
        await lease.release()  # it expires
        server.start()


async def test_when_everything_was_lost_nothing_is_given_until_all_jobs_have_ended(server: Server) -> None:
    async with RedisLeases(server.url, 1, ttl=0.3, longest=1.5) as leases:
        lease = await leases.acquire("a")
        await lease.confirm()
        server.clear()
        lost = time.monotonic()
        await (await leases.acquire("b")).release()
        assert 1.4 < time.monotonic() - lost < 4
        with pytest.raises(LedgerError, match="lost"):
            await lease.confirm()


async def test_a_newcomer_after_a_loss_gets_nothing_before_others_could_speak(server: Server) -> None:
    async with RedisLeases(server.url, 1, ttl=0.6, longest=60):
        server.clear()
        async with RedisLeases(server.url, 1, ttl=0.6, longest=60) as newcomer:
            asking = asyncio.ensure_future(newcomer.acquire("a"))
            assert await is_waiting(asking, 1.2)
            asking.cancel()


async def test_the_first_place_in_an_empty_server_is_given_soon(server: Server) -> None:
    async with RedisLeases(server.url, 1, ttl=0.4) as leases:
        begun = time.monotonic()
        await (await leases.acquire("a")).release()
        assert time.monotonic() - begun < 2.5


# Servers that will not do


def test_a_server_that_forgets_is_refused() -> None:
    async def enter(url: str, **options: bool) -> None:
        async with RedisLeases(url, 1, **options):  # type: ignore[arg-type]
            pass

    with running_server(*FORGETFUL) as server:
        with pytest.raises(ConfigError, match="append-only file, got one that forgets") as refused:
            asyncio.run(enter(server.url))
        assert "appendonly yes" in str(refused.value.hint)
        asyncio.run(enter(server.url, must_persist=False))


async def test_a_server_that_drops_keys_when_it_is_full_is_refused(server: Server) -> None:
    with Client.from_url(server.url) as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigError, match="drops nothing, got maxmemory-policy allkeys-"):
        await RedisLeases(server.url, 1).__aenter__()


async def test_a_wrong_password_is_an_error_at_once_and_is_not_shown(server: Server) -> None:
    with Client.from_url(server.url) as client:
        client.config_set("requirepass", "storch")
    leases = RedisLeases(server.url.replace("//", "//studio:hunter2@"), 1)
    with pytest.raises(LedgerError, match=f"redis://127.0.0.1:{server.port}/0: ") as refused:
        await leases.__aenter__()
    assert "hunter2" not in str(refused.value) + repr(leases) + repr(leases._server)
    async with RedisLeases(server.url.replace("//", "//:storch@"), 1, ttl=0.1) as welcome:
        assert await welcome.held() == 0


@pytest.mark.parametrize("url", ["db:6379", "http://db", "redis://db:port/0", None])
def test_what_is_no_address_is_refused(url: Any) -> None:
    with pytest.raises(ConfigError, match="expected redis://HOST:PORT/NUMBER"):
        RedisLeases(url, 1)


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio.connection", None)
    with pytest.raises(ConfigError, match="redis-py") as refused:
        RedisLeases("redis://db", 1)
    assert "phota-async[redis]" in str(refused.value.hint)


async def test_a_server_that_is_closed_says_so(server: Server) -> None:
    leases = RedisLeases(server.url, 1, ttl=0.1)
    async with leases:
        with pytest.raises(LedgerError, match="once"):
            await leases.__aenter__()
    await leases.aclose()
    with pytest.raises(LedgerError, match="is closed"):
        await leases.held()


async def test_a_server_that_only_copies_another_is_waited_for(server: Server) -> None:
    async with RedisLeases(server.url, 1, ttl=1, patience=0.2) as leases:
        with Client.from_url(server.url) as client:
            client.replicaof("127.0.0.1", 1)
            with pytest.raises(LedgerError, match="cannot be reached: "):
                await leases.acquire("a")
            client.replicaof("no", "one")
        await (await leases.acquire("a")).release()


async def test_whoever_is_cut_off_while_a_connection_is_made_is_cut_off(server: Server) -> None:
    for turns in range(16):
        redis = RedisServer(server.url)

        async def ask(redis: RedisServer = redis) -> None:
            while True:
                await redis.run(lambda client: client.ping())

        asking = asyncio.ensure_future(ask())
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        assert not await is_waiting(asking, 2)
        await redis.aclose()
