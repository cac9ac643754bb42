"""The law of what is sent again (design, section 4), as the service sees it: how many POSTs, with which id."""

import asyncio
import pickle
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from support.clients import Connect, Listen, quick
from support.peer import Behaviour, Peer, answer, by_path, hang_up, json, reset, script, silence
from support.pictures import PHOTO, image_answer, job_answer, link_answer, picture

from phota_async import (
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ConflictError,
    ConnectError,
    DeadlineError,
    DecodeError,
    GenerateRequest,
    InsufficientCreditsError,
    LedgerError,
    Limiter,
    NotFoundError,
    PhotaClient,
    PhotaError,
    RateLimitError,
    ResponseLostError,
    RetryPolicy,
    ServerError,
    StatusError,
)
from phota_async.events import AttemptFailed, Event

REQUEST = GenerateRequest(prompt="a sea")
LINKS = [f"https://photos.example/{number}.jpg" for number in range(10)]

CALLS: dict[str, Callable[[PhotaClient], Awaitable[Any]]] = {
    "GET": lambda client: client.profiles.list(),
    "DELETE": lambda client: client.profiles.delete("anna"),
    "sync": lambda client: client.generate("a sea"),
    "job": lambda client: client.jobs.submit(REQUEST),
    "create": lambda client: client.profiles.create(LINKS),
}
HALF = image_answer(picture(9000))
FAULTS: dict[str, Behaviour] = {
    "429": answer(429),
    "503": answer(503, b"<html>busy</html>", {"Content-Type": "text/html"}),
    "500": json({"detail": "boom"}, 500),
    "502": answer(502),
    "504": answer(504),
    "reset before the answer": reset(),
    "closed before the answer": hang_up,
    "reset within the answer": answer(200, HALF, cut=5000, rst=True),
    "closed within the answer": answer(200, HALF, cut=5000),
    "silence": silence,
}
REFUSED, FAILED, LOST = ("429", "503"), ("500", "502"), tuple(FAULTS)[5:]


class Verdict(msgspec.Struct, frozen=True):
    """How a call ends when a fault never goes away."""

    attempts: int
    error: type[PhotaError]
    charged: str
    retryable: bool


def verdict(call: str, fault: str) -> Verdict:
    """Say what the design's table asks for, in the table's own terms."""
    status_error = {"429": RateLimitError}.get(fault, ServerError)
    if call in ("GET", "DELETE"):
        lost = DeadlineError if fault == "silence" else ResponseLostError
        return Verdict(5, lost if fault in LOST else status_error, "no", True)
    if fault in REFUSED:
        return Verdict(5, status_error, "no", True)
    if call == "job":
        return Verdict(5, ResponseLostError, "unknown", True)
    if fault == "504" and call == "sync":
        return Verdict(1, ServerError, "refunded", False)
    return Verdict(1, ResponseLostError if fault in LOST else ServerError, "unknown", False)


PAIRS = [(call, fault) for call in CALLS for fault in FAULTS if call != "DELETE" or "within" not in fault]


@pytest.mark.parametrize(("call", "fault"), PAIRS)
async def test_the_law(listen: Listen, connect: Connect, call: str, fault: str) -> None:
    peer: Peer = await listen(FAULTS[fault])
    impatient = quick(answer_timeout=0.05, free_answer_timeout=0.05)
    client = connect(peer, config=impatient if fault == "silence" else quick())

    with pytest.raises(PhotaError) as caught:
        await CALLS[call](client)

    expected, error = verdict(call, fault), caught.value
    assert Verdict(error.attempts, type(error), error.charged, error.retryable) == expected
    assert len({each.body for each in peer.requests}) == 1
    if peer.posts:
        assert len(peer.posts) == expected.attempts
    else:  # aiohttp sends what is idempotent once more when a kept connection turns out to be closed
        assert len(peer.requests) >= expected.attempts
    if call == "job":
        assert isinstance(error, (ResponseLostError, StatusError))
        assert {each.json["client_request_id"] for each in peer.posts} == {error.client_request_id}


