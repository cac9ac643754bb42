"""Turn requests into calls. No I/O.

A `Call` is everything the transport needs: method, path, what money is at stake, and the body as a plan:
ready JSON text with slots where photos go, which are measured and encoded while they are sent.

Source: https://docs.photalabs.com/api-reference/introduction
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec

from .errors import InputError
from .hidden import rich_repr
from .requests import AnyRequest, EditRequest, SizedRequest, images_of, names_of
from .retry import Kind
from .validation import fail

MANAGED = frozenset({"async", "callback_url"})  # set by the client, never by extra=
NOT_JSON = (TypeError, ValueError, OverflowError, RecursionError)  # what encoding raises, half characters included
MAX_CACHED = 1024  # calls on ids: a poll asks for the same one again and again
MAX_ID = 1024  # characters of an id in a path; longer ones are somebody's mistake


class Slot(msgspec.Struct, frozen=True):
    """A place in a body that a photo fills, between two quotes."""

    image: Any
    name: str
    """The field, for errors: ``images[2]``."""

    def __repr__(self) -> str:
        return f"<Slot {self.name}>"

    __rich_repr__ = rich_repr


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange with the service, as a value."""

    method: str
    path: str
    """Below the base URL, with ids percent-encoded."""
    kind: Kind = "free"
    body: tuple[bytes | Slot, ...] | None = None
    """JSON text and slots, in order; ``None`` for no body."""
    query: Mapping[str, str] = msgspec.field(default_factory=dict)
    client_request_id: str | None = None
    may_redirect: bool = False
    """Whether a redirect is handed to the reader instead of being an error. It is never followed blindly."""
    is_look: bool = False
    """Whether it asks where one profile or job stands: free, a few bytes, and asked again and again."""
    address: str | None = None
    """A whole address on the service's own origin, instead of ``path``: where a redirect led."""
    route: str = ""
    """Path without ids, for messages and events: ``POST /edit``."""

    def __repr__(self) -> str:
        return f"<Call {self.route} {self.kind}>"

    __rich_repr__ = rich_repr


def image_call(
    request: AnyRequest,
    *,
    job: bool = False,
    callback_url: str | None = None,
    client_request_id: str | None = None,
) -> Call:
    """Return the call that makes an image request, held open or as a job."""
    fields = _fields(request)
    if job and "client_request_id" in fields:  # two ids: the one that is not sent would protect nothing
        hint = "give it to jobs.submit(client_request_id=...)"
        raise InputError("extra: expected no client_request_id in a job, got one").with_context(hint=hint)
    if job:
        fields |= {"async": True, "response_mode": "urls"}  # a job needs links: release notes, v0.7.0
        fields |= {} if callback_url is None else {"callback_url": callback_url}
        fields |= {} if client_request_id is None else {"client_request_id": client_request_id}
    return Call(
        method="POST",
        path=f"/{request.operation}",
        route=f"POST /{request.operation}",
        kind="job" if job and client_request_id else "paid",
        body=_body(request, fields),
        client_request_id=client_request_id,
    )


def create_profile_call(image_urls: Sequence[str], *, tag: str | None, training_tier: str) -> Call:
    """Return the call that creates a profile and starts its training."""
    fields: dict[str, Any] = {"image_urls": list(image_urls), "training_tier": training_tier}
    if tag is not None:
        fields["tag"] = tag
    body = _json(fields)
    return Call(method="POST", path="/profiles/add", route="POST /profiles/add", kind="create", body=(body,))


def list_profiles_call(tag: str | None) -> Call:
    """Return the call that lists the account's profiles, or those with a tag."""
    query = {} if tag is None else {"tag": tag}
    return Call(method="GET", path="/profiles/ids", route="GET /profiles/ids", query=query)


def profile_call(profile_id: str, what: str = "", *, method: str = "GET") -> Call:
    """Return a call on one profile: its ``status``, its ``profile_picture`` or, with DELETE, itself."""
    make = _profile_call if isinstance(profile_id, str) else _profile_call.__wrapped__  # a list has no hash
    return make(profile_id, what, method)


