from typing import Any

import pytest

from phota_async.sandbox import Sandbox, Shape

from .conftest import BODIES, PHOTO, Api

FREE_GETS = ["/profiles/ids", "/webhook-secret", "/profiles/nobody/status", "/jobs/nothing"]


@pytest.mark.parametrize("path", BODIES)
async def test_image_calls_answer_with_pictures_at_once(api: Api, path: str) -> None:
    answer = await api.post(path, BODIES[path] | {"num_output_images": 2, "output_format": "png"})

    assert answer.status == 200
    assert [picture.format for picture in answer.pictures()] == ["PNG", "PNG"]
    assert answer.json["download_urls"] == []
    assert answer.json["known_subjects"] == {"counts": {}}
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", BODIES)
async def test_image_calls_answer_with_links(api: Api, path: str) -> None:
    answer = await api.post(path, BODIES[path] | {"response_mode": "urls", "output_format": "jpg"})
    link = answer.json["download_urls"][0]
    picture = await api.get(link)

    assert answer.json["images"] == []
    assert link.startswith(api.sandbox.origin + "/cdn/")
    assert picture.picture().format == "JPEG"
    assert picture.headers["Content-Type"] == "image/jpeg"


async def test_keys(api: Api) -> None:
    missing = await api.get(api.sandbox.base_url + "/profiles/ids")
    wrong = await api.get("/profiles/ids", headers={"X-API-Key": "wrong"})
    accented = await api.get("/profiles/ids", headers={"X-API-Key": "é"})

    assert (missing.status, wrong.status, accented.status) == (403, 401, 401)
    assert isinstance(missing.json["detail"], str)
    assert [(seen.key_sent, seen.key_ok) for seen in api.sandbox.requests] == [
        (False, False),
        (True, False),
        (True, False),
    ]


async def test_the_key_comes_before_the_body(api: Api) -> None:
    answer = await api.post("/edit", {"nonsense": 1}, headers={"X-API-Key": "wrong"})

    assert answer.status == 401


async def test_every_answer_has_a_request_id(api: Api) -> None:
    answers = [await api.get(path) for path in FREE_GETS]
    answers.append(await api.get("/openapi.json"))

    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert ids == [seen.request_id for seen in api.sandbox.requests]
    assert len(set(ids)) == len(ids)
    assert answers[2].json["request_id"] == ids[2]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/edit", 405), ("POST", "/profiles/ids", 405), ("GET", "/", 404)],
)
async def test_lost(api: Api, method: str, path: str, status: int) -> None:
    answer = await api.call(method, path)

    assert answer.status == status
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/jobs/nothing", "/profiles/nobody/status", "/profiles/nobody/profile_picture"])
async def test_unknown_handles(api: Api, path: str) -> None:
    assert (await api.get(path)).status == 404


async def test_webhook_secret(api: Api) -> None:
    assert (await api.get("/webhook-secret")).json == {"webhook_secret": api.sandbox.webhook_secret}


async def test_the_deprecation_header_is_a_switch(api: Api) -> None:
    before = await api.get("/profiles/ids")
    api.sandbox.shape = Shape(deprecation_date="2026-05-08")
    after = await api.get("/profiles/ids")

    assert "X-Phota-Deprecation-Date" not in before.headers
    assert after.headers["X-Phota-Deprecation-Date"] == "2026-05-08"


async def test_requests_are_recorded_without_the_key(api: Api) -> None:
    await api.post("/generate?trace=1", {"prompt": "x"}, headers={"User-Agent": "me/1"})
    seen = api.sandbox.requests[0]

    assert (seen.method, seen.path, seen.route) == ("POST", "/v1/phota/generate", "/generate")
    assert (seen.query, seen.body, seen.status, seen.size) == ({"trace": "1"}, {"prompt": "x"}, 200, 14)
    assert seen.headers["user-agent"] == "me/1"
    assert seen.headers["X-API-Key"] == "***"
    assert str(seen) == "POST /v1/phota/generate 200"
    assert api.sandbox.posts("/generate") == api.sandbox.posts() == 1
    assert api.sandbox.gets() == 0


async def test_images_need_not_be_kept(session: Any) -> None:
    async with Sandbox(keep_images=False, picture_scale=0.05) as sandbox:
        api = Api(sandbox, session)
        url = sandbox.upload(PHOTO)
        await api.post("/edit", BODIES["/edit"] | {"images": [BODIES["/enhance"]["image"], url]})
        await api.post("/enhance", BODIES["/enhance"])
        await api.post("/edit", b"[]")

    first, second, third = [seen.body for seen in sandbox.requests]
    assert first["images"] == [f"<{len(BODIES['/enhance']['image'])} characters>", url]
    assert second["image"].endswith("characters>")
    assert third == []


async def test_bodies_that_are_not_json(api: Api) -> None:
    answers = [await api.post("/edit", body) for body in (b"", b"{", b'{"a": "\xff"}', b"[]")]

    assert [answer.status for answer in answers] == [422] * 4
    assert [answer.json["detail"][0]["type"] for answer in answers[:3]] == ["json_invalid"] * 3


async def test_a_crash_of_the_sandbox_is_shown(session: Any, monkeypatch: Any) -> None:
    sandbox = await Sandbox().__aenter__()
    monkeypatch.setattr(sandbox._parts.profiles, "with_tag", lambda _: 1 // 0)
    answer = await Api(sandbox, session).get("/profiles/ids")

    assert answer.status == 500
    with pytest.raises(ZeroDivisionError):
        await sandbox.__aexit__(None, None, None)


async def test_a_taken_port_leaves_nothing_behind(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="address"):
        await Sandbox(port=sandbox.port).start()


async def test_state_is_told(sandbox: Sandbox) -> None:
    assert repr(sandbox) == f"<Sandbox {sandbox.origin}, 0 requests, 0 USD charged>"
    assert "sandbox-key" not in repr(sandbox._parts)
    parts = sandbox._parts
    for part in (parts.account, parts.profiles, parts.jobs, parts.links, parts.callbacks, parts.recorder):
        assert repr(part).startswith(f"<{type(part).__name__} ")
