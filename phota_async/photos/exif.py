"""Read and write EXIF. Values stay the bytes they are, so nothing is lost or reinterpreted. No I/O.

Reading never fails: what is broken is not there. Thumbnails and MakerNotes cannot be carried, since they
refer to places in the old file; nothing here writes them.

Source: CIPA DC-008-2024 (Exif 3.0), TIFF 6.0.
"""

import re
import struct
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import msgspec

from ..hidden import rich_repr
from .tags import DATES, Tag

_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}  # bytes
_TEXT, _SHORT, _LONG = 2, 3, 4
MAX_ENTRIES = 512  # of one directory
MAX_VALUE = 16 * 1024  # bytes of one value
MAX_PLAIN = 64  # bytes of a date, a number or a name of a lens
MAX_EXIF = 64_000  # bytes of it all; a JPEG segment ends at 65,533
UPRIGHT = 1


class Entry(NamedTuple):
    """One tag's value."""

    kind: int
    length: int
    value: bytes


Directory = Mapping[int, Entry]


class Exif(msgspec.Struct, frozen=True, kw_only=True):
    """The three directories that matter, by tag."""

    order: str = "<"
    """``"<"`` or ``">"``: how numbers lie in the values."""
    main: Directory = msgspec.field(default_factory=dict)
    photo: Directory = msgspec.field(default_factory=dict)
    place: Directory = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Exif {len(self.main)} + {len(self.photo)} + {len(self.place)} tags>"

    __rich_repr__ = rich_repr

    def __bool__(self) -> bool:
        return bool(self.main or self.photo or self.place)


def parse(data: bytes, *, max_value: int = MAX_VALUE) -> Exif:
    """Read a TIFF structure; empty when there is none."""
    order = _ORDERS.get(data[:4])
    if order is None or len(data) < 8:  # noqa: PLR2004 - the header's size
        return Exif()
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    main = _directory(data, order, start, max_value)
    photo, place = (
        _directory(data, order, _number(main.get(pointer), order), max_value)
        for pointer in (Tag.EXIF_POINTER, Tag.GPS_POINTER)
    )
    return Exif(order=order, main=main, photo=photo, place=place)


def _directory(data: bytes, order: str, start: int, max_value: int) -> dict[int, Entry]:
    entries: dict[int, Entry] = {}
    if not 8 <= start <= len(data) - 2:  # noqa: PLR2004 - behind the header
        return entries
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for at in range(start + 2, min(start + 2 + 12 * min(count, MAX_ENTRIES), len(data) - 11), 12):
        tag, kind, length, inside = struct.unpack_from(f"{order}HHII", data, at)
        size = _SIZES.get(kind, 0) * length
        place = at + 8 if size <= 4 else inside  # noqa: PLR2004 - a value of four bytes lies in the entry itself
        if 0 < size <= max_value and place + size <= len(data):
            entries.setdefault(tag, Entry(kind, length, data[place : place + size]))
    return entries


def _number(entry: Entry | None, order: str) -> int:
    """Return the first number of a value, 0 when there is none."""
    if entry is None or entry.kind not in {_SHORT, _LONG}:
        return 0
    return int(struct.unpack_from(order + ("H" if entry.kind == _SHORT else "I"), entry.value)[0])


def orientation(exif: Exif) -> int:
    """Return how the picture is to be turned, 1 to 8; 1 is upright."""
    turned = _number(exif.main.get(Tag.ORIENTATION), exif.order)
    return turned if 1 <= turned <= 8 else UPRIGHT  # noqa: PLR2004 - the eight ways


def select(exif: Exif, tags: frozenset[int], *, place: bool) -> Exif:
    """Keep only the named tags, and the place if told so."""
    return Exif(
        order=exif.order,
        main={tag: entry for tag, entry in exif.main.items() if tag in tags},
        photo={tag: entry for tag, entry in exif.photo.items() if tag in tags},
        place=exif.place if place else {},
    )


def trimmed(exif: Exif) -> Exif:
    """Cut texts at their end, and leave out what is longer than such values are: cameras pad with what lies about."""
    short = [
        {tag: cut for tag, entry in directory.items() if len((cut := _trim(entry)).value) <= MAX_PLAIN}
        for directory in (exif.main, exif.photo, exif.place)
    ]
    return Exif(order=exif.order, main=short[0], photo=short[1], place=short[2])


def _trim(entry: Entry) -> Entry:
    if entry.kind != _TEXT:
        return entry
    text = entry.value.partition(b"\0")[0] + b"\0"
    return Entry(_TEXT, len(text), text)