@lru_cache(MAX_CACHED)
def _profile_call(profile_id: str, what: str, method: str) -> Call:
    suffix = f"/{what}" if what else ""
    path = f"/profiles/{quote_id('profile_id', profile_id)}{suffix}"
    return Call(method=method, path=path, route=f"{method} /profiles/{{profile_id}}{suffix}", is_look=what == "status")


def job_call(job_id: str) -> Call:
    """Return the call that asks for a job."""
    return (_job_call if isinstance(job_id, str) else _job_call.__wrapped__)(job_id)


@lru_cache(MAX_CACHED)
def _job_call(job_id: str) -> Call:
    return Call(method="GET", path=f"/jobs/{quote_id('job_id', job_id)}", route="GET /jobs/{job_id}", is_look=True)


def webhook_secret_call() -> Call:
    """Return the call that asks for the account's signing secret."""
    return Call(method="GET", path="/webhook-secret", route="GET /webhook-secret")


def quote_id(name: str, value: str) -> str:
    """Percent-encode an id for a path, so that it stays one segment whatever it holds."""
    if not isinstance(value, str) or not value:
        fail(name, "a non-empty str", value)
    if len(value) > MAX_ID:
        fail(name, f"at most {MAX_ID} characters", len(value))
    if value in (".", ".."):  # URL parsers drop these segments even when they are encoded
        fail(name, "an id", value)
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise InputError(f"{name}: expected text, got half a character (a lone surrogate)") from None


def _fields(request: AnyRequest) -> dict[str, Any]:
    """Return the small fields; the three that one page calls required are always there."""
    fields: dict[str, Any] = {
        "num_output_images": request.num_output_images,
        "output_format": request.output_format,
        "response_mode": request.response_mode,
    }
    if request.prompt is not None:
        fields["prompt"] = request.prompt
    if getattr(request, "profile_ids", ()):
        fields["profile_ids"] = list(request.profile_ids)  # type: ignore[union-attr]  # generate has none
    if isinstance(request, SizedRequest):
        fields |= {name: getattr(request, name) for name in ("aspect_ratio", "resolution", "base_model")}
        fields |= {} if request.quality is None else {"quality": request.quality}
    return {**fields, **_extra(request, fields)}


def _extra(request: AnyRequest, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the user's further fields; they never replace one that has its own argument."""
    if not isinstance(request.extra, Mapping) or not all(isinstance(name, str) for name in request.extra):
        fail("extra", "a mapping of field names to values", request.extra)
    own = fields.keys() | set(request.__struct_fields__) | MANAGED
    taken = own & request.extra.keys()
    if taken:
        raise InputError(f"extra: expected fields without an argument of their own, got {min(taken)!r}")
    return request.extra


def _body(request: AnyRequest, fields: dict[str, Any]) -> tuple[bytes | Slot, ...]:
    """Return the body plan: the small fields first, then every photo in its slot."""
    head = _json(fields)[:-1]  # without the closing brace
    if isinstance(request, EditRequest):
        slots = [Slot(image, name) for image, name in zip(images_of(request), names_of(request), strict=True)]
        return _joined([head + b',"images":[', *_quoted_list(slots), b"]}"])
    parts: list[bytes | Slot] = [head]
    for name in request.photos:
        parts += [f',"{name}":"'.encode(), Slot(getattr(request, name), name), b'"']
    return _joined([*parts, b"}"])


def _joined(parts: Sequence[bytes | Slot]) -> tuple[bytes | Slot, ...]:
    """Join texts that stand side by side: each part of a body is sent as a packet of its own."""
    joined: list[bytes | Slot] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, bytes) and isinstance(last, bytes):
            joined[-1] = last + part
        else:
            joined.append(part)
    return tuple(joined)


def _quoted_list(slots: Sequence[Slot]) -> list[bytes | Slot]:
    parts: list[bytes | Slot] = []
    for place, slot in enumerate(slots):
        parts += [b',"' if place else b'"', slot, b'"']
    return parts


def _json(fields: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(fields)
    except NOT_JSON as error:
        blame = next((name for name, value in fields.items() if not _is_json({name: value})), "extra")
        raise InputError(f"{blame}: expected a value that JSON can carry, got {type(error).__name__}") from None


def _is_json(value: object) -> bool:
    try:
        msgspec.json.encode(value)
    except NOT_JSON:
        return False
    return True
