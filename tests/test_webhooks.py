"""A callback is believed only with a fresh signature that needs the secret; every other is refused."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from support.service import KEY, FakeService
from support.virtual_time import virtual_time

from phota_async import PhotaClient
from phota_async.errors import DecodeError, InputError, SignatureError
from phota_async.webhooks import SIGNATURE_HEADER, CallbackEvent, verify

SECRET = "the account's secret"
BODY = b'{"job_id": "j1", "status": "succeeded", "download_urls": ["https://cdn.example.com/1.jpg?s=private"]}'
NOW = 1_700_000_000
RAW_KEY = b"\x00\xffraw key bytes"
WHSEC = "whsec_" + base64.b64encode(RAW_KEY).decode()


def digest(body: bytes = BODY, key: str | bytes = SECRET, stamp: object = None) -> bytes:
    secret = key if isinstance(key, bytes) else key.encode()
    signed = body if stamp is None else f"{stamp}.".encode() + body
    return hmac.new(secret, signed, hashlib.sha256).digest()


def signed(header: str) -> dict[str, str]:
    return {SIGNATURE_HEADER: header}


def stamped(moment: float = NOW, **how: Any) -> str:
    stamp = int(moment)
    return f"t={stamp},v1={digest(stamp=stamp, **how).hex()}"


HEX = digest().hex()
BASE64 = base64.b64encode(digest()).decode()
FORMS = {
    "hex": HEX,
    "hex in capitals": HEX.upper(),
    "sha256": f"sha256={HEX}",
    "v1": f"v1={HEX}",
    "base64": BASE64,
    "sha256 in base64": f"sha256={BASE64}",
    "stamped": stamped(),
    "stamped with a space": stamped().replace(",", ", "),
    "stamped in base64": f"t={NOW},v1={base64.b64encode(digest(stamp=NOW)).decode()}",
    "stamp last": f"v1={digest(stamp=NOW).hex()},t={NOW}",
    "an older version beside it": f"t={NOW},v0=abc,v1={digest(stamp=NOW).hex()}",
    "two signatures, the first of another secret": f"v1={digest(key='old').hex()},v1={HEX}",
    "two signatures, parted by a space": f"v1={digest(key='old').hex()} v1={HEX}",
    "blanks around it": f"  {HEX} ",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_accepted(form: str) -> None:
    event = verify(BODY, signed(FORMS[form]), SECRET, now=NOW)
    assert (event.job_id, event.status) == ("j1", "succeeded")
    assert event.raw == json.loads(BODY)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_needs_the_secret(form: str) -> None:
    with pytest.raises(SignatureError, match="does not fit the body") as caught:
        verify(BODY, signed(FORMS[form]), "another secret", now=NOW)
    assert "client.webhooks.secret()" in caught.value.hint


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", [BODY + b" ", BODY.replace(b"j1", b"j2"), b"", BODY[:-1]])
def test_every_form_needs_the_body(form: str, body: bytes) -> None:
    with pytest.raises(SignatureError):
        verify(body, signed(FORMS[form]), SECRET, now=NOW)


@pytest.mark.parametrize(
    "header",
    [
        "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest(),
        hmac.new(SECRET.encode(), BODY, hashlib.sha512).hexdigest(),
        hashlib.sha256(BODY).hexdigest(),  # needs no secret
        hashlib.sha256(SECRET.encode() + BODY).hexdigest(),
        HEX[:-1],
        HEX + "0",
        HEX[:32],
        BASE64.lower(),
        BASE64.rstrip("="),
        "t=",
        "=",
        ",",
        " ",
        "v1=",
        "sha256=",
        "v1=sha256=" + HEX,
        "none",
        "\ud800" + HEX,
        "é" * 64,
        "\x00",
        "," * 10_000 + "x",
    ],
)
def test_other_headers_are_refused(header: str) -> None:
    with pytest.raises(SignatureError):
        verify(BODY, signed(header), SECRET, now=NOW)


@given(header=st.text(max_size=80), body=st.binary(max_size=40))
def test_no_header_breaks_it(header: str, body: bytes) -> None:
    with pytest.raises(SignatureError):
        verify(body, signed(header), SECRET, now=NOW)


def test_a_header_of_endless_pieces_is_cut() -> None:
    with pytest.raises(SignatureError):
        verify(BODY, signed("v1=x," * 16 + HEX), SECRET, now=NOW)
    assert verify(BODY, signed("v1=x," * 15 + HEX), SECRET, now=NOW).job_id == "j1"


# Time stamps

ARABIC = str(NOW).translate({ord("0") + digit: 0x660 + digit for digit in range(10)})


@pytest.mark.parametrize("age", [0, 1, 300, -300])
def test_a_fresh_stamp(age: int) -> None:
    assert verify(BODY, signed(stamped(NOW - age)), SECRET, now=NOW).job_id == "j1"


@pytest.mark.parametrize("age", [301, 10**6, -301, -(10**8)])
def test_a_stale_or_future_stamp(age: int) -> None:
    with pytest.raises(SignatureError, match="too old"):
        verify(BODY, signed(stamped(NOW - age)), SECRET, now=NOW)


def test_the_tolerance_can_be_set() -> None:
    assert verify(BODY, signed(stamped(NOW - 900)), SECRET, now=NOW, tolerance=900).job_id == "j1"
    with pytest.raises(SignatureError):
        verify(BODY, signed(stamped(NOW - 2)), SECRET, now=NOW, tolerance=1)


@pytest.mark.parametrize("wrong", [-1, float("nan"), "300", None, True])
def test_the_tolerance_is_a_number_of_seconds(wrong: Any) -> None:
    with pytest.raises(InputError, match="tolerance: expected 0 seconds or more, got"):
        verify(BODY, signed(stamped()), SECRET, now=NOW, tolerance=wrong)
    assert verify(BODY, signed(stamped()), SECRET, now=NOW, tolerance=0).job_id == "j1"


@pytest.mark.parametrize("wrong", ["now", True, b"1"])
def test_now_is_a_number_of_seconds(wrong: Any) -> None:
    with pytest.raises(InputError, match="now: expected Unix time in seconds, got"):
        verify(BODY, signed(stamped()), SECRET, now=wrong)


def test_without_now_the_clock_decides() -> None:
    assert verify(BODY, signed(stamped(time.time())), SECRET).job_id == "j1"
    with pytest.raises(SignatureError):
        verify(BODY, signed(stamped(time.time() - 1000)), SECRET)


@pytest.mark.parametrize("stamp", ["", "soon", "-5", "1.7e9", ARABIC, f"{NOW}.0", "9" * 400, " "])
def test_a_stamp_is_a_whole_number(stamp: str) -> None:
    with pytest.raises(SignatureError):
        verify(BODY, signed(f"t={stamp},v1={digest(stamp=stamp).hex()}"), SECRET, now=NOW)


def test_a_stamp_is_part_of_what_is_signed() -> None:
    with pytest.raises(SignatureError):  # a replay with a stamp of today
        verify(BODY, signed(f"t={NOW},v1={digest(stamp=NOW - 5000).hex()}"), SECRET, now=NOW)
    with pytest.raises(SignatureError):  # a stamp before a signature without one
        verify(BODY, signed(f"t={NOW},v1={HEX}"), SECRET, now=NOW)
    with pytest.raises(SignatureError):  # two stamps, of which one is fresh
        verify(BODY, signed(f"t={NOW},t={NOW - 9999},v1={digest(stamp=NOW).hex()}"), SECRET, now=NOW)


# Secrets


def test_several_secrets_while_one_is_changed() -> None:
    assert verify(BODY, signed(HEX), ["new", SECRET], now=NOW).job_id == "j1"
    assert verify(BODY, signed(HEX), (SECRET, "old"), now=NOW).job_id == "j1"
    with pytest.raises(SignatureError):
        verify(BODY, signed(HEX), ["new", "old"], now=NOW)


@pytest.mark.parametrize("key", [WHSEC, RAW_KEY], ids=["as text", "decoded"])
def test_a_whsec_secret_signs_as_text_or_decoded(key: str | bytes) -> None:
    assert verify(BODY, signed(digest(key=key).hex()), WHSEC, now=NOW).job_id == "j1"


@pytest.mark.parametrize("secret", ["whsec_no base64!", "whsec_", base64.b64encode(RAW_KEY).decode()])
def test_only_whsec_with_base64_is_decoded(secret: str) -> None:
    assert verify(BODY, signed(digest(key=secret).hex()), secret, now=NOW).job_id == "j1"
    guessed = base64.b64decode(secret.removeprefix("whsec_"))  # what a lenient reading would make of it
    for key in (guessed, b"") if secret.startswith("whsec_") else (RAW_KEY, b""):  # b"" would be everybody's key
        with pytest.raises(SignatureError):
            verify(BODY, signed(digest(key=key).hex()), secret, now=NOW)


@pytest.mark.parametrize("secret", ["", [], (), [""], [SECRET, ""], [None], None, b"bytes", [b"bytes"], 7])
def test_a_secret_is_never_empty(secret: Any) -> None:
    for key in (b"", SECRET.encode()):
        with pytest.raises(InputError, match="secret: expected one or more non-empty strings"):
            verify(BODY, signed(digest(key=key).hex()), secret, now=NOW)


def test_a_secret_may_hold_any_text() -> None:
    assert verify(BODY, signed(digest(key="gehëim\n").hex()), "gehëim\n", now=NOW).job_id == "j1"


# Headers


@pytest.mark.parametrize(
    "headers",
    [
        {"x-phota-signature": HEX},
        {"X-PHOTA-SIGNATURE": HEX, "Other": "x"},
        CIMultiDict({"X-Phota-Signature": HEX}),
        {"Über": "é", "X-Phota-Signature": HEX},
        [("host", "x"), ("x-phota-signature", HEX)],
        {b"x-phota-signature": HEX.encode()},
        [(b"host", b"\xe9"), (b"x-phota-signature", HEX.encode())],  # as ASGI has them
        iter([(b"X-Phota-Signature", HEX.encode())]),
    ],
)
def test_headers_as_frameworks_have_them(headers: Any) -> None:
    assert verify(BODY, headers, SECRET, now=NOW).job_id == "j1"


@pytest.mark.parametrize(
    ("headers", "got"),
    [
        ({}, "got 0"),
        ({"Signature": HEX}, "got 0"),
        ({"X-Phota-Signature": HEX, "x-phota-signature": HEX}, "got 2"),
        (CIMultiDict([("X-Phota-Signature", HEX), ("X-Phota-Signature", "x")]), "got 2"),
        ({"X-Phota-Signature": ""}, "got an empty one"),
    ],
)
def test_there_is_one_signature_header(headers: Mapping[str, str], got: str) -> None:
    with pytest.raises(SignatureError, match=f"expected one X-Phota-Signature header, {got}"):
        verify(BODY, headers, SECRET, now=NOW)


def test_pairs_hold_one_signature_only() -> None:
    with pytest.raises(SignatureError, match="expected one X-Phota-Signature header, got 2"):
        verify(BODY, [(b"x-phota-signature", HEX.encode())] * 2, SECRET, now=NOW)
    with pytest.raises(SignatureError, match="got 0"):
        verify(BODY, [], SECRET, now=NOW)


@pytest.mark.parametrize("headers", [None, "X-Phota-Signature: x", b"x", 7, ["x"], [("a", "b", "c")]])
def test_what_holds_no_headers(headers: Any) -> None:
    with pytest.raises(InputError, match=r"headers: expected a mapping or \(name, value\) pairs, got"):
        verify(BODY, headers, SECRET, now=NOW)


# Bodies


@pytest.mark.parametrize("body", [bytes(BODY), bytearray(BODY), memoryview(BODY)])
def test_a_body_is_bytes(body: Any) -> None:
    assert verify(body, signed(HEX), SECRET, now=NOW).job_id == "j1"


@pytest.mark.parametrize(("body", "kind"), [(BODY.decode(), "str"), (json.loads(BODY), "dict"), (None, "NoneType")])
def test_a_parsed_body_is_refused(body: Any, kind: str) -> None:
    with pytest.raises(InputError, match=f"raw_body: expected bytes, got {kind}") as caught:
        verify(body, signed(HEX), SECRET, now=NOW)
    assert "changes the bytes" in caught.value.hint


@pytest.mark.parametrize("body", [b"", b"[]", b"job j1 is done", b'{"job_id":', b"\xff\xfe"])
def test_a_signed_body_without_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(SignatureError, match="signed but has no JSON object"):
        verify(body, signed(digest(body).hex()), SECRET, now=NOW)


@pytest.mark.parametrize(
    ("body", "job_id", "status"),
    [
        ({"job_id": "j1", "status": "COMPLETED", "newer": 1}, "j1", "COMPLETED"),
        ({"id": "j2"}, "j2", ""),
        ({"job_id": 7, "status": None}, "7", ""),
        ({"job_id": True, "status": None}, None, ""),
        ({}, None, ""),
    ],
)
def test_what_a_callback_says(body: dict[str, Any], job_id: str | None, status: str) -> None:
    raw = json.dumps(body).encode()
    event = verify(raw, signed(digest(raw).hex()), SECRET, now=NOW)
    assert (event.job_id, event.status, event.raw) == (job_id, status, body)


def test_a_callback_shows_no_links() -> None:
    event = verify(BODY, signed(HEX), SECRET, now=NOW)
    assert repr(event) == "<CallbackEvent j1 succeeded>"
    assert isinstance(event, CallbackEvent)


# A scheme of one's own


class PinnedScheme:
    """How the true form might be pinned by a later release."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def matches(self, raw_body: bytes, header: str, key: bytes, *, now: float, tolerance: float) -> bool:
        self.asked.append(key)
        return header == f"{key.decode()} {len(raw_body)} {now:.0f} {tolerance:.0f}"


