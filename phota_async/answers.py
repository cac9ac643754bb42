"""Turn the service's answers into values or the right error. No I/O.

Bodies are read leniently, as the contract's evidence is thin in places: what is missing gets a default, what
is unknown is kept, and what cannot be understood is a `DecodeError`.

Source: https://docs.photalabs.com/api/async-requests, https://docs.photalabs.com/release-notes
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from .errors import (
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
    shorten,
)
from .links import without_queries
from .models import NOT_TOLD, ImageAnswer, Job, JobStatus, KnownSubjects, Profile, ProfileStatus
from .protocol import Call
from .retry import GATEWAY_TIMEOUT, SAFE_AGAIN, SERVICE_UNAVAILABLE, Fault, Kind, fault_of, parse_retry_after

T = TypeVar("T")
MODERATION = "CONTENT_MODERATION"
CODE_KEYS = ("code", "type", "error_type", "error")
RESULT_KEYS = ("result", "output", "response")
SECRET_KEYS = ("webhook_secret", "secret")
BAD_REQUEST, FIRST_SERVER_ERROR = 400, 500
MAX_NESTING = 4  # levels of an error's body that are looked into; the service decides how deep it is

_BY_STATUS: dict[int, type[StatusError]] = {
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
}

UNCLEAR_HINTS: Mapping[Kind, str] = {
    "paid": 'it may have been charged; mode="job" can be repeated safely',
    "job": "it may have been charged; the same client_request_id can be sent again without paying twice",
    "create": "look for the profile with profiles.list(tag=...) before trying again",
}

PROFILE_WORDS: Mapping[str, ProfileStatus] = {str(each): each for each in ProfileStatus}  # calling an enum is slow
decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def read_object(body: bytes | bytearray | memoryview) -> dict[str, Any]:
    """Return a JSON object, or raise `DecodeError`."""
    try:
        return decode_object(body[3:] if body[:3] == b"\xef\xbb\xbf" else body)  # a byte order mark
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        empty = not bytes(body).strip()
        what = "an empty body" if empty else str(error) or type(error).__name__
        failure = DecodeError(f"expected a JSON object, got {what}")
        raise failure.with_context(is_cut=empty or "truncated" in what) from None


def read_image_answer(data: Mapping[str, Any]) -> ImageAnswer:
    """Return the answer of an image call; nulls and missing fields become empty ones."""
    return ImageAnswer(
        known_subjects=_known_subjects(data.get("known_subjects")),
        images=tuple(_list(data, "images")),
        download_urls=tuple(url for url in _list(data, "download_urls") if isinstance(url, str) and url),
    )


def find_image_answer(data: Mapping[str, Any]) -> ImageAnswer:
    """Return the answer of an image call wherever it lies: at the top level or in an envelope, as a job's does."""
    return _finished_answer(data) or read_image_answer(data)


def read_job(data: Mapping[str, Any], *, job_id: str | None = None, client_request_id: str | None = None) -> Job:
    """Return a job, whatever of it the service tells.

    Args:
        data: The body of a 202 or of ``GET /jobs/{job_id}``.
        job_id: The id that was asked for, which goes before the body's: it leads there.
        client_request_id: The id that was submitted, likewise.
    """
    own_id = job_id or next((str(data[key]) for key in ("job_id", "id") if is_id(data.get(key))), None)
    answer = _finished_answer(data)
    if own_id is None and answer is None:
        failure = DecodeError("expected a job with a job_id, got none")
        raise failure.with_context(is_final=True)  # it was taken: sending it again might buy it again
    word = data.get("status")
    status = JobStatus(word if isinstance(word, str) else "")
    error, code = _failure(data, status)
    echoed = data.get("client_request_id")
    return Job(
        job_id=own_id or "",
        status=status,
        client_request_id=echoed if isinstance(echoed, str) else client_request_id,
        answer=answer,
        error=error,
        error_code=code,
        raw=data,
    )


def is_id(value: object) -> bool:
    """Whether a value can be an id: a text, or a whole number."""
    return (isinstance(value, str) and bool(value)) or (isinstance(value, int) and not isinstance(value, bool))


