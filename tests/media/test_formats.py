"""Whether a picture has its end, told from its last bytes: for every length that a cut can leave of it."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from phota_async.media.formats import HEAD, TAIL, is_cut
from phota_async.media.sinks import FileSink, MemorySink, Sink


def real(kind: str, **how: Any) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((48, 32), 90).convert("RGB").save(buffer, kind, **how)
    return buffer.getvalue()


WHOLE = {
    "jpeg": real("JPEG", quality=95),
    "progressive jpeg": real("JPEG", progressive=True),
    "png": real("PNG"),
    "webp": real("WEBP"),
    "lossless webp": real("WEBP", lossless=True),
}


def looks_cut(data: bytes) -> bool:
    return is_cut(data[:HEAD], data[-TAIL:], len(data))


@pytest.mark.parametrize("kind", WHOLE)
def test_a_picture_without_its_end_is_cut_wherever_that_was(kind: str) -> None:
    whole = WHOLE[kind]
    known = next(size for size in range(len(whole)) if looks_cut(whole[:size]))  # where its format can be told
    assert known <= 12
    assert all(looks_cut(whole[:size]) for size in range(known, len(whole)))
    assert not looks_cut(whole)


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("more", [b"\0", b"\r\n", bytes(900), b"SEFT trailer"])
def test_what_some_programs_put_behind_a_picture_makes_it_no_less_whole(kind: str, more: bytes) -> None:
    assert not looks_cut(WHOLE[kind] + more)


Image.init()
MARKLESS = [kind for kind in ("GIF", "BMP", "TIFF", "AVIF") if kind in Image.SAVE]  # older Pillows write no AVIF


@pytest.mark.parametrize("kind", MARKLESS)
def test_formats_without_a_mark_are_taken_for_whole(kind: str) -> None:
    assert not looks_cut(real(kind)[:100])


def test_nothing_is_no_picture() -> None:
    assert not looks_cut(b"")


@pytest.mark.parametrize("size", [1, 7, 1000, TAIL - 1, TAIL, TAIL + 1, 5000])
@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_sink_keeps_the_end_of_what_came_in_pieces(tmp_path: Path, kind: str, size: int) -> None:
    data = WHOLE["png"][:3001]
    sink: Sink = MemorySink() if kind == "memory" else FileSink(tmp_path, "a")

    for start in range(0, len(data), size):
        sink.write(data[start : start + size])
        done = data[: start + size]
        assert (sink.head, sink.tail) == (done[:HEAD], done[-TAIL:])
    await sink.restart()

    assert (sink.head, sink.tail) == (b"", b"")
    sink.discard()