def test_a_scheme_of_ones_own() -> None:
    scheme = PinnedScheme()
    header = f"b {len(BODY)} {NOW} 300"
    assert verify(BODY, signed(header), ["a", "b", "c"], now=NOW, scheme=scheme).job_id == "j1"
    assert scheme.asked == [b"a", b"b", b"c"]  # all of them, so that time does not tell which one is in use
    with pytest.raises(SignatureError):
        verify(BODY, signed(HEX), SECRET, now=NOW, scheme=scheme)


# The client


async def test_the_client_verifies_too(client: PhotaClient) -> None:
    event = client.webhooks.verify(BODY, signed(stamped()), SECRET, now=NOW, tolerance=5)
    assert event.job_id == "j1"
    with pytest.raises(SignatureError):
        client.webhooks.verify(BODY, signed(stamped()), SECRET, now=NOW + 6, tolerance=5)


async def test_the_secret_is_asked_for(client: PhotaClient, service: FakeService) -> None:
    service.answer("GET", "/webhook-secret", {"webhook_secret": SECRET})
    assert await client.webhooks.secret() == SECRET
    assert (service.only.method, service.only.path, service.only.body) == ("GET", "/webhook-secret", None)


@virtual_time
async def test_a_secret_that_is_not_there(service: FakeService) -> None:
    service.answer("GET", "/webhook-secret", {"a": "x", "b": "y"})
    async with PhotaClient(KEY) as client:
        with pytest.raises(DecodeError, match="expected one secret, got 2 texts"):
            await client.webhooks.secret()
