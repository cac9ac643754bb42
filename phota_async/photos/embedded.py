"""What a picture file carries besides its picture, and what every container's reader and writer look like."""

from typing import Protocol

import msgspec

from ..errors import InputError
from ..hidden import rich_repr

MAX_PROFILE = 4 * 2**20  # bytes; the largest colour profiles of printers are below 3 MB
MAX_XMP = 2**20  # bytes; what is larger holds previews, not keywords


class BrokenImageError(Exception):
    """The bytes are no whole picture of their format. Stays inside: `naming` turns it into an `InputError`."""


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """What a picture file carries besides its picture; empty bytes where it carries nothing."""

    size: tuple[int, int] = (0, 0)
    """Pixels as stored, before any orientation is applied."""
    channels: int = 3
    """1 for grey, 3 for colour, 4 for CMYK."""
    exif: bytes = b""
    """A TIFF structure, without the ``Exif`` marker before it."""
    xmp: bytes = b""
    """An XMP packet."""
    iptc: bytes = b""
    """IPTC records (IIM)."""
    profile: bytes = b""
    """An ICC profile."""
    declares_colour: bool = False
    """Whether it names its colours without a profile, as PNG can."""

    def __repr__(self) -> str:
        return f"<Embedded {self.size[0]} x {self.size[1]}>"

    __rich_repr__ = rich_repr


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that was encoded again, and what its original carried."""

    data: bytes
    format: str
    """``"jpg"`` or ``"png"``."""
    size: tuple[int, int]
    """Pixels, upright."""
    embedded: Embedded
    """Of the original; its profile only if it fits the new picture."""

    def __repr__(self) -> str:
        return f"<Picture {self.format} {self.size[0]} x {self.size[1]}>"

    __rich_repr__ = rich_repr


class Container(Protocol):
    """What the modules `jpeg`, `png` and `webp` do."""

    def read(self, data: bytes) -> Embedded:
        """Return what the file carries; raises `BrokenImageError`."""
        ...

    def write(self, data: bytes, *, exif: bytes, xmp: bytes, profile: bytes, bare: bool) -> bytes:
        """Return the file with these put in, its picture untouched; raises `BrokenImageError`.

        With ``bare`` nothing stays but what is needed to show the picture: an allow-list, since makers keep
        places and numbers in ever new corners. Otherwise all stays that is not replaced.
        """
        ...


class naming:  # noqa: N801 - reads as a word: with naming(label)
    """Turn a `BrokenImageError` into an `InputError` that names the file."""

    def __init__(self, label: str) -> None:
        self._label = label

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, BrokenImageError):
            raise InputError(f"{self._label}: {error}") from None


def fits(profile: bytes, channels: int) -> bool:
    """Whether an ICC profile is for pictures of this many channels. Source: ICC.1:2022, 7.2.8."""
    return profile[36:40] == b"acsp" and {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}.get(profile[16:20]) == channels