def merge(under: Exif, over: Exif) -> Exif:
    """Lay one over the other; where both have a tag, ``over`` wins.

    What lies under must be texts, which read the same in either order of bytes.
    """
    return Exif(
        order=over.order,
        main={**under.main, **over.main},
        photo={**under.photo, **over.photo},
        place=over.place,
    )


def for_picture(exif: Exif, size: tuple[int, int], turned: int = UPRIGHT) -> Exif:
    """Say of the picture what is true of it: its orientation and its pixels. Nothing of nothing."""
    if not exif:
        return exif
    width, height = (Entry(_LONG, 1, struct.pack(f"{exif.order}I", side)) for side in size)
    upright = Entry(_SHORT, 1, struct.pack(f"{exif.order}H", turned))
    return Exif(
        order=exif.order,
        main={**exif.main, Tag.ORIENTATION: upright},
        photo={**exif.photo, Tag.PIXEL_WIDTH: width, Tag.PIXEL_HEIGHT: height},
        place=exif.place,
    )


def encode(exif: Exif) -> bytes:
    """Write a TIFF structure of at most 64,000 bytes, leaving out the largest values if need be."""
    main, photo, place = dict(exif.main), dict(exif.photo), dict(exif.place)
    while _total(main, photo, place) > MAX_EXIF:
        largest = max((main, photo, place), key=lambda directory: max(map(_weight, directory.values()), default=0))
        del largest[max(largest, key=lambda tag: _weight(largest[tag]))]
    offset = 8 + _size(main) + 12 * (bool(photo) + bool(place))
    blocks = []
    for pointer, directory in ((Tag.EXIF_POINTER, photo), (Tag.GPS_POINTER, place)):
        if directory:
            main[pointer] = Entry(_LONG, 1, struct.pack(f"{exif.order}I", offset))
            blocks.append(_block(directory, exif.order, offset))
            offset += len(blocks[-1])
    head = next(mark for mark, order in _ORDERS.items() if order == exif.order)
    return b"".join((head, struct.pack(f"{exif.order}I", 8), _block(main, exif.order, 8), *blocks))


def _weight(entry: Entry) -> int:
    size = len(entry.value)
    return 12 + (size + size % 2 if size > 4 else 0)  # noqa: PLR2004 - four bytes lie in the entry itself


def _size(directory: Directory) -> int:
    return 2 + sum(map(_weight, directory.values())) + 4


def _total(*directories: Directory) -> int:
    return 8 + sum(map(_size, directories)) + 24  # two pointers


def _block(directory: Directory, order: str, start: int) -> bytes:
    """Write one directory: its entries in the order of their tags, then the values that do not fit in them."""
    entries, values = [struct.pack(f"{order}H", len(directory))], []
    offset = start + 2 + 12 * len(directory) + 4
    for tag, (kind, length, value) in sorted(directory.items()):
        padded = value + bytes(len(value) % 2)
        inside = value.ljust(4, b"\0")
        if len(value) > 4:  # noqa: PLR2004 - four bytes lie in the entry itself
            inside = struct.pack(f"{order}I", offset)
            values.append(padded)
            offset += len(padded)
        entries.append(struct.pack(f"{order}HHI", tag, kind, length) + inside)
    return b"".join((*entries, bytes(4), *values))


def taken(exif: Exif) -> float | None:
    """Return when the photo was taken, in Unix seconds; without an offset its clock is read as local time."""
    for where, date, offset in DATES:
        directory = exif.photo if where == "photo" else exif.main
        moment = _moment(_text(directory.get(date)), _text(exif.photo.get(offset)))
        if moment is not None:
            return moment
    return None


def _text(entry: Entry | None) -> str:
    return entry.value.split(b"\0")[0].decode("ascii", "replace").strip() if entry else ""


def _moment(date: str, offset: str) -> float | None:
    try:
        naive = datetime.strptime(date, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - the offset comes next
        return naive.replace(tzinfo=_zone(offset)).timestamp()
    except (ValueError, OverflowError, OSError):  # no date, or one before the machine's time
        return None


def _zone(offset: str) -> timezone | None:
    """Read ``+02:00``; ``None``, which is local time, when it is anything else."""
    match = re.fullmatch(r"([+-])(\d\d):(\d\d)", offset)
    if match is None:
        return None
    span = timedelta(hours=int(match[2]) % 24, minutes=int(match[3]))
    return timezone(-span if match[1] == "-" else span)
