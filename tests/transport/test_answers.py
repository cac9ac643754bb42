"""Successful answers as they really come: cut, packed, empty, wrong, huge, or in a shape of their own."""

import base64
import gzip
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.clients import Connect, Listen, quick
from support.folders import names
from support.peer import Behaviour, answer, by_path, chunks, head, json, raw, script
from support.pictures import PHOTO, image_answer, job_answer, link_answer, picture

from phota_async import DecodeError, GenerateRequest, JobFailedError, PhotaError, ResponseLostError

ANSWER = image_answer(PHOTO, picture(5000, "png", seed=1))
PICTURES = [PHOTO, picture(5000, "png", seed=1)]
HTML = b"<!DOCTYPE html><title>Welcome to the airport</title>"


def packed(body: bytes, how: str = "gzip") -> bytes:
    if how == "gzip":
        return gzip.compress(body)
    if how == "deflate":
        return zlib.compress(body)
    packer = zlib.compressobj(wbits=-15)  # deflate as some servers understand it
    return packer.compress(body) + packer.flush()


def encoded(how: str) -> dict[str, str]:
    return {"Content-Encoding": "deflate" if how == "bare deflate" else how}


WHOLE: dict[str, Behaviour] = {
    "plain": answer(200, ANSWER),
    "chunked": answer(200, ANSWER, chunked=True),
    "until the end": answer(200, ANSWER, length=None),
    "gzip": answer(200, packed(ANSWER), encoded("gzip")),
    "gzip in chunks": answer(200, packed(ANSWER), encoded("gzip"), chunked=True),
    "x-gzip": answer(200, packed(ANSWER), encoded("x-gzip")),
    "deflate": answer(200, packed(ANSWER, "deflate"), encoded("deflate")),
    "bare deflate": answer(200, packed(ANSWER, "bare"), encoded("bare deflate")),
    "identity": answer(200, ANSWER, encoded("identity")),
    "201": answer(201, ANSWER),
    "text/plain": answer(200, ANSWER, {"Content-Type": "text/plain"}),
    "no type": raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER),
    "byte order mark": answer(200, b"\xef\xbb\xbf" + ANSWER),
    "white space": answer(200, b"\r\n " + msgspec.json.format(ANSWER, indent=4) + b"\n"),
    "null subjects": answer(200, image_answer(*PICTURES, known_subjects=None, download_urls=None)),
    "newer fields": answer(200, image_answer(*PICTURES, seed=7, usage={"images": 2})),
    "empty entries": answer(200, ANSWER.replace(b'"images":[', b'"images":[null,"",').replace(b'"]', b'",null]')),
    "data URIs": answer(200, ANSWER.replace(b'"images":["', b'"images":["data:image/jpeg;base64,')),
    "escaped slashes": answer(200, ANSWER.replace(b"/", b"\\/")),
    "in an envelope": answer(200, b'{"result": %b}' % ANSWER),
    "in an output": answer(200, b'{"output": %b, "request_id": "r"}' % ANSWER),
}


@pytest.mark.parametrize("shape", WHOLE)
async def test_pictures_come_out_whatever_wraps_them(listen: Listen, connect: Connect, shape: str) -> None:
    peer = await listen(WHOLE[shape])

    result = await connect(peer).generate("a sea", num_output_images=2)

    assert [image.data for image in result.images] == PICTURES
    assert [image.format for image in result.images] == ["jpg", "png"]
    assert len(peer.posts) == 1


@pytest.mark.parametrize("shape", WHOLE)
async def test_pictures_come_out_into_files(listen: Listen, connect: Connect, shape: str, tmp_path: Path) -> None:
    peer = await listen(WHOLE[shape])

    result = await connect(peer).send(GenerateRequest(prompt="a sea", num_output_images=2), save_to=tmp_path)

    assert [image.path.read_bytes() for image in result.images if image.path] == PICTURES
    assert names(tmp_path) == ["generate-1.jpg", "generate-2.png"]


