"""What the service asks to wait, in every spelling, and answers that take too long."""

import asyncio
from email.utils import formatdate
from typing import Any

import pytest
from support.clients import Connect, Listen
from support.leftovers import check_nothing_left
from support.peer import Exchange

from phota_async import DeadlineError, DownloadError, PhotaError, RateLimitError, ResponseLostError, ServerError

from .calls import CALLS, PAID, is_right
from .shop import Fault, Shop, whole
from .trial import Leap, Trial

NOW = 1_800_000_000  # Unix time, as the service's clock has it: ours may be years away
DATE = {"Date": formatdate(NOW, usegmt=True)}
AT_ONCE: dict[str, dict[str, str]] = {
    "nothing": {},
    "no time": {"Retry-After": "0"},
    "a blink": {"Retry-After": "0.001"},
    "less than nothing": {"Retry-After": "-5"},
    "a date that is over": {"Retry-After": formatdate(NOW - 86400, usegmt=True), **DATE},
    "this moment": {"Retry-After": formatdate(NOW, usegmt=True), **DATE},
    **{text: {"Retry-After": text} for text in ("soon", "", "nan", "inf", "1e9", "9" * 400, "0x10", "1 s", "1,2")},
    **{text: {"Retry-After": text} for text in ("Wed, 99 Foo 2026", "Wed, 21 Oct 99999999999 07:28:00 GMT", "\t")},
    "digits of another script": {"Retry-After": "\u0661\u0662"},
}
TOO_LATE: dict[str, tuple[dict[str, str], float]] = {
    "a minute": ({"Retry-After": "60"}, 60),
    "a day": ({"Retry-After": "86400"}, 86400),
    "a day by its date": ({"Retry-After": formatdate(NOW + 86400, usegmt=True), **DATE}, 86400),
    "for ever": ({"Retry-After": "9" * 30}, 1e30),
}


def refuse(status: int, headers: dict[str, str]) -> Fault:
    async def behave(exchange: Exchange, _: Any) -> None:
        await exchange.body()
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        await exchange.send(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n{lines}\r\n".encode())

    return behave


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("call", CALLS)
async def test_a_wait_that_can_be_kept_or_makes_no_sense(
    fault: Trial, connect: Connect, shop: Shop, call: str, status: int
) -> None:
    """Sent once more: garbage is as good as nothing, and nobody waits longer for it."""
    client = connect(shop.peer)

    for name, headers in AT_ONCE.items():
        shop.faults = iter([refuse(status, headers), whole])
        before = len(shop.peer.requests)
        assert is_right(await fault.end_of(CALLS[call](client, name), patience=5)), name
        assert len(shop.peer.requests) == before + 2, name

    check_nothing_left(client)
    fault.lost("paid_twice", shop.paid_twice)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("call", CALLS)
async def test_a_wait_beyond_the_deadline_is_told_at_once(
    fault: Trial, connect: Connect, shop: Shop, call: str, status: int
) -> None:
    for name, (headers, seconds) in TOO_LATE.items():
        client = connect(shop.peer)  # another one, since all calls of a client keep still for so long
        shop.faults = iter([refuse(status, headers)])
        before = len(shop.peer.requests)
        outcome = await fault.end_of(CALLS[call](client, name), patience=5)

        if call == "download":
            assert isinstance(outcome, DownloadError)
        else:
            assert isinstance(outcome, RateLimitError if status == 429 else ServerError), name
            assert outcome.retry_after == pytest.approx(seconds)
        assert (outcome.retryable, outcome.charged, outcome.attempts) == (True, "no", 1)
        assert len(shop.peer.requests) == before + 1
        check_nothing_left(client)
    assert not shop.sold


DRIPS = {
    "the head": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "the body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{",
    "a picture": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n\xff\xd8\xff",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.mark.parametrize("what", DRIPS)
@pytest.mark.parametrize("call", CALLS)
async def test_an_answer_that_drips_ends_with_the_deadline(
    fault: Trial, listen: Listen, connect: Connect, leap: Leap, call: str, what: str
) -> None:
    """Each byte comes before anybody would call it silence."""

    async def drip(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.send(DRIPS[what])
        for _ in range(40):
            leap(1)
            await exchange.send(b"1\r\n \r\n" if what == "chunks" else b" ")
            await settle()
        await exchange.gone()

    peer = await listen(drip)
    client = connect(peer)  # with 20 s for everything
    outcome = await fault.end_of(CALLS[call](client, "a sea"), patience=60)

    expected = ResponseLostError if call in PAID else DownloadError if call == "download" else DeadlineError
    assert isinstance(outcome, expected)
    assert outcome.charged == ("unknown" if call in PAID else "no")
    assert len(peer.requests) == 1
    check_nothing_left(client)


@pytest.mark.parametrize("call", CALLS)
async def test_an_error_that_is_never_told_to_its_end_keeps_its_status(
    fault: Trial, listen: Listen, connect: Connect, leap: Leap, call: str
) -> None:
    async def begin(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.send(b"HTTP/1.1 402 No\r\nContent-Length: 100000\r\n\r\n")
        await settle()
        leap(30)
        await exchange.gone()

    peer = await listen(begin)
    client = connect(peer)
    outcome = await fault.end_of(CALLS[call](client, "a sea"), patience=60)

    assert isinstance(outcome, PhotaError)
    assert getattr(outcome, "status", None) == 402
    assert (outcome.charged, len(peer.requests)) == ("no", 1)
    check_nothing_left(client)


async def settle() -> None:
    """Let the other side read what was sent."""
    for _ in range(10):
        await asyncio.sleep(0)
