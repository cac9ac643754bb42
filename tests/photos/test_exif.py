"""EXIF: what is written is what was read, whatever the bytes."""

import struct
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phota_async.photos import exif
from phota_async.photos.exif import Entry, Exif
from phota_async.photos.tags import KNOWN_TAGS

from . import samples

values = st.one_of(
    st.binary(min_size=1, max_size=40).map(lambda value: Entry(7, len(value), value)),
    st.integers(0, 2**16 - 1).map(lambda value: Entry(3, 1, struct.pack("<H", value))),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4).map(
        lambda numbers: Entry(4, len(numbers), struct.pack(f"<{len(numbers)}I", *numbers))
    ),
)
directories = st.dictionaries(st.sampled_from(sorted(KNOWN_TAGS)), values, max_size=6)


@given(main=directories, photo=directories, place=directories, order=st.sampled_from("<>"))
def test_read_is_what_was_written(main: Any, photo: Any, place: Any, order: str) -> None:
    written = Exif(order=order, main=main, photo=photo, place=place)
    found = exif.parse(exif.encode(written))
    assert exif.select(found, KNOWN_TAGS, place=True) == written


@given(st.binary(max_size=200), st.sampled_from([b"II*\0", b"MM\0*", b""]))
def test_any_bytes_can_be_read(data: bytes, head: bytes) -> None:
    found = exif.parse(head + data)
    assert 1 <= exif.orientation(found) <= 8
    assert exif.parse(exif.encode(found)).place == found.place
    exif.taken(found)


@given(st.data())
def test_any_change_of_real_exif_can_be_read(data: st.DataObject) -> None:
    real = bytearray(samples.exif(6, data.draw(st.sampled_from("<>"))))
    for _ in range(3):
        real[data.draw(st.integers(4, len(real) - 1))] = data.draw(st.integers(0, 255))
    chosen = exif.select(exif.parse(bytes(real)), KNOWN_TAGS, place=True)
    assert len(exif.encode(exif.for_picture(chosen, (1, 1)))) <= exif.MAX_EXIF


def test_a_directory_that_points_to_itself_ends() -> None:
    loop = struct.pack("<H", 2) + struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x8825, 4, 1, 8)
    found = exif.parse(b"II*\0" + struct.pack("<I", 8) + loop)
    assert set(found.main) == set(found.photo) == {0x8769, 0x8825}


def test_what_is_too_large_is_left_out() -> None:
    large = {0x9000 + number: Entry(7, 16_000, bytes(16_000)) for number in range(6)}
    small = {0x0110: Entry(2, 8, b"Model X\0")}
    written = exif.encode(Exif(main=small, photo=large, place={1: Entry(2, 2, b"N\0")}))
    assert len(written) <= exif.MAX_EXIF
    found = exif.parse(written)
    assert len(found.photo) == 3
    assert (found.main[0x0110], found.place[1]) == (small[0x0110], Entry(2, 2, b"N\0"))


def test_pillow_reads_what_we_write() -> None:
    for order in "<>":
        found = exif.parse(samples.exif(6, order))
        read = Image.Exif()
        read.load(exif.encode(exif.for_picture(exif.select(found, KNOWN_TAGS, place=True), (64, 48))))
        assert read[0x0112] == 1
        assert read.get_ifd(0x8769)[0xA431] == samples.SERIAL.decode()
        assert read.get_ifd(0x8825)[1] == "N"


@pytest.mark.parametrize(
    ("date", "offset", "expected"),
    [
        (samples.DATE, "+02:00", samples.TAKEN),
        (samples.DATE, "-02:30", samples.TAKEN + 4.5 * 3600),
        (samples.DATE, "", samples.TAKEN + 2 * 3600 + time.timezone),
        (samples.DATE, "Z", samples.TAKEN + 2 * 3600 + time.timezone),
        (samples.DATE, "+99:99", samples.TAKEN + (2 - 3 - 99 / 60) * 3600),
        ("0000:00:00 00:00:00", "", None),
        ("    :  :     :  :  ", "", None),
        ("", "", None),
    ],
)
def test_when_it_was_taken(date: str, offset: str, expected: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    camera = {0x9003: Entry(*samples.text(date.encode())), 0x9011: Entry(*samples.text(offset.encode()))}
    moment = exif.taken(Exif(photo=camera))
    assert moment == (None if expected is None else pytest.approx(expected))


def test_other_dates_stand_in() -> None:
    changed = {0x0132: Entry(*samples.text(samples.DATE.encode()))}
    assert exif.taken(Exif(main=changed, photo={0x9010: Entry(*samples.text(b"+02:00"))})) == samples.TAKEN