CUT: dict[str, Behaviour] = {
    "length": answer(200, ANSWER, cut=2000),
    "length, one byte": answer(200, ANSWER, cut=len(ANSWER) - 1),
    "length, nothing came": answer(200, ANSWER, cut=0),
    "chunks": answer(200, ANSWER, chunked=True, cut=2000),
    "chunks, the last one": answer(200, ANSWER, chunked=True, cut=len(chunks(ANSWER)) - 5),
    "within an image": answer(200, ANSWER[:200]),
    "within an image, until the end": answer(200, ANSWER[:200], length=None),
    "after an image": answer(200, ANSWER[: ANSWER.index(b'",') + 2]),
    "before the images": answer(200, ANSWER[:10]),
    "one byte, until the end": answer(200, ANSWER[:-1], length=None),
    "empty": answer(200, b""),
    "empty, until the end": answer(200, b"", length=None),
    "blank": answer(200, b" \n "),
    "gzip": answer(200, packed(ANSWER)[:2000], encoded("gzip")),
    "gzip, its check": answer(200, packed(ANSWER)[:-4], encoded("gzip")),
    "gzip, empty": answer(200, b"", encoded("gzip")),
    "deflate": answer(200, packed(ANSWER, "deflate")[:-1], encoded("deflate")),
    "gzip of a cut answer": answer(200, packed(ANSWER[:-9]), encoded("gzip")),
}


@pytest.mark.parametrize("cut", CUT)
async def test_a_paid_answer_that_is_cut_off_is_lost_and_not_bought_again(
    listen: Listen, connect: Connect, cut: str
) -> None:
    peer = await listen(CUT[cut])

    with pytest.raises(ResponseLostError) as caught:
        await connect(peer).generate("a sea")

    assert (caught.value.charged, caught.value.retryable, caught.value.attempts) == ("unknown", False, 1)
    assert len(peer.posts) == 1


SMALL = job_answer(note="x" * 200)
CUT_SMALL = {
    "length": answer(202, SMALL, cut=100),
    "json": answer(202, SMALL[:100]),
    "json, until the end": answer(202, SMALL[:-1], length=None),
    "chunks": answer(202, SMALL, chunked=True, cut=100),
    "empty": answer(202, b""),
    "gzip": answer(202, packed(SMALL)[:-9], encoded("gzip")),
    "HTML": answer(200, HTML, {"Content-Type": "text/html"}),
    "no object": answer(202, b"[]"),
    "no job": json({"status": "queued"}, 202),
    "not UTF-8": answer(202, b'{"job_id": "\xff"}'),
    "unknown encoding": answer(202, SMALL, encoded("br")),
    "broken gzip": answer(202, SMALL, encoded("gzip")),
}


@pytest.mark.parametrize("cut", [name for name in CUT_SMALL if name != "no job"])
async def test_a_job_whose_handle_cannot_be_read_is_asked_for_again_with_its_id(
    listen: Listen, connect: Connect, cut: str
) -> None:
    peer = await listen(CUT_SMALL[cut], answer(202, SMALL))
    done = answer(200, job_answer(status="done", images=[base64.b64encode(PHOTO).decode()]))
    peer.script = [by_path({"/generate": script(*peer.script), "/job-1": done})]

    await connect(peer).generate("a sea", mode="job")

    assert len(peer.posts) == 2
    assert len({each.json["client_request_id"] for each in peer.posts}) == 1


async def test_a_whole_answer_without_a_job_is_not_asked_for_again(listen: Listen, connect: Connect) -> None:
    """It was taken: whoever ignores the id would sell it once more."""
    peer = await listen(json({"status": "queued"}, 202))

    with pytest.raises(DecodeError, match="got none") as caught:
        await connect(peer).generate("a sea", mode="job")

    assert caught.value.charged == "unknown"
    assert len(peer.posts) == 1


@pytest.mark.parametrize("body", ["images", "links"])
async def test_a_job_that_is_finished_at_once_is_taken_without_an_id(
    listen: Listen, connect: Connect, body: str
) -> None:
    peer = await listen()
    finished = {"images": [base64.b64encode(PHOTO).decode()]} if body == "images" else {"download_urls": [peer.link()]}
    peer.script = [by_path({"/generate": json(finished), ".jpg": answer(200, PHOTO)})]

    result = await connect(peer).generate("a sea", mode="job")

    assert [image.data for image in result.images] == [PHOTO]
    assert len(peer.posts) == 1


@pytest.mark.parametrize("cut", CUT_SMALL)
async def test_a_free_answer_that_cannot_be_read_is_asked_for_again(listen: Listen, connect: Connect, cut: str) -> None:
    peer = await listen(CUT_SMALL[cut], json({"profiles": ["anna"]}))

    [profile] = await connect(peer).profiles.list()

    assert profile.profile_id == "anna"
    assert len(peer.requests) == 2


