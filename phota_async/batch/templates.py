"""How pictures are named: a template with fields, judged when it is made and again with every item. No I/O.

    names = Names("{dir}/{row.customer}-{stem}-{k}.{ext}")

A name ends in ``-{k}``, the picture's number, or has none, for items of a single picture. Its suffix is settled by the
picture's bytes, so that ``{ext}`` can only stand at the end.
"""

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from string import Formatter

from ..errors import InputError, shorten
from ..media.formats import KNOWN_SUFFIXES
from .items import BatchItem
from .names import check_length, safe_parts, target_of

FIELDS = ("dir", "stem", "name", "op", "k", "take", "model", "date", "ext")
COLUMN = "row."
FIRST_TAKES = "{dir}/{stem}.{op}-{k}.{ext}"
LATER_TAKES = "{dir}/{stem}.{op}-take{take}-{k}.{ext}"
SPELLING = "...-{k}.{ext}, or ....{ext} for items of one picture"


class NameTemplate:
    """A template, taken apart.

    Args:
        text: For example ``{dir}/{stem}.{op}-{k}.{ext}``; ``{{`` stands for a brace.

    Raises:
        InputError: It has an unknown field, or one in a place where it cannot be kept.
    """

    def __init__(self, text: str) -> None:
        pieces = list(_pieces(text))
        _drop_suffix(pieces)
        self.is_numbered = bool(pieces) and pieces[-1] == ("", "k")
        """Whether the pictures of an item have numbers."""
        if self.is_numbered:
            pieces.pop()
            _drop_dash(pieces)
        for _, field in pieces:
            if field in ("k", "ext"):
                raise InputError(f"names: expected {{{field}}} as in {SPELLING}, got {shorten(text)!r}")
        self._pieces = pieces
        self.columns = frozenset(field.removeprefix(COLUMN) for _, field in pieces if field.startswith(COLUMN))
        """The further fields of an item that it needs."""
        safe_parts(self.render(dict.fromkeys((field for _, field in pieces), "x")))

    def render(self, values: Mapping[str, str]) -> str:
        """Return a relative path without number and suffix."""
        return "".join(literal + (values[field] if field else "") for literal, field in self._pieces)


parse = lru_cache(256)(NameTemplate)  # a list may bring a name for each row


class Names:
    """Says where the items of a batch put their pictures.

    Args:
        template: For all items that bring none; ``None`` mirrors their keys: ``{dir}/{stem}.{op}-{k}.{ext}``.
        take: The batch's; later ones than the first are told apart in names.
        day: What ``{date}`` says; ``None`` is today.
    """

    def __init__(self, template: str | None = None, *, take: int = 1, day: dt.date | None = None) -> None:
        if template is None and take > 1:
            template = default_template(take)
        self._template = None if template is None else parse(template)
        self._take = take
        self._day = day or dt.date.today()  # noqa: DTZ011 - the person's own day

    def target(self, output: Path, item: BatchItem, number: int = 1) -> Path:
        """Return the path of an item's picture, without a suffix.

        Raises:
            InputError: It is no safe relative path.
        """
        template = self._template_of(item)
        if template is None:
            return target_of(output, item.key, item.request, number)
        if number > 1 and not template.is_numbered:
            raise InputError(f"names: expected {{k}} for picture {number} of {shorten(item.key, 80)!r}: {SPELLING}")
        text = template.render(_Values(item, self._take, self._day))
        parts = safe_parts(f"{text}-{number}" if template.is_numbered else text)
        check_length(parts[-1])
        return output.joinpath(*parts)

    def is_numbered(self, item: BatchItem) -> bool:
        """Whether an item's pictures have numbers."""
        template = self._template_of(item)
        return template is None or template.is_numbered

    def is_plain(self, item: BatchItem) -> bool:
        """Whether an item's key says all about its place."""
        return self._template is None and not item.names

    def check_numbers(self, item: BatchItem, takes: int) -> None:
        """Raise `InputError` when an item may bring several pictures and has one name."""
        if (takes > 1 or item.request.num_output_images > 1) and not self.is_numbered(item):
            raise InputError(f"names: expected {{k}} for an item of several pictures: {SPELLING}")

    def __repr__(self) -> str:
        return f"<Names {'like keys' if self._template is None else 'by a template'}>"

    def _template_of(self, item: BatchItem) -> NameTemplate | None:
        return parse(item.names) if item.names else self._template


