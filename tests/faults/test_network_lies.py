"""Answers that break the rules of HTTP: a right result or an error of ours, in bounded time and memory."""

import asyncio
import gzip
import itertools
import tracemalloc
from collections.abc import Callable

import pytest
from support.clients import Connect, Listen, quick
from support.leftovers import check_nothing_left
from support.peer import Exchange

from phota_async import PhotaError, RetryPolicy

from .calls import CALLS, ENDLESS, ONCE, PAID, is_right
from .shop import Fault, Shop, Work, whole
from .trial import Leap, Trial

STRICT = quick(retry=RetryPolicy(backoff=0, max_attempts=2), max_answer_bytes=2**20, max_image_bytes=2**20)
ENOUGH = 64  # pieces, of which each has 20 KB or more, after which time is over
MEMORY = 8 * 2**20  # bytes, at most, that any of these may take

BOMB = gzip.compress(b" " * 2**24)  # 16 KB that hold 16 MB

Twist = Callable[[bytes, bytes], bytes]
"""Makes a wrong answer of a right one's head (without its last blank line) and body."""


def line(text: bytes) -> Twist:
    """Add a line to the head."""
    return lambda head, body: head + text + b"\r\n\r\n" + body


def length(text: bytes) -> Twist:
    """Replace the length."""
    return lambda head, body: head.rpartition(b"Content-Length")[0] + b"Content-Length: " + text + b"\r\n\r\n" + body


def coded(body: bytes) -> Twist:
    """Say that chunks come, and send this."""
    return lambda head, _: head.rpartition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n" + body


def status(text: bytes) -> Twist:
    """Replace the status line."""
    return lambda head, body: text + head[head.index(b"\r\n") :] + b"\r\n" + body


def bare(code: int) -> Twist:
    """Answer with a status that has no body."""
    return lambda *_: b"HTTP/1.1 %d X\r\n\r\n" % code


LIES: dict[str, Twist] = {
    **{f"length {text.decode()!r}": length(text) for text in (b"-5", b"many", b"0x28", b"+40", b"", b"1e3", b"4 0")},
    "a length of a terabyte": length(b"1000000000000"),
    "a length of more than there are numbers": length(b"9" * 40),
    "a length a byte short": lambda head, body: length(b"%d" % (len(body) - 1))(head, body),
    "a length a byte long": lambda head, body: length(b"%d" % (len(body) + 1))(head, body),
    "two lengths": line(b"Content-Length: 5"),
    "a length and chunks": line(b"Transfer-Encoding: chunked"),
    "a coding that nobody knows": line(b"Transfer-Encoding: rot13"),
    "no chunk's size": coded(b"zz\r\nabc\r\n0\r\n\r\n"),
    "a chunk of less than nothing": coded(b"-5\r\nabc\r\n0\r\n\r\n"),
    "a chunk of a terabyte": coded(b"FFFFFFFFFF\r\nabc"),
    "a chunk beyond all sizes": coded(b"F" * 20 + b"\r\nabc"),
    "a chunk without its end": lambda _, body: coded(b"%x\r\n%b5\r\n" % (len(body), body))(_, body),
    "a header of a megabyte": line(b"X-A: " + b"a" * 2**20),
    "a hundred thousand headers": line(b"X-A: a\r\n" * 100_000 + b"X-B: b"),
    "a NUL in a header": line(b"X-A: a\0b"),
    "a header without a colon": line(b"nonsense"),
    "a name with a blank": line(b"X A: a"),
    "a header over two lines": line(b"X-A: a\r\n b"),
    "bytes of no alphabet": line(b"X-Request-Id: \xff\xfe"),
    "a line end of its own kind": lambda head, body: (head + b"\r\n").replace(b"\r\n", b"\n") + body,
    **{f"status line {text.decode()!r}": status(text) for text in (b"HTTP/1.1 20 OK", b"HTTP/1.1 1000", b"ICY 200 OK")},
    **{f"status line {text.decode()!r}": status(text) for text in (b"HTTP/2 200 OK", b"HTTP/1.1 200", b"HTTP/1.0 200")},
    "early hints before it": lambda head, body: b"HTTP/1.1 103 Early Hints\r\n\r\n" + head + b"\r\n" + body,
    "blank lines before it": lambda head, body: b"\r\n\r\n" + head + b"\r\n" + body,
    "no head": lambda _, body: body,
    "TLS": lambda *_: b"\x15\x03\x01\x00\x02\x02\x46",
    "SSH": lambda *_: b"SSH-2.0-OpenSSH_9\r\n",
    "HTTP/2": lambda *_: b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03",
    **{f"nothing but {code}": bare(code) for code in (101, 204, 205, 304)},
}