WRONG: dict[str, tuple[Behaviour, str]] = {
    "HTML": (answer(200, HTML, {"Content-Type": "text/html"}), "JSON"),
    "text": (answer(200, b"OK"), "JSON"),
    "a list": (answer(200, b"[]"), "JSON object"),
    "a picture": (answer(200, PHOTO, {"Content-Type": "image/jpeg"}), "JSON|UTF-8"),
    "no list of images": (json({"images": "none"}), "a list under images"),
    "images that are no text": (json({"images": [7]}), "base64 text in image 0"),
    "no base64": (json({"images": ["a%20b"]}), "base64 text in image 0"),
    "unknown encoding": (answer(200, ANSWER, encoded("br")), "no content encoding, got 'br'"),
    "two encodings": (answer(200, packed(ANSWER), encoded("gzip, gzip")), "no content encoding"),
    "not packed": (answer(200, ANSWER, encoded("gzip")), "does not unpack"),
    "not deflated": (answer(200, ANSWER, encoded("deflate")), "does not unpack"),
    "packed and more": (answer(200, packed(ANSWER) + b"more", encoded("gzip")), "the end of the packed answer"),
    "two documents": (answer(200, ANSWER + ANSWER), "well-formed JSON"),
    "deep": (answer(200, b'{"a":' + b"[" * 5000), "levels"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_paid_answer_that_makes_no_sense_may_have_been_charged(
    listen: Listen, connect: Connect, wrong: str
) -> None:
    behaviour, expected = WRONG[wrong]
    peer = await listen(behaviour)

    with pytest.raises(DecodeError, match=expected) as caught:
        await connect(peer).generate("a sea")

    assert (caught.value.charged, caught.value.retryable, caught.value.attempts) == ("unknown", False, 1)
    assert len(peer.posts) == 1


async def test_the_request_id_of_an_answer_that_cannot_be_read(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, HTML, {"X-Request-Id": "req-7"}), answer(200, b"{", {"X-Request-Id": "req-8"}))
    client = connect(peer)

    for error, request_id in ((DecodeError, "req-7"), (ResponseLostError, "req-8")):
        with pytest.raises(error) as caught:
            await client.generate("a sea")
        assert caught.value.request_id == request_id


@pytest.mark.parametrize(("body", "header", "expected"), [("b", "h", "b"), (None, "h", "h"), ("", "h", "h")])
async def test_the_request_id_of_a_result(
    listen: Listen, connect: Connect, body: str | None, header: str, expected: str
) -> None:
    peer = await listen(answer(200, image_answer(PHOTO, request_id=body), {"X-Request-Id": header}))

    result = await connect(peer).generate("a sea")

    assert result.request_id == expected


# Limits.


async def test_an_answer_beyond_its_limit_is_refused(listen: Listen, connect: Connect) -> None:
    peer = await listen(image_limit(4000))

    with pytest.raises(DecodeError, match="at most 3000 bytes in image 0"):
        await connect(peer, config=quick(max_image_bytes=3000)).generate("a sea")


def image_limit(size: int) -> Behaviour:
    return answer(200, image_answer(picture(size)))


async def test_an_answer_without_an_end_is_refused(listen: Listen, connect: Connect) -> None:
    """Without pictures, and chunk by chunk, so that no length says what comes."""

    async def endless(exchange: Any) -> None:
        await exchange.body()
        await exchange.send(head(200, b"", None, chunked=True) + b'2\r\n{"\r\n')
        while True:
            await exchange.send(b"10000\r\n" + b"x" * 2**16 + b"\r\n")

    peer = await listen(endless)
    client = connect(peer, config=quick(max_answer_bytes=2**20, max_image_bytes=2**20))

    calls = {
        "generate": client.generate("a sea"),
        "secret": client.webhooks.secret(),
        "picture": client.profiles.picture("anna"),
    }
    for call in calls.values():
        with pytest.raises(DecodeError, match="at most"):
            await call


async def test_deleting_reads_no_endless_answer(listen: Listen, connect: Connect) -> None:
    async def endless(exchange: Any) -> None:
        await exchange.send(head(200, b"", None, chunked=True))
        while True:
            await exchange.send(b"10000\r\n" + b"x" * 2**16 + b"\r\n")

    peer = await listen(endless)
    client = connect(peer, config=quick(max_answer_bytes=2**20, free_timeout=5))

    await client.profiles.delete("anna")

    assert len(peer.requests) == 1


async def test_a_length_that_never_comes_is_believed_only_as_far_as_it_comes(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, ANSWER, length=10**15, cut=len(ANSWER)))

    with pytest.raises(ResponseLostError):
        await connect(peer).generate("a sea")


