"""Keys of photos: their relative paths, made such that every system can store what is called after them. No I/O."""

import hashlib
import os
import re
from collections.abc import Iterable

from ..batch.names import FORBIDDEN, HALF_CHARACTER, RESERVED

MAX_PART = 140  # bytes of a name: room for what a template and a number put behind it
MARK = 8  # hexadecimal digits that tell shortened names apart
DIGITS = re.compile(r"(\d+)")


def key_of(parts: Iterable[str]) -> str:
    """Return a key for a path's parts: what no system can store is written as ``%3A``, too long a name is shortened."""
    return "/".join(map(_safe, parts))


def natural(name: str) -> tuple[tuple[object, ...], str]:
    """Return what to sort names by so that ``9.jpg`` comes before ``10.jpg``, whatever their case."""
    pieces = DIGITS.split(name.casefold())
    return tuple(int(piece) if place % 2 else piece for place, piece in enumerate(pieces)), name


def _safe(part: str) -> str:
    """Return a part of a path as part of a key."""
    safe = HALF_CHARACTER.sub(_percent, part)
    safe = "".join(_percent(char) if char in FORBIDDEN or char == "\\" else char for char in safe)
    tail = len(safe) - len(safe.rstrip(". "))
    if tail:
        safe = safe[:-tail] + "".join(map(_percent, safe[-tail:]))
    if not safe.strip():  # nothing but spaces of other kinds
        safe = "".join(map(_percent, safe))
    if safe.split(".", 1)[0].lower() in RESERVED:
        safe = f"_{safe}"
    return safe if len(safe.encode()) <= MAX_PART else _shortened(safe)


def _percent(found: str | re.Match[str]) -> str:
    character = found if isinstance(found, str) else found[0]
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="surrogateescape"))


def _shortened(part: str) -> str:
    stem, suffix = os.path.splitext(part)  # noqa: PTH122 - a str
    mark = hashlib.blake2b(part.encode(), digest_size=MARK // 2).hexdigest()
    room = MAX_PART - len(suffix.encode()) - MARK - 1
    if room < MARK:  # all of it is a suffix
        stem, suffix, room = part, "", MAX_PART - MARK - 1
    return f"{stem.encode()[:room].decode(errors='ignore')}~{mark}{suffix}"
