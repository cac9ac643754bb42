"""The plain way to read an answer, json and base64, which ``AnswerScanner`` must equal.

Stated differences, refused here as the scanner refuses them: NaN and Infinity, text that is not UTF-8, halves
of surrogate pairs, nesting deeper than 512, more padding than base64 needs, and wrong images in an array that
a duplicate of its key replaces. Numbers stay text: how large they may be is for the typed decoder to say.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

from phota_async.b64stream import AnswerScanner

PREFIX = re.compile(r'data:(?:(?![,"\\])[ -~]){0,87};base64,')
SURROGATE = re.compile("[\ud800-\udfff]")
EXCESS_PADDING = re.compile(r"(?:.{4})*={1,4}|.*===")


class Refused(Exception):  # noqa: N818 - an outcome, not a failure
    """The plain way does not take this document."""


class Number(NamedTuple):
    text: str


class Pairs(list[tuple[str, Any]]):
    """A JSON object with every duplicate of a key."""


class Rope:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes, /) -> None:
        assert data
        assert not self.closed
        self.pieces.append(data)

    def close(self) -> None:
        assert not self.closed
        self.closed = True


def read_plainly(document: bytes) -> Any:
    """Return the answer with images decoded, or raise Refused."""
    try:
        answer = _load(document.decode("utf-8-sig"))
        _check(answer)
        return _replace_images(answer, _decode)
    except (ValueError, RecursionError) as error:
        raise Refused from error


def read_by_scanner(chunks: Iterator[bytes] | list[bytes]) -> Any:
    """Return the same of the scanner, or let its DecodeError through."""
    ropes: list[Rope] = []

    def new_rope(index: int) -> Rope:
        assert index == len(ropes)
        ropes.append(Rope())
        return ropes[-1]

    scanner = AnswerScanner(new_rope)
    for chunk in chunks:
        scanner.feed(chunk)
    skeleton = scanner.close()
    assert all(rope.closed for rope in ropes)

    def rope_of(entry: Any) -> Any:
        return b"".join(ropes[int(entry.text)].pieces) if isinstance(entry, Number) else entry

    return _replace_images(_load(skeleton.decode()), rope_of)


def _load(text: str) -> Any:
    return json.loads(
        text, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=_refuse_constant
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check(answer: Any) -> None:
    stack = [(answer, 1)]
    while stack:
        value, depth = stack.pop()
        if isinstance(value, str) and SURROGATE.search(value):
            raise ValueError(value)
        if isinstance(value, list):
            if depth > 512:
                raise ValueError(depth)
            inner = [part for pair in value for part in pair] if isinstance(value, Pairs) else value
            stack += [(part, depth + 1) for part in inner]


def _replace_images(answer: Any, replace: Callable[[Any], Any], *, is_envelope: bool = False) -> Any:
    if not isinstance(answer, Pairs):
        return answer
    fields = Pairs()
    for key, value in answer:
        if key == "images" and isinstance(value, list) and not isinstance(value, Pairs):
            fields.append((key, [replace(entry) for entry in value]))
        elif key in {"result", "output", "response"} and not is_envelope:
            fields.append((key, _replace_images(value, replace, is_envelope=True)))
        else:
            fields.append((key, value))
    return fields


def _decode(entry: Any) -> Any:
    if entry is None:
        return None
    if not isinstance(entry, str):
        raise ValueError(entry)  # noqa: TRY004 - refused like other values
    text = PREFIX.sub("", entry, count=1) if PREFIX.match(entry) else entry
    text = text.translate(dict.fromkeys(map(ord, " \t\n\r\v\f")))
    if EXCESS_PADDING.fullmatch(text):
        raise ValueError(text)
    return base64.b64decode(text, validate=True) or ""
