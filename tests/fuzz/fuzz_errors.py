"""Answers that are no success: any status, headers and body become an error of ours, and a wait that ends."""

import math
import pickle
from typing import get_args

from phota_async import RetryPolicy
from phota_async.answers import error_from
from phota_async.errors import StatusError
from phota_async.protocol import Call
from phota_async.retry import Kind, decide, parse_retry_after

KINDS: tuple[Kind, ...] = get_args(Kind)
NOW = 1_790_000_000.0  # Unix time
MAX_SENTENCE = 1200  # characters of an error, hint and all

SEEDS = (
    b"\x00\x01\xad7\n\n\n\n\n" + b'{"detail":[{"loc":["body","prompt"],"msg":"too long"}],"request_id":"r"}',
    b"\x00\x01\xf7Wed, 25 Nov 2026 12:00:09 GMT\n\nWed, 25 Nov 2026 12:00:00 GMT\napplication/json\n\n{}",
    b"\x01\x01\xf7Fri, 31 Dec 9999 23:59:59 GMT\n\n\n\n\n" + b'{"error":{"code":"CONTENT_MODERATION","message":{}}}',
    b"\x02\x01\x2e1e400\n\n\ntext/html\nhttps://x/?token=1#y\n<html>",
    b"\x03\x01\x90-5\n\n\ntext/plain\n\nCONTENT_MODERATION",
)
WORDS = (
    *(b'"detail":', b'"message":', b'"error":', b'"code":', b'"type":', b'"loc":', b'"msg":', b"CONTENT_MODERATION"),
    *(b"GMT", b"Mon, 01 Jan 0001 00:00:00", b"inf", b"nan", b"1e999", b"\xd9\xa3", b"+0000", b"-9999", b"9" * 400),
    *(b"{", b"[", b"null", b"\xef\xbb\xbf", b"text/html", b"\x00", b"\n"),
)


def check(data: bytes) -> None:
    """Read an answer: kind of call, status, five headers a line each, body."""
    kind = KINDS[data[0] % len(KINDS)] if data else "free"
    status = 300 + int.from_bytes(data[1:3], "big") % 400
    *lines, body = (*data[3:].split(b"\n", 5), b"", b"", b"", b"", b"", b"")[:6]
    after, mark, date, content, place = (line.decode("latin-1") for line in lines)
    headers = {"Retry-After": after, "X-Request-Id": mark, "Date": date, "Content-Type": content, "Location": place}
    call = Call(method="POST", path="/edit", route="POST /edit", kind=kind)

    error = error_from(status, headers, body, call)

    assert isinstance(error, StatusError)
    assert len(str(error)) < MAX_SENTENCE
    assert str(error).isprintable()
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    for wait in (error.retry_after, parse_retry_after(after, date, NOW)):
        assert wait is None or 0 <= wait < math.inf, wait
    for attempt in (1, 4):
        delay = decide(RetryPolicy(), attempt, error, kind)
        assert delay is None or 0 <= delay < math.inf, delay
