"""Every documented limit is checked before anything is sent, and says expected and got."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phota_async.errors import InputError
from phota_async.requests import AnyRequest, EditRequest, EnhanceRequest, GenerateRequest, RemixRequest
from phota_async.validation import (
    check_callback_url,
    check_request,
    check_tag,
    check_training,
    is_count,
    is_http_url,
)

Make = Callable[..., AnyRequest]


def edit(**fields: Any) -> AnyRequest:
    return EditRequest(**{"images": ("a.jpg",), **fields})


def generate(**fields: Any) -> AnyRequest:
    return GenerateRequest(**{"prompt": "x", **fields})


def enhance(**fields: Any) -> AnyRequest:
    return EnhanceRequest(**{"image": "a.jpg", **fields})


def remix(**fields: Any) -> AnyRequest:
    return RemixRequest(**{"input_image": "a.jpg", "reference_image": "b.jpg", **fields})


ALL: list[Make] = [edit, generate, enhance, remix]
SIZED: list[Make] = [edit, generate]
each = pytest.mark.parametrize("make", ALL)
each_sized = pytest.mark.parametrize("make", SIZED)


def failure(check: Callable[..., None], *args: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        check(*args)
    error = caught.value
    assert not error.retryable
    assert error.charged == "no"
    return error


# What all four share


@each
def test_a_request_with_defaults_passes(make: Make) -> None:
    check_request(make())


@each
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_one_to_four_outputs(make: Make, count: int) -> None:
    check_request(make(num_output_images=count))


@each
@pytest.mark.parametrize("count", [0, 5, -1, 7, True, 2.0, "2", None])
def test_other_counts_are_refused(make: Make, count: Any) -> None:
    error = failure(check_request, make(num_output_images=count))
    assert str(error) == f"num_output_images: expected 1 to 4 output images, got {count!r}"


@each
@pytest.mark.parametrize("word", ["jpg", "png"])
def test_output_formats(make: Make, word: str) -> None:
    check_request(make(output_format=word))


@each
@pytest.mark.parametrize("word", ["jpeg", "webp", "PNG", "", None])
def test_other_output_formats_are_refused(make: Make, word: Any) -> None:
    error = failure(check_request, make(output_format=word))
    assert error.sentence() == f"output_format: expected jpg or png, got {word!r}"
    assert ("spelled" if word == "jpeg" else "validate=False") in error.hint


@each
@pytest.mark.parametrize("word", ["bytes", "urls"])
def test_response_modes(make: Make, word: str) -> None:
    check_request(make(response_mode=word))


@each
@pytest.mark.parametrize("word", ["url", "base64", "", None])
def test_other_response_modes_are_refused(make: Make, word: Any) -> None:
    error = failure(check_request, make(response_mode=word))
    assert error.sentence() == f"response_mode: expected bytes or urls, got {word!r}"


@each
def test_a_prompt_is_text(make: Make) -> None:
    check_request(make(prompt=""))
    check_request(make(prompt="x" * 100_000))  # its limit is not published
    assert failure(check_request, make(prompt=3)).sentence() == "prompt: expected a str, got 3"
    assert "got bytes" in failure(check_request, make(prompt=b"x")).sentence()


@pytest.mark.parametrize(("make", "allowed"), [(edit, False), (generate, False), (enhance, True), (remix, True)])
def test_only_enhance_and_remix_go_without_a_prompt(make: Make, allowed: bool) -> None:
    if allowed:
        check_request(make(prompt=None))
    else:
        assert failure(check_request, make(prompt=None)).sentence() == "prompt: expected a str, got None"


@pytest.mark.parametrize("make", [edit, enhance, remix])
@pytest.mark.parametrize(("profile_id", "shown"), [("", "''"), (7, "7"), (None, "None"), (b"p", "bytes")])
def test_profile_ids_are_texts(make: Make, profile_id: Any, shown: str) -> None:
    check_request(make(profile_ids=["p1", "p2", *map(str, range(40))]))  # no limit is published
    error = failure(check_request, make(profile_ids=["p1", profile_id]))
    assert error.sentence() == f"profile_ids: expected non-empty strings, got {shown}"


# Photos


@pytest.mark.parametrize("count", [1, 2, 10])
def test_one_to_ten_photos(count: int) -> None:
    check_request(edit(images=["a.jpg"] * count))


@pytest.mark.parametrize("count", [0, 11, 50])
def test_other_numbers_of_photos_are_refused(count: int) -> None:
    error = failure(check_request, edit(images=["a.jpg"] * count))
    assert str(error) == f"images: expected 1 to 10 photos, got {count}"


# Size, model and quality


@each_sized
@pytest.mark.parametrize("ratio", ["auto", "1:1", "3:4", "4:3", "9:16", "16:9"])
def test_aspect_ratios(make: Make, ratio: str) -> None:
    check_request(make(aspect_ratio=ratio))


@each_sized
@pytest.mark.parametrize("ratio", ["2:3", "16x9", "", None, 1.5])
def test_other_aspect_ratios_are_refused(make: Make, ratio: Any) -> None:
    error = failure(check_request, make(aspect_ratio=ratio))
    assert error.sentence() == f"aspect_ratio: expected auto or 1:1 or 3:4 or 4:3 or 9:16 or 16:9, got {ratio!r}"


CAPABILITIES = {  # https://docs.photalabs.com/guides/base-models
    "nb2": ["1K", "2K", "4K"],
    "gpt-image-2": ["1K", "2K", "4K"],
    "qwen-image-2": ["1K", "2K"],
    "flux-2": ["1K", "2K"],
    "reve": ["1K"],
}


@each_sized
@pytest.mark.parametrize("model", CAPABILITIES)
@pytest.mark.parametrize("resolution", ["1K", "2K", "4K", "8K"])
def test_resolutions_of_each_model(make: Make, model: str, resolution: str) -> None:
    request = make(base_model=model, resolution=resolution)
    if resolution in CAPABILITIES[model]:
        check_request(request)
    else:
        sentence = failure(check_request, request).sentence()
        expected = " or ".join(CAPABILITIES[model])
        assert sentence == f"resolution with {model}: expected {expected}, got {resolution!r}"


@each_sized
@pytest.mark.parametrize("model", ["nb3", "NB2", "", None, ["nb2"]])
def test_unknown_models_are_refused(make: Make, model: Any) -> None:
    error = failure(check_request, make(base_model=model))
    assert error.sentence().startswith(
        "base_model: expected nb2 or gpt-image-2 or qwen-image-2 or flux-2 or reve, got "
    )
    assert "validate=False" in error.hint


@each_sized
@pytest.mark.parametrize("quality", ["auto", "low", "medium", "high", None])
def test_qualities_of_gpt_image_2(make: Make, quality: str | None) -> None:
    check_request(make(base_model="gpt-image-2", quality=quality))


@each_sized
def test_other_qualities_are_refused(make: Make) -> None:
    error = failure(check_request, make(base_model="gpt-image-2", quality="best"))
    assert error.sentence() == "quality: expected auto or low or medium or high, got 'best'"


@each_sized
@pytest.mark.parametrize("model", ["nb2", "qwen-image-2", "flux-2", "reve"])
def test_other_models_take_no_quality(make: Make, model: str) -> None:
    error = failure(check_request, make(base_model=model, quality="auto"))
    assert error.sentence() == f"quality: expected None with {model}, got 'auto'"
    assert "gpt-image-2" in error.hint


# Fields that an endpoint does not list

LISTED = {
    "edit": {"images", "profile_ids", "aspect_ratio", "resolution", "base_model", "quality"},
    "generate": {"aspect_ratio", "resolution", "base_model", "quality"},
    "enhance": {"image", "profile_ids"},
    "remix": {"input_image", "reference_image", "profile_ids"},
}
SOMEWHERE = set().union(*LISTED.values())


@each
@pytest.mark.parametrize("field", sorted(SOMEWHERE))
def test_a_field_of_another_endpoint_is_refused_in_extra(make: Make, field: str) -> None:
    request = make(extra={field: "x", "a_newer_field": 1})
    if field in LISTED[request.operation]:
        return check_request(request)  # the protocol says that it has an argument of its own
    error = failure(check_request, request)
    assert str(error) == f"extra: expected fields that {request.operation} accepts, got {field!r}"
    return None


@each
def test_new_fields_pass(make: Make) -> None:
    check_request(make(extra={"seed": 7, "pro_mode": True}))


@each
@pytest.mark.parametrize("extra", [["seed"], "seed", 7, None])
def test_extra_is_a_mapping(make: Make, extra: Any) -> None:
    assert failure(check_request, make(extra=extra)).sentence().startswith("extra: expected a mapping")


# Training

LINKS = [f"https://example.com/{number}.jpg" for number in range(60)]


@pytest.mark.parametrize(("tier", "count"), [("standard", 10), ("standard", 50), ("fast", 5), ("fast", 10)])
def test_numbers_of_training_photos(tier: str, count: int) -> None:
    check_training(LINKS[:count], tier)


@pytest.mark.parametrize(
    ("tier", "count", "limits"),
    [
        ("standard", 9, "10 to 50"),
        ("standard", 51, "10 to 50"),
        ("standard", 0, "10 to 50"),
        ("fast", 4, "5 to 10"),
        ("fast", 11, "5 to 10"),
    ],
)
def test_other_numbers_of_training_photos_are_refused(tier: str, count: int, limits: str) -> None:
    error = failure(check_training, LINKS[:count], tier)
    assert str(error) == f"image_urls: expected {limits} photos for the {tier} tier, got {count}"


@pytest.mark.parametrize("tier", ["quick", "Standard", "", None])
def test_unknown_tiers_are_refused(tier: Any) -> None:
    sentence = failure(check_training, LINKS[:10], tier).sentence()
    assert sentence == f"training_tier: expected standard or fast, got {tier!r}"


@pytest.mark.parametrize(
    "photo", ["a.jpg", "/tmp/a.jpg", "ftp://x/a.jpg", "https://", "data:image/png;base64,AA", b"x", None]
)
def test_training_takes_links_only(photo: Any) -> None:
    error = failure(check_training, [*LINKS[:10], photo], "standard")
    assert error.sentence().startswith("image_urls: expected http(s) links, got ")
    assert "upload" in error.hint


def test_a_long_photo_is_not_repeated_in_the_error() -> None:
    error = failure(check_training, [*LINKS[:10], "A" * 10_000], "standard")
    assert len(str(error)) < 300
    assert "got str" in str(error)


def test_what_is_no_text_is_named_by_its_kind() -> None:
    error = failure(check_training, [*LINKS[:10], Path("a.jpg")], "standard")
    assert error.sentence() == f"image_urls: expected http(s) links, got {type(Path()).__name__}"


@pytest.mark.parametrize("tag", ["a", "x" * 128, "ünï cödé &?#/", " "])
def test_tags(tag: str) -> None:
    check_tag(tag)


@pytest.mark.parametrize(("tag", "shown"), [("", "0"), ("x" * 129, "129"), (None, "None"), (7, "7"), (b"t", "bytes")])
def test_other_tags_are_refused(tag: Any, shown: str) -> None:
    assert str(failure(check_tag, tag)) == f"tag: expected 1 to 128 characters, got {shown}"


def test_half_a_character_is_no_tag() -> None:
    assert "half a character" in str(failure(check_tag, "a\ud800"))  # a query would silently lose it


# Addresses


@pytest.mark.parametrize("url", ["https://example.com/hook", "HTTPS://example.com", "https://127.0.0.1:8443/x?a=b"])
def test_callback_addresses(url: str) -> None:
    check_callback_url(url)


HERE, THERE = "http://127.0.0.1:8080/v1/phota", "https://api.example/v1/phota"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/hook", "http://localhost/hook", "http://[::1]:9000/hook"])
def test_a_service_on_this_machine_calls_back_on_it_by_http(url: str) -> None:
    check_callback_url(url, service=HERE)
    for service in ("", THERE):
        assert "an https address, got 'http'" in str(failure(partial(check_callback_url, service=service), url))


@pytest.mark.parametrize("url", ["http://example.com/hook", "http://127.0.0.1.example.com/x", "ftp://localhost/x", ""])
def test_nobody_calls_back_elsewhere_by_http(url: str) -> None:
    assert "an https address" in str(failure(partial(check_callback_url, service=HERE), url))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://example.com/hook?token=secret", "'http'"),
        ("example.com/hook", "'example.co'"),
        ("https://", "'https'"),
        ("", "''"),
        (None, "None"),
        (b"https://x", "bytes"),
    ],
)
def test_other_callback_addresses_are_refused(url: Any, shown: str) -> None:
    error = failure(check_callback_url, url)
    assert str(error) == f"callback_url: expected an https address, got {shown}"
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://x", True),
        ("https://x/y", True),
        ("HTTP://X", True),
        ("https://", False),
        ("https:///x", False),
        ("http:x", False),
        ("//x", False),
        ("https://[::1", False),
        (7, False),
        (None, False),
    ],
)
def test_http_addresses(url: Any, expected: bool) -> None:
    assert is_http_url(url) is expected


@pytest.mark.parametrize(("value", "expected"), [(1, True), (0, True), (True, False), (1.0, False), ("1", False)])
def test_counts(value: Any, expected: bool) -> None:
    assert is_count(value) is expected


ANYTHING = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.binary(max_size=9) | st.lists(st.text())


@given(
    name=st.sampled_from(
        [
            *("prompt", "num_output_images", "output_format", "response_mode", "aspect_ratio", "resolution"),
            *("base_model", "quality", "images", "profile_ids", "extra"),
        ]
    ),
    value=ANYTHING,
)
def test_nothing_but_an_input_error_is_raised(name: str, value: Any) -> None:
    told = ""
    try:
        check_request(edit(**{name: value}))
    except InputError as error:
        told = str(error)
    assert not told or ("expected" in told and "got" in told)