@pytest.mark.parametrize("call", CALLS)
async def test_a_refused_connection_is_tried_again_by_every_call(connect: Connect, call: str) -> None:
    async with Peer() as peer:
        nobody = peer.url

    with pytest.raises(ConnectError, match="Connect") as caught:
        await CALLS[call](connect(nobody))

    error = caught.value
    assert (error.attempts, error.charged, error.retryable) == (5, "no", True)


ANSWERS = {
    "/profiles/ids": json({"profiles": []}),
    "/anna": json({"profile_id": "anna", "status": "ok"}),
    "/generate": json({"job_id": "job-1", "images": [""]}),
    "/add": json({"profile_id": "anna"}),
}


@pytest.mark.parametrize("call", CALLS)
async def test_every_call_is_sent_once_the_service_can_be_reached(listen: Listen, connect: Connect, call: str) -> None:
    peer = await listen(by_path(ANSWERS), is_deaf=True)
    failed: list[AttemptFailed] = []

    def hook(event: Event) -> None:
        if isinstance(event, AttemptFailed):
            failed.append(event)
            waking.append(asyncio.get_running_loop().create_task(peer.wake()))

    waking: list[asyncio.Task[None]] = []
    await CALLS[call](connect(peer, hooks=[hook]))

    assert [each.error for each in failed] == ["ConnectError"] * len(failed)
    assert failed
    assert len(peer.requests) == 1


