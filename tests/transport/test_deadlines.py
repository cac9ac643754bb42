"""One deadline over attempts, waits and polls; what it is called when it passes depends on money."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.clients import Connect, Listen, quick
from support.peer import answer, by_path, hang_up, hold, json, silence, until
from support.pictures import PHOTO, image_answer, job_answer, link_answer

from phota_async import (
    DeadlineError,
    DownloadError,
    GenerateRequest,
    Limiter,
    PhotaClient,
    RateLimitError,
    ResponseLostError,
    RetryPolicy,
    ServerError,
)
from phota_async.events import AttemptFailed, Event
from phota_async.transport import deadlines, exchange
from phota_async.turns import FREE, PAID

LINKS = [f"https://photos.example/{number}.jpg" for number in range(10)]
PAID_CALLS: dict[str, Callable[[PhotaClient, float], Awaitable[Any]]] = {
    "sync": lambda client, timeout: client.generate("a sea", timeout=timeout),
    "edit": lambda client, timeout: client.edit(PHOTO, timeout=timeout),
    "job": lambda client, timeout: client.edit(PHOTO, mode="job", timeout=timeout),
    "submit": lambda client, timeout: client.jobs.submit(GenerateRequest(prompt="a sea"), timeout=timeout),
    "create": lambda client, timeout: client.profiles.create(LINKS, timeout=timeout),
}


@pytest.mark.parametrize("call", PAID_CALLS)
async def test_a_paid_call_whose_answer_does_not_come_in_time_is_lost(
    listen: Listen, connect: Connect, call: str
) -> None:
    peer = await listen(silence)

    with pytest.raises(ResponseLostError, match="no answer in time") as caught:
        await PAID_CALLS[call](connect(peer), 1.0)

    assert (caught.value.charged, caught.value.attempts, len(peer.posts)) == ("unknown", 1, 1)
    assert caught.value.retryable == (call in ("job", "submit"))


@pytest.mark.parametrize("call", PAID_CALLS)
async def test_a_paid_answer_that_is_cut_off_by_the_deadline_is_lost(
    listen: Listen, connect: Connect, call: str
) -> None:
    async def begin(exchange: Any) -> None:
        await exchange.body()
        await exchange.send(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"images": ["')
        await exchange.gone()

    peer = await listen(begin)

    with pytest.raises(ResponseLostError) as caught:
        await PAID_CALLS[call](connect(peer), 0.15)

    assert caught.value.charged == "unknown"


@pytest.mark.parametrize("call", PAID_CALLS)
async def test_a_body_that_cannot_be_sent_in_time_is_lost(listen: Listen, connect: Connect, call: str) -> None:
    """The service reads nothing: how much of the request it has seen is not known."""
    release = asyncio.Event()

    async def ignore(_: Any) -> None:
        await release.wait()

    peer = await listen(ignore)
    with pytest.raises(ResponseLostError):
        await PAID_CALLS[call](connect(peer), 0.15)
    release.set()


@pytest.mark.parametrize("call", ["list", "delete"])
async def test_a_free_call_that_is_out_of_time_costs_nothing(listen: Listen, connect: Connect, call: str) -> None:
    peer = await listen(silence)
    client = connect(peer, config=quick(free_timeout=0.05))

    with pytest.raises(DeadlineError, match="no answer in time") as caught:
        await (client.profiles.list() if call == "list" else client.profiles.delete("anna"))

    assert (caught.value.charged, caught.value.retryable, caught.value.attempts) == ("no", True, 1)
    assert isinstance(caught.value, TimeoutError)


@pytest.mark.parametrize("call", PAID_CALLS)
async def test_a_call_that_gets_no_place_in_time_was_not_sent(listen: Listen, connect: Connect, call: str) -> None:
    peer = await listen(hang_up)
    limiter = Limiter(1)
    await limiter.acquire()

    with pytest.raises(DeadlineError, match="no place within the limits in time") as caught:
        await PAID_CALLS[call](connect(peer, limiter=limiter), 0.03)

    assert (caught.value.charged, caught.value.retryable, len(peer.requests)) == ("no", True, 0)
    assert (limiter.statistics().running, limiter.statistics().waiting) == (1, 0)


@pytest.mark.parametrize("call", ["edit", "job"])
async def test_a_call_that_gets_no_room_for_its_photos_in_time_was_not_sent(
    listen: Listen, connect: Connect, call: str
) -> None:
    peer = await listen(hang_up)
    limiter = Limiter(4, max_bytes=100)

    async with limiter.reserve(100):
        with pytest.raises(DeadlineError) as caught:
            await PAID_CALLS[call](connect(peer, limiter=limiter), 0.03)
        assert limiter.statistics().bytes_in_flight == 100

    assert (caught.value.charged, len(peer.requests), limiter.statistics().running) == ("no", 0, 0)


async def test_a_rate_that_gives_no_turn_in_time_was_not_sent(listen: Listen, connect: Connect) -> None:
    peer = await listen(json({"profiles": []}))
    client = connect(peer, limiter=Limiter(rate=0.01), config=quick(free_timeout=0.3))
    await client.profiles.list()

    with pytest.raises(DeadlineError, match="no place"):
        await client.profiles.list()

    assert len(peer.requests) == 1
    assert client.limiter.statistics().running == 0


AFTER_A_PAUSE: dict[str, Callable[[PhotaClient], Awaitable[Any]]] = {
    "sync": lambda client: client.generate("a sea"),
    "job": lambda client: client.generate("a sea", mode="job"),
    "list": lambda client: client.profiles.list(),
}


@pytest.mark.parametrize("second", AFTER_A_PAUSE)
async def test_a_pause_longer_than_the_deadline_is_told_at_once(listen: Listen, connect: Connect, second: str) -> None:
    peer = await listen(answer(429, headers={"Retry-After": "100"}))
    client = connect(peer)
    begun = asyncio.get_running_loop().time()

    with pytest.raises(RateLimitError) as caught:
        await client.generate("a sea")
    with pytest.raises(DeadlineError, match="a pause of 100 s") as refused:
        await AFTER_A_PAUSE[second](client)

    assert (caught.value.retry_after, caught.value.attempts) == (100.0, 1)
    assert (refused.value.charged, refused.value.attempts, len(peer.requests)) == ("no", 1, 1)
    assert asyncio.get_running_loop().time() - begun < 1


async def test_a_wait_that_would_pass_the_deadline_raises_the_last_error_at_once(
    listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    peer = await listen(answer(500))
    client = connect(peer, config=quick(retry=RetryPolicy(backoff=60, max_backoff=60)))
    begun = asyncio.get_running_loop().time()

    with pytest.raises(ServerError) as caught:
        await client.profiles.list()

    assert caught.value.attempts == 1
    assert asyncio.get_running_loop().time() - begun < 1


async def test_one_deadline_for_all_attempts(listen: Listen, connect: Connect) -> None:
    """Each attempt may take 0.3 s and there are five of them, but the call has 0.45 s."""
    peer = await listen(silence)
    client = connect(peer, config=quick(answer_timeout=0.3))
    begun = asyncio.get_running_loop().time()

    with pytest.raises(ResponseLostError) as caught:
        await PAID_CALLS["submit"](client, 0.45)

    assert caught.value.attempts == len(peer.posts) == 2
    assert asyncio.get_running_loop().time() - begun < 1.2


@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_a_job_that_is_not_done_in_time_is_bought_and_can_be_waited_for(
    listen: Listen, connect: Connect, mode: str
) -> None:
    """Also when the service made a job of a synchronous call."""
    peer = await listen()
    done = asyncio.Event()
    finished = answer(200, job_answer(status="succeeded", download_urls=[peer.link()]))

    async def look(exchange: Any) -> None:
        await (finished if done.is_set() else answer(200, job_answer(status="running")))(exchange)

    peer.script = [by_path({"/generate": answer(202, job_answer()), "/job-1": look, ".jpg": answer(200, PHOTO)})]

    with pytest.raises(ResponseLostError, match="job-1 is not done in time, last seen running") as caught:
        await connect(peer).generate("a sea", mode=mode, timeout=0.2)  # type: ignore[arg-type]
    done.set()
    result = await caught.value.resume()

    assert (caught.value.charged, caught.value.retryable) == ("unknown", True)
    assert "job-1" in str(caught.value)
    assert [image.data for image in result.images] == [PHOTO]
    assert len(peer.posts) == 1


@pytest.mark.parametrize("status", [401, 402, 404])
async def test_a_bought_job_that_cannot_be_followed_may_have_been_charged(
    listen: Listen, connect: Connect, status: int
) -> None:
    peer = await listen(by_path({"/generate": answer(202, job_answer()), "/job-1": json({"detail": "no"}, status)}))

    with pytest.raises(Exception, match="no") as caught:
        await connect(peer).generate("a sea", mode="job")

    assert caught.value.charged == "unknown"  # type: ignore[attr-defined]
    assert caught.value.job_id == "job-1"  # type: ignore[attr-defined]


async def test_waiting_for_a_job_is_free(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, job_answer(status="running")))

    with pytest.raises(DeadlineError, match="last seen running") as caught:
        await connect(peer).jobs.wait("job-1", timeout=0.03)

    assert (caught.value.charged, caught.value.retryable) == ("no", True)


async def test_waiting_for_a_profile_is_free(listen: Listen, connect: Connect) -> None:
    peer = await listen(silence)

    with pytest.raises(DeadlineError, match="profile anna is not done in time") as caught:
        await connect(peer).profiles.wait("anna", timeout=0.03, interval=0.001)

    assert caught.value.charged == "no"


async def test_the_deadline_covers_downloads(listen: Listen, connect: Connect) -> None:
    peer = await listen()
    peer.script = [by_path({"/generate": answer(200, link_answer(peer.link())), ".jpg": silence})]

    with pytest.raises(DownloadError) as caught:
        await connect(peer).generate("a sea", timeout=0.2)

    assert caught.value.charged == "unknown"


async def test_polls_never_go_before_a_paid_call(listen: Listen, connect: Connect) -> None:
    release = asyncio.Event()
    peer = await listen(hold(release, json({"profiles": []})), answer(200, image_answer(PHOTO)), json({"profiles": []}))
    client = connect(peer, limiter=Limiter(1))

    first = asyncio.create_task(client.profiles.list())
    await peer.heard.wait()
    poll = asyncio.create_task(client.profiles.list())
    await until(lambda: client.limiter._places._queues[FREE])
    paid = asyncio.create_task(client.generate("a sea"))
    await until(lambda: client.limiter._places._queues[PAID])
    release.set()
    await asyncio.gather(first, poll, paid)

    assert [each.method for each in peer.requests] == ["GET", "POST", "GET"]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True, "5"])
async def test_a_timeout_is_a_positive_number(connect: Connect, timeout: Any) -> None:
    with pytest.raises(ValueError, match="timeout: expected"):
        await connect("http://127.0.0.1:1").generate("a sea", timeout=timeout)


# Looks: polls are many, and share one timer that looks once in a while.


@pytest.fixture
def fine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the shared timer tick every 10 ms, and let calls of any length use it."""
    monkeypatch.setattr(deadlines, "TICK", 0.01)
    monkeypatch.setattr(exchange, "COARSE", 0.0)