async def test_an_error_of_endless_length_is_cut(listen: Listen, connect: Connect) -> None:
    async def endless(exchange: Any) -> None:
        await exchange.body()
        await exchange.send(head(400, b"", None, chunked=True))
        while True:
            await exchange.send(b"10000\r\n" + b"x" * 2**16 + b"\r\n")

    peer = await listen(endless)

    with pytest.raises(PhotaError, match="HTTP 400") as caught:
        await connect(peer).generate("a sea")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("how", ["gzip", "deflate"])
async def test_an_error_that_is_packed_is_understood(listen: Listen, connect: Connect, how: str) -> None:
    body = msgspec.json.encode({"detail": "the photo is too dark", "request_id": "req-1"})
    peer = await listen(answer(400, packed(body, how), encoded(how)))

    with pytest.raises(PhotaError, match=r"too dark .request req-1.") as caught:
        await connect(peer).generate("a sea")
    assert caught.value.charged == "no"


@pytest.mark.parametrize("broken", [packed(HTML)[:9], HTML], ids=["cut", "not packed"])
async def test_an_error_that_cannot_be_unpacked_keeps_its_status(
    listen: Listen, connect: Connect, broken: bytes
) -> None:
    peer = await listen(answer(400, broken, encoded("gzip")))

    with pytest.raises(PhotaError, match="HTTP 400"):
        await connect(peer).generate("a sea")


@pytest.mark.parametrize("call", ["generate", "list", "picture"])
async def test_a_bomb_takes_little_memory(listen: Listen, connect: Connect, call: str) -> None:
    """64 MB of blanks, packed into 64 KB: reading it all at once would take more than 128 MB."""
    bomb = gzip.compress(b'{"images": [' + b" " * (64 * 2**20))
    peer = await listen(answer(200, bomb, encoded("gzip")))
    client = connect(peer, config=quick(max_answer_bytes=2**20, max_image_bytes=2**20))
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "generate": lambda: client.generate("a sea"),
        "list": client.profiles.list,
        "picture": lambda: client.profiles.picture("anna"),
    }

    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match="at most"):
            await calls[call]()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 8 * 2**20


# Shapes.


@pytest.mark.parametrize("images", [None, [], [None], [""], [None, ""]])
async def test_no_pictures_are_no_error(listen: Listen, connect: Connect, images: Any) -> None:
    """The service promises no number of pictures; a field for them may be empty, or missing."""
    peer = await listen(json({"images": images, "known_subjects": {"counts": {"anna": 1}}}))

    result = await connect(peer).generate("a sea", num_output_images=2)

    assert result.images == ()
    assert result.known_subjects.counts == {"anna": 1}


async def test_fewer_pictures_than_asked_for(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, image_answer(PHOTO)))

    result = await connect(peer).generate("a sea", num_output_images=4)

    assert [image.data for image in result.images] == [PHOTO]


async def test_links_though_bytes_were_asked_for(listen: Listen, connect: Connect) -> None:
    peer = await listen()
    peer.script = [by_path({"/generate": answer(200, link_answer(peer.link())), ".jpg": answer(200, PHOTO)})]

    result = await connect(peer).generate("a sea")

    assert [image.data for image in result.images] == [PHOTO]
    assert result.images[0].url == peer.link()


async def test_links_are_left_alone_when_links_were_asked_for(listen: Listen, connect: Connect) -> None:
    peer = await listen()
    peer.script = [by_path({"/generate": answer(200, link_answer(peer.link())), ".jpg": answer(200, PHOTO)})]

    result = await connect(peer).generate("a sea", response_mode="urls")
    [image] = result.images

    assert (image.url, image.data, image.format, image.size) == (peer.link(), None, None, None)
    assert peer.paths == ["/generate"]
    assert await image.read() == PHOTO
    assert (image.data, image.format, image.size) == (PHOTO, "jpg", len(PHOTO))


