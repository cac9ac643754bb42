from typing import Any

import pytest

from phota_async.sandbox import Sandbox
from phota_async.sandbox.validation import check

from .conftest import BODIES, PHOTO, PHOTO_64, Api, draw_photo

WRONG_FIELDS: list[tuple[str, dict[str, Any], str, list[str | int]]] = [
    ("/edit", {"prompt": 1}, "string_type", ["prompt"]),
    ("/edit", {"prompt": None}, "string_type", ["prompt"]),
    ("/edit", {"images": "x"}, "array_type", ["images"]),
    ("/edit", {"images": [1]}, "string_type", ["images", 0]),
    ("/edit", {"images": [PHOTO_64] * 11}, "too_long", ["images"]),
    ("/edit", {"profile_ids": "x"}, "array_type", ["profile_ids"]),
    ("/edit", {"num_output_images": 0}, "greater_than_equal", ["num_output_images"]),
    ("/edit", {"num_output_images": 5}, "less_than_equal", ["num_output_images"]),
    ("/edit", {"num_output_images": True}, "integer_type", ["num_output_images"]),
    ("/edit", {"num_output_images": "2"}, "integer_type", ["num_output_images"]),
    ("/edit", {"num_output_images": 1.5}, "integer_type", ["num_output_images"]),
    ("/edit", {"aspect_ratio": "2:3"}, "literal_error", ["aspect_ratio"]),
    ("/edit", {"resolution": "8K"}, "literal_error", ["resolution"]),
    ("/edit", {"base_model": "nb3"}, "literal_error", ["base_model"]),
    ("/edit", {"quality": "best"}, "literal_error", ["quality"]),
    ("/edit", {"output_format": "webp"}, "literal_error", ["output_format"]),
    ("/edit", {"response_mode": "links"}, "literal_error", ["response_mode"]),
    ("/edit", {"async": "yes"}, "boolean_type", ["async"]),
    ("/edit", {"client_request_id": 7}, "string_type", ["client_request_id"]),
    ("/edit", {"callback_url": "nowhere"}, "string_pattern_mismatch", ["callback_url"]),
    ("/edit", {"pro_mode": True}, "extra_forbidden", ["pro_mode"]),
    ("/generate", {"profile_ids": ["a"]}, "extra_forbidden", ["profile_ids"]),
    ("/generate", {"images": [PHOTO_64]}, "extra_forbidden", ["images"]),
    ("/enhance", {"base_model": "nb2"}, "extra_forbidden", ["base_model"]),
    ("/enhance", {"resolution": "2K"}, "extra_forbidden", ["resolution"]),
    ("/enhance", {"image": None}, "string_type", ["image"]),
    ("/remix", {"aspect_ratio": "1:1"}, "extra_forbidden", ["aspect_ratio"]),
    ("/remix", {"reference_image": 3}, "string_type", ["reference_image"]),
]


@pytest.mark.parametrize(("path", "fields", "kind", "place"), WRONG_FIELDS)
async def test_a_wrong_field_is_422(
    api: Api, path: str, fields: dict[str, Any], kind: str, place: list[str | int]
) -> None:
    answer = await api.post(path, BODIES[path] | fields)

    assert answer.status == 422
    assert kind in [item["type"] for item in answer.json["detail"]]
    assert answer.json["detail"][0]["loc"] == ["body", *place]
    assert answer.json["request_id"]
    assert api.sandbox.charges == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/enhance", "image"),
        ("/remix", "input_image"),
        ("/remix", "reference_image"),
        ("/remix", "num_output_images"),
        ("/remix", "output_format"),
        ("/remix", "response_mode"),
    ],
)
async def test_a_missing_field_is_422(api: Api, path: str, field: str) -> None:
    body = {name: value for name, value in BODIES[path].items() if name != field}
    answer = await api.post(path, body)

    assert answer.status == 422
    assert answer.json["detail"] == [{"type": "missing", "loc": ["body", field], "msg": "Field required"}]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("/edit", {"images": []}, "At least one image"),
    ("/edit", {"images": ["not base64!"]}, "neither valid base64 nor a URL"),
    ("/edit", {"images": ["data:image/jpeg;base64," + PHOTO_64]}, "neither valid base64 nor a URL"),
    ("/edit", {"images": ["aGVsbG8="]}, "could not be decoded"),
    ("/edit", {"images": [PHOTO_64[:400]]}, "could not be decoded"),
    ("/edit", {"images": ["http://["]}, "it is not a URL"),
    ("/edit", {"images": ["https:///me.jpg"]}, "it is not a URL"),
    ("/edit", {"resolution": "2K", "base_model": "reve"}, "does not support resolution"),
    ("/edit", {"resolution": "4K", "base_model": "flux-2"}, "does not support resolution"),
    ("/edit", {"quality": "high"}, "only supported by base_model"),
    ("/edit", {"async": True}, "needs response_mode"),
    ("/edit", {"callback_url": "https://a.example/x"}, "only allowed together with async"),
    ("/edit", {"prompt": "CONTENT_MODERATION"}, "CONTENT_MODERATION"),
    ("/generate", {"prompt": "MODERATED_OUTPUT"}, "CONTENT_MODERATION"),
]


