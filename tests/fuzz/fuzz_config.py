"""Settings and addresses as somebody types them: taken, or refused with an error of ours that shows no secret."""

import math
from typing import Any
from urllib.parse import urlsplit

import msgspec

from phota_async import ClientConfig, RetryPolicy
from phota_async.config import find_base_url, find_key, is_loopback
from phota_async.errors import ConfigError, DownloadError, InputError
from phota_async.media.addresses import check_link, follow_redirect, is_private, show_link
from phota_async.protocol import job_call, profile_call

FIELDS = (*ClientConfig.__struct_fields__, *RetryPolicy.__struct_fields__)
QUERY = "?X-Sig=s3cr3t"
SEEDS = (
    b"https://api.example.com/v1\n" + bytes([3]) + b"5.5",
    b"http://127.1:80\n" + bytes([16]) + b'"http://proxy:1"',
    b"https://me:pw@h/x\n" + bytes([15]) + b'["a","b"]',
    b"http://[::1]/\n" + bytes([18]) + b'{"X-Team":"blue"}',
    b"../../..\n\x00null",
)
WORDS = (
    *(b"https://", b"http://", b"@", b"[", b"]", b":", b"#", b"?", b"/../", b"%2e", b"%", b"\\", b"0x7f.1", b"xn--"),
    *(
        b"localhost",
        b"::ffff:127.0.0.1",
        b"1e999",
        b"true",
        b"null",
        b"-0",
        b"\xe2\x80\x8b",
        b"\xc4\xb0",
        b"\x00",
        b"\t",
    ),
)


def check(data: bytes) -> None:
    """Take the first line for an address, a key, a link and an id, and the rest for a setting."""
    line, _, rest = data.partition(b"\n")
    text = line.decode("utf-8", "surrogateescape")
    _address(text)
    _link(text)
    for make in (find_key, job_call, profile_call):
        _ours(make, text)
    if rest:
        _setting(FIELDS[rest[0] % len(FIELDS)], rest[1:])


def _ours(make: Any, *arguments: Any) -> Any:
    try:
        return make(*arguments)
    except (ConfigError, InputError, DownloadError):
        return None


def _address(text: str) -> None:
    url = _ours(find_base_url, text) if text else None
    if url is not None:
        parts = urlsplit(url)
        assert parts.scheme == "https" or is_loopback(parts.hostname or ""), url
        assert not parts.query
        assert "@" not in parts.netloc


def _link(text: str) -> None:
    assert "s3cr3t" not in show_link(text + QUERY)
    _ours(lambda: check_link(text, allow_private=False))
    target = _ours(follow_redirect, "https://photos.example/a/b?c", text)
    if target is not None:
        _ours(lambda: check_link(target, allow_private=False))
    is_private(text)


def _setting(name: str, value: bytes) -> None:
    try:
        given = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    given = tuple(given) if isinstance(given, list) else given
    kind: Any = ClientConfig if name in ClientConfig.__struct_fields__ else RetryPolicy
    made = _ours(lambda: kind(**{name: given}))
    if made is not None and isinstance(getattr(made, name), float):
        assert not math.isnan(getattr(made, name))
        assert repr(made)
