"""Callbacks of forgers: what takes as long whether it is right or wrong, and every header that is somebody else's."""

import base64
import hashlib
import hmac
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from phota_async import SignatureError
from phota_async.errors import InputError
from phota_async.webhooks import SIGNATURE_HEADER, sign_callback, verify

from .trial import Trial

SECRET, OTHER = "whsec_" + base64.b64encode(b"the account's").decode(), "another secret"
BODY = b'{"job_id": "job-1", "status": "succeeded"}'
NOW = 1_700_000_000.0
ALGORITHMS = sorted(hashlib.algorithms_guaranteed - {"shake_128", "shake_256", "sha256"})


def forged() -> Iterator[str]:
    """Yield headers that somebody without the secret, or with another algorithm, can write."""
    for name in ALGORITHMS:
        digest = hmac.new(SECRET.encode(), BODY, name).digest() if name[:5] != "blake" else b""
        for text in (digest.hex(), base64.b64encode(digest).decode(), hashlib.new(name, BODY).hexdigest()):
            yield from (text, f"sha256={text}", f"v1={text}", f"{name}={text}", f"t={NOW:.0f},v1={text}")
    right = sign_callback(BODY, SECRET, form="hex")[SIGNATURE_HEADER]
    yield from (right[:size] for size in range(len(right)))
    for secret in ("", " ", "None", "null", "whsec_", "0" * 32):
        yield hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    yield from (f"alg=none,v1={right[:-1]}", "v1=", "v1=,v1=", "t=,v1=", f"t={NOW:.0f},t={NOW:.0f},v1={right}")


def test_no_header_of_a_forger_is_believed(fault: Trial) -> None:
    for header in forged():
        fault.tried()
        for secret in (SECRET, [OTHER, SECRET]):
            with pytest.raises(SignatureError):
                verify(BODY, {SIGNATURE_HEADER: header}, secret, now=NOW)


@pytest.mark.parametrize("secret", ["", [], [""], [OTHER, ""], None, b"", 0])
def test_an_empty_secret_verifies_nothing(fault: Trial, secret: Any) -> None:
    signed = {SIGNATURE_HEADER: hmac.new(b"", BODY, hashlib.sha256).hexdigest()}
    fault.tried()
    with pytest.raises(InputError):
        verify(BODY, signed, secret, now=NOW)


def test_bodies_that_were_cut_or_changed_are_refused(fault: Trial) -> None:
    """Each byte counts, in every form of the signature."""
    for form in ("timestamp", "sha256", "hex", "v1", "base64"):
        headers = sign_callback(BODY, SECRET, form=form, now=NOW)
        changed = [BODY[:at] for at in range(len(BODY))]
        changed += [BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :] for at in range(len(BODY))]
        for body in (*changed, BODY + b"\n", BODY.decode().encode("utf-16"), b"\xef\xbb\xbf" + BODY):
            fault.tried()
            with pytest.raises(SignatureError):
                verify(body, headers, SECRET, now=NOW)


def test_two_headers_are_refused_whichever_is_right(fault: Trial) -> None:
    right, wrong = sign_callback(BODY, SECRET, now=NOW)[SIGNATURE_HEADER], "v1=00"
    for pair in itertools.product((right, wrong), repeat=2):
        for name in (SIGNATURE_HEADER, SIGNATURE_HEADER.lower(), SIGNATURE_HEADER.upper()):
            fault.tried()
            with pytest.raises(SignatureError, match="expected one"):
                verify(BODY, [(SIGNATURE_HEADER, pair[0]), (name, pair[1])], SECRET, now=NOW)


def test_right_and_wrong_take_the_same_comparisons(fault: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are made in constant time, and none is left out once one fits or because one does not."""
    made: list[int] = []
    real = hmac.compare_digest

    def count(first: Any, second: Any) -> bool:
        made[-1] += 1
        return real(first, second)

    monkeypatch.setattr("phota_async.signatures.hmac.compare_digest", count)
    right = sign_callback(BODY, SECRET, form="hex")[SIGNATURE_HEADER]
    for header in (right, right[:-1] + "g", "0" + right[1:], "f" * 64, "x"):
        fault.tried()
        made.append(0)
        try:
            verify(BODY, {SIGNATURE_HEADER: header}, [SECRET, OTHER], now=NOW)
        except SignatureError:
            continue
    assert set(made) == {2 * 3}  # two forms, three keys