def read_profile(data: Any, *, profile_id: str | None = None) -> Profile:
    """Return a profile from its status answer or from an element of the list, which may be a bare id."""
    if isinstance(data, str):
        return Profile(data, ProfileStatus(""))
    if not isinstance(data, (dict, Mapping)):  # dict first: asking an abstract class is slow
        raise DecodeError(f"expected a profile, got {type(data).__name__}")
    own_id = _text(data, "profile_id", _text(data, "id", profile_id))
    if own_id is None:
        raise DecodeError("expected a profile with a profile_id, got none")
    word = _text(data, "status", "")
    status = PROFILE_WORDS.get(word) or ProfileStatus(word)
    return Profile(own_id, status, without_queries(_text(data, "message", "")), _text(data, "tag", None))


def read_profiles(data: Mapping[str, Any]) -> list[Profile]:
    """Return the profiles of ``GET /profiles/ids``."""
    if "profiles" not in data:
        raise DecodeError("expected a list under profiles, got none")
    return [read_profile(element) for element in _list(data, "profiles")]


def read_profile_id(data: Mapping[str, Any]) -> str:
    """Return the id of a profile that was just created."""
    return read_profile(data).profile_id


def read_secret(data: Mapping[str, Any]) -> str:
    """Return the signing secret; its key is not published, so the only string value is taken."""
    named = [data[key] for key in SECRET_KEYS if isinstance(data.get(key), str) and data[key]]
    texts = named or [value for value in data.values() if isinstance(value, str) and value]
    if named or len(texts) == 1:
        return str(texts[0])
    raise DecodeError(f"expected one secret, got {len(texts)} texts")


def error_from(status: int, headers: Mapping[str, str], body: bytes, call: Call) -> StatusError:
    """Return the error for an answer that is not a success. Understands every body: JSON, HTML or nothing."""
    data = _error_object(body)
    message = _message(data) or _plain_text(headers, body)
    code = _code(data)
    kind = _BY_STATUS.get(status) or (ServerError if status >= FIRST_SERVER_ERROR else BadRequestError)
    if status == BAD_REQUEST and _is_moderation(data, message):
        kind = ContentModerationError
    elif status < BAD_REQUEST:
        kind, message = StatusError, _redirect_message(headers)
    error = kind(status, shorten(message), code)
    request_id = data.get("request_id")
    return error.with_context(
        request_id=request_id if isinstance(request_id, str) and request_id else headers.get("X-Request-Id"),
        retry_after=parse_retry_after(headers.get("Retry-After"), headers.get("Date"), time.time()),
        fields=tuple(_field_names(data)),
        client_request_id=call.client_request_id,
        **_money(error, call),
    )


def _money(error: StatusError, call: Call) -> dict[str, Any]:
    """Say whether trying again is safe and what the failed call has cost."""
    fault = fault_of(error)
    context: dict[str, Any] = {"retryable": fault is not None and SAFE_AGAIN[call.kind][fault]}
    if error.status == GATEWAY_TIMEOUT and call.kind == "paid":
        context |= {"charged": "refunded", "hint": 'the service ran out of time; mode="job" has more of it'}
    elif error.status == SERVICE_UNAVAILABLE:
        context |= {"hint": "the service is temporarily unavailable; try again later"}
    elif fault in (Fault.FAILED, Fault.TIMED_OUT) and call.kind in UNCLEAR_HINTS:
        context |= {"charged": "unknown", "hint": UNCLEAR_HINTS[call.kind]}
    return context


def _failure(data: Mapping[str, Any], status: JobStatus) -> tuple[str | None, str | None]:
    """Return why a job failed, and the machine code. What its error says goes before what stands beside it."""
    error = data.get("error")
    if not error and not status.is_failure:
        return None, None
    inner = error if isinstance(error, Mapping) else {}
    reason = error if isinstance(error, str) and error else _message(inner) or _message(data)
    return without_queries(reason) or ("no reason given" if error else None), _code(inner) or _code(data)


def _finished_answer(data: Mapping[str, Any]) -> ImageAnswer | None:
    """Return the finished answer, which lies at the top level or under result, output or response."""
    success = JobStatus(data["status"]).is_success if isinstance(data.get("status"), str) else False
    places = [data, *(data[key] for key in RESULT_KEYS if isinstance(data.get(key), Mapping))]
    for place in places:
        if place.get("download_urls") or place.get("images"):
            answer = read_image_answer(place)
            if answer.download_urls or answer.images:
                return _with_subjects(answer, places)
    return read_image_answer(places[-1]) if success else None


