"""Check a body against its JSON schema and say what is wrong as FastAPI does. No I/O.

The rules are those of the shipped document, so that the sandbox cannot drift from it. One is added: a field
that an endpoint does not list is refused, since the guides call such fields "not accepted".
"""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from phota_async.sandbox.document import Schema

Place = tuple[str | int, ...]
Finding = dict[str, Any]


def _is_integer(value: Any) -> bool:
    """Tell whether JSON schema calls it an integer: 1.0 is one, true is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()


TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("string", lambda value: isinstance(value, str)),
    "boolean": ("boolean", lambda value: isinstance(value, bool)),
    "array": ("list", lambda value: isinstance(value, list)),
    "object": ("dictionary", lambda value: isinstance(value, dict)),
    "null": ("null", lambda value: value is None),
    "integer": ("integer", _is_integer),
}


def check(value: Any, schema: Schema, place: Place = ("body",)) -> Iterator[Finding]:
    """Yield one finding for each wrong value below ``place``."""
    kind = _type_of(value, schema)
    if kind is None:
        expected = _types(schema)[0]
        yield finding(place, f"{expected}_type", f"Input should be a valid {TYPES[expected][0]}")
    elif kind == "object":
        yield from _check_object(value, schema, place)
    elif kind == "array":
        yield from _check_array(value, schema, place)
    elif kind != "null":
        yield from _check_scalar(value, schema, place)


def finding(place: Place, kind: str, message: str) -> Finding:
    """Build one entry of a 422 answer's ``detail``."""
    return {"type": kind, "loc": list(place), "msg": message}


def _types(schema: Schema) -> list[str]:
    types = schema.get("type", "object")
    return [types] if isinstance(types, str) else list(types)


def _type_of(value: Any, schema: Schema) -> str | None:
    return next((name for name in _types(schema) if TYPES[name][1](value)), None)


def _check_object(value: dict[str, Any], schema: Schema, place: Place) -> Iterator[Finding]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield finding((*place, name), "missing", "Field required")
    for name, item in value.items():
        if name in properties:
            yield from check(item, properties[name], (*place, name))
        else:
            yield finding((*place, name), "extra_forbidden", "Extra inputs are not permitted")


def _check_array(value: list[Any], schema: Schema, place: Place) -> Iterator[Finding]:
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    if len(value) < least:
        yield finding(place, "too_short", f"List should have at least {least} items, not {len(value)}")
    if most is not None and len(value) > most:
        yield finding(place, "too_long", f"List should have at most {most} items, not {len(value)}")
    for index, item in enumerate(value):
        yield from check(item, schema.get("items", {}), (*place, index))


def _check_scalar(value: Any, schema: Schema, place: Place) -> Iterator[Finding]:
    if "enum" in schema and value not in schema["enum"]:
        words = " or ".join(f"'{word}'" for word in schema["enum"] if word is not None)
        yield finding(place, "literal_error", f"Input should be {words}")
    elif isinstance(value, str):
        yield from _check_string(value, schema, place)
    else:
        yield from _check_number(value, schema, place)


def _check_string(value: str, schema: Schema, place: Place) -> Iterator[Finding]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if len(value) < least:
        yield finding(place, "string_too_short", f"String should have at least {least} characters")
    if most is not None and len(value) > most:
        yield finding(place, "string_too_long", f"String should have at most {most} characters")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield finding(place, "string_pattern_mismatch", f"String should match pattern '{schema['pattern']}'")
    if schema.get("format") == "uri" and not is_url(value):
        yield finding(place, "url_parsing", "Input should be a valid URL")


def _check_number(value: float, schema: Schema, place: Place) -> Iterator[Finding]:
    if "minimum" in schema and value < schema["minimum"]:
        text = f"Input should be greater than or equal to {schema['minimum']}"
        yield finding(place, "greater_than_equal", text)
    if "maximum" in schema and value > schema["maximum"]:
        text = f"Input should be less than or equal to {schema['maximum']}"
        yield finding(place, "less_than_equal", text)


def is_url(value: str) -> bool:
    """Tell whether a text is an absolute URL with a host."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and parts.hostname)
