"""Names for people, instead of ids that nobody can type: ``-P mia`` and ``[[mia]]``. No I/O.

Aliases stand in ``[people]`` of a settings file. Whatever is no alias must look like an id, or be marked as one with
``id:``, so that a name with a slip in it fails before anything is paid. The form of the service's ids is not
published: 8 characters or more, one of them a digit, and not almost an alias, are taken for one.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Protocol

from ..errors import ConfigError, InputError

MARK = "id:"  # what follows is sent as it is
OPENS, CLOSES = "[[", "]]"  # how a prompt names people: https://docs.photalabs.com/api/studio/edit
SHORTEST_ID = 8  # characters
LONGEST_ID = 1024
LONGEST_ALIAS = 64
MAX_SHOWN = 60
MOST_NAMED = 10


class KnowsPeople(Protocol):
    """Settings, as far as people are concerned."""

    @property
    def people(self) -> Mapping[str, str]:
        """Alias to profile id."""
        ...


def resolve_people(settings: KnowsPeople, names: Iterable[str]) -> list[str]:
    """Return the profile ids of people, in order, each once.

    Args:
        settings: What `load_settings` returned.
        names: Aliases, ids, or ``id:`` and an id.

    Raises:
        InputError: A name is neither an alias nor anything like an id; nothing was sent.
    """
    return list(dict.fromkeys(_resolve(settings.people, name.strip()) for name in names))


def resolve_prompt(settings: KnowsPeople, prompt: str) -> str:
    """Return a prompt with the ids of the people whom it names as ``[[mia]]``.

    Raises:
        InputError: As `resolve_people`.
    """
    begin, *pieces = prompt.split(OPENS)
    return begin + "".join(OPENS + _resolve_piece(settings.people, piece) for piece in pieces)


def looks_like_id(text: str) -> bool:
    """Whether a text may be an id, and hardly a name that somebody made up."""
    plain = text.replace("-", "").replace("_", "")
    is_word = plain.isascii() and plain.isalnum()
    return is_word and SHORTEST_ID <= len(text) <= LONGEST_ID and any(map(str.isdigit, text))


def check_alias(name: str, value: Any, place: str) -> str:
    """Return the profile id of an alias as a file gives it.

    Raises:
        ConfigError: The name cannot be an alias, or the value no id.
    """
    if not _is_alias(name):
        raise ConfigError(f"{place}: people: expected a short name, got {name[:MAX_SHOWN]!a}")
    if not isinstance(value, str) or not _is_id(value):
        raise ConfigError(f"{place}: {name}: expected a profile's id, got {type(value).__name__}")
    return value.removeprefix(MARK)


def _is_alias(name: str) -> bool:
    has_marks = any(mark in name for mark in ("[", "]", ":"))
    is_line = name.isprintable() and name == name.strip() and 0 < len(name) <= LONGEST_ALIAS
    return is_line and not has_marks


def _is_id(text: str) -> bool:
    """Whether a text can be sent as an id: one word, without what would end it in a prompt."""
    bare = text.removeprefix(MARK)
    is_word = bare.isprintable() and not any(map(str.isspace, bare))
    return is_word and 0 < len(bare) <= LONGEST_ID and CLOSES not in bare and OPENS not in bare


def _resolve(people: Mapping[str, str], name: str) -> str:
    if name in people:
        return people[name]
    if name.startswith(MARK) and _is_id(name):
        return name.removeprefix(MARK)
    near = get_close_matches(name, list(people), n=3)
    if looks_like_id(name) and not near:
        return name
    raise InputError(f"people: expected an alias or a profile's id, got {name[:MAX_SHOWN]!a}").with_context(
        hint=_hint(near, people)
    )


def _resolve_piece(people: Mapping[str, str], piece: str) -> str:
    name, end, rest = piece.partition(CLOSES)
    return f"{_resolve(people, name.strip())}{end}{rest}" if end and name.strip() else piece


def _hint(near: list[str], people: Mapping[str, str]) -> str:
    known = (
        f"did you mean {' or '.join(near)}?" if near else f"aliases: {', '.join(sorted(people)[:10]) or 'none yet'};"
    )
    return f"{known} phota profiles list shows ids, [people] in phota.toml names them, id:TEXT is taken as it is"
