"""What was bought reaches the disk whole, under the names that were asked for, whatever goes wrong."""

import errno
import gzip
import hashlib
import os
import pickle
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.clients import Connect, Listen, quick
from support.folders import tree
from support.peer import Behaviour, answer, by_path, hang_up, json, reset
from support.pictures import PHOTO, image_answer, job_answer, link_answer, picture

from phota_async import (
    ConfigError,
    DownloadError,
    EditRequest,
    GenerateRequest,
    ImageResult,
    InputError,
    OutputImage,
    PhotaError,
    ResponseLostError,
)
from phota_async.config import Mode
from phota_async.media.files import Exists

JPG, PNG = PHOTO, picture(70_000, "png", seed=1)
BOUGHT = [JPG, PNG]
REQUEST = EditRequest(images=(PHOTO,), prompt="at sea", num_output_images=2)
HOW: list[Any] = ["sync", "sync urls", "job"]


async def serve(listen: Listen, pictures: list[bytes] = BOUGHT) -> Any:
    """Serve an edit in both modes; the sync one with bytes or with links, as it is asked."""
    peer = await listen()
    links = [peer.link(f"/{number}.jpg") for number in range(len(pictures))]
    done = answer(200, job_answer(status="done", download_urls=links))

    async def edit(exchange: Any) -> None:
        await exchange.body()
        body = exchange.request.json
        if body.get("async"):
            await answer(202, job_answer())(exchange)
        elif body["response_mode"] == "urls":
            await answer(200, link_answer(*links))(exchange)
        else:
            await answer(200, image_answer(*pictures))(exchange)

    files: dict[str, Behaviour] = {f"/{number}.jpg": answer(200, data) for number, data in enumerate(pictures)}
    peer.script = [by_path({"/edit": edit, "/job-1": done} | files)]
    return peer


def options(how: str) -> tuple[EditRequest, Mode]:
    mode: Mode = "job" if how == "job" else "sync"
    return msgspec.structs.replace(REQUEST, response_mode="urls" if "urls" in how else "bytes"), mode