JOBS: dict[str, dict[str, Any]] = {
    "at the top": {"status": "succeeded", "download_urls": ["LINK"]},
    "in a result": {"status": "COMPLETED", "result": {"download_urls": ["LINK"]}},
    "in an output": {"status": "done", "output": {"download_urls": ["LINK"], "known_subjects": None}},
    "in a response": {"status": "ready", "response": {"download_urls": ["LINK"], "images": []}},
    "without a status": {"download_urls": ["LINK"]},
    "with an unknown status": {"status": "archived", "result": {"download_urls": ["LINK"]}},
    "with an empty error": {"status": "success", "error": None, "download_urls": ["LINK"]},
    "as bytes": {"status": "succeeded", "result": {"images": ["BYTES"]}},
}


def finished(shape: str, link: str) -> bytes:
    text = msgspec.json.encode(JOBS[shape] | {"job_id": "job-1"}).decode()
    return text.replace("LINK", link).replace("BYTES", base64.b64encode(PHOTO).decode()).encode()


@pytest.mark.parametrize("mode", ["sync", "job"])
@pytest.mark.parametrize("shape", JOBS)
async def test_a_job_in_every_shape(listen: Listen, connect: Connect, shape: str, mode: Any) -> None:
    """Also where the service makes a job of a synchronous call."""
    peer = await listen()
    done = answer(200, finished(shape, peer.link()))
    looks = script(answer(200, job_answer(status="starting")), done)
    peer.script = [by_path({"/generate": answer(202, job_answer()), "/job-1": looks, ".jpg": answer(200, PHOTO)})]

    result = await connect(peer).generate("a sea", mode=mode)

    assert [await image.read() for image in result.images] == [PHOTO]
    assert result.job_id == "job-1"
    assert len(peer.posts) == 1


@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_a_job_that_is_done_when_it_is_submitted_is_not_polled(
    listen: Listen, connect: Connect, mode: Any
) -> None:
    """The service knows the id already and gives the first job back."""
    peer = await listen()
    done = answer(200, finished("in a result", peer.link()))
    peer.script = [by_path({"/generate": done, ".jpg": answer(200, PHOTO)})]

    result = await connect(peer).generate("a sea", mode=mode)

    assert [image.data for image in result.images] == [PHOTO]
    assert len(peer.requests) == 2


@pytest.mark.parametrize("mode", ["sync", "job"])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_job_that_failed_is_an_error(listen: Listen, connect: Connect, mode: Any, at_once: bool) -> None:
    failed = job_answer(status="Failed", error={"code": "NO_FACE", "message": "nobody is in the photo"})
    handle = failed if at_once else job_answer()
    peer = await listen(by_path({"/generate": answer(202, handle), "/job-1": answer(200, failed)}))

    with pytest.raises(JobFailedError, match="job-1 ended as Failed NO_FACE: nobody is in the photo") as caught:
        await connect(peer).generate("a sea", mode=mode)

    assert (caught.value.job_id, caught.value.charged) == ("job-1", "unknown")
    assert len(peer.posts) == 1


async def test_subjects_beside_the_links_of_a_job(listen: Listen, connect: Connect) -> None:
    peer = await listen()
    done = {"status": "done", "known_subjects": {"counts": {"anna": 2}}, "result": {"download_urls": [peer.link()]}}
    peer.script = [by_path({"/generate": json({"job_id": "job-1"} | done), ".jpg": answer(200, PHOTO)})]

    result = await connect(peer).generate("[[anna]] and [[ben]]", mode="job")

    assert result.known_subjects.counts == {"anna": 2}
    assert (result.expected, result.missing()) == (("anna", "ben"), ("ben",))


# Pictures of profiles.


@pytest.mark.parametrize("body", [HTML, b"", b"{}"])
async def test_a_profile_picture_that_is_none(listen: Listen, connect: Connect, body: bytes) -> None:
    peer = await listen(answer(200, body))

    with pytest.raises(DecodeError, match="expected a picture"):
        await connect(peer).profiles.picture("anna")


async def test_a_profile_picture_that_is_packed(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, packed(PHOTO), encoded("gzip")))

    found = await connect(peer).profiles.picture("anna")

    assert (found.data, found.format) == (PHOTO, "jpg")


async def test_a_profile_picture_that_is_large(listen: Listen, connect: Connect) -> None:
    large = picture(300_000)
    peer = await listen(answer(200, large))

    assert (await connect(peer).profiles.picture("anna")).data == large
    with pytest.raises(DecodeError, match="at most 200000 bytes"):
        await connect(peer, config=quick(max_image_bytes=200_000)).profiles.picture("anna")
