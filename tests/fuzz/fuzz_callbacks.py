"""Callbacks: any headers and any body, signed or not. What is not signed is never believed."""

import pickle
from typing import Any, get_args

from phota_async.errors import InputError, SignatureError
from phota_async.signatures import SIGNATURE_HEADER, Form, sign_callback, verify

SECRET = "whsec_c2VjcmV0LWNhbmFyeS0wMDQy"
NOW = 1_790_000_000.0  # Unix time
FORMS: tuple[Form, ...] = get_args(Form)

SEEDS = (
    b'\x00\n{"job_id":"job-1","status":"done"}',
    b"\x01t=1790000000,v1=00\n{}",
    b"\x02sha256=" + b"0" * 64 + b"\n{}",
    b"\x05x\n" + b'{"id":7,"status":3}',
    b"\x0b\n[]",
)
WORDS = (
    *(b"t=1790000000", b",v1=", b"sha256=", b"v1=", b"t=", b" ", b",", b"\xff", b"\xc2\xb2", b"9" * 5000),
    *(b'"job_id":', b'"status":', b'"done"', b"null", b"1e999", b"true", b"\\ud800", b"{", b"["),
)
SHAPES: tuple[Any, ...] = (
    lambda text: {SIGNATURE_HEADER: text.decode("latin-1")},
    lambda text: {SIGNATURE_HEADER.lower().encode(): text},
    lambda text: [(SIGNATURE_HEADER.upper(), text.decode("utf-8", "surrogateescape"))],
    lambda text: [(b"x-other", text), (SIGNATURE_HEADER.encode(), text), (b"x-other", b"")],
    lambda text: [(SIGNATURE_HEADER, "a"), (SIGNATURE_HEADER.lower(), text.decode("latin-1"))],
    lambda text: text.split(b" "),
)


def check(data: bytes) -> None:
    """Verify a callback: how it is signed, then a header's text, then the body."""
    how = data[0] if data else 0
    text, _, body = data[1:].partition(b"\n")
    _verify(body, SHAPES[how % len(SHAPES)](text), is_signed=False)
    signed: Any = sign_callback(body, SECRET, form=FORMS[how % len(FORMS)], now=NOW)
    _verify(body, signed, is_signed=True)
    if body:
        _verify(body[:-1], signed, is_signed=False)


def _verify(body: bytes, headers: Any, *, is_signed: bool) -> None:
    event, refusal = None, ""
    try:
        event = verify(body, headers, SECRET, now=NOW)
    except (SignatureError, InputError) as error:
        refusal = str(error)
    assert refusal or is_signed, "a callback that nobody signed was believed"
    assert not (refusal and is_signed) or "no JSON object" in refusal, refusal
    if event is not None:
        assert repr(pickle.loads(pickle.dumps(event))) == repr(event)
