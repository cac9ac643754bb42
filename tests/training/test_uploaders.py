"""Three ways to the internet: what arrives, by which link, and that it goes again."""

import asyncio
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import obstore
import pytest
from support.bucket import KEYS, Bucket
from support.folders import names

from phota_async import ConfigError, UploadError
from phota_async.training import PublicFolder, ShellUploader, StoreUploader, Via, open_uploader
from phota_async.training.shell import fill
from phota_async.training.stores import parse_address

NAME = "0f" * 16 + ".jpg"


def fetch(link: str) -> bytes:
    with urllib.request.urlopen(link) as answer:
        data: bytes = answer.read()
        return data


# Stores


async def test_a_store_gives_signed_links_that_live_a_day(bucket: Bucket) -> None:
    uploader = StoreUploader(bucket.address())
    link = await uploader.upload(NAME, b"photo")

    assert bucket.objects == {f"train/{NAME}": b"photo"}
    assert await asyncio.to_thread(fetch, link) == b"photo"
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Expires"] == ["86400"]
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in link
    with pytest.raises(urllib.error.HTTPError, match="403"):
        await asyncio.to_thread(fetch, link.partition("?")[0])

    await uploader.delete(NAME)
    await uploader.delete(NAME)  # what is not there is a success
    assert bucket.objects == {}


async def test_a_store_tells_the_format(bucket: Bucket) -> None:
    link = await StoreUploader(bucket.address("")).upload("a.webp", b"photo")
    with await asyncio.to_thread(urllib.request.urlopen, link) as answer:
        assert answer.headers["Content-Type"] == "image/webp"
    assert list(bucket.objects) == ["a.webp"]


async def test_an_upload_that_is_cut_off_is_over_before_its_deletion(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    loop, put = asyncio.get_running_loop(), obstore.put

    def slow(*args: object, **options: object) -> object:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result()
        return put(*args, **options)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(obstore, "put", slow)
    uploader = StoreUploader(bucket.address())
    task = asyncio.create_task(uploader.upload(NAME, b"photo"))
    await begun.wait()
    task.cancel()
    deletion = asyncio.create_task(uploader.delete(NAME))
    await asyncio.wait([task])
    go.set()
    await deletion
    assert task.cancelled()
    assert bucket.objects == {}


async def test_what_a_store_refuses_is_said_without_secrets(bucket: Bucket) -> None:
    uploader = StoreUploader(f"s3://no-such-bucket/x?endpoint={bucket.origin}&region=us-east-1")
    with pytest.raises(UploadError, match=r"NoSuchBucket|404") as caught:
        await uploader.upload(NAME, b"photo")
    text = str(caught.value)
    assert text.startswith(f"upload {NAME} at s3://no-such-bucket/x: ")
    assert "look at the bucket's name" in text
    assert "Debug source" not in text
    assert not any(value in text for value in KEYS.values())
    await uploader.delete(NAME)  # a bucket that is not there holds nothing


async def test_a_store_that_cannot_be_reached_is_said(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phota_async.training.stores.RETRY", {"max_retries": 0})
    uploader = StoreUploader("s3://bucket?endpoint=http://127.0.0.1:9&region=us-east-1")
    for action in (uploader.upload(NAME, b"photo"), uploader.delete(NAME)):
        with pytest.raises(UploadError, match=r"error sending request|Connection refused"):
            await action


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("ftp://bucket/x", "expected s3://BUCKET/PREFIX"),
        ("s3://", "expected s3://BUCKET/PREFIX"),
        ("bucket", "expected s3://BUCKET/PREFIX"),
        ("s3://key:secret@bucket/x", "expected an address without a key in it"),
        ("s3://bucket?access_key_id=AKIA", r"expected endpoint and region after the \? of s3://, got access_key_id"),
        ("gs://bucket?region=x", r"expected nothing after the \? of gs://, got region"),
    ],
)
def test_an_address_that_cannot_be_is_refused(address: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        StoreUploader(address)
    assert "secret@" not in str(caught.value)
    assert "AKIA" not in str(caught.value)


def test_addresses_of_other_stores() -> None:
    assert parse_address("s3://b/p/?region=auto&endpoint=https://x.example") == (
        *("s3", "s3://b/p"),
        {"region": "auto", "endpoint": "https://x.example"},
    )
    assert parse_address("gs://b") == ("gs", "gs://b", {})
    assert parse_address("az://c/p?account=acc") == ("az", "az://c/p", {"account_name": "acc"})


@pytest.mark.parametrize("lifetime", [0, -1, 8 * 86400, float("nan")])
def test_a_lifetime_that_no_store_signs_is_refused(lifetime: float) -> None:
    with pytest.raises(ConfigError, match="lifetime: expected more than 0 and at most 604800 seconds"):
        StoreUploader("s3://bucket", lifetime=lifetime)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(ConfigError, match=r'pip install "phota-async\[upload\]"'):
        StoreUploader("s3://bucket")


# A public folder


async def test_a_public_folder_holds_the_photo_for_a_while(tmp_path: Path) -> None:
    uploader = PublicFolder("https://example.com/p/", tmp_path)
    link = await uploader.upload(NAME, b"photo")
    assert link == f"https://example.com/p/{NAME}"
    assert (tmp_path / NAME).read_bytes() == b"photo"
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o644
    (tmp_path / f".{NAME}.0123456789ab.part").touch()  # of a process that was killed
    (tmp_path / "other.jpg").touch()
    await uploader.delete(NAME)
    await uploader.delete(NAME)
    assert names(tmp_path) == ["other.jpg"]


async def test_what_lies_in_a_public_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"mine")
    with pytest.raises(UploadError, match="File exists"):
        await PublicFolder("https://example.com", tmp_path).upload(NAME, b"photo")
    assert (tmp_path / NAME).read_bytes() == b"mine"