PLACES = {
    "a directory": ("there", ["there/edit-1.jpg", "there/edit-2.png"]),
    "a new directory": ("new/deep", ["new/deep/edit-1.jpg", "new/deep/edit-2.png"]),
    "a path": ("new/a.jpg", ["new/a.jpg", "new/a-2.png"]),
    "a path with a number": ("b-1.jpg", ["b-1.jpg", "b-2.png"]),
    "a path of another format": ("c.png", ["c.jpg", "c-2.png"]),
    "a path with a dot": ("v1.2", ["v1.2.jpg", "v1.2-2.png"]),
    "a directory with a suffix": ("photos.jpg", ["photos.jpg/edit-1.jpg", "photos.jpg/edit-2.png"]),
    "a file without a suffix": ("taken", ["taken.jpg", "taken-2.png"]),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("place", PLACES)
async def test_where_pictures_go(listen: Listen, connect: Connect, tmp_path: Path, place: str, how: str) -> None:
    peer = await serve(listen)
    (tmp_path / "there").mkdir()
    (tmp_path / "photos.jpg").mkdir()
    (tmp_path / "taken").write_bytes(b"mine")
    save_to, expected = PLACES[place]
    request, mode = options(how)

    result = await connect(peer).send(request, mode=mode, save_to=tmp_path / save_to)

    assert tree(tmp_path) == {"taken": b"mine"} | dict(zip(expected, BOUGHT, strict=True))
    assert [image.path for image in result.images] == [tmp_path / each for each in expected]
    assert [(image.data, image.size, image.format) for image in result.images] == [
        (None, len(JPG), "jpg"),
        (None, len(PNG), "png"),
    ]
    assert [await image.read() for image in result.images] == BOUGHT
    assert [image.url is None for image in result.images] == [how == "sync"] * 2


@pytest.mark.parametrize("how", HOW)
async def test_digests_of_what_lies_on_disk(listen: Listen, connect: Connect, tmp_path: Path, how: str) -> None:
    peer = await serve(listen)
    request, mode = options(how)

    result = await connect(peer).send(request, mode=mode, save_to=tmp_path, hashed=True)

    expected = [hashlib.sha256(each).hexdigest() for each in BOUGHT]
    assert [image.sha256 for image in result.images] == expected
    assert [image.sha256 for image in pickle.loads(pickle.dumps(result)).images] == expected


REFUSED: dict[str, tuple[str, Exists, str]] = {
    "a taken name": ("a.jpg", "error", "a.jpg exists"),
    "the name of the second picture": ("b.jpg", "error", "b-2.jpg exists"),
    "a taken name in a directory": ("there", "error", "edit-1.jpg exists"),
    "a dangling link": ("link.jpg", "error", "link.jpg exists"),
    "a directory to be replaced": ("there", "replace", "edit-2.jpg is a directory"),
    "below a file": ("a.jpg/x/y.jpg", "number", "Not a directory|File exists"),
    "too long a name": ("x" * 251 + ".jpg", "number", "File name too long"),
    "too long a directory": ("x" * 300, "error", "File name too long"),
    "a NUL": ("a\0b.jpg", "error", "a NUL"),
    "half a character": ("\ud800/a.jpg", "error", "surrogates"),
    "no word": ("new.jpg", "overwrite", "expected error or number or replace"),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("mode", ["sync", "job"])
@pytest.mark.parametrize("refused", REFUSED)
async def test_what_cannot_be_saved_is_not_bought(
    listen: Listen, connect: Connect, tmp_path: Path, refused: str, mode: Mode
) -> None:
    peer = await serve(listen)
    (tmp_path / "there").mkdir()
    (tmp_path / "there/edit-1.jpg").write_bytes(b"mine")
    (tmp_path / "there/edit-2.jpg").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"mine")
    (tmp_path / "b-2.jpg").write_bytes(b"mine")
    (tmp_path / "link.jpg").symlink_to("nowhere")
    save_to, exists, why = REFUSED[refused]
    before = tree(tmp_path)

    with pytest.raises(InputError, match=why) as caught:
        await connect(peer).send(REQUEST, save_to=f"{tmp_path}/{save_to}", exists=exists, mode=mode)

    assert (caught.value.charged, peer.requests, tree(tmp_path)) == ("no", [], before)


async def test_an_unwritable_directory_is_found_before_anything_is_bought(
    listen: Listen, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = await serve(listen)
    refuse_files(monkeypatch, errno.EACCES)

    with pytest.raises(InputError, match="Permission denied"):
        await connect(peer).send(REQUEST, save_to=tmp_path)

    assert peer.requests == []


def refuse_files(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    really_open = os.open

    def refuse(path: Any, flags: int, *mode: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return really_open(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.parametrize("how", HOW)
async def test_a_name_that_is_taken_after_paying_is_counted_past(
    listen: Listen, connect: Connect, tmp_path: Path, how: str
) -> None:
    peer = await serve(listen)
    target = tmp_path / "a.jpg"
    really = peer.script[0]

    async def meddle(exchange: Any) -> None:
        target.write_bytes(b"mine")
        await really(exchange)

    peer.script = [meddle]
    request, mode = options(how)
    result = await connect(peer).send(request, mode=mode, save_to=target)

    assert [image.path and image.path.name for image in result.images] == ["a-2.jpg", "a-2.png"]
    assert tree(tmp_path) == {"a.jpg": b"mine", "a-2.jpg": JPG, "a-2.png": PNG}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("exists", ["number", "replace"])
async def test_taken_names(listen: Listen, connect: Connect, tmp_path: Path, exists: Exists, how: str) -> None:
    peer = await serve(listen)
    (tmp_path / "edit-1.jpg").write_bytes(b"old")
    (tmp_path / "edit-2.png").write_bytes(b"old")
    request, mode = options(how)

    await connect(peer).send(request, mode=mode, save_to=tmp_path, exists=exists)

    new = {"edit-1.jpg": JPG, "edit-2.png": PNG}
    both = {"edit-1.jpg": b"old", "edit-2.png": b"old", "edit-1-2.jpg": JPG, "edit-2-2.png": PNG}
    assert tree(tmp_path) == (new if exists == "replace" else both)


CUT: dict[str, Behaviour] = {
    "at the first picture": answer(200, image_answer(*BOUGHT), cut=300),
    "at the second picture": answer(200, image_answer(*BOUGHT), cut=50_000),
    "at the end": answer(200, image_answer(*BOUGHT), cut=len(image_answer(*BOUGHT)) - 1),
    "reset": answer(200, image_answer(*BOUGHT), cut=50_000, rst=True),
    "packed": answer(200, gzip.compress(image_answer(*BOUGHT))[:-9], {"Content-Encoding": "gzip"}),
    "before": reset(),
}


@pytest.mark.parametrize("cut", CUT)
async def test_an_answer_that_is_cut_off_leaves_no_file(
    listen: Listen, connect: Connect, tmp_path: Path, cut: str
) -> None:
    peer = await listen(CUT[cut])

    with pytest.raises(ResponseLostError):
        await connect(peer).send(REQUEST, save_to=tmp_path)

    assert tree(tmp_path) == {}


async def test_an_answer_that_is_wrong_at_its_end_leaves_no_file(
    listen: Listen, connect: Connect, tmp_path: Path
) -> None:
    peer = await listen(answer(200, image_answer(*BOUGHT)[:-1] + b"]"))

    with pytest.raises(PhotaError) as caught:
        await connect(peer).send(REQUEST, save_to=tmp_path)

    assert (caught.value.charged, tree(tmp_path)) == ("unknown", {})


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("call", ["writev", "fsync", "link"])
async def test_a_disk_that_fills_up(
    listen: Listen, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, how: str
) -> None:
    peer = await serve(listen, [picture(3 * 2**20)])

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    if call == "link":
        monkeypatch.setattr(os, "replace", fail)
    request, mode = options(how)
    with pytest.raises(DownloadError, match="No space left on device") as caught:
        await connect(peer).send(request, mode=mode, save_to=tmp_path)

    assert (caught.value.charged, tree(tmp_path)) == ("unknown", {})
    assert len(peer.posts) == 1
    if how == "job":
        assert caught.value.job_id == "job-1"  # type: ignore[attr-defined]
        assert "client.jobs.wait('job-1')" in str(caught.value)


@pytest.mark.parametrize("how", HOW)
async def test_a_directory_that_is_lost_after_paying(
    listen: Listen, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    peer = await serve(listen)
    really = peer.script[0]

    async def meddle(exchange: Any) -> None:
        refuse_files(monkeypatch, errno.EROFS)
        await really(exchange)

    peer.script = [meddle]
    request, mode = options(how)
    with pytest.raises(InputError, match="Read-only file system") as caught:
        await connect(peer).send(request, mode=mode, save_to=tmp_path)

    assert caught.value.charged == "unknown"
    assert len(peer.posts) == 1


async def test_a_job_that_could_not_be_saved_is_saved_later(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await serve(listen)
    client = connect(peer)
    really = peer.script
    peer.script = [by_path({"/edit": answer(202, job_answer()), "/job-1": really[0], ".jpg": hang_up})]

    with pytest.raises(DownloadError) as caught:
        await client.send(REQUEST, mode="job", save_to=tmp_path)
    peer.script = really
    result = await client.jobs.wait(caught.value.job_id, save_to=tmp_path)  # type: ignore[attr-defined]

    assert tree(tmp_path) == {"image-1.jpg": JPG, "image-2.png": PNG}
    assert [image.path for image in result.images] == [tmp_path / "image-1.jpg", tmp_path / "image-2.png"]
    assert len(peer.posts) == 1


async def test_one_broken_link_does_not_lose_the_other_pictures(
    listen: Listen, connect: Connect, tmp_path: Path
) -> None:
    peer = await listen()
    links = [peer.link(f"/{number}.jpg") for number in range(6)]
    files = {f"/{number}.jpg": answer(200, picture(500, seed=number)) for number in range(6)} | {"/2.jpg": answer(403)}
    done = answer(200, job_answer(status="done", download_urls=links))
    peer.script = [by_path({"/edit": answer(202, job_answer()), "/job-1": done} | files)]

    with pytest.raises(DownloadError, match=r"2.jpg: HTTP 403"):
        await connect(peer).send(REQUEST, mode="job", save_to=tmp_path)

    assert sorted(tree(tmp_path)) == [f"edit-{number}.jpg" for number in (1, 2, 4, 5, 6)]


async def test_pictures_inside_a_job_are_saved_too(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    inline = {"status": "done", "result": {"images": [b64encode(each).decode() for each in BOUGHT]}}
    peer = await listen(json({"job_id": "job-1"} | inline, 202))
    client = connect(peer)

    result = await client.send(REQUEST, mode="job", save_to=tmp_path)
    kept = await client.jobs.wait("job-1")

    assert tree(tmp_path) == {"edit-1.jpg": JPG, "edit-2.png": PNG}
    assert [image.data for image in result.images] == [None, None]
    assert [image.data for image in kept.images] == BOUGHT


# Saving what is in memory or behind a link.


async def in_memory(listen: Listen, connect: Connect) -> ImageResult:
    return await connect(await serve(listen)).send(REQUEST)


async def behind_links(listen: Listen, connect: Connect) -> ImageResult:
    client = connect(await serve(listen))
    return await client.send(options("sync urls")[0])


SOURCES = pytest.mark.parametrize("source", [in_memory, behind_links])


@SOURCES
async def test_all_pictures_of_a_result(listen: Listen, connect: Connect, tmp_path: Path, source: Any) -> None:
    result = await source(listen, connect)

    paths = await result.save(tmp_path / "new/deep", stem="anna.at.sea")

    assert paths == [tmp_path / "new/deep/anna.at.sea-1.jpg", tmp_path / "new/deep/anna.at.sea-2.png"]
    assert tree(tmp_path / "new/deep") == {"anna.at.sea-1.jpg": JPG, "anna.at.sea-2.png": PNG}
    assert [image.path for image in result.images] == paths
    assert [(image.format, image.size) for image in result.images] == [("jpg", len(JPG)), ("png", len(PNG))]


@SOURCES
async def test_one_picture(listen: Listen, connect: Connect, tmp_path: Path, source: Any) -> None:
    image = (await source(listen, connect)).images[0]

    assert await image.save(str(tmp_path / "new/a.png")) == tmp_path / "new/a.jpg"
    assert await image.save(tmp_path / "b") == tmp_path / "b.jpg"

    assert tree(tmp_path) == {"new/a.jpg": JPG, "b.jpg": JPG}
    assert await image.read() == JPG


@SOURCES
async def test_saving_overwrites_nothing(listen: Listen, connect: Connect, tmp_path: Path, source: Any) -> None:
    result = await source(listen, connect)
    (tmp_path / "photo-2.png").write_bytes(b"mine")

    with pytest.raises(InputError, match="File exists"):
        await result.save(tmp_path)
    assert tree(tmp_path) == {"photo-1.jpg": JPG, "photo-2.png": b"mine"}

    again = await result.save(tmp_path, exists="number")
    assert [path.name for path in again] == ["photo-1-2.jpg", "photo-2-2.png"]
    await result.save(tmp_path, exists="replace")
    assert tree(tmp_path)["photo-2.png"] == PNG


@SOURCES
@pytest.mark.parametrize("stem", ["", "a/b", "..", ".", "a\\b", "a\0"])
async def test_a_stem_is_a_plain_name(listen: Listen, connect: Connect, tmp_path: Path, source: Any, stem: str) -> None:
    result = await source(listen, connect)

    with pytest.raises(InputError, match="stem"):
        await result.save(tmp_path, stem=stem)
    assert tree(tmp_path) == {}


@SOURCES
async def test_wrong_arguments_of_save(listen: Listen, connect: Connect, tmp_path: Path, source: Any) -> None:
    image = (await source(listen, connect)).images[0]
    (tmp_path / "a.jpg").mkdir()

    for path, exists, why in (
        (tmp_path / "x.jpg", "overwrite", "exists"),
        (7, "error", "path: expected"),
        ("a\0.jpg", "error", "NUL"),
        (5, "error", "expected a str or a Path, got int"),
        *((each, "error", "path: expected a file's path, got") for each in ("", ".", "/", "..", tmp_path / "..")),
        (tmp_path / "a.jpg", "error", "got the directory .*result.save\\(directory\\)"),
        (tmp_path / "a.jpg", "replace", "directory"),
        (tmp_path / ("x" * 300), "error", "too long"),
    ):
        with pytest.raises(InputError, match=why):
            await image.save(path, exists=exists)

    assert tree(tmp_path) == {}
    assert await image.read() == JPG


@SOURCES
async def test_wrong_arguments_of_a_result(listen: Listen, connect: Connect, tmp_path: Path, source: Any) -> None:
    result = await source(listen, connect)

    with pytest.raises(InputError, match="stem: expected a str, got 5"):
        await result.save(tmp_path, stem=5)
    with pytest.raises(InputError, match="expected: expected profile ids, got 5"):
        result.missing(5)
    with pytest.raises(InputError, match="expected: expected profile ids, each a str, got list"):
        result.missing([["p1"]])
    assert result.missing(iter(["p1", "p2"])) == ("p1", "p2")
    assert tree(tmp_path) == {}


@SOURCES
async def test_a_file_in_the_place_of_a_directory(
    listen: Listen, connect: Connect, tmp_path: Path, source: Any
) -> None:
    result = await source(listen, connect)
    (tmp_path / "file").write_bytes(b"mine")

    for save in (result.save(tmp_path / "file"), result.images[0].save(tmp_path / "file/a.jpg")):
        with pytest.raises(InputError, match="Not a directory") as caught:
            await save
        assert "exists=" not in str(caught.value)
    assert tree(tmp_path) == {"file": b"mine"}


async def test_a_link_whose_saved_file_is_gone_is_a_link_again(
    listen: Listen, connect: Connect, tmp_path: Path
) -> None:
    peer = await serve(listen)
    [image, _] = (await connect(peer).send(options("sync urls")[0])).images

    (await image.save(tmp_path / "a.jpg")).unlink()
    assert await image.save(tmp_path / "b.jpg") == image.path == tmp_path / "b.jpg"
    (tmp_path / "b.jpg").unlink()
    assert await image.read() == JPG

    assert peer.paths == ["/edit", "/0.jpg", "/0.jpg", "/0.jpg"]
    assert tree(tmp_path) == {}


async def test_a_download_that_breaks_leaves_no_file(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen()
    peer.script = [by_path({"/edit": json({"download_urls": [peer.link()]}), ".jpg": answer(200, PNG, cut=60_000)})]
    result = await connect(peer).send(options("sync urls")[0])

    with pytest.raises(DownloadError):
        await result.save(tmp_path)
    assert tree(tmp_path) == {}
    peer.script = [answer(200, PNG)]
    assert (await result.save(tmp_path))[0].read_bytes() == PNG


async def test_a_picture_is_downloaded_once(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await serve(listen)
    [image, _] = (await connect(peer).send(options("sync urls")[0])).images

    assert [await image.read(), await image.read(), image.data] == [JPG] * 3
    await image.load()
    await image.save(tmp_path / "a.jpg")

    assert peer.paths == ["/edit", "/0.jpg"]
    assert tree(tmp_path) == {"a.jpg": JPG}


async def test_a_file_that_vanished_is_an_error_of_ours(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    result = await connect(await serve(listen)).send(REQUEST, save_to=tmp_path)
    path = result.images[0].path
    assert path
    path.unlink()

    with pytest.raises(InputError, match="No such file"):
        await result.images[0].read()


async def test_a_saved_file_that_cannot_be_read(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    result = await connect(await serve(listen)).send(REQUEST, save_to=tmp_path)
    path = result.images[0].path
    assert path
    path.unlink()
    path.mkdir()

    with pytest.raises(InputError, match="Is a directory"):
        await result.images[0].read()


# Pickles, reprs, equality.


@pytest.mark.parametrize("how", ["memory", "link", "disk"])
async def test_a_result_survives_a_pickle(listen: Listen, connect: Connect, tmp_path: Path, how: str) -> None:
    peer = await serve(listen)
    request = options("sync urls" if how == "link" else "sync")[0]
    result = await connect(peer).send(request, save_to=tmp_path if how == "disk" else None)

    copy: ImageResult = pickle.loads(pickle.dumps(result))

    assert copy.images == result.images
    assert [(image.format, image.size, image.place) for image in copy.images] == [
        (image.format, image.size, image.place) for image in result.images
    ]
    assert (copy.known_subjects, copy.request_id, copy.job_id) == (result.known_subjects, result.request_id, None)
    assert copy.expected == result.expected
    if how == "link":
        with pytest.raises(ConfigError, match="no client to fetch them with"):
            await copy.images[0].read()
    else:
        assert [await image.read() for image in copy.images] == BOUGHT


async def test_what_a_result_shows(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    memory = await in_memory(listen, connect)
    link = await behind_links(listen, connect)
    [image, _] = memory.images

    assert repr(memory) == "<ImageResult 2 images, 0 known subjects>"
    assert repr(image) == "<OutputImage jpg 300 bytes in memory>"
    assert "a link" in repr(link.images[0])
    assert "s3cr3t" not in repr(link.images[0])
    assert image._repr_mimebundle_() == {"image/jpeg": JPG}
    assert link.images[0]._repr_mimebundle_() == {"text/plain": repr(link.images[0])}
    path = await image.save(tmp_path / "a.jpg")
    assert repr(image) == f"<OutputImage jpg 300 bytes {path}>"
    assert image != link.images[0]
    assert image != JPG
    with pytest.raises(TypeError):
        hash(image)


def test_a_rope_is_joined_once() -> None:
    image = OutputImage(pieces=[JPG[:3], JPG[3:10], JPG[10:]])

    assert (image.size, image.format) == (len(JPG), "jpg")
    assert image.data == JPG
    assert image.data is image.data


async def test_a_request_without_a_client_saves_nothing() -> None:
    with pytest.raises(ConfigError, match="no bytes"):
        await OutputImage(url="https://photos.example/1.jpg").read()


async def test_hooks_hear_what_lies_on_disk_only(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen(answer(200, image_answer(JPG), cut=300))
    events: list[Any] = []

    with pytest.raises(ResponseLostError):
        await connect(peer, hooks=[events.append], config=quick()).send(
            GenerateRequest(prompt="a sea"), save_to=tmp_path
        )

    names = ["OperationStarted", "RequestStarted", "AttemptFailed", "RequestFailed", "OperationFailed"]
    assert [type(event).__name__ for event in events] == names
