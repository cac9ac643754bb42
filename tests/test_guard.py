"""What may leave within a scope is decided by the bytes that would be sent, and what cannot be told is refused."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phota_async.errors import ScopeError
from phota_async.guard import Nobody, check_call
from phota_async.protocol import (
    Call,
    create_profile_call,
    image_call,
    job_call,
    list_profiles_call,
    profile_call,
    webhook_secret_call,
)
from phota_async.requests import AnyRequest, EditRequest, EnhanceRequest, GenerateRequest, RemixRequest
from phota_async.retry import Kind
from phota_async.validation import check_request

OWN, OWN_TOO, FOREIGN = "prof_anna", "prof_anna2", "prof_berta"


class Anna:
    tag = "anna"
    hint = "ask Anna"

    def __contains__(self, profile_id: object) -> bool:
        return profile_id in (OWN, OWN_TOO)


def check(request: AnyRequest, **how: Any) -> None:
    check_call(image_call(request, **how), Anna())


def requests_of(**fields: Any) -> list[AnyRequest]:
    photo = b"photo"
    return [
        EditRequest(images=[photo, "https://a.example/[[b]].jpg"], **fields),
        EnhanceRequest(image=photo, **fields),
        RemixRequest(input_image=photo, reference_image=photo, **fields),
    ]


# Image calls


@pytest.mark.parametrize("job", [False, True])
def test_own_profiles_pass(job: bool) -> None:
    prompt = f"[[{OWN}]] beside [[{OWN_TOO}]][[{OWN}]], a [b] c]] and [1, [2"
    prompt = prompt.removesuffix(", [2")
    for request in [
        *requests_of(prompt=prompt, profile_ids=[OWN, OWN_TOO]),
        *requests_of(),
        GenerateRequest(prompt=prompt, quality="high", base_model="gpt-image-2"),
    ]:
        check(request, job=job, callback_url="https://a.example/x" if job else None, client_request_id="1")


@pytest.mark.parametrize("ids", [[FOREIGN], [OWN, FOREIGN], [f" {OWN}"], [OWN.upper()], [7], [[OWN]], [None]])
def test_a_foreign_id_is_refused(ids: list[Any]) -> None:
    for request in requests_of(profile_ids=ids):
        with pytest.raises(ScopeError, match="profile_ids: expected profiles of this end user, got") as caught:
            check(request)
        assert caught.value.hint == "ask Anna"
        assert caught.value.charged == "no"


FOREIGN_PROMPTS = [
    f"[[{FOREIGN}]]",
    f"[[{OWN}]] and [[{FOREIGN}]]",
    f"[[ {OWN} ]]",
    f"[[{OWN}|{FOREIGN}]]",
    f"[[{OWN},{FOREIGN}]]",
    f"[[{OWN.upper()}]]",
    f"[[{OWN}\u200b]]",
    "[[]]",
]
UNCLEAR_PROMPTS = [
    f"[[{FOREIGN}",
    f"[[{OWN}",
    f"[[{FOREIGN}]",
    f"[[[{OWN}]]]",
    f"[[[[{OWN}]]]]",
    f"[[[{OWN}]] {FOREIGN}]]",
    f"[[a[[{OWN}]]b]]",
    f"[ [{FOREIGN}] ]",
    f"[\n[{FOREIGN}]]",
    f"[\u200b[{FOREIGN}]]",
    f"[\u0301[{FOREIGN}]]",
    f"[\u00ad[{FOREIGN}]]",
    f"\\[\\[{FOREIGN}\\]\\]",
    f"［［{FOREIGN}］］",  # noqa: RUF001 - that is what is tested
    f"[［{FOREIGN}]]",  # noqa: RUF001
    f"⟦{FOREIGN}⟧",
    f"〚{FOREIGN}〛",
    f"【【{FOREIGN}】】",
    f"﹇﹇{FOREIGN}",
    f"[{OWN}] [ [[{OWN}]] ]",
]


@pytest.mark.parametrize("prompt", [*FOREIGN_PROMPTS, *UNCLEAR_PROMPTS])
def test_a_foreign_or_unclear_name_in_a_prompt_is_refused_and_not_repeated(prompt: str) -> None:
    reason = "of this end user only" if prompt in FOREIGN_PROMPTS else "spelled just so"
    for request in [*requests_of(prompt=prompt), GenerateRequest(prompt=prompt)]:
        with pytest.raises(ScopeError, match=reason) as caught:
            check(request)
        assert FOREIGN not in str(caught.value)
        assert OWN not in str(caught.value)


def readings(prompt: str) -> set[str]:
    """Return every id that some reader of prompts could find in one."""
    found: set[str] = set()
    for text in (prompt, unicodedata.normalize("NFKC", prompt), "".join(prompt.split()), prompt.replace("\u200b", "")):
        for pattern in (r"\[\[([^\[\]]+)\]\]", r"\[\[(.+?)\]\]", r"\[\[\s*(\w+)", r"\[\[([^\]]+)\]", r"\[\[(.+)"):
            found |= {each.strip().strip("]") for each in re.findall(pattern, text, re.DOTALL)}
    return found


PIECES = st.lists(
    st.sampled_from(["[", "]", "[[", "]]", OWN, FOREIGN, " ", "\u200b", "［", "x", "\n", f"[[{OWN}]]"]),  # noqa: RUF001
    max_size=12,
).map("".join)


@given(PIECES)
def test_no_reader_finds_anybody_else_in_what_passes(prompt: str) -> None:
    try:
        check(GenerateRequest(prompt=prompt))
    except ScopeError:
        return
    assert not {each for each in readings(prompt) if each.startswith(FOREIGN)}


@given(st.text(alphabet="ab [],.\n(){}\"'"))
def test_plain_prompts_pass_unless_two_brackets_meet(prompt: str) -> None:
    if "[[" not in re.sub(r"\s", "", prompt):
        check(GenerateRequest(prompt=prompt))


# extra=


@pytest.mark.parametrize(
    "extra",
    [
        {"subjects": [FOREIGN]},
        {"style": "soft"},
        {"weights": {FOREIGN: 0.5}},
        {"nested": [{"a": [[FOREIGN]]}]},
        {"raw": msgspec.Raw(f'1,"profile_ids":["{FOREIGN}"]'.encode())},
        {"raw": msgspec.Raw(f'1,"prompt":"[[{FOREIGN}]]"'.encode())},
        {"raw": msgspec.Raw(f'1,"prompt":"x","prompt":"[[{FOREIGN}]]"'.encode())},
        {"profile_ids ": [FOREIGN]},
        {"Profile_IDs": [FOREIGN]},
    ],
)
def test_text_in_extra_is_refused(extra: dict[str, Any]) -> None:
    for request in [*requests_of(extra=extra), GenerateRequest(prompt="x", extra=extra)]:
        with pytest.raises(ScopeError):
            check(request)


@pytest.mark.parametrize("name", ["profile_ids", "images", "image", "input_image", "reference_image"])
def test_extra_smuggles_no_field_of_another_operation(name: str) -> None:
    """Validation refuses it too, but can be switched off."""
    with pytest.raises(ScopeError):
        check(GenerateRequest(prompt="x", extra={name: [FOREIGN]}))


def test_numbers_in_extra_pass() -> None:
    check(GenerateRequest(prompt="x", extra={"seed": 7, "fast": True, "none": None, "list": [1, [2.5]], "empty": ""}))


def test_prompts_that_are_no_text_are_looked_through() -> None:
    """Without validation a prompt may be anything."""
    odd: Any = {"text": [f"[[{FOREIGN}]]"]}
    with pytest.raises(ScopeError):
        check(GenerateRequest(prompt=odd))
    with pytest.raises(ScopeError):
        check(GenerateRequest(prompt="x", aspect_ratio=f"[[{FOREIGN}]]"))


@pytest.mark.parametrize("raw", [b"1}", b'"', b"[" * 100_000])
def test_a_body_that_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(ScopeError, match="POST /generate: expected a body that a scope can read"):
        check(GenerateRequest(prompt="x", extra={"raw": msgspec.Raw(raw)}))


def test_a_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(ScopeError, match="a body that a scope can read"):
        check_call(Call(method="POST", path="/edit", kind="paid", body=(b"[]",), route="POST /edit"), Anna())
    with pytest.raises(ScopeError, match="a body that a scope can read"):
        check_call(Call(method="POST", path="/edit", kind="paid", route="POST /edit"), Anna())


def sent(body: bytes, kind: Kind = "paid") -> Call:
    return Call(method="POST", path="/edit", kind=kind, body=(body,), route="POST /edit")


def test_a_creation_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ScopeError, match="POST /edit: expected a body that a scope can read") as caught:
        check_call(sent(b"{", "create"), Anna())
    assert caught.value.hint == "ask Anna"


SAID = [
    (b'{"profile_ids":7}', "profile_ids: expected profiles of this end user, got int"),
    (b'{"profile_ids":null}', "profile_ids: expected profiles of this end user, got NoneType"),
    (f'{{"profile_ids":"{OWN}x"}}'.encode(), f"profile_ids: expected profiles of this end user, got '{OWN}x'"),
    (
        b'{"profile_ids":["' + b"x" * 99 + b'"]}',
        f"profile_ids: expected profiles of this end user, got '{'x' * 79}…'",
    ),
    (b'{"prompt":"[[x]]"}', "prompt: expected [[profile_id]] with profiles of this end user only, got another"),
    (b'{"prompt":"[ [x]]"}', "prompt: expected [[profile_id]] spelled just so, got something like it"),
    (b'{"style":"x"}', "style: expected no text in a field that may name anybody, got some"),
    (
        b'{"' + b"y" * 99 + b'":"x"}',
        f"{'y' * 39}…: expected no text in a field that may name anybody, got some",
    ),
]


@pytest.mark.parametrize(("body", "sentence"), SAID)
def test_a_refusal_names_the_field_and_says_what_was_expected(body: bytes, sentence: str) -> None:
    with pytest.raises(ScopeError) as caught:
        check_call(sent(body), Anna())
    assert str(caught.value).startswith(sentence)


def test_one_id_may_stand_for_a_list() -> None:
    check_call(sent(f'{{"profile_ids":"{OWN}"}}'.encode()), Anna())


# Other calls


@pytest.mark.parametrize("profile_id", [OWN, FOREIGN, "a/b", "ids", f"{OWN}/../{FOREIGN}"])
def test_calls_on_profiles(profile_id: str) -> None:
    makers: list[Callable[[], Call]] = [
        lambda: profile_call(profile_id, "status"),
        lambda: profile_call(profile_id, "profile_picture"),
        lambda: profile_call(profile_id, method="DELETE"),
    ]
    for make in makers:
        if profile_id == OWN:
            check_call(make(), Anna())
            continue
        with pytest.raises(ScopeError, match="profile_id: expected profiles of this end user"):
            check_call(make(), Anna())


def test_listing_and_creating_are_for_the_own_tag() -> None:
    links = ["https://a.example/1.jpg"]
    check_call(list_profiles_call("anna"), Anna())
    check_call(create_profile_call(links, tag="anna", training_tier="fast"), Anna())
    for tag in (None, "berta", "Anna", "anna "):
        with pytest.raises(ScopeError, match=r"^tag: expected the scope's own, got another or none"):
            check_call(list_profiles_call(tag), Anna())
        with pytest.raises(ScopeError, match=r"^tag: expected the scope's own, got another or none"):
            check_call(create_profile_call(links, tag=tag, training_tier="fast"), Anna())


def test_jobs_and_the_secret_are_nobodys() -> None:
    for bounds in (Anna(), Nobody()):
        check_call(job_call("job-1"), bounds)
        check_call(webhook_secret_call(), bounds)


def test_a_call_that_is_not_known_is_refused() -> None:
    for path in ("/models", "/profiles", "/jobs/a/b", "/"):
        with pytest.raises(ScopeError, match="GET /new: expected a call that a scope knows"):
            check_call(Call(method="GET", path=path, route="GET /new"), Anna())


def test_nobody_may_name_nobody() -> None:
    for request in [*requests_of(prompt="a [sea]"), GenerateRequest(prompt="a sea")]:
        check_request(request)
        check_call(image_call(request), Nobody())
    for request in [*requests_of(profile_ids=[OWN]), *requests_of(prompt=f"[[{OWN}]]")]:
        with pytest.raises(ScopeError, match="end user"):
            check_call(image_call(request), Nobody())
    for call in (
        list_profiles_call(None),
        list_profiles_call("anna"),
        create_profile_call(["https://a.example"], tag=None, training_tier="fast"),
    ):
        with pytest.raises(ScopeError, match=r"^expected an end user's scope .*for_user\(tag\)"):
            check_call(call, Nobody())