async def test_what_cannot_be_removed_is_said(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(UploadError, match=f"upload {NAME} at .*: "):
        await PublicFolder("https://example.com", tmp_path).delete(NAME)


@pytest.mark.parametrize("url", ["example.com", "ftp://example.com", "https://a.example/?x=1", "https://u:p@a.example"])
def test_an_address_that_no_folder_has_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="expected http"):
        PublicFolder(url, tmp_path)


def test_a_public_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected the folder that your server shows, got none there"):
        PublicFolder("https://example.com", tmp_path / "nowhere")


# A command


async def test_a_command_uploads_and_removes(tmp_path: Path) -> None:
    shelf = tmp_path / "a shelf; with $(odd) name"
    shelf.mkdir()
    uploader = ShellUploader(
        f"cp {{path}} '{shelf}'/{{name}} && echo working && echo https://example.com/${{X:-x}}/{{name}}",
        delete=f"rm -f '{shelf}'/{{name}}",
    )
    assert await uploader.upload(NAME, b"photo") == f"https://example.com/x/{NAME}"
    assert (shelf / NAME).read_bytes() == b"photo"
    await uploader.delete(NAME)
    assert list(shelf.iterdir()) == []


def test_what_is_put_into_a_command_is_quoted() -> None:
    filled = fill("a {path} {name} ${HOME} {x}", name="n.jpg", path=Path("/photos/a b/$(rm -rf ~)"))
    assert filled == "a '/photos/a b/$(rm -rf ~)' n.jpg ${HOME} {x}"


async def test_nothing_stays_of_a_photo_that_a_command_got(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(UploadError):
        await ShellUploader("stat -c %a {path} $(dirname {path}) >&2; exit 3").upload(NAME, b"photo")
    assert names(tmp_path) == []


async def test_a_command_that_fails_is_quoted_without_signatures() -> None:
    uploader = ShellUploader("TOKEN=secret echo x https://cdn.example/a?sig=secret >&2; exit 3 # {path}")
    with pytest.raises(UploadError, match=r"ended with 3: x https://cdn\.example/a; try the command by hand") as caught:
        await uploader.upload(NAME, b"photo")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(uploader)
    assert uploader.place == "the command echo"


async def test_a_command_must_print_a_link() -> None:
    with pytest.raises(UploadError, match="expected a link as the last line printed, got done"):
        await ShellUploader("echo https://example.com/x; echo done # {path}").upload(NAME, b"photo")
    with pytest.raises(UploadError, match="as the last line printed, got nothing"):
        await ShellUploader("true {path}").upload(NAME, b"photo")


async def test_a_command_does_not_see_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTA_API_KEY", "canary")
    link = await ShellUploader("echo https://example.com/${PHOTA_API_KEY:-none} {path} | cut -d' ' -f1").upload(
        NAME, b""
    )
    assert link == "https://example.com/none"


async def test_a_cancelled_command_is_killed_with_its_children(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    task = asyncio.create_task(ShellUploader(f"(echo begun; sleep 1000) > {pipe}; : {{path}}").upload(NAME, b"photo"))
    with await asyncio.to_thread(pipe.open) as reader:
        assert await asyncio.to_thread(reader.readline) == "begun\n"
        task.cancel()
        assert await asyncio.to_thread(reader.read) == ""  # its end: nobody holds the other side any more
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phota_async.training.shell.TIMEOUT", 0.05)
    with pytest.raises(UploadError, match="did not end within"):
        await ShellUploader("sleep 1000 # {path}").upload(NAME, b"photo")


async def test_without_a_delete_command_nothing_is_deleted() -> None:
    uploader = ShellUploader("true {path}")
    assert not uploader.can_delete
    with pytest.raises(UploadError, match="no delete command was given; remove it yourself"):
        await uploader.delete(NAME)


@pytest.mark.parametrize(
    ("command", "delete", "sentence"),
    [
        ("echo {name}", "", r"expected \{path\}"),
        ("echo {path}", "rm", r"the delete command: expected \{name\}"),
        ("echo {path}", "rm {name}", r"the upload command: expected \{name\}"),
    ],
)
def test_a_command_needs_what_it_works_on(command: str, delete: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        ShellUploader(command, delete=delete)


# In words


def test_each_uploader_can_be_opened_again(tmp_path: Path) -> None:
    for uploader in (
        StoreUploader("s3://bucket/p?region=auto"),
        ShellUploader("cp {path} x/{name}", delete="rm x/{name}"),
        PublicFolder("https://example.com", tmp_path),
    ):
        again = open_uploader(uploader.via)
        assert type(again) is type(uploader)
        assert getattr(again, "via", None) == uploader.via


@pytest.mark.parametrize(
    ("via", "sentence"),
    [
        (Via(), "got neither; the service fetches training photos from links"),
        (Via(address="s3://b", public_base_url="https://a.example"), "got both"),
        (Via(address="s3://b", delete="cmd:rm {name}"), "goes with an upload command"),
        (Via(public_base_url="https://a.example"), "go together"),
        (Via(address="s3://b", public_dir="x"), "go together"),
    ],
)
def test_half_a_way_is_refused(via: Via, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        open_uploader(via)


def test_a_way_is_shown_without_its_words() -> None:
    assert repr(Via(address="cmd:curl -u me:secret {path}")) == "<Via cmd>"
    assert repr(Via(public_base_url="https://a.example")) == "<Via public>"