def _with_subjects(answer: ImageAnswer, places: list[Any]) -> ImageAnswer:
    """Take the recognised subjects from beside the links when they do not lie with them."""
    if answer.known_subjects.counts:
        return answer
    found = (answer.known_subjects, *(_known_subjects(place.get("known_subjects")) for place in places))
    subjects = max(found, key=lambda each: (bool(each.counts), each.is_told))  # the first of those that say most
    return msgspec.structs.replace(answer, known_subjects=subjects)


def _known_subjects(value: Any) -> KnownSubjects:
    counts = value.get("counts") if isinstance(value, Mapping) else None
    if not isinstance(counts, Mapping):
        return NOT_TOLD
    whole = {str(key): int(count) for key, count in counts.items() if isinstance(count, (int, float))}
    return KnownSubjects(whole)


def _text(data: Mapping[str, Any], key: str, default: T) -> str | T:
    value = data.get(key)
    return value if isinstance(value, str) else default


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DecodeError(f"expected a list under {key}, got {type(value).__name__}")
    return value


def _error_object(body: bytes) -> dict[str, Any]:
    try:
        return read_object(body)
    except DecodeError:
        return {}


def _plain_text(headers: Mapping[str, str], body: bytes) -> str:
    """Return what a body without JSON says; an HTML page says nothing worth repeating."""
    if "html" in headers.get("Content-Type", "") or body.lstrip()[:1] == b"<":
        return "the answer is an HTML page, probably of a gateway"
    return body[:2048].decode("utf-8", "replace")


def _message(data: Mapping[str, Any], depth: int = MAX_NESTING) -> str:
    """Return the human text of an error body: detail, joined messages of a 422, message, or a nested error."""
    detail = data.get("detail")
    if isinstance(detail, str) and detail:
        return detail
    if isinstance(detail, list) and detail:
        return "; ".join(_complaint(item) for item in detail)
    for key in ("message", "detail", "error"):
        value = data.get(key)
        if isinstance(value, str) and value:
            return value
        if depth and isinstance(value, Mapping) and (inner := _message(value, depth - 1) or _code(value)):
            return inner
    return ""


def _complaint(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    place = _place(item)
    text = str(item.get("msg") or item.get("message") or "invalid")
    return f"{place}: {text}" if place else text


def _place(item: Mapping[str, Any]) -> str:
    loc = item.get("loc")
    return ".".join(str(part) for part in loc if part != "body") if isinstance(loc, list) else ""


def _field_names(data: Mapping[str, Any]) -> Iterator[str]:
    detail = data.get("detail")
    for item in detail if isinstance(detail, list) else ():
        if isinstance(item, Mapping) and (place := _place(item)):
            yield place


def _code(data: Mapping[str, Any], depth: int = MAX_NESTING) -> str | None:
    """Return the machine code: the first string among the keys that somebody has seen it under."""
    for key in CODE_KEYS:
        value = data.get(key)
        if isinstance(value, str) and value:
            return shorten(value, 80)
        if depth and isinstance(value, Mapping) and (inner := _code(value, depth - 1)):
            return inner
    detail = data.get("detail")
    return _code(detail, depth - 1) if depth and isinstance(detail, Mapping) else None


def _is_moderation(data: Mapping[str, Any], message: str) -> bool:
    """Whether the token stands in any of the places it may stand in: one page each tells another key."""
    places = [message, data.get("message"), data.get("detail"), *(data.get(key) for key in CODE_KEYS)]
    return any(MODERATION in text for place in places for text in _texts(place))


def _texts(value: object, depth: int = MAX_NESTING) -> Iterator[str]:
    """Yield the texts in a value, as deep as anybody would put them."""
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, (Mapping, list)):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each, depth - 1)


def _redirect_message(headers: Mapping[str, str]) -> str:
    target = headers.get("Location", "").split("?")[0].split("#")[0]
    return f"a redirect to {target or 'nowhere'} is not followed, since the key would travel along; check base_url"