LOOKS: dict[str, Callable[[PhotaClient], Awaitable[Any]]] = {
    "job": lambda client: client.jobs.get("job-1"),
    "profile": lambda client: client.profiles.status("anna"),
}


@pytest.mark.usefixtures("fine")
@pytest.mark.parametrize("look", LOOKS)
async def test_a_look_that_is_not_answered_is_taken_again_and_ends(listen: Listen, connect: Connect, look: str) -> None:
    peer = await listen(silence)
    client = connect(peer, config=quick(connect_timeout=0.2, free_answer_timeout=0.2))

    with pytest.raises(DeadlineError) as caught:
        await LOOKS[look](client)

    assert (caught.value.charged, caught.value.retryable, caught.value.attempts) == ("no", True, 5)
    assert len(peer.requests) == 5
    assert client.limiter.statistics().running == 0


@pytest.mark.usefixtures("fine")
async def test_a_look_ends_with_its_own_deadline(listen: Listen, connect: Connect) -> None:
    peer = await listen(silence)
    client = connect(peer, config=quick(free_timeout=0.04))

    with pytest.raises(DeadlineError, match="no answer in time") as caught:
        await client.jobs.get("job-1")

    assert caught.value.attempts == 1


@pytest.mark.usefixtures("fine")
async def test_looks_that_are_answered_in_time_are_not_disturbed(listen: Listen, connect: Connect) -> None:
    release = asyncio.Event()

    async def some_late(exchange: Any) -> None:
        if exchange.request.path.endswith("slow"):
            await release.wait()
        await answer(200, job_answer())(exchange)

    peer = await listen(some_late)
    client = connect(
        peer, config=quick(connect_timeout=0.15, free_answer_timeout=0.15, retry=RetryPolicy(max_attempts=1))
    )
    tasks = [asyncio.create_task(client.jobs.get(name)) for name in ("slow", *map(str, range(5)))]
    slow, *others = await asyncio.gather(*tasks, return_exceptions=True)
    release.set()

    assert isinstance(slow, DeadlineError)
    assert [str(job) for job in others] == [*map(str, range(5))]
    pools = await client._transport.pools.get()
    assert repr(pools.deadlines) == "<Deadlines 0 running>"
    await until(lambda: pools.deadlines._timer is None)
    assert str(await client.jobs.get("again")) == "again"


