from pathlib import Path

import pytest

from phota_async.sandbox import Sandbox

from .conftest import PHOTO, Api, draw_photo


async def make_link(api: Api) -> str:
    answer = await api.post("/generate", {"response_mode": "urls", "output_format": "png"})
    link: str = answer.json["download_urls"][0]
    return link


async def test_a_link_dies_on_the_sandboxs_clock(api: Api) -> None:
    link = await make_link(api)
    api.sandbox.clock.advance(86400)
    young = await api.get(link)
    api.sandbox.clock.advance(2)
    old = await api.get(link)

    assert (young.status, old.status) == (200, 403)
    assert "expired" in old.json["detail"]


@pytest.mark.parametrize(
    ("change", "to", "status"),
    [
        ("signature=", "signature=0", 403),
        ("expires=1", "expires=2", 403),
        ("signature=", "sig=", 403),
        ("signature=", "signature=%C3%A9", 403),
        ("-1.png", "-7.png", 404),
    ],
)
async def test_a_forged_link(api: Api, change: str, to: str, status: int) -> None:
    link = await make_link(api)

    assert (await api.get(link.replace(change, to))).status == status


async def test_the_whole_file(api: Api) -> None:
    answer = await api.get(await make_link(api))

    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"].startswith('"')


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("bytes=10-", 10, None), ("bytes=0-9", 0, 10), ("bytes=-5", -5, None)]
)
async def test_a_part_of_the_file(api: Api, asked: str, start: int, stop: int | None) -> None:
    link = await make_link(api)
    whole = await api.get(link)
    part = await api.get(link, headers={"Range": asked, "If-Range": whole.headers["ETag"]})

    assert part.status == 206
    assert part.body == whole.body[start:stop]
    assert part.headers["Content-Range"].endswith(f"/{len(whole.body)}")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": "bytes=10-", "If-Range": '"other"'}, 200),
        ({"Range": "lines=1-2"}, 200),
        ({"Range": "bytes=99999999-"}, 416),
    ],
)
async def test_ranges_that_do_not_fit(api: Api, headers: dict[str, str], status: int) -> None:
    assert (await api.get(await make_link(api), headers=headers)).status == status


async def test_a_file_that_did_not_change(api: Api) -> None:
    link = await make_link(api)
    tag = (await api.get(link)).headers["ETag"]
    answer = await api.get(link, headers={"If-None-Match": tag})

    assert (answer.status, answer.body) == (304, b"")


async def test_keys_on_links_are_counted(api: Api) -> None:
    link = await make_link(api)
    await api.get(link)
    await api.get(link, headers={"X-API-Key": "any"})
    await api.get(api.sandbox.upload(PHOTO), headers={"X-API-Key": "any"})

    assert api.sandbox.keys_on_links == 2


async def test_uploads(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "Анна & me.png"
    path.write_bytes(draw_photo(kind="PNG"))
    by_path = await api.get(api.sandbox.upload(path))
    by_bytes = await api.get(api.sandbox.upload(PHOTO))
    odd = await api.get(api.sandbox.upload(b"x", name="a/b"))
    none = await api.get(api.sandbox.origin + "/uploads/none.jpg")

    assert (by_path.body, by_path.headers["Content-Type"]) == (path.read_bytes(), "image/png")
    assert (by_bytes.body, by_bytes.headers["Content-Type"]) == (PHOTO, "image/jpeg")
    assert (odd.body, odd.headers["Content-Type"]) == (b"x", "application/octet-stream")
    assert none.status == 404


def test_an_upload_needs_an_address() -> None:
    with pytest.raises(RuntimeError, match="running sandbox"):
        Sandbox().upload(PHOTO)
