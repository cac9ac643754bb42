"""Any bytes at all: a photo, or an `InputError` that names it; never anything else."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from phota_async.errors import InputError
from phota_async.photos import Prepared, carry_over, jpeg, png, prepare, webp
from phota_async.photos.embedded import BrokenImageError, Embedded

from . import samples

WHOLE = {
    "jpg": samples.jpeg(),
    "jpg turned": samples.jpeg(6),
    "progressive": samples.jpeg(6, progressive=True),
    "png": samples.png(),
    "png turned": samples.png(6),
    "webp": samples.webp(),
    "webp turned": samples.webp(6, lossless=True),
    "tiff": samples.encoded(samples.stored(6), "TIFF", exif=b"Exif\0\0" + samples.exif(6)),
}  # no HEIC: pi-heif 1.4.0 crashes on one byte changed, see test_workers.py


def tried(data: bytes) -> Prepared | None:
    try:
        return prepare(data, name="this one")
    except InputError as error:
        assert str(error).startswith("this one: ")  # noqa: PT017 - it need not be raised
        return None


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", WHOLE)
def test_photos_with_changed_bytes(kind: str, data: st.DataObject) -> None:
    changed = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(12, len(changed) - 1))] = data.draw(st.integers(0, 255))
    prepared = tried(bytes(changed))
    assert prepared is None or prepare(prepared.data, max_side=None) == msgspec.structs.replace(
        prepared, reencoded=False
    )


@settings(max_examples=25, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", WHOLE)
def test_photos_with_pieces_moved(kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = WHOLE[kind]
    first, second = sorted(data.draw(st.tuples(st.integers(12, len(whole)), st.integers(12, len(whole)))))
    moved = whole[:first] + whole[second:] + whole[first:second]
    tried(moved)
    path = tmp_path_factory.getbasetemp() / "moved"
    path.write_bytes(moved)
    try:
        carry_over(samples.jpeg(), path)
    except InputError as error:
        assert "moved" in str(error)  # noqa: PT017 - it need not be raised
        assert path.read_bytes() == moved


@given(st.sampled_from([b"\xff\xd8\xff", png.SIGNATURE, b"RIFF\x30\0\0\0WEBP", b"II*\0", b""]), st.binary(max_size=80))
def test_any_bytes(head: bytes, data: bytes) -> None:
    tried(head + data)


def test_garbage_between_markers_goes() -> None:
    plain = samples.encoded(samples.picture())
    garbage = plain[:20] + samples.SERIAL + b"\xff\x00\xff\xff" + plain[20:]
    prepared = prepare(garbage)
    assert samples.leaks(prepared.data) == []
    assert samples.opened(prepared.data).tobytes() == samples.opened(plain).tobytes()


def test_markers_of_no_meaning_go() -> None:
    plain = samples.encoded(samples.picture())
    odd = plain[:20] + b"\xff\xd8\xff\x01\xff\xd3" + samples.segment(0xF5, samples.SERIAL) + plain[20:]
    assert prepare(odd).data == prepare(plain).data


def test_thumbnails_in_jfif_go() -> None:
    plain = samples.encoded(samples.picture())
    head = plain[6:18] + b"\x01\x01" + samples.THUMBNAIL[:3]
    small = samples.segment(0xE0, b"JFXX\0\x10" + samples.SERIAL)
    data = plain[:2] + samples.segment(0xE0, head) + small + plain[20:]
    assert prepare(data).data == prepare(plain).data


def test_an_adobe_segment_keeps_what_decoders_need() -> None:
    rgb = samples.encoded(samples.picture(), keep_rgb=True)
    at = rgb.index(b"\xff\xee")
    told = rgb[:at] + samples.segment(0xEE, rgb[at + 4 : at + 16] + samples.SERIAL) + rgb[at + 16 :]
    prepared = prepare(told)
    assert samples.leaks(prepared.data) == []
    assert samples.opened(prepared.data).tobytes() == samples.opened(rgb).tobytes()


def test_a_marker_across_the_edge_of_a_window_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    data = samples.encoded(samples.picture())
    for window in range(2, 12):
        monkeypatch.setattr(jpeg, "_WINDOW", window)
        assert [each.marker for each in jpeg.segments(data)][-2:] == [jpeg.SOS, jpeg.EOI]


def test_a_packed_bomb_in_a_png_is_not_unpacked() -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    data = samples.encoded(samples.picture(), "PNG")
    for kind, content in ((b"iCCP", b"x\0\0" + bomb), (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb)):
        chunk = struct.pack(">I", len(content)) + kind + content
        chunk += struct.pack(">I", zlib.crc32(kind + content))
        found = png.read(data[:33] + chunk + data[33:])
        assert (found.profile, found.xmp) == (b"", b"")


def test_a_packed_packet_in_a_png_is_read() -> None:
    info = io.BytesIO()
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    packed = PngInfo()
    packed.add_itxt("XML:com.adobe.xmp", samples.XMP.decode(), zip=True)
    samples.picture().save(info, "PNG", pnginfo=packed)
    assert png.read(info.getvalue()).xmp == samples.XMP


def test_a_png_with_a_wrong_checksum_is_refused() -> None:
    data = bytearray(samples.png())
    data[data.index(b"IDAT") + 20] ^= 1
    assert tried(bytes(data)) is None
    unknown = samples.png()[:33] + struct.pack(">I", 0) + b"SOME" + struct.pack(">I", zlib.crc32(b"SOME"))
    with pytest.raises(InputError, match="SOME"):
        prepare(unknown + samples.png()[33:])


def test_webps_of_every_form() -> None:
    clear = samples.picture(mode="RGBA")
    clear.putpixel((0, 0), (1, 2, 3, 4))
    forms: dict[str, bytes] = {
        "lossy": samples.encoded(samples.picture(), "WEBP"),
        "lossless": samples.encoded(samples.picture(), "WEBP", lossless=True),
        "clear": samples.encoded(clear, "WEBP"),
        "clear lossless": samples.encoded(clear, "WEBP", lossless=True),
        "all": samples.webp(),
    }
    for data in forms.values():
        full = webp.write(data, exif=samples.exif(), xmp=samples.XMP, profile=samples.PROFILE)
        image = samples.opened(full)
        assert image.tobytes() == samples.opened(data).tobytes()
        assert image.mode == samples.opened(data).mode
        found = Embedded(size=(64, 48), exif=samples.exif(), xmp=samples.XMP, profile=samples.PROFILE)
        assert webp.read(full) == found
        bare = webp.write(full, bare=True)
        assert samples.opened(bare).tobytes() == image.tobytes()
        assert samples.leaks(bare) == []
        assert webp.write(bare, bare=True) == bare


@pytest.mark.parametrize(
    ("container", "data", "reason"),
    [
        (jpeg, b"\xff\xd9", "expected a JPEG"),
        (jpeg, b"\xff\xd8\xff\xd9", "without one"),
        (jpeg, b"\xff\xd8\xff\xe0\0\1", "in the middle"),
        (jpeg, b"\xff\xd8" + bytes(50), "in the middle"),
        (png, png.SIGNATURE, "expected a PNG"),
        (webp, b"RIFX", "expected a WebP"),
        (webp, b"RIFF\4\0\0\0WEBP", "without one"),
        (webp, b"RIFF\x10\0\0\0WEBPVP8 \4\0\0\0\0\0\0\0", "without one"),
        (webp, b"RIFF\x0c\0\0\0WEBPVP8 \x30\0\0\0", "in the middle"),
    ],
)
def test_what_is_broken_says_how(container: object, data: bytes, reason: str) -> None:
    read: Callable[[bytes], Embedded] = container.read  # type: ignore[attr-defined]  # a module
    with pytest.raises(BrokenImageError, match=reason):
        read(data)


def test_a_segment_has_an_end() -> None:
    with pytest.raises(ValueError, match="65533"):
        jpeg.write(samples.jpeg(), xmp=bytes(70_000))


def test_no_file_reaches_a_decoder_of_something_rare(tmp_path: Path) -> None:
    samples.picture().save(tmp_path / "a.eps", "EPS")
    samples.picture().save(tmp_path / "a.ppm", "PPM")
    for name in ("a.eps", "a.ppm"):
        with Image.open(tmp_path / name):  # Pillow would
            pass
        with pytest.raises(InputError, match="something else"):
            prepare(tmp_path / name)


def without(kind: str) -> bytes:
    """Return a photo of which everything is there but its picture."""
    data = WHOLE[kind]
    if kind == "jpg":
        parts = [(each.start, each.end) for each in jpeg.segments(data) if each.marker != jpeg.SOS]
        return b"\xff\xd8" + b"".join(data[start:end] for start, end in parts)
    if kind == "png":
        return png.SIGNATURE + b"".join(
            data[each.start : each.end] for each in png.chunks(data) if each.kind != b"IDAT"
        )
    kept = [data[each.start - 8 : each.end + each.end % 2] for each in webp.chunks(data) if each.kind != b"VP8 "]
    return b"".join((b"RIFF", struct.pack("<I", 4 + sum(map(len, kept))), b"WEBP", *kept))


@pytest.mark.parametrize("strip", ["none", "gps", "all"])
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_a_photo_without_a_picture_is_none(kind: str, strip: Any) -> None:
    with pytest.raises(InputError, match=r"expected a picture, got a (JPEG|PNG|WebP) without one"):
        prepare(without(kind), strip=strip)
