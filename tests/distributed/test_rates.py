"""A rate that processes share: in no period do they send more, whoever repeats what and whatever goes away."""

import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import support
from pyrate_limiter.abstracts.algorithm import Decision
from support import postgres, redis_server
from support.fleet import worker_process

from phota_async import (
    ClientConfig,
    ConfigError,
    DeadlineError,
    GenerateRequest,
    LedgerError,
    Limiter,
    PhotaClient,
    PostgresRate,
    RedisRate,
)
from phota_async.rates.shared import SharedRate
from phota_async.sandbox import Sandbox

pytestmark = pytest.mark.system

LIMIT, PERIOD, CALLS = 20, 2.0, 12
WORKER = Path(support.__file__ or "").parent / "rate_worker.py"
Server = postgres.Server | redis_server.Server


def address(server: Server) -> str:
    return server.create() if isinstance(server, postgres.Server) else server.clear()


def make(server: str, limit: int, **options: Any) -> SharedRate:
    kind = RedisRate if server.startswith("redis://") else PostgresRate
    return kind(server, limit, **options)


def crash(server: Server) -> None:
    if isinstance(server, postgres.Server):
        server.stop("immediate")
    else:
        server.kill()


@pytest.fixture(params=["postgres", "redis"])
def stoppable(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that may be stopped."""
    opened = postgres.running_server(careless=False) if request.param == "postgres" else redis_server.running_server()
    with opened as started:
        yield started


@pytest.fixture(params=["dsn", "redis_url"])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@asynccontextmanager
async def worker(sandbox: Sandbox, server: str, calls: int = CALLS) -> AsyncIterator[Process]:
    told = {"server": server, "base_url": sandbox.base_url, "limit": LIMIT, "period": PERIOD, "calls": calls}
    async with worker_process(WORKER, told) as process:
        yield process


async def sends(process: Process) -> list[float]:
    """Let a worker send, and return when it did."""
    out, _ = await process.communicate(b"go\n")
    assert process.returncode == 0
    times: list[float] = json.loads(out)
    return times


def most_within(seconds: float, times: list[float]) -> int:
    return max(sum(first <= time < first + seconds for time in times) for first in times)


# Several processes


async def test_in_no_period_do_all_together_send_more(sandbox: Sandbox, where: str) -> None:
    sandbox.fail("POST /*", share=0.2, times=None, status=503, headers={"Retry-After": "0"})
    async with worker(sandbox, where) as one, worker(sandbox, where) as two, worker(sandbox, where) as three:
        times = sorted(chain(*await asyncio.gather(*map(sends, (one, two, three)))))
    assert len(times) == len(sandbox.requests) > 3 * CALLS  # repetitions count too
    assert most_within(PERIOD, times) <= LIMIT
    assert len(times) / (times[-1] - times[0]) > 0.8 * LIMIT / PERIOD  # and not much less


async def test_while_the_server_is_away_nothing_is_sent_and_then_it_goes_on(
    sandbox: Sandbox, stoppable: Server
) -> None:
    async with worker(sandbox, address(stoppable), 30) as process:
        sending = asyncio.ensure_future(sends(process))
        await sandbox.wait_for_requests(5)
        await asyncio.to_thread(crash, stoppable)
        await asyncio.sleep(0.3)  # what had leave is sent
        before = len(sandbox.requests)
        await asyncio.sleep(1)  # the outage itself
        assert len(sandbox.requests) == before < 30
        await asyncio.to_thread(stoppable.start)
        times = await sending
    assert len(times) == 30
    assert most_within(PERIOD, times) <= LIMIT


# One process


async def test_a_quiet_time_saves_up_no_more_than_the_burst(where: str) -> None:
    loop = asyncio.get_running_loop()
    async with make(where, 10, period=1.0, burst=3, lateness=0.05) as rate:
        await asyncio.sleep(0.3)
        begun = loop.time()
        times = []
        for _ in range(8):
            await rate.acquire()
            times.append(loop.time() - begun)
    assert times[2] < 0.2  # at once
    assert times[7] >= 5 * 1.1 / 8 - 0.1  # the others every eighth of a period and what late calls may take


async def test_two_names_have_a_rate_each(where: str) -> None:
    async with make(where, 1, name="one") as one, make(where, 1, name="two") as two, asyncio.timeout(5):
        await one.acquire()
        await two.acquire()


async def test_leave_that_came_late_is_not_used(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with make(where, 600, lateness=0.1) as rate:
        ask, asked = rate._ask, list[Decision]()

        async def ask_slowly() -> Decision:
            asked.append(await ask())
            await asyncio.sleep(0.15 if len(asked) == 1 else 0)
            return asked[-1]

        monkeypatch.setattr(rate, "_ask", ask_slowly)
        await rate.acquire()
    assert len(asked) == 2


async def test_a_call_waits_for_a_server_that_is_away_until_its_deadline(sandbox: Sandbox, stoppable: Server) -> None:
    config = ClientConfig(timeout=0.5)
    async with make(address(stoppable), 10) as rate:
        async with PhotaClient(
            "sandbox-key", sandbox.base_url, config=config, limiter=Limiter(paid_rate=rate)
        ) as client:
            await asyncio.to_thread(crash, stoppable)
            with pytest.raises(DeadlineError, match="no place within the limits in time") as late:
                await client.send(GenerateRequest(prompt="a boat"))
            assert late.value.charged == "no"
            await client.profiles.list()  # what is free goes on
        await asyncio.to_thread(stoppable.start)
    assert [seen.method for seen in sandbox.requests] == ["GET"]


async def test_a_rate_that_is_not_open_lets_nothing_pass(sandbox: Sandbox, where: str) -> None:
    rate = make(where, 10)
    async with PhotaClient("sandbox-key", sandbox.base_url, limiter=Limiter(paid_rate=rate)) as client:
        with pytest.raises(LedgerError, match="expected a rate within async with"):
            await client.send(GenerateRequest(prompt="a boat"))
        async with rate:
            assert (await client.send(GenerateRequest(prompt="a boat"))).images
    assert len(sandbox.requests) == 1
    assert repr(rate) == f"<{type(rate).__name__} 'calls' 10 in 60 s>"


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": True}, {"burst": 0}, {"period": 0}, {"lateness": "1"}])
def test_wrong_numbers_are_refused(where: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        make(where, **{"limit": 10, **wrong})


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrate_limiter.abstracts.algorithm", None)
    with pytest.raises(ConfigError, match="pyrate-limiter") as refused:
        PostgresRate("postgresql://db/photos", 10)
    assert "phota-async[rates]" in str(refused.value.hint)


async def test_a_server_that_is_not_there_is_an_error_at_once() -> None:
    for nowhere in ("postgresql://u:hunter2@127.0.0.1:1/photos", "redis://:hunter2@127.0.0.1:1/0"):
        with pytest.raises(LedgerError, match="cannot be reached") as refused:
            await make(nowhere, 10).__aenter__()
        assert "hunter2" not in str(refused.value)
