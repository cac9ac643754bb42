"""Answers made beforehand, in the shape that each contender expects.

A body is named by its pictures: ``4x8`` is four pictures of 8 MB, ``1x24k`` one of 24 KB, and ``0x0`` none at all.
"""

import os
from functools import cache
from typing import NamedTuple

import msgspec
import pybase64

KB, MB = 2**10, 2**20
HEAD, TAIL = b"\xff\xd8\xff\xe0", b"\xff\xd9"  # of a JPEG: the client looks at the first and the last bytes
PIECE = 2**18  # bytes handed to a socket at once
STATUS = msgspec.json.encode(
    {
        "profile_id": "p-1",
        "status": "IN_PROGRESS",
        "message": "training",
        "tag": "family",
        "id": "p-1",
        "object": "model",
        "created": 1,
        "owned_by": "somebody",  # what openai looks for
    }
)
JOB = msgspec.json.encode({"job_id": "job-1", "status": "queued"})
AROUND = {  # shape: before, between and after the pictures
    "phota": (b'{"images":["', b'","', b'"],"known_subjects":{"counts":{"p-1":1}}}'),
    "openai": (b'{"created":1,"data":[{"b64_json":"', b'"},{"b64_json":"', b'"}]}'),
    "fal": (
        b'{"images":[{"url":"data:image/jpeg;base64,',
        b'"},{"url":"data:image/jpeg;base64,',
        b'"}],"seed":1}',
    ),
}
NOTHING = {"phota": b'{"images":[]}', "openai": b'{"created":1,"data":[]}', "fal": b'{"images":[]}'}


class Body(NamedTuple):
    """One answer: pieces ready for a socket."""

    pieces: tuple[memoryview, ...]
    size: int
    kind: bytes = b"application/json"


def sizes(body: str) -> tuple[int, int]:
    """Return how many pictures a body has, and the bytes of each."""
    count, size = body.split("x")
    return int(count), int(size[:-1]) * KB if size.endswith("k") else int(size) * MB


def picture_bytes(body: str) -> int:
    """Return the bytes of all pictures in a body: 33554432 for ``4x8``."""
    count, size = sizes(body)
    return count * size


@cache
def picture(size: int) -> bytes:
    """Return a picture of ``size`` bytes: a JPEG's first and last bytes, and noise."""
    return HEAD + os.urandom(size - len(HEAD) - len(TAIL)) + TAIL


@cache
def make_body(shape: str, name: str, origin: str) -> Body:
    """Return an answer: ``status``, a ``job`` (queued), a ``look`` at one (done), ``links``, ``file`` (a picture as it
    is), or pictures in a contender's JSON.
    """
    if shape == "status":
        return _body([STATUS])
    if shape == "job":
        return _body([JOB])
    count, size = sizes(name)
    if shape == "file":
        return _body([picture(size)], b"image/jpeg")
    if shape in ("links", "look"):
        links = [f"{origin}/file/1x{name.split('x')[1]}/{number}.jpg?signature=x" for number in range(count)]
        status = {"status": "completed"} if shape == "look" else {}
        return _body([msgspec.json.encode(status | {"download_urls": links})])
    if not count:
        return _body([NOTHING[shape]])
    before, between, after = AROUND[shape]
    text = pybase64.b64encode(picture(size))  # one text for all of them: the body never exists as a whole
    return _body([before, text, *[between, text] * (count - 1), after])


def _body(parts: list[bytes], kind: bytes = b"application/json") -> Body:
    pieces = [memoryview(part)[at : at + PIECE] for part in parts for at in range(0, len(part), PIECE)]
    return Body(tuple(pieces), sum(map(len, parts)), kind)
