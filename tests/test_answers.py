"""Answers become values or the right error, whatever the service chose where nothing is published."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phota_async.answers import (
    error_from,
    read_image_answer,
    read_job,
    read_object,
    read_profile,
    read_profile_id,
    read_profiles,
    read_secret,
)
from phota_async.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentModerationError,
    DecodeError,
    InsufficientCreditsError,
    NotFoundError,
    RateLimitError,
    ServerError,
    StatusError,
)
from phota_async.models import ImageAnswer, KnownSubjects, Profile, ProfileStatus
from phota_async.protocol import Call
from phota_async.retry import Kind

CALLS: dict[Kind, Call] = {
    "free": Call(method="GET", path="/jobs/j", route="GET /jobs/{job_id}"),
    "paid": Call(method="POST", path="/edit", route="POST /edit", kind="paid"),
    "job": Call(method="POST", path="/edit", route="POST /edit", kind="job", client_request_id="c1"),
    "create": Call(method="POST", path="/profiles/add", route="POST /profiles/add", kind="create"),
}
LINK = "https://cdn.example.com/1.jpg?signature=a"


def error(
    status: int, body: Any = b"", *, kind: Kind = "free", headers: Mapping[str, str] | None = None
) -> StatusError:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return error_from(status, headers or {}, data, CALLS[kind])


# Errors

CLASSES: dict[int, type[StatusError]] = {
    **dict.fromkeys((400, 405, 408, 410, 413, 415, 418, 422, 451), BadRequestError),
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
    **dict.fromkeys((500, 501, 502, 503, 504, 520, 599), ServerError),
}
COMPLAINTS = [
    {"loc": ["body", "num_output_images"], "msg": "must be at most 4", "type": "value_error"},
    {"loc": ["body", "images", 2], "msg": "is no image", "type": "value_error"},
]
HTML = b"<html><head><title>502</title></head><body>Bad gateway</body></html>"
# body form: (body, headers, message, code)
FORMS: dict[str, tuple[bytes, dict[str, str], str, str | None]] = {
    "detail": (b'{"detail":"Not authenticated"}', {}, "Not authenticated", None),
    "detail list": (
        json.dumps({"detail": COMPLAINTS}).encode(),
        {},
        "num_output_images: must be at most 4; images.2: is no image",
        None,
    ),
    "code and message": (b'{"code":"NO_FACE","message":"no face"}', {}, "no face", "NO_FACE"),
    "detail and code": (b'{"detail":"no face","code":"NO_FACE"}', {}, "no face", "NO_FACE"),
    "error object": (b'{"error":{"code":"NO_FACE","message":"no face"}}', {}, "no face", "NO_FACE"),
    "error object with a type": (b'{"error":{"type":"NO_FACE","detail":"no face"}}', {}, "no face", "NO_FACE"),
    "error text": (b'{"error":"NO_FACE","message":"no face"}', {}, "no face", "NO_FACE"),
    "error text alone": (b'{"error":"no face"}', {}, "no face", "no face"),
    "error object with a code alone": (b'{"error":{"code":"NO_FACE"}}', {}, "NO_FACE", "NO_FACE"),
    "type": (b'{"type":"NO_FACE","detail":"no face"}', {}, "no face", "NO_FACE"),
    "error_type": (b'{"error_type":"NO_FACE","message":"no face"}', {}, "no face", "NO_FACE"),
    "detail object": (b'{"detail":{"code":"NO_FACE","message":"no face"}}', {}, "no face", "NO_FACE"),
    "code first": (b'{"type":"T","code":"C","error":"E","detail":"d"}', {}, "d", "C"),
    "detail before message": (b'{"message":"m","detail":"d"}', {}, "d", None),
    "nulls": (b'{"detail":null,"code":null,"message":"m","request_id":null}', {}, "m", None),
    "numbers": (b'{"detail":7,"code":7,"message":"m"}', {}, "m", None),
    "BOM": (b'\xef\xbb\xbf{"detail":"Not authenticated"}', {}, "Not authenticated", None),
    "other fields": (b'{"reason":"quota"}', {}, '{"reason":"quota"}', None),
    "empty object": (b"{}", {}, "{}", None),
    "list": (b'["a"]', {}, '["a"]', None),
    "HTML": (HTML, {"Content-Type": "text/html; charset=utf-8"}, "the answer is an HTML page", None),
    "HTML unannounced": (b"\n <!DOCTYPE html>", {}, "the answer is an HTML page", None),
    "empty": (b"", {}, "", None),
    "blanks": (b" \r\n ", {}, "", None),
    "plain text": (
        b"upstream connect error\nreset",
        {"Content-Type": "text/plain"},
        "upstream connect error reset",
        None,
    ),
    "non-UTF-8": (b"\xff\xfe caf\xe9", {}, "\ufffd\ufffd caf\ufffd", None),
    "non-UTF-8 in JSON": (b'{"detail":"caf\xe9"}', {}, '{"detail":"caf\ufffd"}', None),
    "cut JSON": (b'{"detail":"caf', {}, '{"detail":"caf', None),
}
each_form = pytest.mark.parametrize("form", FORMS)
each_status = pytest.mark.parametrize("status", CLASSES)
each_kind = pytest.mark.parametrize("kind", CALLS)


@each_status
@each_form
def test_every_status_with_every_body(status: int, form: str) -> None:
    body, headers, message, code = FORMS[form]
    got = error(status, body, headers=headers, kind="paid")
    assert type(got) is CLASSES[status]
    assert got.status == status
    assert got.code == code
    assert got.message.startswith(message)
    assert got.message or not message
    assert str(got).startswith(f"HTTP {status}")
    assert message in str(got)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 304])
def test_a_redirect_is_an_error_that_shows_no_query(status: int) -> None:
    got = error(status, b"", headers={"Location": "https://evil.com/v1/edit?key=secret#x"})
    assert type(got) is StatusError
    assert "https://evil.com/v1/edit is not followed" in str(got)
    assert "secret" not in str(got)


def test_a_redirect_to_nowhere() -> None:
    assert "a redirect to nowhere" in str(error(302))


def test_an_html_page_is_not_repeated() -> None:
    got = error(502, HTML, headers={"Content-Type": "text/html"})
    assert "Bad gateway" not in str(got)
    assert "html" not in got.message.split()


def test_a_long_message_is_shortened() -> None:
    got = error(400, {"detail": "very " * 1000, "code": "C" * 1000})
    assert len(got.message) == 400
    assert len(got.code or "") == 80


def test_the_fields_that_a_422_complains_about() -> None:
    got = error(422, {"detail": COMPLAINTS})
    assert got.fields == ("num_output_images", "images.2")


@pytest.mark.parametrize(
    ("detail", "message", "fields"),
    [
        ([{"loc": ["query", "tag"], "msg": "too long"}], "query.tag: too long", ("query.tag",)),
        ([{"loc": ["body"], "msg": "missing"}], "missing", ()),
        ([{"loc": ["body", "a"]}], "a: invalid", ("a",)),
        ([{"msg": "no place"}], "no place", ()),
        ([{"message": "other key"}], "other key", ()),
        (["just text", 7], "just text; 7", ()),
        ([{"loc": "body.a", "msg": "text place"}], "text place", ()),
    ],
)
def test_other_forms_of_a_422(detail: Any, message: str, fields: tuple[str, ...]) -> None:
    got = error(422, {"detail": detail})
    assert (got.message, got.fields) == (message, fields)


@each_form
def test_only_lists_name_fields(form: str) -> None:
    got = error(422, FORMS[form][0])
    assert bool(got.fields) is (form == "detail list")


# Moderation: one page each tells another key

MODERATED: dict[str, Any] = {
    "detail": {"detail": "CONTENT_MODERATION: blocked"},
    "detail object": {"detail": {"code": "CONTENT_MODERATION", "message": "blocked"}},
    "detail list": {"detail": [{"loc": ["body", "prompt"], "msg": "CONTENT_MODERATION", "type": "x"}]},
    "code": {"code": "CONTENT_MODERATION", "message": "blocked"},
    "type": {"type": "CONTENT_MODERATION"},
    "error_type": {"error_type": "CONTENT_MODERATION", "detail": "blocked"},
    "error": {"error": "CONTENT_MODERATION"},
    "error object": {"error": {"code": "CONTENT_MODERATION", "message": "blocked"}},
    "error object with a type": {"error": {"type": "CONTENT_MODERATION"}},
    "message beside a detail": {"detail": "blocked", "message": "CONTENT_MODERATION"},
    "detail list's type": {"detail": [{"loc": ["body"], "msg": "blocked", "type": "CONTENT_MODERATION"}]},
    "plain text": b"CONTENT_MODERATION: blocked",
}


@pytest.mark.parametrize("place", MODERATED)
def test_moderation_wherever_the_token_stands(place: str) -> None:
    got = error(400, MODERATED[place], kind="paid")
    assert type(got) is ContentModerationError
    assert not got.retryable
    assert got.charged == "no"
    assert "change it" in got.hint


@pytest.mark.parametrize("place", MODERATED)
@pytest.mark.parametrize("status", [401, 404, 422, 500])
def test_moderation_is_a_400_only(place: str, status: int) -> None:
    assert type(error(status, MODERATED[place])) is CLASSES[status]


@pytest.mark.parametrize(
    "body", [{"detail": "moderate quality"}, {"request_id": "CONTENT_MODERATION", "detail": "x"}, {}]
)
def test_other_400s_are_no_moderation(body: Any) -> None:
    assert type(error(400, body)) is BadRequestError


# Request ids


@pytest.mark.parametrize(
    ("body", "headers", "request_id"),
    [
        ({"request_id": "body", "detail": "x"}, {"X-Request-Id": "header"}, "body"),
        ({"request_id": "body"}, {}, "body"),
        ({"detail": "x"}, {"X-Request-Id": "header"}, "header"),
        ({"request_id": None}, {"X-Request-Id": "header"}, "header"),
        ({"request_id": ""}, {"X-Request-Id": "header"}, "header"),
        ({"request_id": 7}, {"X-Request-Id": "header"}, "header"),
        (b"", {"X-Request-Id": "header"}, "header"),
        (HTML, {"X-Request-Id": "header"}, "header"),
        (b"\xef\xbb\xbf" + b'{"request_id":"body"}', {}, "body"),
        ({"detail": "x"}, {}, None),
    ],
)
def test_the_request_id_of_the_body_then_of_the_header(
    body: Any, headers: dict[str, str], request_id: str | None
) -> None:
    got = error(500, body, headers=headers)
    assert got.request_id == request_id
    assert (f"(request {request_id})" in str(got)) is bool(request_id)


# Retry-After


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT", "Date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 60),
        ({"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT"}, 0),  # long ago by our own clock
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503, 500])
def test_retry_after(headers: dict[str, str], seconds: float | None, status: int) -> None:
    assert error(status, headers=headers).retry_after == seconds


# Money and what to do

UNCLEAR: list[tuple[int, Kind]] = [(s, k) for s in (500, 501, 502) for k in ("paid", "job", "create")]
UNCLEAR += [(504, "job"), (504, "create")]


@each_status
@each_kind
def test_what_a_failed_call_has_cost(status: int, kind: Kind) -> None:
    expected = "unknown" if (status, kind) in UNCLEAR or (status > 504 and kind != "free") else "no"
    if (status, kind) == (504, "paid"):
        expected = "refunded"  # release notes, v0.7.0
    assert error(status, kind=kind).charged == expected


@each_status
@each_kind
def test_what_may_be_tried_again(status: int, kind: Kind) -> None:
    expected = status in (429, 503) or (status >= 500 and kind in ("free", "job"))
    assert error(status, kind=kind).retryable is expected


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        (504, "paid", 'mode="job"'),
        (500, "paid", 'mode="job"'),
        (502, "paid", 'mode="job"'),
        (500, "create", "profiles.list(tag="),
        (504, "create", "profiles.list(tag="),
        (500, "job", "client_request_id"),
        (504, "job", "client_request_id"),
        (503, "paid", "try again later"),
        (503, "create", "try again later"),
        (401, "free", "PHOTA_API_KEY"),
        (402, "paid", "top up"),
        (404, "free", "check the id"),
        (409, "job", "a new id is a new purchase"),
        (429, "free", "Limiter"),
    ],
)
def test_what_to_do_next(status: int, kind: Kind, word: str) -> None:
    assert word in error(status, kind=kind).hint


@pytest.mark.parametrize("status", [500, 504])
def test_a_job_is_not_told_to_be_a_job(status: int) -> None:
    assert "mode=" not in error(status, kind="job").hint
    assert "mode=" not in error(status, kind="create").hint
    assert "charged" not in error(status, kind="free").hint


def test_an_error_of_a_job_keeps_its_id() -> None:
    assert error(409, kind="job").client_request_id == "c1"
    assert error(500, kind="paid").client_request_id is None


@pytest.mark.parametrize("name", ["error", "detail", "message"])
def test_deep_nesting_breaks_nothing(name: str) -> None:
    """Wherever the decoder and the interpreter draw their lines: an answer may lie between them."""
    for levels in (3, 50, *range(700, 1000), 2000, 5000, 10_000, 100_000):
        nested = b'{"%s":' % name.encode() * levels + b"7" + b"}" * levels
        assert type(error(400, nested)) is BadRequestError


def test_deep_nesting_in_a_job_breaks_nothing() -> None:
    for levels in (3, 50, *range(700, 1000), 2000, 5000):
        try:
            data = read_object(
                b'{"job_id":"j1","status":"running","error":' + b'{"error":' * levels + b"7" + b"}" * (levels + 1)
            )
        except DecodeError:
            continue
        assert read_job(data).is_failed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["detail", "code", "error"]), inner),
    max_leaves=9,
)
NAMES = [
    *("detail", "code", "type", "error_type", "error", "message", "request_id", "status", "job_id", "id", "output"),
    *("result", "download_urls", "images", "known_subjects", "profiles", "secret", "client_request_id"),
]
FIELDS = st.dictionaries(
    st.sampled_from(NAMES),
    JSON | st.dictionaries(st.sampled_from(["counts", "download_urls", "images"]), JSON),
)


@given(status=st.integers(300, 599), body=st.binary(max_size=60) | FIELDS.map(msgspec.json.encode))
def test_no_body_breaks_an_error(status: int, body: bytes) -> None:
    got = error_from(status, {}, body, CALLS["paid"])
    assert got.status == status
    assert "\n" not in str(got)


# Objects


@pytest.mark.parametrize("body", [b'{"a":1}', b'\xef\xbb\xbf{"a":1}', bytearray(b' {"a":1}\n'), memoryview(b'{"a":1}')])
def test_an_object(body: Any) -> None:
    assert read_object(body) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "is_cut"),
    [
        (b"", True),
        (b" \n", True),
        (b'{"a":', True),
        (b'{"a":1', True),
        (b'{"a":1}}', False),
        (b"[]", False),
        (b"null", False),
        (b'"x"', False),
        (HTML, False),
        (b'{"a":"\xff"}', False),
        (b"\xff\xfe", False),
        (b'{"a":' * 100_000, False),
    ],
)
def test_what_is_no_object(body: bytes, is_cut: bool) -> None:
    with pytest.raises(DecodeError, match="expected a JSON object, got ") as caught:
        read_object(body)
    assert caught.value.is_cut is is_cut
    assert caught.value.__cause__ is None


# Image answers


def test_an_image_answer() -> None:
    answer = read_image_answer(
        {"known_subjects": {"counts": {"p1": 2}}, "images": [], "download_urls": [LINK], "newer": 1}
    )
    assert answer == ImageAnswer(known_subjects=KnownSubjects({"p1": 2}), download_urls=(LINK,))


@pytest.mark.parametrize("known_subjects", [None, "missing", {}, {"counts": None}, {"counts": []}, [], "p1"])
def test_nobody_told_who_was_recognised(known_subjects: Any) -> None:
    data = {} if known_subjects == "missing" else {"known_subjects": known_subjects}
    assert read_image_answer(data).known_subjects == KnownSubjects({}, is_told=False)


@pytest.mark.parametrize("counts", [{}, {"p1": None}])
def test_nobody_was_recognised(counts: Any) -> None:
    assert read_image_answer({"known_subjects": {"counts": counts}}).known_subjects == KnownSubjects({})


def test_counts_are_whole_numbers() -> None:
    answer = read_image_answer({"known_subjects": {"counts": {"p1": 2.0, "p2": 1, "p3": "x"}}})
    assert answer.known_subjects.counts == {"p1": 2, "p2": 1}


@pytest.mark.parametrize("data", [{}, {"images": None, "download_urls": None}, {"images": [], "download_urls": []}])
def test_an_answer_without_pictures(data: dict[str, Any]) -> None:
    assert read_image_answer(data) == ImageAnswer()


def test_links_that_are_none_are_left_out() -> None:
    assert read_image_answer({"download_urls": [LINK, "", None, 7]}).download_urls == (LINK,)


@pytest.mark.parametrize("name", ["images", "download_urls"])
@pytest.mark.parametrize(("value", "got"), [("x", "str"), ({}, "dict"), (7, "int")])
def test_pictures_are_lists(name: str, value: Any, got: str) -> None:
    with pytest.raises(DecodeError, match=f"expected a list under {name}, got {got}"):
        read_image_answer({name: value})


# Jobs: what they look like is not published

PICTURES = {"download_urls": [LINK], "known_subjects": {"counts": {"p1": 1}}}
ANSWER = ImageAnswer(known_subjects=KnownSubjects({"p1": 1}), download_urls=(LINK,))
SHAPES: dict[str, dict[str, Any]] = {
    "flat": PICTURES,
    "result": {"result": PICTURES},
    "output": {"output": PICTURES},
    "response": {"response": PICTURES},
    "subjects beside": {"result": {"download_urls": [LINK]}, "known_subjects": {"counts": {"p1": 1}}},
    "subjects above": {"download_urls": [LINK], "result": {"known_subjects": {"counts": {"p1": 1}}}},
    "nulls above": {"download_urls": [None], "output": PICTURES},
    "empty above": {"download_urls": [], "images": None, "output": PICTURES},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", ["succeeded", "COMPLETED", "Done", "weird", "running", None, 7])
def test_a_job_with_links_is_done_whatever_its_word(shape: str, status: Any) -> None:
    job = read_job({"job_id": "j1", "status": status, **SHAPES[shape]})
    assert job.is_done
    assert job.answer == ANSWER
    assert job.raw["job_id"] == "j1"


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        (None, None, KnownSubjects(is_told=False)),
        (None, {}, KnownSubjects()),
        ({}, None, KnownSubjects()),
        ({}, {"p1": 1}, KnownSubjects({"p1": 1})),
        ({"p1": 1}, {"p2": 1}, KnownSubjects({"p1": 1})),
    ],
)
def test_a_job_tells_who_was_recognised_in_one_place_or_another(inner: Any, outer: Any, expected: Any) -> None:
    result = {"download_urls": [LINK], "known_subjects": {"counts": inner}}
    job = read_job({"job_id": "j1", "result": result, "known_subjects": {"counts": outer}})
    assert job.answer is not None
    assert job.answer.known_subjects == expected


@pytest.mark.parametrize("status", ["queued", "RUNNING", "in_progress", "paused", "", None, 7, ["x"]])
@pytest.mark.parametrize("more", [{}, {"result": None}, {"result": {}}, {"download_urls": []}, {"output": "x"}])
def test_a_job_without_links_is_pending(status: Any, more: dict[str, Any]) -> None:
    job = read_job({"job_id": "j1", "status": status, **more})
    assert not job.is_terminal
    assert job.answer is None
    assert job.status == (status if isinstance(status, str) else "")


@pytest.mark.parametrize("more", [{}, {"result": {"download_urls": []}}, {"result": {"known_subjects": None}}])
def test_a_job_may_succeed_without_pictures(more: dict[str, Any]) -> None:
    job = read_job({"job_id": "j1", "status": "Succeeded", **more})
    assert job.is_done
    assert job.answer == ImageAnswer()


@pytest.mark.parametrize("status", ["failed", "EXPIRED", "Timed_Out", "rejected", "cancelled"])
def test_a_job_that_failed_by_its_word(status: str) -> None:
    job = read_job({"job_id": "j1", "status": status, "error": None, **PICTURES})
    assert job.is_failed
    assert not job.is_done


@pytest.mark.parametrize(
    ("fields", "message", "code"),
    [
        ({"error": "no face"}, "no face", "no face"),
        ({"error": {"code": "NO_FACE", "message": "no face"}}, "no face", "NO_FACE"),
        ({"error": {"type": "NO_FACE", "detail": "no face"}}, "no face", "NO_FACE"),
        ({"error": {"code": "NO_FACE"}}, "NO_FACE", "NO_FACE"),
        ({"error": {"weird": 1}}, "no reason given", None),
        ({"error": ["x"]}, "no reason given", None),
        ({"error": True}, "no reason given", None),
        ({"error": "no face", "code": "NO_FACE"}, "no face", "NO_FACE"),
        # the reason stands in the error; what stands beside it is about the job
        ({"error": "no face", "message": "the job has ended"}, "no face", "no face"),
        (
            {"error": {"code": "NO_FACE", "message": "no face"}, "message": "the job has ended", "type": "edit"},
            "no face",
            "NO_FACE",
        ),
        ({"error": {"code": "NO_FACE"}, "message": "no face"}, "no face", "NO_FACE"),
    ],
)
@pytest.mark.parametrize("status", ["failed", "running", "succeeded", None])
def test_a_job_with_an_error_has_failed_whatever_its_word(
    fields: dict[str, Any], message: str, code: str | None, status: Any
) -> None:
    job = read_job({"job_id": "j1", "status": status, **fields})
    assert job.is_failed
    assert (job.error, job.error_code) == (message, code)


@pytest.mark.parametrize(
    ("fields", "message", "code"),
    [
        ({"detail": "no face", "code": "NO_FACE"}, "no face", "NO_FACE"),  # presumably the envelope of section 7
        ({"message": "no face"}, "no face", None),
        ({}, None, None),
    ],
)
def test_a_failed_job_may_tell_its_reason_beside_its_word(
    fields: dict[str, Any], message: str | None, code: str | None
) -> None:
    job = read_job({"job_id": "j1", "status": "failed", **fields})
    assert (job.error, job.error_code) == (message, code)


def test_a_running_job_may_have_a_message() -> None:
    job = read_job({"job_id": "j1", "status": "running", "message": "step 2 of 3", "type": "edit"})
    assert not job.is_terminal
    assert (job.error, job.error_code) == (None, None)


@pytest.mark.parametrize("nothing", [None, "", {}, [], False])
def test_an_empty_error_is_none(nothing: Any) -> None:
    job = read_job({"job_id": "j1", "status": "running", "error": nothing})
    assert not job.is_terminal
    assert job.error is None


@pytest.mark.parametrize(
    ("data", "asked", "expected"),
    [
        ({"job_id": "a", "id": "b"}, None, "a"),
        ({"id": "b"}, None, "b"),
        ({"job_id": None, "id": "b"}, None, "b"),
        ({"job_id": ""}, "asked", "asked"),
        ({"job_id": 7}, None, "7"),
        ({"job_id": True}, "asked", "asked"),
        ({}, "asked", "asked"),
        ({"job_id": "a"}, "asked", "asked"),  # it leads to the job, whatever that calls itself
        ({"id": "of the result"}, "asked", "asked"),
    ],
)
def test_the_id_of_a_job(data: dict[str, Any], asked: str | None, expected: str) -> None:
    assert read_job(data, job_id=asked).job_id == expected


def test_a_handle_without_an_id_is_refused() -> None:
    with pytest.raises(DecodeError, match="expected a job with a job_id, got none") as caught:
        read_job({"status": "queued"})
    assert caught.value.is_final  # it was taken: sending it again might buy it again


def test_a_job_that_is_done_at_once_needs_no_id() -> None:
    job = read_job({"download_urls": [LINK]})
    assert (job.job_id, job.is_done) == ("", True)


@pytest.mark.parametrize(("echo", "expected"), [("e", "e"), (None, "c1"), (7, "c1"), ("missing", "c1")])
def test_the_client_request_id_of_a_job(echo: Any, expected: str) -> None:
    data = {"job_id": "j1"} if echo == "missing" else {"job_id": "j1", "client_request_id": echo}
    assert read_job(data, client_request_id="c1").client_request_id == expected


# Profiles


def test_a_profile() -> None:
    data = {"profile_id": "p1", "status": "ERROR", "message": "blurred", "tag": "anna", "newer": 1}
    assert read_profile(data) == Profile("p1", ProfileStatus.ERROR, "blurred", "anna")


@pytest.mark.parametrize("message", [None, 7, ["x"], "missing"])
@pytest.mark.parametrize("tag", [None, 7, "missing"])
def test_a_profile_without_words(message: Any, tag: Any) -> None:
    fields = {"message": message, "tag": tag}
    data = {name: value for name, value in fields.items() if value != "missing"}
    assert read_profile({"profile_id": "p1", "status": "READY", **data}) == Profile("p1", ProfileStatus.READY)


@pytest.mark.parametrize(
    ("data", "expected"),
    [({"profile_id": "p1"}, "p1"), ({"id": "p2"}, "p2"), ({}, "asked"), ({"profile_id": None}, "asked"), ("p3", "p3")],
)
def test_the_id_of_a_profile(data: Any, expected: str) -> None:
    profile = read_profile(data, profile_id="asked")
    assert profile == Profile(expected, ProfileStatus(""))
    assert not profile.status.is_terminal


def test_an_unknown_status_is_kept() -> None:
    assert read_profile({"profile_id": "p1", "status": "PUBLISHING"}).status == "PUBLISHING"


@pytest.mark.parametrize(
    ("data", "got"), [({"status": "READY"}, "got none"), ([], "got list"), (7, "got int"), (None, "got NoneType")]
)
def test_what_is_no_profile(data: Any, got: str) -> None:
    with pytest.raises(DecodeError, match=f"expected a profile.*{got}"):
        read_profile(data)


def test_lists_hold_objects_or_bare_ids() -> None:
    data = {"profiles": [{"profile_id": "p1", "status": "READY", "tag": "a"}, "p2"]}
    expected = [Profile("p1", ProfileStatus.READY, "", "a"), Profile("p2", ProfileStatus(""))]
    assert read_profiles(data) == expected


@pytest.mark.parametrize("data", [{"profiles": []}, {"profiles": None}])
def test_an_empty_list(data: dict[str, Any]) -> None:
    assert read_profiles(data) == []


@pytest.mark.parametrize("data", [{}, {"profiles": {}}, {"profiles": "p1"}, {"ids": []}])
def test_what_is_no_list_of_profiles(data: dict[str, Any]) -> None:
    with pytest.raises(DecodeError, match="expected a list under profiles"):
        read_profiles(data)


def test_the_id_of_a_new_profile() -> None:
    assert read_profile_id({"profile_id": "p1"}) == "p1"
    with pytest.raises(DecodeError, match="expected a profile with a profile_id"):
        read_profile_id({"status": "ok"})


# The secret


@pytest.mark.parametrize(
    "data",
    [
        {"webhook_secret": "s"},
        {"secret": "s"},
        {"signing_key": "s"},
        {"webhook_secret": "s", "secret": "other", "created_at": "yesterday"},
        {"secret": "s", "request_id": "r1"},
        {"secret": None, "key": "s", "rotations": 3},
    ],
)
def test_the_secret(data: dict[str, Any]) -> None:
    assert read_secret(data) == "s"


@pytest.mark.parametrize(
    ("data", "count"), [({}, 0), ({"a": "x", "b": "y"}, 2), ({"secret": ""}, 0), ({"secret": 7}, 0)]
)
def test_an_ambiguous_secret_is_refused_unseen(data: dict[str, Any], count: int) -> None:
    with pytest.raises(DecodeError, match=f"expected one secret, got {count} texts"):
        read_secret(data)


@given(data=FIELDS)
def test_success_bodies_give_values_or_decode_errors(data: dict[str, Any]) -> None:
    told: list[str] = []
    for read in (read_image_answer, read_job, read_profile, read_profiles, read_secret):
        try:
            read(data)
        except DecodeError as failure:
            told.append(failure.reason)
    assert all("expected" in reason for reason in told)
