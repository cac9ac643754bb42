"""Requests are values: frozen, comparable, picklable, and silent about photos and prompts."""

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from phota_async.requests import (
    AnyRequest,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    ImageRequest,
    RemixRequest,
    images_of,
    names_of,
    with_images,
)

URL = "https://example.com/a.jpg"
REQUESTS: list[AnyRequest] = [
    EditRequest(
        images=(URL, "b.jpg"), prompt="at sunset", profile_ids=("p1",), quality="high", base_model="gpt-image-2"
    ),
    GenerateRequest(prompt="[[p1]] on a hill", aspect_ratio="16:9", resolution="4K", extra={"seed": 7}),
    EnhanceRequest(image=URL, prompt="warmer", profile_ids=("p1", "p2"), num_output_images=4),
    RemixRequest(input_image="a.jpg", reference_image="b.jpg", output_format="png", response_mode="urls"),
]
each_request = pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.operation)

# What each endpoint lists, and its defaults: https://docs.photalabs.com/api/studio/edit and its sisters
SHARED = {"num_output_images": 1, "output_format": "jpg", "response_mode": "bytes", "extra": {}}
SIZED = {"aspect_ratio": "auto", "resolution": "1K", "base_model": "nb2", "quality": None}
FIELDS: dict[type[ImageRequest], dict[str, Any]] = {
    EditRequest: SHARED | SIZED | {"images": ("x",), "prompt": "", "profile_ids": ()},
    GenerateRequest: SHARED | SIZED | {"prompt": ""},
    EnhanceRequest: SHARED | {"image": "x", "prompt": None, "profile_ids": ()},
    RemixRequest: SHARED | {"input_image": "x", "reference_image": "x", "prompt": None, "profile_ids": ()},
}


@pytest.mark.parametrize("kind", FIELDS)
def test_fields_and_defaults(kind: type[Any]) -> None:
    photos = dict.fromkeys(kind.photos, "x")
    request = kind(**photos)
    assert {name: getattr(request, name) for name in kind.__struct_fields__} == FIELDS[kind]


@pytest.mark.parametrize("kind", FIELDS)
def test_photos_have_no_default(kind: type[Any]) -> None:
    for name in kind.photos:
        given = {other: "x" for other in kind.photos if other != name}
        with pytest.raises(TypeError, match=name):
            kind(**given)


@each_request
def test_a_request_survives_a_pickle(request_: AnyRequest) -> None:
    assert pickle.loads(pickle.dumps(request_)) == request_


@each_request
def test_a_request_survives_json_and_comes_back_as_its_kind(request_: AnyRequest) -> None:
    text = msgspec.json.encode(request_)
    again = msgspec.json.decode(text, type=AnyRequest)
    assert type(again) is type(request_)
    assert again == request_
    assert msgspec.json.decode(text)["operation"] == request_.operation


@each_request
def test_a_request_is_frozen(request_: AnyRequest) -> None:
    with pytest.raises(AttributeError):
        request_.num_output_images = 2  # type: ignore[misc]  # this is what is tested


@each_request
def test_a_request_shows_neither_photos_nor_prompts(request_: AnyRequest) -> None:
    shown = repr(request_) + "".join(request_.__rich_repr__())
    for private in ("sunset", "hill", "warmer", "example.com", "a.jpg", "p1"):
        assert private not in shown
    assert type(request_).__name__ in shown
    assert f"x{request_.num_output_images}" in shown


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid value 'upscale'"):
        msgspec.json.decode(b'{"operation":"upscale"}', type=AnyRequest)


def test_lists_become_tuples_so_that_a_request_cannot_change() -> None:
    photos, ids = ["a.jpg"], ["p1"]
    request = EditRequest(images=photos, profile_ids=ids)
    photos.append("b.jpg")
    ids.append("p2")
    assert request.images == ("a.jpg",)
    assert request.profile_ids == ("p1",)


def _numbered() -> Iterator[str]:
    yield from ("a.jpg", "b.jpg")


PILLOW = Image.new("RGB", (2, 2))
FILE = io.BytesIO(b"x")
VIEW = memoryview(b"abc")


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ("a.jpg", ("a.jpg",)),
        (Path("a.jpg"), (Path("a.jpg"),)),
        (b"abc", (b"abc",)),
        (bytearray(b"abc"), (bytearray(b"abc"),)),
        (VIEW, (VIEW,)),
        (FILE, (FILE,)),
        (PILLOW, (PILLOW,)),
        (["a.jpg", b"b"], ("a.jpg", b"b")),
        (("a.jpg",), ("a.jpg",)),
        (_numbered(), ("a.jpg", "b.jpg")),
        ({"a.jpg": 1}.keys(), ("a.jpg",)),
        ([], ()),
        (None, ()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_photo_stands_for_a_list_of_one(images: Any, expected: tuple[Any, ...]) -> None:
    assert EditRequest(images=images).images == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda ids: EditRequest(images=("a",), profile_ids=ids),
        lambda ids: EnhanceRequest(image="a", profile_ids=ids),
        lambda ids: RemixRequest(input_image="a", reference_image="b", profile_ids=ids),
    ],
)
@pytest.mark.parametrize(("ids", "expected"), [("p1", ("p1",)), (["p1", "p2"], ("p1", "p2")), (None, ()), ([], ())])
def test_one_profile_id_stands_for_a_list_of_one(make: Any, ids: Any, expected: tuple[str, ...]) -> None:
    assert make(ids).profile_ids == expected


def test_photos_in_the_order_they_are_sent() -> None:
    assert images_of(EditRequest(images=("a", "b"))) == ("a", "b")
    assert images_of(GenerateRequest(prompt="x")) == ()
    assert images_of(EnhanceRequest(image="a")) == ("a",)
    assert images_of(RemixRequest(input_image="a", reference_image="b")) == ("a", "b")


def test_requests_do_not_share_their_extra_fields() -> None:
    assert GenerateRequest().extra is not GenerateRequest().extra


NAMES = {
    "edit": ("images[0]", "images[1]"),
    "generate": (),
    "enhance": ("image",),
    "remix": ("input_image", "reference_image"),
}


@each_request
def test_other_photos_in_the_same_request(request_: AnyRequest) -> None:
    assert names_of(request_) == NAMES[request_.operation]
    others = [f"{name}.png" for name in names_of(request_)]
    changed = with_images(request_, others)
    assert images_of(changed) == tuple(others)
    assert with_images(changed, images_of(request_)) == request_
