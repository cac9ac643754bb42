"""The answer scanner against json and base64. The first byte of an input says how to cut the rest."""

from typing import Any

from reference_json import Refused, read_by_scanner, read_plainly

from phota_async.errors import DecodeError

# What random bytes seldom come upon.
SEEDS = (
    b"\x03" + b'{"images":["REVG","QQ=="],"known_subjects":{"counts":{"anna":1}},"download_urls":[]}',
    b"\x1f" + b'{"job_id":"job-1","status":"done","result":{"images":["data:image/png;base64,QQ=="]}}',
)
WORDS = (
    *(b'{"images":["', b'"]}', b'"result":{"images":[', b'"REVG",', b'""', b"null", b"QQ==", b"="),
    *(b"data:image/png;base64,", b"\\u003d", b"\\u0044", b"\\/", b"\\n", b"\\\\", b'\\"', b"\xef\xbb\xbf"),
)


def check(data: bytes) -> None:
    """Read one document both ways and compare what comes out."""
    size, document = data[0] % 32 + 1 if data else 1, data[1:]
    chunks = [document[at : at + size] for at in range(0, len(document), size)]
    expected, found = _plainly(document), _by_scanner(chunks)
    if expected != found:
        raise AssertionError(f"expected {expected!r}, got {found!r}")


def _plainly(document: bytes) -> Any:
    try:
        return read_plainly(document)
    except Refused:
        return Refused


def _by_scanner(chunks: list[bytes]) -> Any:
    try:
        return read_by_scanner(chunks)
    except DecodeError:
        return Refused
