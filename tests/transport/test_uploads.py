"""Photos on their way out: the exact length, the very bytes, read anew for each attempt, and never a changed file."""

import asyncio
import base64
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from support.clients import Connect, Listen, quick
from support.peer import Peer, answer, hang_up, json, reset, until
from support.pictures import PHOTO, image_answer, picture

from phota_async import DeadlineError, EditRequest, EnhanceRequest, InputError, Limiter, RemixRequest, ResponseLostError
from phota_async.media.sources import READ_AHEAD, STEP
from phota_async.transport.upload import StreamedBody

DONE = answer(200, image_answer(PHOTO))
SIZES = [9, 10, 11, 12, STEP - 1, STEP, STEP + 1, READ_AHEAD - 1, READ_AHEAD, READ_AHEAD + 2, 3 * READ_AHEAD + 1]


Give = Callable[[bytes, str], Any]


@pytest.fixture
def give(tmp_path: Path) -> Iterator[Give]:
    """Give a photo in one of the ways that a user may; files are closed with the test."""
    with ExitStack() as opened:
        yield lambda data, how: given(data, how, tmp_path / f"a photo é {how}.jpg", opened)


def given(data: bytes, how: str, file: Path, opened: ExitStack) -> Any:
    file.write_bytes(data)
    ways: dict[str, Callable[[], Any]] = {
        "bytes": lambda: data,
        "bytearray": lambda: bytearray(data),
        "memoryview": lambda: memoryview(b"x" + data)[1:],
        "memoryview with holes": lambda: memoryview(bytes(b for byte in data for b in (byte, 0)))[::2],
        "path": lambda: file,
        "str": lambda: str(file),
        "file": lambda: opened.enter_context(file.open("rb")),
        "unbuffered file": lambda: opened.enter_context(file.open("rb", buffering=0)),
        "BytesIO": lambda: io.BytesIO(data),
        "stream": lambda: io.BufferedReader(Stream(data)),
        "data URI": lambda: "data:image/jpeg;base64," + base64.b64encode(data).decode(),
    }
    return ways[how]()


