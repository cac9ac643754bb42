"""The settings that files and the environment may hold: what each expects, and who may set it. No I/O."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from ..config import find_base_url
from ..errors import ConfigError

MAX_TEXT = 1024  # characters of a setting
MAX_NAME = 64  # characters of an account or an alias
MAX_SHOWN = 60  # characters of a wrong value that an error repeats
MAX_AT_ONCE = 100_000
MAX_DOLLARS, MIN_POWER = 10**9, -20  # a power such as 1e999999999 would be written out, digit by digit
KEY_NAMES = frozenset({"apikey", "key", "token", "secret", "photaapikey", "photakey", "photalabsapikey", "password"})


class Field(NamedTuple):
    """One setting."""

    expected: str
    """For errors: ``expected 1 or more``."""
    convert: Callable[[Any], Any]
    """Returns the value as it is used, or raises `ValueError`."""
    is_private: bool = False
    """Whether only the user's own files may hold it, and not one that came with a folder of photos."""


def is_key_name(name: str) -> bool:
    """Whether somebody who writes this name into a settings file means the key."""
    return "".join(filter(str.isalnum, name)).lower() in KEY_NAMES


def is_name(text: object) -> bool:
    """Whether a text can name an account: letters, digits, ``-`` and ``_``, so that it needs no quotes in TOML."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= MAX_NAME
        and text.isascii()
        and text.replace("-", "").replace("_", "").isalnum()
    )


def check_account(name: str) -> str:
    """Return an account's name.

    Raises:
        ConfigError: It cannot be one.
    """
    if not is_name(name):
        raise ConfigError(f"account: expected {FIELDS['account'].expected}, got {describe(name)}")
    return name


def nearest(word: str, known: Mapping[str, Any]) -> str:
    """Return the sentence part that names what may have been meant, or ``""``."""
    found = get_close_matches(word, list(known), n=3)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def describe(value: object) -> str:
    """Return what a wrong value is, in TOML's words, on one short line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)[:MAX_SHOWN]
    if isinstance(value, str):
        return ascii(value[:MAX_SHOWN])
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a date or time"


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError
    return value.strip()


def _name(value: Any) -> str:
    if not is_name(value):
        raise ValueError
    return str(value)


def _address(value: Any) -> str:
    return find_base_url(_text(value))


def _money(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError  # noqa: TRY004 - one error for all that is wrong with a value
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError from None
    if not amount.is_finite() or not 0 <= amount < MAX_DOLLARS or amount.adjusted() < MIN_POWER:
        raise ValueError
    return f"{amount:f}"


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_AT_ONCE:
        raise ValueError
    return value


def _folder(value: Any) -> Path:
    path = Path(_text(value)).expanduser()  # RuntimeError: nobody of that name
    if not path.is_absolute():
        raise ValueError
    return path


FIELDS: Mapping[str, Field] = {
    "account": Field(f"a name of letters, digits, - and _, at most {MAX_NAME}", _name),
    "base_url": Field("an https address", _address),
    "max_spend": Field("US dollars, 0 or more", _money),
    "concurrency": Field("a whole number of 1 or more", _count),
    "upload": Field("a bucket's address", _text, is_private=True),
    "state_dir": Field("an absolute path", _folder, is_private=True),
}


def convert(name: str, value: Any, place: str) -> Any:
    """Return a setting's value as it is used.

    Args:
        name: One of `FIELDS`.
        value: What was found.
        place: Where it was found, for the error.

    Raises:
        ConfigError: It is not what the setting expects.
    """
    field = FIELDS[name]
    try:
        return field.convert(value)
    except (ValueError, RuntimeError):
        raise ConfigError(f"{place}: {name}: expected {field.expected}, got {describe(value)}") from None
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.sentence()}").with_context(hint=error.hint) from None