@pytest.mark.parametrize(("path", "fields", "text"), REFUSED)
async def test_what_the_schema_allows_and_the_service_does_not_is_400(
    api: Api, path: str, fields: dict[str, Any], text: str
) -> None:
    answer = await api.post(path, BODIES[path] | fields)

    assert answer.status == 400
    assert text in answer.json["detail"]
    assert api.sandbox.charged == 0


ALLOWED: list[tuple[str, dict[str, Any]]] = [
    ("/edit", {"images": [PHOTO_64] * 10}),
    ("/edit", {"num_output_images": 2.0}),
    ("/edit", {"quality": None}),
    ("/edit", {"quality": "high", "base_model": "gpt-image-2"}),
    ("/edit", {"profile_ids": []}),
    ("/generate", {"prompt": ""}),
    ("/enhance", {"prompt": "[[nobody]] is only a name here"}),
    ("/remix", {"prompt": "x", "profile_ids": []}),
]


@pytest.mark.parametrize(("path", "fields"), ALLOWED)
async def test_what_is_allowed(api: Api, path: str, fields: dict[str, Any]) -> None:
    assert (await api.post(path, BODIES[path] | fields)).status == 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_formats_of_inputs(api: Api, kind: str) -> None:
    url = api.sandbox.upload(draw_photo(kind=kind))

    assert (await api.post("/enhance", {"image": url})).status == 200


async def test_an_unknown_format_is_refused(api: Api) -> None:
    url = api.sandbox.upload(draw_photo(kind="GIF"))

    assert (await api.post("/enhance", {"image": url})).status == 400


async def test_heic_is_taken_even_where_it_cannot_be_decoded(api: Api) -> None:
    url = api.sandbox.upload(b"\0\0\0\x18ftypheic" + b"\0" * 40)

    assert (await api.post("/enhance", {"image": url})).status == 200


async def test_urls_of_inputs(api: Api, session: Any) -> None:
    async with Sandbox() as other:
        elsewhere = other.upload(PHOTO, name="me & you.jpg")
        urls = {
            api.sandbox.upload(PHOTO): 200,
            elsewhere: 200,
            "https://photos.example/me.jpg": 200,  # trusted: there is no network
            other.origin + "/uploads/none.jpg": 400,
            api.sandbox.origin + "/uploads/none.jpg": 400,
            "http://127.0.0.1:1/me.jpg": 400,
        }
        answers = [await api.post("/enhance", {"image": url}) for url in urls]

    assert [answer.status for answer in answers] == list(urls.values())
    assert [seen.path for seen in other.requests] == ["/uploads/me & you.jpg", "/uploads/none.jpg"]
    assert "could not be fetched" in answers[-1].json["detail"]


async def test_a_result_is_an_input(api: Api) -> None:
    link = (await api.post("/generate", {"response_mode": "urls"})).json["download_urls"][0]
    answers = [await api.post("/enhance", {"image": url}) for url in (link, link.replace("signature=", "s="))]

    assert [answer.status for answer in answers] == [200, 400]


async def test_http_callbacks_need_a_switch(session: Any) -> None:
    body = {"async": True, "response_mode": "urls"}
    async with Sandbox() as sandbox:
        api = Api(sandbox, session)
        http = await api.post("/generate", {**body, "callback_url": "http://127.0.0.1/x"})
        https = await api.post("/generate", {**body, "callback_url": "https://127.0.0.1:1/x"})

    assert (http.status, https.status) == (422, 202)


@pytest.mark.parametrize(("value", "text"), [("", "at least 1"), ("x" * 129, "at most 128"), ("ab", "match")])
def test_strings(value: str, text: str) -> None:
    schema = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^(x*|)$"}

    assert [text in item["msg"] for item in check(value, schema)] == [True]


@pytest.mark.parametrize("value", ["x", "https://", "https://[", "//host"])
def test_urls(value: str) -> None:
    assert [item["type"] for item in check(value, {"type": "string", "format": "uri"})] == ["url_parsing"]