async def test_a_closed_client_leaves_no_timer_of_its_looks(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, job_answer()))
    client = connect(peer)
    await client.jobs.get("job-1")
    looks = (await client._transport.pools.get()).deadlines
    assert looks._timer is not None
    await client.aclose()
    assert looks._timer is None


@pytest.mark.usefixtures("fine")
async def test_a_look_that_somebody_else_cuts_off_is_cancelled(listen: Listen, connect: Connect) -> None:
    peer = await listen(silence)
    client = connect(peer)
    task = asyncio.create_task(client.jobs.get("job-1"))
    await peer.heard.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await client._transport.pools.get()).deadlines.running == set()


@pytest.mark.usefixtures("fine")
async def test_a_cut_at_the_moment_of_the_deadline_is_not_swallowed(listen: Listen, connect: Connect) -> None:
    """Both cancel the task in one turn of the loop: whoever wanted it gone must not get a timeout instead."""
    peer = await listen(silence)
    client = connect(peer)
    task = asyncio.create_task(client.jobs.get("job-1"))
    await peer.heard.wait()
    [scope] = (await client._transport.pools.get()).deadlines.running
    scope.expire()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_job_that_waited_too_long_for_its_place_is_not_sent_again(listen: Listen, connect: Connect) -> None:
    """The service may have forgotten its id by then."""
    peer = await listen(hang_up)
    limiter = Limiter(1)

    def take_the_place(event: Event) -> None:
        if isinstance(event, AttemptFailed) and event.attempt == 1:
            assert limiter.acquire_nowait()
            asyncio.get_running_loop().call_later(0.1, limiter.release)

    client = connect(
        peer, limiter=limiter, hooks=[take_the_place], config=quick(retry=RetryPolicy(backoff=0, resend_guard=0.05))
    )
    with pytest.raises(ResponseLostError, match="waited too long") as caught:
        await PAID_CALLS["submit"](client, 10)

    assert (caught.value.charged, len(peer.posts)) == ("unknown", 1)
    assert limiter.statistics().running == 0
