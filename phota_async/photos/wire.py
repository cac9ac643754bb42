"""What the parent and a worker process say to each other: a small head in msgpack, then bytes as they are.

No pickle: what comes from a process that decodes strangers' pictures is data and never code.
"""

import struct
from typing import BinaryIO

import msgspec

from .measuring import Measures
from .preparing import Options

PREFIX = struct.Struct(">IQ")  # bytes of the head, bytes of the body


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Prepare this photo, or measure it."""

    label: bytes
    """What errors call it; see `to_bytes`."""
    path: bytes | None = None
    """Its file; ``None`` when the body is the photo."""
    options: Options | None
    """What is to be done to it; ``None`` when it is only measured."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The photo, in the body, or what is wrong."""

    format: str = ""
    size: tuple[int, int] = (0, 0)
    measures: Measures | None = None
    """What was measured, where that was asked."""
    # Errors
    problem: bytes = b""
    """What is wrong; empty when nothing is."""
    hint: str = ""
    is_setting: bool = False
    """Whether it is the set-up that is wrong, and not the photo."""


decode_question = msgspec.msgpack.Decoder(Question).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
encode = msgspec.msgpack.Encoder().encode


def to_bytes(text: str) -> bytes:
    """Encode any text, also names of files that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def to_text(data: bytes) -> str:
    """Decode what `to_bytes` made."""
    return data.decode("utf-8", "surrogatepass")


def pack(head: Question | Answer, body_size: int) -> bytes:
    """Return what stands before the body."""
    encoded = encode(head)
    return PREFIX.pack(len(encoded), body_size) + encoded


def read(file: BinaryIO) -> tuple[bytes, bytes]:
    """Read a head and a body; raises `EOFError` when the other side is gone."""
    head_size, body_size = PREFIX.unpack(_exactly(file, PREFIX.size))
    return _exactly(file, head_size), _exactly(file, body_size)


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data