class _Values(dict[str, str]):
    """What the fields say of an item, worked out as they are asked for."""

    def __init__(self, item: BatchItem, take: int, day: dt.date) -> None:
        super().__init__(op=item.request.operation, take=str(take), date=day.isoformat())
        self._item = item

    def __missing__(self, field: str) -> str:
        if field.startswith(COLUMN):
            return self._column(field.removeprefix(COLUMN))
        if field == "model":
            return self._model()
        *folders, name = safe_parts(self._item.key)
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a str
        stem = stem if suffix.lower() in KNOWN_SUFFIXES else name
        return {"dir": "/".join(folders) or ".", "name": name, "stem": stem}[field]

    def _column(self, name: str) -> str:
        value = self._item.fields.get(name)
        if not isinstance(value, str) or not value.strip():
            key = shorten(self._item.key, 80)
            raise InputError(f"names: expected a value for {{{COLUMN}{name}}}, got none in {key!r}")
        return value.strip()

    def _model(self) -> str:
        model = getattr(self._item.request, "base_model", None)
        if model is None:
            operation = self._item.request.operation
            raise InputError(f"names: expected an operation with models for {{model}}, got {operation}")
        return str(model)


def default_template(take: int = 1) -> str:
    """Return the template that stands where none is given."""
    return FIRST_TAKES if take == 1 else LATER_TAKES


def literal(text: str) -> str:
    """Return text as a template that says just that."""
    return text.replace("{", "{{").replace("}", "}}")


def _pieces(text: object) -> Iterator[tuple[str, str]]:
    """Yield literals, each with the field behind it, or with ``""`` at the end."""
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"names: expected a template such as {FIRST_TAKES}, got {type(text).__name__}")
    try:
        for literal_text, field, specification, conversion in Formatter().parse(text):
            if field is not None and (specification or conversion or not _is_field(field)):
                raise InputError(f"names: expected {_known()}, got {{{shorten(field, 80)}}}")
            yield literal_text, field or ""
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"names: expected a template with closed braces, got {shorten(text)!r}") from None


def _is_field(field: str) -> bool:
    return field in FIELDS or (field.startswith(COLUMN) and len(field) > len(COLUMN))


def _known() -> str:
    return f"fields among {', '.join(FIELDS)} and {COLUMN}<column>"


def _drop_suffix(pieces: list[tuple[str, str]]) -> None:
    """Take ``.{ext}``, or a suffix that is spelled out, off the end."""
    text, field = pieces[-1]
    if field == "ext" and text.endswith("."):
        pieces[-1] = (text.removesuffix("."), "")
    elif not field:
        stem, dot, suffix = text.rpartition(".")  # splitext would take all of ".jpg" for a stem
        pieces[-1] = (stem if dot and f".{suffix.lower()}" in KNOWN_SUFFIXES else text, "")
    if pieces[-1] == ("", ""):
        pieces.pop()
    if pieces and pieces[-1][1] == "k":  # its dash becomes a piece of its own
        pieces[-1:] = [(pieces[-1][0], ""), ("", "k")]


def _drop_dash(pieces: list[tuple[str, str]]) -> None:
    """Take the dash off that stands before a number."""
    text, _ = pieces[-1]
    if not text.endswith("-"):
        raise InputError(f"names: expected a dash before {{k}}: {SPELLING}")
    pieces[-1] = (text.removesuffix("-"), "")