class Stream(io.RawIOBase):
    """Something like a socket: it can be read, once, and has no descriptor."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)


WAYS = ["bytes", "bytearray", "memoryview", "memoryview with holes", "path", "str", "file", "unbuffered file"]
WAYS += ["BytesIO", "stream", "data URI"]


def sent(peer: Peer, field: str = "images") -> list[bytes]:
    """Return the photos of the last request."""
    texts = peer.requests[-1].json[field]
    return [base64.b64decode(text, validate=True) for text in ([texts] if isinstance(texts, str) else texts)]


@pytest.mark.parametrize("way", WAYS)
async def test_a_photo_arrives_as_it_was_given(listen: Listen, connect: Connect, give: Give, way: str) -> None:
    peer = await listen(answer(503), DONE)
    photo = picture(STEP + 1000)

    await connect(peer).edit(give(photo, way), "at [[anna]]'s — 海")

    for request in peer.requests:
        assert int(request.headers["content-length"]) == len(request.body)
        assert "transfer-encoding" not in request.headers
        assert request.headers["content-type"] == "application/json"
    assert peer.requests[0].body == peer.requests[1].body
    assert sent(peer) == [photo]
    assert peer.requests[-1].json["prompt"] == "at [[anna]]'s — 海"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", ["bytes", "path"])
async def test_the_length_is_exact_whatever_the_size(
    listen: Listen, connect: Connect, give: Give, way: str, size: int
) -> None:
    peer = await listen(DONE)
    photo = picture(max(size, 13))[:size]

    await connect(peer).edit(give(photo, way))

    assert peer.requests[0].is_whole
    assert sent(peer) == [photo]


async def test_ten_photos_of_every_kind_in_their_order(listen: Listen, connect: Connect, give: Give) -> None:
    peer = await listen(DONE)
    photos = [picture(1000 + 7 * place, seed=place) for place in range(8)]
    ways = ["path", "bytes", "file", "data URI", "BytesIO", "memoryview", "str", "stream"]
    images = [give(photo, way) for photo, way in zip(photos, ways, strict=True)]
    drawn = Image.new("RGB", (8, 6), "teal")

    await connect(peer).edit([*images, 'https://photos.example/"a".jpg?sig=é', drawn])

    *texts, link, encoded = peer.requests[0].json["images"]
    assert [base64.b64decode(text) for text in texts] == photos
    assert link == 'https://photos.example/"a".jpg?sig=é'
    assert Image.open(io.BytesIO(base64.b64decode(encoded))).size == (8, 6)


async def test_the_photos_of_enhance_and_remix(listen: Listen, connect: Connect, give: Give) -> None:
    peer = await listen(DONE)
    client = connect(peer)
    one, two = picture(500, seed=1), picture(500, "png", seed=2)

    await client.send(EnhanceRequest(image=give(one, "path")))
    assert sent(peer, "image") == [one]
    await client.send(RemixRequest(input_image=one, reference_image=io.BytesIO(two)))
    assert sent(peer, "input_image") + sent(peer, "reference_image") == [one, two]


async def test_a_file_object_is_read_from_where_it_stands(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen(answer(503), DONE)
    photo = picture(2000)
    path = tmp_path / "archive"
    path.write_bytes(b"a header" + photo)

    with path.open("rb") as file:
        file.seek(8)
        await connect(peer).edit(file)
        assert file.tell() == 8

    assert sent(peer) == [photo]


async def test_files_are_read_anew_for_each_attempt(
    listen: Listen, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    really_open = Path.open

    def spy(path: Path, *how: Any, **options: Any) -> Any:
        opened.append(path)
        return really_open(path, *how, **options)

    peer = await listen(answer(503), reset(1000), DONE)  # in the midst of the photo, so that it was read
    path = write(tmp_path / "photo.jpg", picture(1000))
    monkeypatch.setattr(Path, "open", spy)

    with pytest.raises(ResponseLostError):
        await connect(peer).edit(path)

    assert [each for each in opened if each == path] == [path] * 3  # measured, and read for two attempts


CHANGES: dict[str, Callable[[Path], object]] = {
    "grown": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "shrunk": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "rewritten": lambda path: path.write_bytes(picture(path.stat().st_size, seed=9)),
    "replaced": lambda path: replace(path, picture(path.stat().st_size, seed=9)),
    "removed": lambda path: path.unlink(),
    "a directory now": lambda path: make_directory(path),  # noqa: PLW0108 - it is defined below
}


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace(path: Path, data: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(data)
    other.replace(path)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_that_changed_before_it_is_sent_is_not_sent(
    listen: Listen, connect: Connect, change: str, tmp_path: Path
) -> None:
    """The call waits for its place while the file changes. The service must not get half of one and half of another."""
    peer = await listen(DONE)
    limiter = Limiter(1)
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture(READ_AHEAD + 5))
    await limiter.acquire()

    task = asyncio.create_task(connect(peer, limiter=limiter).edit([PHOTO, path]))
    await until(lambda: limiter.statistics().waiting)
    CHANGES[change](path)
    limiter.release()
    with pytest.raises(InputError, match=r"images\[1\] .*photo.jpg") as caught:
        await task

    assert (caught.value.charged, caught.value.retryable, caught.value.attempts) == ("no", False, 1)
    await until(lambda: not peer.tasks)
    assert not any(request.is_whole for request in peer.requests)


async def test_a_file_that_changes_while_it_is_sent_aborts_the_request(
    listen: Listen, connect: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture(12 * 2**20))

    async def change(exchange: Any) -> None:
        await exchange.body(at_most=100_000)
        path.write_bytes(picture(12 * 2**20, seed=9))
        await exchange.body()
        await DONE(exchange)

    peer = await listen(change)
    with pytest.raises(InputError, match="a file that changed while it was sent"):
        await connect(peer).edit(path)

    await until(lambda: not peer.tasks)
    [request] = peer.requests
    assert 0 < len(request.body) < int(request.headers["content-length"])


async def test_a_job_whose_file_changed_after_a_lost_answer_may_have_been_bought(
    listen: Listen, connect: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture(1000))

    async def lose(exchange: Any) -> None:
        await exchange.body()
        path.unlink()
        exchange.reset()

    peer = await listen(lose)
    with pytest.raises(ResponseLostError, match=r"last heard.*photo.jpg") as caught:
        await connect(peer).edit(path, mode="job")

    assert (caught.value.charged, caught.value.attempts) == ("unknown", 2)


NOT_SENT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda folder: folder / "nothing.jpg", "no such file"),
    "directory": (lambda folder: folder, "a directory"),
    "empty": (lambda folder: b"", "an empty one"),
    "empty file": (lambda folder: write(folder / "empty.jpg", b""), "an empty one"),
    "text": (lambda folder: write(folder / "notes.txt", b"to do"), "something else"),
    "text file": (lambda folder: io.StringIO("text"), "binary mode"),
    "base64": (lambda folder: base64.b64encode(PHOTO).decode(), "decode it to bytes|File name too long"),
    "number": (lambda folder: 7, "got int"),
    "bad data URI": (lambda folder: "data:image/png;base64,%%%", "data URI"),
    "closed file": (lambda folder: closed(folder / "x.jpg"), "closed file"),
    "fifo": (lambda folder: fifo(folder / "pipe"), "no regular file"),
    "NUL": (lambda folder: "a\0b.jpg", "null"),
    "surrogate": (lambda folder: "a\ud800.jpg", "surrogates"),
}


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def closed(path: Path) -> Any:
    with write(path, PHOTO).open("rb") as file:
        return file


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("kind", NOT_SENT)
async def test_what_is_no_photo_is_found_before_anything_is_sent(
    listen: Listen, connect: Connect, kind: str, tmp_path: Path
) -> None:
    make, why = NOT_SENT[kind]
    peer = await listen(DONE)

    with pytest.raises(InputError, match=why) as caught:
        await connect(peer).edit([PHOTO, make(tmp_path)])

    assert "images[1]" in str(caught.value)
    assert (caught.value.charged, caught.value.attempts) == ("no", 0)
    assert peer.connections == 0


async def test_without_validation_the_service_judges_what_a_picture_is(listen: Listen, connect: Connect) -> None:
    peer = await listen(json({"detail": "not a picture"}, 400))

    with pytest.raises(Exception, match="HTTP 400: not a picture"):
        await connect(peer).edit(b"a new format", validate=False)

    assert sent(peer) == [b"a new format"]


async def test_an_upload_that_breaks_is_lost(listen: Listen, connect: Connect) -> None:
    peer = await listen(reset(after=50_000))

    with pytest.raises(ResponseLostError) as caught:
        await connect(peer).edit(picture(8 * 2**20))

    assert (caught.value.charged, len(peer.requests)) == ("unknown", 1)


async def test_an_upload_as_a_job_that_breaks_is_sent_again(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    photo = picture(4 * 2**20)
    path = write(tmp_path / "photo.jpg", photo)
    peer = await listen(reset(after=50_000), reset(after=2_000_000), hang_up, json({"job_id": "1", "images": []}, 202))

    await connect(peer).jobs.submit(EditRequest(images=(path,)))

    assert [request.is_whole for request in peer.requests] == [False, False, True, True]
    assert sent(peer) == [photo]
    assert len({request.headers["content-length"] for request in peer.requests}) == 1


async def test_an_answer_before_the_end_of_the_body_is_heard(listen: Listen, connect: Connect) -> None:
    """A service that refuses does not always read what it refuses."""

    async def refuse(exchange: Any) -> None:
        await exchange.send(b'HTTP/1.1 413 Too Large\r\nContent-Length: 20\r\n\r\n{"detail":"too big"}')
        await exchange.body()

    peer = await listen(refuse)

    with pytest.raises(Exception, match="HTTP 413: too big") as caught:
        await connect(peer).edit(picture(16 * 2**20))

    assert caught.value.charged == "no"  # type: ignore[attr-defined]


async def test_bytes_in_flight_are_bounded(listen: Listen, connect: Connect) -> None:
    """Two photos of 40 KB as base64 do not fit together into 80 KB."""
    release = asyncio.Event()
    seen: list[int] = []

    async def slow(exchange: Any) -> None:
        seen.append(limiter.statistics().bytes_in_flight)
        await release.wait()
        await DONE(exchange)

    peer = await listen(slow)
    limiter = Limiter(8, max_bytes=80_000)
    client = connect(peer, limiter=limiter, config=quick())
    tasks = [asyncio.create_task(client.edit(picture(36_000, seed=each))) for each in range(3)]
    await until(lambda: limiter.statistics().waiting == 2)
    assert len(peer.requests) <= 1
    release.set()
    await asyncio.gather(*tasks)

    assert len(peer.requests) == 3
    assert max(seen) <= 80_000
    assert limiter.statistics().bytes_in_flight == 0


async def test_the_pillow_image_is_sent_upright_and_with_its_transparency(listen: Listen, connect: Connect) -> None:
    peer = await listen(DONE)
    turned = Image.new("RGB", (8, 6), "teal")
    turned.getexif()[0x0112] = 6
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    palette = Image.new("P", (4, 4))

    await connect(peer).edit([turned, clear, palette, Image.new("CMYK", (4, 4))])

    kinds = [(found.format, found.size, found.mode) for found in map(Image.open, map(io.BytesIO, sent(peer)))]
    assert kinds == [
        ("JPEG", (6, 8), "RGB"),
        ("PNG", (4, 4), "RGBA"),
        ("PNG", (4, 4), "RGBA"),
        ("PNG", (4, 4), "RGB"),
    ]


async def test_a_pillow_image_that_cannot_be_encoded(listen: Listen, connect: Connect) -> None:
    peer = await listen(DONE)
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(whole, "PNG")
    broken = Image.open(io.BytesIO(whole.getvalue()[:1000]))

    with pytest.raises(InputError, match="cannot be encoded"):
        await connect(peer).edit(broken)

    assert peer.connections == 0


async def test_a_data_uri_without_base64(listen: Listen, connect: Connect) -> None:
    peer = await listen(DONE)

    await connect(peer).edit("data:image/jpeg," + quote(PHOTO))

    assert sent(peer) == [PHOTO]


async def test_a_deadline_that_passes_while_photos_are_measured(
    listen: Listen, connect: Connect, tmp_path: Path
) -> None:
    peer = await listen(DONE)

    with pytest.raises(DeadlineError) as caught:
        await connect(peer).edit(write(tmp_path / "photo.jpg", PHOTO), timeout=1e-9)

    assert (caught.value.charged, peer.connections) == ("no", 0)


def test_a_body_exists_nowhere_as_one_text() -> None:
    body = StreamedBody([b"{}"])

    with pytest.raises(TypeError, match="no text"):
        body.decode()
    assert body.size == 2