@pytest.mark.parametrize("call", CALLS)
async def test_an_unknown_host_is_tried_again(connect: Connect, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def getaddrinfo(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    with pytest.raises(ConnectError, match=r"photos.invalid.*not known") as caught:
        await CALLS[call](connect("https://photos.invalid"))

    error = caught.value
    assert (error.attempts, error.charged, error.retryable) == (5, "no", True)
    assert len(asked) == 5


@pytest.mark.parametrize("call", CALLS)
async def test_a_connection_that_is_never_made_is_not_sent(connect: Connect, call: str) -> None:
    """The peer takes the TCP connection and says nothing: TLS does not come about in time."""
    async with Peer(silence) as peer:
        client = connect(peer.url.replace("http", "https"), config=quick(connect_timeout=0.03))

        with pytest.raises(ConnectError, match="no connection in time") as caught:
            await CALLS[call](client)

        assert (caught.value.attempts, caught.value.charged) == (5, "no")
        assert peer.requests == []


async def test_a_profile_without_an_id_may_have_been_charged(listen: Listen, connect: Connect) -> None:
    peer = await listen(json({"status": "ok"}))

    with pytest.raises(DecodeError, match="profile_id") as caught:
        await CALLS["create"](connect(peer))

    assert (caught.value.charged, caught.value.attempts, len(peer.posts)) == ("unknown", 1, 1)


REFUSALS = {400: BadRequestError, 402: InsufficientCreditsError, 409: ConflictError, 422: BadRequestError}


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("call", CALLS)
async def test_a_refusal_is_the_last_word(listen: Listen, connect: Connect, call: str, status: int) -> None:
    peer = await listen(json({"detail": "no"}, status))

    with pytest.raises(REFUSALS[status], match="no") as caught:
        await CALLS[call](connect(peer))

    error = caught.value
    assert (error.attempts, error.charged, error.retryable) == (1, "no", False)
    assert len(peer.requests) == 1


async def test_a_paid_call_goes_on_after_refusals_and_stops_at_the_first_doubt(
    listen: Listen, connect: Connect
) -> None:
    peer = await listen(answer(503), answer(429), json({"detail": "boom"}, 500), answer(200, image_answer(picture())))

    with pytest.raises(ServerError, match="boom") as caught:
        await connect(peer).generate("a sea")

    assert (caught.value.attempts, caught.value.charged) == (3, "unknown")
    assert len(peer.posts) == 3


@pytest.mark.parametrize("last", [answer(503), answer(429), answer(500), hang_up])
async def test_a_refusal_after_a_lost_answer_does_not_hide_that_a_job_may_be_bought(
    listen: Listen, connect: Connect, last: Behaviour
) -> None:
    peer = await listen(reset(), last)

    with pytest.raises(ResponseLostError) as caught:
        await connect(peer).jobs.submit(REQUEST)

    assert (caught.value.attempts, caught.value.charged) == (5, "unknown")
    assert {each.json["client_request_id"] for each in peer.posts} == {caught.value.client_request_id}


async def test_a_final_status_after_a_lost_answer_says_that_a_job_may_be_bought(
    listen: Listen, connect: Connect
) -> None:
    peer = await listen(reset(), json({"detail": "another body"}, 409))

    with pytest.raises(ConflictError) as caught:
        await connect(peer).jobs.submit(REQUEST)

    assert (caught.value.attempts, caught.value.charged, caught.value.retryable) == (2, "unknown", False)


@pytest.mark.parametrize("last", [json({}, 404), answer(404)])
async def test_a_profile_that_is_gone_after_a_lost_answer_is_deleted(
    listen: Listen, connect: Connect, last: Behaviour
) -> None:
    peer = await listen(answer(503), reset(), last)

    await connect(peer).profiles.delete("anna")

    assert [each.method for each in peer.requests] == ["DELETE"] * len(peer.requests)


@pytest.mark.parametrize("fault", ["reset within the answer", "closed within the answer"])
async def test_the_status_alone_says_that_a_profile_is_deleted(listen: Listen, connect: Connect, fault: str) -> None:
    peer = await listen(FAULTS[fault])

    await connect(peer).profiles.delete("anna")

    assert len(peer.requests) == 1


async def test_a_profile_that_never_was_cannot_be_deleted(listen: Listen, connect: Connect) -> None:
    peer = await listen(json({}, 404))

    with pytest.raises(NotFoundError):
        await connect(peer).profiles.delete("anna")

    assert len(peer.requests) == 1


@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_job_whose_answers_were_lost_is_resumed_with_its_id(
    listen: Listen, connect: Connect, is_whole: bool
) -> None:
    lost = reset() if is_whole else answer(202, job_answer(), cut=9)
    peer = await listen(lost, lost, lost, lost, lost, answer(202, job_answer("job-9")))

    with pytest.raises(ResponseLostError) as caught:
        await connect(peer).jobs.submit(REQUEST, client_request_id="order-7")
    job = await caught.value.resume()

    assert (job.job_id, job.client_request_id) == ("job-9", "order-7")
    assert [each.json["client_request_id"] for each in peer.posts] == ["order-7"] * 6


async def test_an_edit_as_a_job_is_resumed_to_its_pictures(listen: Listen, connect: Connect) -> None:
    peer = await listen()
    done = job_answer(status="succeeded", result=msgspec.Raw(link_answer(peer.link())))
    submit = script(*[reset()] * 5, answer(202, job_answer()))
    peer.script = [by_path({"/edit": submit, "/jobs/job-1": answer(200, done), ".jpg": answer(200, PHOTO)})]

    with pytest.raises(ResponseLostError, match="resume") as caught:
        await connect(peer).edit(PHOTO, "at sea", mode="job")
    result = await caught.value.resume()

    assert [image.data for image in result.images] == [PHOTO]
    assert result.job_id == "job-1"
    assert len({each.json["client_request_id"] for each in peer.posts}) == 1
    assert len(peer.posts) == 6


async def test_resuming_may_be_lost_again(listen: Listen, connect: Connect) -> None:
    peer = await listen(*[reset()] * 10, answer(202, job_answer()))

    with pytest.raises(ResponseLostError) as first:
        await connect(peer).jobs.submit(REQUEST)
    with pytest.raises(ResponseLostError) as second:
        await first.value.resume()
    job = await second.value.resume()

    assert job.job_id == "job-1"
    assert second.value.first_sent_at == first.value.first_sent_at
    assert len({each.json["client_request_id"] for each in peer.posts}) == 1


@pytest.mark.parametrize("last", [answer(503), reset()])
async def test_resuming_never_says_that_nothing_was_charged(listen: Listen, connect: Connect, last: Behaviour) -> None:
    peer = await listen(*[reset()] * 5, last)

    with pytest.raises(ResponseLostError) as first:
        await connect(peer).edit(PHOTO, mode="job")
    with pytest.raises(ResponseLostError) as second:
        await first.value.resume()

    assert second.value.charged == "unknown"
    assert second.value.client_request_id == first.value.client_request_id


async def test_an_error_that_was_pickled_keeps_the_id_and_cannot_resume(listen: Listen, connect: Connect) -> None:
    peer = await listen(reset())

    with pytest.raises(ResponseLostError) as caught:
        await connect(peer).edit(PHOTO, mode="job")
    copy = pickle.loads(pickle.dumps(caught.value))

    assert copy.client_request_id == caught.value.client_request_id
    assert (copy.charged, copy.attempts, copy.first_sent_at) == ("unknown", 5, caught.value.first_sent_at)
    with pytest.raises(ConfigError, match="cannot resume"):
        await copy.resume()
    assert len(peer.posts) == 5


@pytest.mark.parametrize("call", ["sync", "create"])
async def test_a_call_without_an_id_cannot_resume(listen: Listen, connect: Connect, call: str) -> None:
    peer = await listen(reset())

    with pytest.raises(ResponseLostError) as caught:
        await CALLS[call](connect(peer))
    with pytest.raises(ConfigError, match="cannot resume"):
        await caught.value.resume()

    assert len(peer.posts) == 1


@pytest.mark.parametrize("submit", ["edit", "submit"])
async def test_nothing_is_sent_again_when_the_service_may_have_forgotten_the_id(
    listen: Listen, connect: Connect, submit: str
) -> None:
    peer = await listen(reset())
    client = connect(peer)
    begun = time.time()

    with pytest.raises(ResponseLostError) as caught:
        await (client.edit(PHOTO, mode="job") if submit == "edit" else client.jobs.submit(REQUEST))
    error = caught.value
    assert error.first_sent_at is not None
    assert begun - 1 < error.first_sent_at < time.time() + 1
    error.first_sent_at -= 2881

    with pytest.raises(ResponseLostError, match="may have forgotten its id") as again:
        await error.resume()
    assert again.value.charged == "unknown"
    assert len(peer.posts) == 5


async def test_nothing_is_sent_again_after_the_machine_slept(
    listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop's clock stands still while a laptop is closed, and the service forgets."""
    uptimes = iter([100.0])
    monkeypatch.setattr("phota_async.uptime.since_boot", lambda: next(uptimes, 100.0 + 2881))
    peer = await listen(reset(), answer(200))
    with pytest.raises(ResponseLostError) as caught:
        await connect(peer).jobs.submit(REQUEST)
    assert (caught.value.charged, len(peer.posts)) == ("unknown", 1)
    assert caught.value.first_sent_at is not None
    assert caught.value.first_sent_at < time.time() - 2880


async def test_a_resumed_job_is_not_sent_beyond_the_guard(listen: Listen, connect: Connect) -> None:
    """The first attempt lay in another process 47 minutes ago: after a Retry-After of 2 minutes it is too late."""
    peer = await listen(*[reset()] * 5, answer(503, headers={"Retry-After": "120"}))
    client = connect(peer, config=quick(timeout=1000))

    with pytest.raises(ResponseLostError) as caught:
        await client.jobs.submit(REQUEST)
    assert caught.value.first_sent_at is not None
    caught.value.first_sent_at -= 47 * 60
    with pytest.raises(ResponseLostError, match="last heard: HTTP 503") as again:
        await caught.value.resume()

    assert again.value.first_sent_at == caught.value.first_sent_at
    assert len(peer.posts) == 6


async def test_an_empty_budget_ends_retries(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(503))
    client = connect(peer, config=quick(retry=RetryPolicy(backoff=0, tokens=15)))

    attempts = []
    for _ in range(3):
        with pytest.raises(ServerError) as caught:
            await client.profiles.list()
        attempts.append(caught.value.attempts)

    assert attempts == [4, 1, 1]


async def test_a_success_pays_back_into_the_budget(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(503), json({"profiles": []}), answer(503), answer(503))
    client = connect(peer, config=quick(retry=RetryPolicy(backoff=0, tokens=5, success_refund=5)))

    await client.profiles.list()
    with pytest.raises(ServerError) as caught:
        await client.profiles.list()

    assert caught.value.attempts == 2


async def test_a_new_key_is_asked_for_once_after_a_401(listen: Listen, connect: Connect) -> None:
    peer = await listen(json({"detail": "expired"}, 401), answer(200, image_answer(PHOTO)))
    keys = iter(["old", "new"])
    client = connect(peer, api_key=lambda: next(keys))

    await client.generate("a sea")
    await client.generate("a sea")

    assert [each.headers["x-api-key"] for each in peer.posts] == ["old", "new", "new"]


async def test_a_key_that_stays_wrong_is_asked_for_twice(listen: Listen, connect: Connect) -> None:
    peer = await listen(json({"detail": "wrong"}, 401))

    async def key() -> str:
        return "wrong"

    with pytest.raises(AuthenticationError) as caught:
        await connect(peer, api_key=key).generate("a sea")

    assert caught.value.attempts == len(peer.posts) == 2


async def test_a_fixed_key_is_not_tried_again(listen: Listen, connect: Connect) -> None:
    peer = await listen(json({"detail": "wrong"}, 401))

    with pytest.raises(AuthenticationError) as caught:
        await connect(peer).generate("a sea")

    assert caught.value.attempts == len(peer.posts) == 1


async def test_a_pause_that_the_service_asks_for_holds_every_call_back(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(503, headers={"Retry-After": "0.05"}), json({"profiles": []}))
    client = connect(peer)
    begun = asyncio.get_running_loop().time()

    await asyncio.gather(client.profiles.list(), client.profiles.list())

    assert asyncio.get_running_loop().time() - begun >= 0.05
    assert len(peer.requests) == 3


# A rate that other processes share


class Toll:
    """A shared rate that lets so many pass and cannot be asked any more."""

    lateness = 60.0

    def __init__(self, passes: int) -> None:
        self.passes = passes

    async def acquire(self) -> None:
        self.passes -= 1
        if self.passes < 0:
            raise LedgerError("the store refuses")


async def test_each_attempt_asks_the_shared_rate(listen: Listen, connect: Connect) -> None:
    peer, toll = await listen(answer(503), answer(503), answer(202, job_answer())), Toll(9)
    await connect(peer, limiter=Limiter(paid_rate=toll)).jobs.submit(REQUEST)
    assert (len(peer.posts), toll.passes) == (3, 6)


async def test_a_rate_that_cannot_be_asked_lets_nothing_be_sent(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(202, job_answer()))
    with pytest.raises(LedgerError, match="the store refuses") as caught:
        await connect(peer, limiter=Limiter(paid_rate=Toll(0))).jobs.submit(REQUEST)
    assert (caught.value.charged, len(peer.posts)) == ("no", 0)


async def test_a_rate_that_fails_after_a_lost_answer_does_not_hide_what_may_be_bought(
    listen: Listen, connect: Connect
) -> None:
    peer = await listen(reset())
    with pytest.raises(ResponseLostError, match="the store refuses") as caught:
        await connect(peer, limiter=Limiter(paid_rate=Toll(1))).jobs.submit(REQUEST)
    assert (caught.value.charged, len(peer.posts)) == ("unknown", 1)


async def test_a_call_that_was_held_up_behind_its_leave_asks_again(listen: Listen, connect: Connect) -> None:
    peer, toll, closing = await listen(answer(202, job_answer())), Toll(2), Toll(1)
    toll.lateness = closing.lateness = -1.0  # whatever comes is late
    await connect(peer, limiter=Limiter(paid_rate=toll)).jobs.submit(REQUEST)
    assert (len(peer.posts), toll.passes) == (1, 0)
    with pytest.raises(LedgerError, match="the store refuses"):  # with the leave that is not good any more
        await connect(peer, limiter=Limiter(paid_rate=closing)).jobs.submit(REQUEST)
    assert len(peer.posts) == 1
