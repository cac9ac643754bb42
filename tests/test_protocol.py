"""Requests become calls: method, path, what money is at stake, and a body with slots for photos."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phota_async.errors import InputError
from phota_async.protocol import (
    Call,
    Slot,
    create_profile_call,
    image_call,
    job_call,
    list_profiles_call,
    profile_call,
    quote_id,
    webhook_secret_call,
)
from phota_async.requests import AnyRequest, EditRequest, EnhanceRequest, GenerateRequest, RemixRequest

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ALWAYS = {"num_output_images": 1, "output_format": "jpg", "response_mode": "bytes"}
SIZED = {"aspect_ratio": "auto", "resolution": "1K", "base_model": "nb2"}
REQUESTS: list[AnyRequest] = [
    EditRequest(images=("a", "b")),
    GenerateRequest(prompt="x"),
    EnhanceRequest(image="a"),
    RemixRequest(input_image="a", reference_image="b"),
]
each = pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.operation)


def body_of(call: Call) -> Any:
    """Return a call's JSON; a slot shows as the name of its photo's place."""
    parts = [part.name.encode() if isinstance(part, Slot) else part for part in call.body or ()]
    return msgspec.json.decode(b"".join(parts))


def slots_of(call: Call) -> list[tuple[str, Any]]:
    return [(part.name, part.image) for part in call.body or () if isinstance(part, Slot)]


# Image calls


def test_the_smallest_edit() -> None:
    call = image_call(EditRequest(images=("a.jpg",)))
    assert (call.method, call.path, call.kind, call.route) == ("POST", "/edit", "paid", "POST /edit")
    assert body_of(call) == ALWAYS | SIZED | {"prompt": "", "images": ["images[0]"]}
    assert slots_of(call) == [("images[0]", "a.jpg")]


def test_the_smallest_generate() -> None:
    call = image_call(GenerateRequest())
    assert (call.method, call.path, call.kind) == ("POST", "/generate", "paid")
    assert body_of(call) == ALWAYS | SIZED | {"prompt": ""}
    assert slots_of(call) == []


def test_the_smallest_enhance() -> None:
    call = image_call(EnhanceRequest(image="a.jpg"))
    assert (call.method, call.path, call.kind) == ("POST", "/enhance", "paid")
    assert body_of(call) == ALWAYS | {"image": "image"}
    assert slots_of(call) == [("image", "a.jpg")]


def test_the_smallest_remix() -> None:
    call = image_call(RemixRequest(input_image="a.jpg", reference_image="b.jpg"))
    assert (call.method, call.path, call.kind) == ("POST", "/remix", "paid")
    assert body_of(call) == ALWAYS | {"input_image": "input_image", "reference_image": "reference_image"}
    assert slots_of(call) == [("input_image", "a.jpg"), ("reference_image", "b.jpg")]


def test_every_field_of_an_edit() -> None:
    request = EditRequest(
        images=("a", b"b", "c"),
        prompt='"at\nsunset" \\ [[p1]] — ü',
        profile_ids=("p1", "p2"),
        num_output_images=3,
        aspect_ratio="9:16",
        resolution="4K",
        base_model="gpt-image-2",
        quality="high",
        output_format="png",
        response_mode="urls",
        extra={"seed": 7, "nested": {"list": [1, None, True]}},
    )
    call = image_call(request)
    assert body_of(call) == {
        "images": ["images[0]", "images[1]", "images[2]"],
        "prompt": '"at\nsunset" \\ [[p1]] — ü',
        "profile_ids": ["p1", "p2"],
        "num_output_images": 3,
        "aspect_ratio": "9:16",
        "resolution": "4K",
        "base_model": "gpt-image-2",
        "quality": "high",
        "output_format": "png",
        "response_mode": "urls",
        "seed": 7,
        "nested": {"list": [1, None, True]},
    }
    assert [image for _, image in slots_of(call)] == ["a", b"b", "c"]


def test_an_edit_without_photos_is_still_json() -> None:
    assert body_of(image_call(EditRequest(images=())))["images"] == []


@given(prompt=TEXT, ids=st.lists(TEXT), photos=st.integers(0, 10), values=st.dictionaries(TEXT, TEXT | st.integers()))
def test_any_text_is_carried_as_it_is(prompt: str, ids: list[str], photos: int, values: dict[str, Any]) -> None:
    extra = {f"newer_{name}": value for name, value in values.items()}
    body = body_of(image_call(EditRequest(images=("a",) * photos, prompt=prompt, profile_ids=tuple(ids), extra=extra)))
    assert body["prompt"] == prompt
    assert body.get("profile_ids", []) == ids
    assert len(body["images"]) == photos
    assert {name: body[name] for name in extra} == extra


@each
def test_texts_that_stand_side_by_side_are_one_packet(request_: AnyRequest) -> None:
    kinds = [type(part) for part in image_call(request_).body or ()]
    assert all(kinds[place] is not kinds[place + 1] for place in range(len(kinds) - 1))


# Jobs


@each
def test_a_job_wants_links_and_bears_its_id(request_: AnyRequest) -> None:
    call = image_call(request_, job=True, callback_url="https://example.com/hook", client_request_id="c1")
    plain = body_of(image_call(request_))
    assert body_of(call) == plain | {
        "async": True,
        "response_mode": "urls",
        "callback_url": "https://example.com/hook",
        "client_request_id": "c1",
    }
    assert (call.kind, call.client_request_id) == ("job", "c1")
    assert slots_of(call) == slots_of(image_call(request_))


@each
def test_what_a_job_was_not_given_is_not_sent(request_: AnyRequest) -> None:
    body = body_of(image_call(request_, job=True, client_request_id="c1"))
    assert "callback_url" not in body
    assert body["async"] is True
    assert "client_request_id" not in body_of(image_call(request_, job=True))


@each
def test_a_synchronous_call_sends_nothing_of_a_job(request_: AnyRequest) -> None:
    call = image_call(request_, callback_url="https://x", client_request_id="c1")
    assert not {"async", "callback_url", "client_request_id"} & body_of(call).keys()
    assert call.kind == "paid"


@each
def test_a_job_without_an_id_is_no_safer_than_a_synchronous_call(request_: AnyRequest) -> None:
    assert image_call(request_, job=True).kind == "paid"


# Further fields


@each
@pytest.mark.parametrize("name", ["async", "callback_url", "num_output_images", "prompt", "response_mode", "extra"])
def test_extra_never_replaces_what_has_its_own_argument(request_: AnyRequest, name: str) -> None:
    request = msgspec.structs.replace(request_, extra={name: "x"})
    with pytest.raises(InputError, match=f"extra: expected fields without an argument of their own, got '{name}'"):
        image_call(request)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (EditRequest(images=("a",)), "profile_ids"),  # not sent when empty, and yet its own argument
        (EditRequest(images=("a",)), "quality"),
        (EditRequest(images=("a",)), "images"),
        (EnhanceRequest(image="a"), "image"),
        (EnhanceRequest(image="a"), "profile_ids"),
        (RemixRequest(input_image="a", reference_image="b"), "reference_image"),
    ],
)
def test_extra_never_replaces_an_absent_field(request_: AnyRequest, name: str) -> None:
    with pytest.raises(InputError, match="extra: expected fields without"):
        image_call(msgspec.structs.replace(request_, extra={name: "x"}))


def test_a_synchronous_call_may_bear_an_id_as_a_further_field() -> None:
    request = GenerateRequest(prompt="x", extra={"client_request_id": "c1"})  # its effect is not published
    assert body_of(image_call(request))["client_request_id"] == "c1"


def test_a_job_has_one_id_only() -> None:
    request = GenerateRequest(prompt="x", extra={"client_request_id": "c1"})
    with pytest.raises(InputError, match=r"^extra: expected no client_request_id in a job") as caught:
        image_call(request, job=True, client_request_id="c2")
    assert "jobs.submit" in caught.value.hint


def test_without_validation_a_foreign_field_is_let_through() -> None:
    body = body_of(image_call(GenerateRequest(prompt="x", extra={"profile_ids": ["p1"]})))
    assert body["profile_ids"] == ["p1"]


@pytest.mark.parametrize("extra", [["seed"], {7: 1}, 7])
def test_extra_is_a_mapping_of_names(extra: Any) -> None:
    with pytest.raises(InputError, match=r"^extra: expected a mapping .*, got (list|dict|7)"):
        image_call(GenerateRequest(prompt="x", extra=extra))


def _endless() -> list[Any]:
    knot: list[Any] = []
    knot.append(knot)
    return knot


@pytest.mark.parametrize("value", [object(), {(1, 2): 3}, "\ud800", _endless()], ids=lambda value: type(value).__name__)
def test_what_json_cannot_carry_is_an_input_error_that_names_its_field(value: Any) -> None:
    with pytest.raises(InputError, match="newer: expected a value that JSON can carry") as caught:
        image_call(GenerateRequest(prompt="x", extra={"newer": value}))
    assert caught.value.__cause__ is None
    assert str(caught.value).endswith(("got TypeError", "got UnicodeEncodeError", "got RecursionError"))


def test_half_a_character_in_a_prompt_is_blamed_on_the_prompt() -> None:
    with pytest.raises(InputError, match=r"^prompt: expected a value that JSON can carry"):
        image_call(GenerateRequest(prompt="\ud800"))
    with pytest.raises(InputError, match=r"^profile_ids: expected a value that JSON can carry"):
        image_call(EnhanceRequest(image="a", profile_ids=("\ud800",)))


# Profiles, jobs, secret


def test_creating_a_profile() -> None:
    call = create_profile_call(["https://x/1.jpg"], tag="anna", training_tier="fast")
    assert (call.method, call.path, call.kind, call.route) == ("POST", "/profiles/add", "create", "POST /profiles/add")
    assert body_of(call) == {"image_urls": ["https://x/1.jpg"], "training_tier": "fast", "tag": "anna"}


def test_creating_a_profile_without_a_tag_sends_none() -> None:
    assert "tag" not in body_of(create_profile_call(["https://x/1.jpg"], tag=None, training_tier="standard"))


def test_a_link_that_json_cannot_carry_names_its_field() -> None:
    with pytest.raises(InputError, match=r"^image_urls: expected"):
        create_profile_call(["https://x/\ud800.jpg"], tag=None, training_tier="standard")


FREE: list[tuple[Callable[[], Call], str, str, str, dict[str, str]]] = [
    (lambda: list_profiles_call(None), "GET", "/profiles/ids", "GET /profiles/ids", {}),
    (lambda: list_profiles_call("a b&c"), "GET", "/profiles/ids", "GET /profiles/ids", {"tag": "a b&c"}),
    (lambda: profile_call("p/1", "status"), "GET", "/profiles/p%2F1/status", "GET /profiles/{profile_id}/status", {}),
    (
        lambda: profile_call("p1", "profile_picture"),
        "GET",
        "/profiles/p1/profile_picture",
        "GET /profiles/{profile_id}/profile_picture",
        {},
    ),
    (lambda: profile_call("p1"), "GET", "/profiles/p1", "GET /profiles/{profile_id}", {}),
    (lambda: profile_call("p1", method="DELETE"), "DELETE", "/profiles/p1", "DELETE /profiles/{profile_id}", {}),
    (lambda: job_call("j?1"), "GET", "/jobs/j%3F1", "GET /jobs/{job_id}", {}),
    (webhook_secret_call, "GET", "/webhook-secret", "GET /webhook-secret", {}),
]


@pytest.mark.parametrize(("make", "method", "path", "route", "query"), FREE)
def test_free_calls(make: Callable[[], Call], method: str, path: str, route: str, query: dict[str, str]) -> None:
    call = make()
    assert (call.method, call.path, call.route, call.query) == (method, path, route, query)
    assert (call.kind, call.body, call.client_request_id) == ("free", None, None)
    assert not call.may_redirect
    assert call.is_look is (path.endswith("/status") or path.startswith("/jobs/"))


def test_a_poll_makes_its_call_once() -> None:
    assert profile_call("polled", "status") is profile_call("polled", "status")
    assert job_call("polled") is job_call("polled")


def test_a_call_shows_neither_ids_nor_bodies() -> None:
    assert repr(job_call("j-private")) == "<Call GET /jobs/{job_id} free>"
    assert "private" not in repr(image_call(GenerateRequest(prompt="private")))
    assert repr(Slot(b"private", "images[0]")) == "<Slot images[0]>"


# Ids in paths


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("p1", "p1"),
        ("a-b_c.d~e", "a-b_c.d~e"),
        ("a/b", "a%2Fb"),
        ("../admin", "..%2Fadmin"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("é\n", "%C3%A9%0A"),
        ("a%2Fb", "a%252Fb"),
        ("...", "..."),
    ],
)
def test_an_id_stays_one_segment(value: str, quoted: str) -> None:
    assert quote_id("profile_id", value) == quoted


@given(value=TEXT.filter(lambda text: 0 < len(text) < 200 and text not in (".", "..")))
def test_any_id_comes_back(value: str) -> None:
    quoted = quote_id("job_id", value)
    assert unquote(quoted) == value
    assert quoted.isascii()
    assert not set(quoted) & set("/?# \r\n")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "expected a non-empty str, got ''"),
        (None, "expected a non-empty str, got None"),
        (7, "expected a non-empty str, got 7"),
        (b"p1", "expected a non-empty str, got bytes"),
        (["p1"], "expected a non-empty str, got list"),
        (".", "expected an id, got '.'"),
        ("..", "expected an id, got '..'"),
        ("x" * 1025, "expected at most 1024 characters, got 1025"),
        ("\ud800", "got half a character"),
    ],
)
def test_what_is_no_id(value: Any, reason: str) -> None:
    with pytest.raises(InputError, match=r"^profile_id: ") as caught:
        profile_call(value, "status")
    assert reason in str(caught.value)
    if not isinstance(value, str):
        with pytest.raises(InputError, match=r"^job_id: expected a non-empty str"):
            job_call(value)


def test_the_longest_id() -> None:
    assert quote_id("job_id", "x" * 1024) == "x" * 1024
