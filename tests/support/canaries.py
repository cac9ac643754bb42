"""Texts that must not get about, and a search that finds them however they are written.

    found = Search(KEY, WISH).hits(some_bytes)   # ("key as base64", ...)

A text is looked for plain, in base64 at each of the three places it may begin at, quoted for URLs and HTML, in JSON, as
a ``repr``, in hex and in UTF-16; whole and wrapped: whatever is no letter or digit is taken out of both before they
are compared, so that line breaks, frames of boxes and quotes in between hide nothing. Of the plain text every ten
letters in a row count, since what is cut off in the middle gives it away too.
"""

import base64
import html
import json
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, quote_plus

ALNUM = (string.ascii_letters + string.digits).encode()
REST = bytes(set(range(256)) - set(ALNUM))
ANSI = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")  # colours, whose numbers would stand between two letters
PIECE = 10  # letters of a text that give it away


@dataclass(frozen=True)
class Canary:
    """A text that is looked for."""

    name: str
    text: str

    @cached_property
    def needles(self) -> dict[bytes, str]:
        """What is looked for, squeezed, and what that is called."""
        whole = {squeezed(form): kind for kind, form in written(self.text)}
        plain = squeezed(self.text.encode())
        pieces = {plain[at : at + PIECE]: "plain" for at in range(max(1, len(plain) - PIECE + 1))}
        return whole | pieces


class Search:
    """Looks for canaries in anything that has bytes."""

    def __init__(self, *canaries: Canary) -> None:
        self.canaries = canaries

    def hits(self, *data: bytes | str) -> tuple[str, ...]:
        """Return what was found: ``key as base64``."""
        found = [hit for each in data for hit in self._hits(each)]
        return tuple(dict.fromkeys(found))

    def _hits(self, data: bytes | str) -> Iterator[str]:
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        hay = squeezed(ANSI.sub(b"", raw))
        for canary in self.canaries:
            yield from (f"{canary.name} as {kind}" for needle, kind in canary.needles.items() if needle in hay)


def squeezed(data: bytes) -> bytes:
    """Return the letters and digits of it; UTF-16 becomes what it says."""
    return data.translate(None, REST)


def written(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield each way to write a text, and what it is called."""
    data = text.encode()
    yield "plain", data
    for shift in range(3):
        yield "base64", _core(base64.b64encode(bytes(shift) + data), shift, len(data))
        yield "base64 for URLs", _core(base64.urlsafe_b64encode(bytes(shift) + data), shift, len(data))
    yield "base64 of UTF-16", _core(base64.b64encode(text.encode("utf-16-le")), 0, 2 * len(text))
    for quoted in (quote(text, safe=""), quote(text), quote_plus(text), quote(quote(text, safe=""), safe="")):
        yield "quoted for URLs", quoted.encode()
    yield "quoted for HTML", html.escape(text).encode()
    yield "numbered for HTML", "".join(f"&#{ord(letter)};" for letter in text).encode()
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "JSON in JSON", json.dumps(json.dumps(text))[1:-1].encode()
    yield "repr", repr(text)[1:-1].encode()
    yield "hex", data.hex().encode()
    yield "hex", data.hex().upper().encode()
    yield "escaped hex", "".join(f"\\x{byte:02x}" for byte in data).encode()


def _core(encoded: bytes, shift: int, size: int) -> bytes:
    """Return what base64 makes of the text alone, whatever stands before and behind it."""
    first = -(-shift * 8 // 6)  # the first letter that holds none of the bits before
    last = (shift + size) * 8 // 6  # the first that holds some of those behind
    return encoded[first:last]


KEY = Canary("key", 'phk/Zq7+canary"Xw93<Lm5Kd2&Tb8=')
SECRET = Canary("webhook secret", "whsec_Vm9yc2ljaHQtS2FuYXJpZW52b2dlbA==")
DECODED = Canary("webhook secret", base64.b64decode(SECRET.text.removeprefix("whsec_")).decode())
SIGNATURE = Canary("link's signature", "9f8E7d6C5b4A+kanari/31")
TOKEN = Canary("link's token", "tok_Rx44GlqWz0c")
PASSWORD = Canary("link's password", "Gelbvogel-2203-ruft")
WISH = Canary("prompt", 'make Aunt Orchidea younger than "forty four"')
TAG = Canary("tag", "customer-Petronella-77")
PLACE = Canary("place", "Kleinkanariental 4")
QUERY = f"?X-Sig={quote(SIGNATURE.text, safe='')}&token={TOKEN.text}"
SECRETS = Search(KEY, SECRET, DECODED)
"""What is nobody's business."""
PRIVATE = Search(KEY, SECRET, DECODED, SIGNATURE, TOKEN, PASSWORD, WISH, TAG, PLACE)
"""What must not be told to those who only look on: logs, traces, reprs."""
LINKS = Search(KEY, SECRET, DECODED, SIGNATURE, TOKEN, PASSWORD)
"""What pages and records must not hold, though prompts may stand in them."""
