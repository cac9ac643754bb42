"""Items as arguments of tasks: references only. No I/O.

What waits in a queue is read by whoever may read its tables, and is kept in their backups. So photos travel as paths
and as links that open by themselves; never as bytes, and never as links that bear what opens them.
"""

import hashlib
import os
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec.structs import replace

from ..batch.items import BatchItem
from ..errors import InputError, shorten
from ..requests import ImageRequest, images_of, names_of, with_images

TASK = "phota.item"
MAX_SHOWN = 60  # characters of a key in an error
_OPENS = re.compile(
    r"(?i)(?:^|[-_.])(?:sig|sign|signature|token|credential|secret|hmac|auth|authorization|expires|policy|password"
    r"|api-?key|access-?key|awsaccesskeyid|googleaccessid)(?:$|[-_.])"
)
_encode = msgspec.json.Encoder().encode


def to_arguments(item: BatchItem, batch: str) -> str:
    """Return a task's arguments as JSON: ``{"batch": ..., "item": ...}``.

    Raises:
        InputError: It is no item, or a photo is no path and no link that opens by itself.
    """
    if not isinstance(item, BatchItem) or not isinstance(item.request, ImageRequest):
        raise InputError(f"items: expected BatchItems, got {type(item).__name__}")
    try:
        return _to_text({"batch": batch, "item": replace(item, request=_with_references(item))})
    except InputError as error:
        raise InputError(f"{_shown(item)}: {error}") from None
    except (TypeError, ValueError, OverflowError) as error:  # UnicodeError too
        raise InputError(f"{_shown(item)}: expected what JSON can hold, got something else: {error}") from None


def from_argument(value: Any) -> BatchItem:
    """Return the item of a task.

    Raises:
        InputError: It is none, or has fields that only a newer client knows: what they ask for must not be left out.
    """
    try:
        item = msgspec.convert(value, BatchItem)
    except msgspec.ValidationError as error:
        raise InputError(f"expected an item, got something else: {error}") from None
    if msgspec.json.decode(_encode(item)) != value:
        raise InputError("expected an item's fields, got others: a newer phota_async wrote them")
    return item


def lock_of(arguments: str) -> str:
    """Return what stands for an item of a batch as long as it waits: of two tasks with the same, one is made.

    It is made of all of `to_arguments`: another wish under the same key is another task.
    """
    return f"{TASK}:{hashlib.sha256(arguments.encode()).hexdigest()}"


def check_batch(batch: str) -> None:
    """Raise `InputError` when a batch's name cannot stand in a database."""
    if not isinstance(batch, str) or "\0" in batch or not _is_text(batch):
        raise InputError(f"batch: expected a str of characters, got {type(batch).__name__}")


def _to_text(arguments: dict[str, Any]) -> str:
    text = _encode(arguments)
    if b"\\u0000" in text:
        raise InputError("expected text, got a NUL in it, which no database stores")
    return text.decode()


def _with_references(item: BatchItem) -> Any:
    request = item.request
    named = zip(images_of(request), names_of(request), strict=True)
    return with_images(request, [_reference(photo, name) for photo, name in named])


def _reference(photo: Any, name: str) -> str:
    """Return a photo's whole path, or its link."""
    if isinstance(photo, os.PathLike):
        return os.path.abspath(os.fsdecode(photo))  # noqa: PTH100 - no links are followed, no file is looked at
    if not isinstance(photo, str):
        raise InputError(f"{name}: expected a path or a link for a queue, got {type(photo).__name__}")
    if photo.lower().startswith("data:"):
        raise InputError(f"{name}: expected a path or a link for a queue, got a data URI")
    if not photo.startswith(("http://", "https://")):
        return os.path.abspath(photo)  # noqa: PTH100
    _check_link(photo, name)
    return photo


def _check_link(link: str, name: str) -> None:
    try:
        parts = urlsplit(link)
        words = [word for word, _ in parse_qsl(parts.query, keep_blank_values=True)]
    except ValueError:
        raise InputError(f"{name}: expected an http(s) link, got something else") from None
    if "@" in parts.netloc:
        raise InputError(f"{name}: expected a link without user and password for a queue")
    if signed := next(filter(_OPENS.search, words), None):
        raise InputError(f"{name}: expected a link that opens by itself for a queue, got a signed one (with {signed})")


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _shown(item: BatchItem) -> str:
    return f"item {shorten(str(item.key), MAX_SHOWN)!r}"
