"""Read ``./phota.toml`` and the user's ``config.toml``: every name and type checked, errors with file and line.

A project file may have come with a folder of photos from anybody. So it cannot hold what would let its author take
the key, run a program, or fetch the photos: see `Field.is_private` and `settings`.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigError
from .extras import missing_message
from .fields import FIELDS, convert, describe, is_key_name, is_name, nearest
from .people import check_alias

PROJECT = Path("phota.toml")
MAX_FILE = 1_000_000  # bytes; nobody writes as many settings


class SettingsFile(NamedTuple):
    """What one file says."""

    path: Path
    values: Mapping[str, Any]
    people: Mapping[str, str]
    accounts: Mapping[str, Mapping[str, Any]]


def config_folder() -> Path:
    """Return the folder of the user's own files, which need not exist.

    Raises:
        ConfigError: What finds it is not installed.
    """
    if message := missing_message("phota", ["platformdirs"]):
        raise ConfigError(message)
    import platformdirs  # noqa: PLC0415 - help needs no folder

    return Path(platformdirs.user_config_path("phota", appauthor=False))


def config_path() -> Path:
    """Return where the user's settings are."""
    return config_folder() / "config.toml"


def read_project(path: Path = PROJECT) -> SettingsFile | None:
    """Return what the project file in this folder says, ``None`` where there is none.

    Raises:
        ConfigError: It cannot be read, or holds what it must not.
    """
    return _read(path, is_private=False)


def read_config(path: Path) -> SettingsFile | None:
    """Return what the user's own file says, ``None`` where there is none.

    Raises:
        ConfigError: It cannot be read, or something in it is wrong.
    """
    return _read(path, is_private=True)


def read_toml(path: Path, text: str) -> dict[str, Any]:
    """Return a TOML text's values; errors name line and column and never repeat it."""
    try:
        return tomllib.loads(text)
    except ValueError as error:  # besides what is no TOML, numbers of more digits than Python reads
        raise ConfigError(f"{path}: expected TOML, got an error: {ascii(str(error))[1:-1]}") from None
    except RecursionError:
        raise ConfigError(f"{path}: expected a few settings, got values nested without end") from None


def read_text(path: Path) -> str | None:
    """Return a small file's text, ``None`` where there is none."""
    try:
        if not path.exists():
            return None
        if not path.is_file() or path.stat().st_size > MAX_FILE:
            raise ConfigError(f"{path}: expected a file of at most {MAX_FILE} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8, got something else at byte {error.start}") from None


def line_of(text: str, section: str, name: str) -> int | None:
    """Return the line where a name of a section stands, counted from 1, as far as that can be found."""
    within = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$", line):
            within = header[1].replace('"', "").replace("'", "").replace(" ", "")
            wanted = f"{section}.{name}" if section else name
            if within == wanted or within.startswith(f"{wanted}."):
                return number
        elif within == section and re.match(rf"""\s*["']?{re.escape(name)}["']?\s*[=.]""", line):
            return number
    return None


class _Reader:
    """Checks one file's values and knows where they stand."""

    def __init__(self, path: Path, text: str, *, is_private: bool) -> None:
        self._path, self._text, self._is_private = path, text, is_private

    def read(self) -> SettingsFile:
        found = read_toml(self._path, self._text)
        people = self._table(found, "people")
        accounts = self._table(found, "accounts")
        if accounts and not self._is_private:
            raise ConfigError(f"{self._place('', 'accounts')}: accounts belong into {config_path()}, not here")
        return SettingsFile(
            path=self._path,
            values=dict(self._values(found, "")),
            people={name: self._person(name, value) for name, value in people.items()},
            accounts={name: self._account(name, value) for name, value in accounts.items()},
        )

    def _table(self, found: dict[str, Any], name: str) -> dict[str, Any]:
        value = found.pop(name, {})
        if not isinstance(value, dict):
            raise ConfigError(f"{self._place('', name)}: {name}: expected a table, got {describe(value)}")
        return value

    def _values(self, found: Mapping[str, Any], section: str) -> Iterator[tuple[str, Any]]:
        for name, value in found.items():
            self._check_name(name, section)
            yield name, convert(name, value, self._place(section, name))

    def _check_name(self, name: str, section: str) -> None:
        place = self._place(section, name)
        if is_key_name(name):
            raise ConfigError(f"{place}: a key does not belong into this file").with_context(
                hint="remove it, make a new key if others could read it, and store it with: phota config set-key"
            )
        known = [each for each in FIELDS if not (section and each == "account")]
        if name not in known:
            tables = ["people", "accounts"] if not section else []
            near = nearest(name, dict.fromkeys([*known, *tables]))
            raise ConfigError(f"{place}: expected a setting that is known, got {describe(name)}{near}")
        if FIELDS[name].is_private and not self._is_private:
            raise ConfigError(f"{place}: {name} belongs into {config_path()}, not into a file that comes with a folder")

    def _person(self, name: str, value: Any) -> str:
        return check_alias(name, value, self._place("people", name))

    def _account(self, name: str, value: Any) -> dict[str, Any]:
        place = self._place("accounts", name)
        if not is_name(name):
            raise ConfigError(f"{place}: account: expected {FIELDS['account'].expected}, got {describe(name)}")
        if not isinstance(value, dict):
            raise ConfigError(f"{place}: account {name}: expected a table, got something else")  # it may be a key
        return dict(self._values(value, f"accounts.{name}"))

    def _place(self, section: str, name: str) -> str:
        line = line_of(self._text, section, name)
        return str(self._path) if line is None else f"{self._path}:{line}"


def _read(path: Path, *, is_private: bool) -> SettingsFile | None:
    text = read_text(path)
    return None if text is None else _Reader(path, text, is_private=is_private).read()