@pytest.mark.parametrize("call", CALLS)
async def test_an_answer_that_breaks_the_rules(fault: Trial, connect: Connect, shop: Shop, call: str) -> None:
    """Twice in a row, since the second may meet what the first has left behind."""
    client = connect(shop.peer, config=ENDLESS)

    for name, twist in LIES.items():
        for mark in (f"{name} 1", f"{name} 2"):
            shop.faults = iter([twisted(twist), whole])
            before = len(shop.peer.requests)
            outcome = await fault.end_of(CALLS[call](client, mark))
            sent = len(shop.peer.requests) - before
            if call in ONCE:
                assert is_right(outcome) or is_unclear(outcome), (name, outcome)
                assert sent == 1, name
            else:
                assert is_right(outcome) or isinstance(outcome, PhotaError), (name, outcome)
                assert sent <= 2, name
            assert is_right(await fault.end_of(CALLS[call](client, f"{mark}, afterwards"))), name

    check_nothing_left(client)
    fault.lost("paid_twice", shop.paid_twice)


OK, CODED = b"HTTP/1.1 200 OK\r\n", b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS_PIECES: dict[str, tuple[bytes, bytes]] = {  # what comes first, and what then comes for ever
    "headers": (OK, b"X-A: a\r\n" * 10_000),
    "one header": (OK + b"X-A: ", b"a" * 2**16),
    "a status line": (b"HTTP/1.1 200 ", b"a" * 2**16),
    "the description of a chunk": (OK + CODED + b"5;", b"a" * 2**16),
    "headers after the body": (OK + CODED + b"2\r\n{}\r\n0\r\n", b"X-A: a\r\n" * 10_000),
    "answers that say: go on": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 200),
    "chunks": (OK + CODED, b"10000\r\n" + b" " * 2**16 + b"\r\n"),
    "chunks of a picture": (OK + CODED + b"3\r\n\xff\xd8\xff\r\n", b"10000\r\n" + bytes(2**16) + b"\r\n"),
    "a body until the end": (OK + b"\r\n", b" " * 2**16),
    "a body of a terabyte": (OK + b"Content-Length: 1000000000000\r\n\r\n{", b" " * 2**16),
    "chunks of an error": (b"HTTP/1.1 400 No\r\n" + CODED, b"10000\r\n" + b" " * 2**16 + b"\r\n"),
    "a bomb": (OK + b"Content-Encoding: gzip\r\n\r\n" + BOMB, b"more" * 2**14),
    "a bomb of an error": (b"HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\n\r\n" + BOMB, b"more" * 2**14),
}


@pytest.mark.parametrize("what", ENDLESS_PIECES)
@pytest.mark.parametrize("call", ["sync", "submit", "list", "picture", "download"])
async def test_what_has_no_end_takes_little_memory_and_no_more_time_than_it_may(
    fault: Trial, listen: Listen, connect: Connect, leap: Leap, call: str, what: str
) -> None:
    first, then = ENDLESS_PIECES[what]

    async def endless(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.send(first)
        for sent in itertools.count():
            await exchange.send(then)
            await asyncio.sleep(0)
            leap(30 if sent == ENOUGH else 0)

    client = connect(await listen(endless), config=STRICT)
    tracemalloc.start()
    try:
        outcome = await fault.end_of(CALLS[call](client, "a sea"), patience=100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert isinstance(outcome, PhotaError)
    assert outcome.charged == ("unknown" if call in PAID and "400" not in str(outcome) else "no")
    assert peak < MEMORY
    check_nothing_left(client)


def twisted(twist: Twist) -> Fault:
    async def behave(exchange: Exchange, work: Work) -> None:
        await exchange.body()
        head, _, body = work().partition(b"\r\n\r\n")
        await exchange.send(twist(head + b"\r\n", body))
        exchange.close()

    return behave


def is_unclear(outcome: object) -> bool:
    return isinstance(outcome, PhotaError) and outcome.charged == "unknown" and not outcome.retryable
