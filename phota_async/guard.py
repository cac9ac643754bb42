"""Decide whether a call stays with one end user's profiles, by the bytes that would be sent. No I/O.

What a call names is read from its body as it would go out, not from the request that it was made of: whatever way
a call was built, nothing else can leave. What cannot be told is refused.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NoReturn, Protocol
from urllib.parse import unquote

from .errors import ScopeError, shorten
from .protocol import Call

NAMED = re.compile(r"\[\[([^\[\]]*)\]\]")
OPENING = "[["
STAND_IN = "[x"  # for an own id: a bracket before it shows as two
SETTINGS = frozenset(  # documented fields that hold words and numbers, and no photo
    {
        *("prompt", "num_output_images", "output_format", "response_mode", "aspect_ratio", "resolution"),
        *("base_model", "quality", "async", "callback_url", "client_request_id"),
    }
)
LOOK_ALIKES = str.maketrans({"⟦": "[[", "〚": "[[", "⟬": "[", "【": "[", "〖": "[", "〘": "[", "⁅": "["})
IGNORABLE = frozenset("CMZ")  # Unicode's major categories of what is not seen: controls, marks, separators


class Bounds(Protocol):
    """Whose profiles may be named."""

    @property
    def tag(self) -> str | None:
        """The end user's tag; ``None`` is nobody's."""
        ...

    @property
    def hint(self) -> str:
        """What to do about a refusal."""
        ...

    def __contains__(self, profile_id: object) -> bool: ...


class Nobody:
    """The bounds of a client that requires a scope: it may name nobody."""

    tag = None
    hint = "await client.for_user(tag) gives a client for one end user"

    def __contains__(self, profile_id: object) -> bool:
        return False


def check_call(call: Call, bounds: Bounds) -> None:
    """Raise `ScopeError` unless a call names profiles within the bounds only."""
    if call.kind == "free":
        _check_path(call, bounds)
    elif call.kind == "create":
        _check_tags([value for name, value in _fields(call, bounds) if name == "tag"], bounds)
    else:
        for name, value in _fields(call, bounds):
            _check_field(name, value, bounds)


def _check_path(call: Call, bounds: Bounds) -> None:
    match call.path.removeprefix("/").split("/"):
        case ["jobs", _] | ["webhook-secret"]:  # a job's id does not say whose it is
            return
        case ["profiles", "ids"] if call.method == "GET":
            _check_tags([call.query.get("tag")], bounds)
        case ["profiles", quoted, *_]:
            check_id("profile_id", unquote(quoted), bounds)
        case _:
            _refuse(f"{call.route}: expected a call that a scope knows", bounds)


def _check_tags(tags: list[Any], bounds: Bounds) -> None:
    if bounds.tag is None:
        _refuse("expected an end user's scope for what concerns profiles, got none", bounds)
    if not tags or any(tag != bounds.tag for tag in tags):
        _refuse("tag: expected the scope's own, got another or none", bounds)


def _check_field(name: str, value: Any, bounds: Bounds) -> None:
    if name == "profile_ids":
        for each in value if type(value) is list else [value]:
            check_id(name, each, bounds)
    elif name in SETTINGS:
        for text in _texts(value):
            _check_text(name, text, bounds)
    elif any(_texts(value)):  # photos are not in the text
        _refuse(f"{shorten(name, 40)}: expected no text in a field that may name anybody, got some", bounds)


def check_id(name: str, profile_id: Any, bounds: Bounds) -> None:
    """Raise `ScopeError` for what is no profile within the bounds."""
    if not isinstance(profile_id, str) or profile_id not in bounds:
        shown = repr(shorten(profile_id, 80)) if isinstance(profile_id, str) else type(profile_id).__name__
        _refuse(f"{name}: expected profiles of this end user, got {shown}", bounds)


def _check_text(name: str, text: str, bounds: Bounds) -> None:
    """Look at each ``[[...]]``, and refuse what else might be taken for the beginning of one."""
    pieces = NAMED.split(text)
    if any(named not in bounds for named in pieces[1::2]):
        _refuse(f"{name}: expected [[profile_id]] with profiles of this end user only, got another", bounds)
    if OPENING in _skeleton(STAND_IN.join(pieces[::2])):
        _refuse(f"{name}: expected [[profile_id]] spelled just so, got something like it", bounds)


def _skeleton(text: str) -> str:
    """Return a text without what a reader may skip, and with look-alikes as what they look like."""
    plain = unicodedata.normalize("NFKC", text).translate(LOOK_ALIKES)
    return "".join(each for each in plain if each != "\\" and unicodedata.category(each)[0] not in IGNORABLE)


class _Object(tuple[tuple[str, Any], ...]):
    """A JSON object with all that it says, names said twice included."""

    __slots__ = ()


def _fields(call: Call, bounds: Bounds) -> _Object:
    """Return a body's fields; its photos are empty texts."""
    text = b"".join(part for part in call.body or () if isinstance(part, bytes))
    try:
        fields = json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, _Object):
        _refuse(f"{call.route}: expected a body that a scope can read, got something else", bounds)
    return fields


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts in a value, the names of fields included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, _Object):
        for name, inner in value:
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _refuse(sentence: str, bounds: Bounds) -> NoReturn:
    raise ScopeError(sentence).with_context(hint=bounds.hint)
