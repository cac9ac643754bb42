"""The file of keys: readable by its owner only, written whole or not at all, never quoted in an error.

``api_key = "..."`` stands at the top for the account without a name, in a table ``[accounts.work]`` for a named one.
A ``base_url`` beside a key binds it: it goes to that address and nowhere else.
"""

import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..config import find_base_url
from ..errors import ConfigError
from .config_files import config_folder, read_text, read_toml
from .fields import check_account, is_name, nearest

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
OTHERS = 0o077
HEADER = (
    "# Keys of the Phota API, written by `phota config set-key`. Readable by you alone; put it into no repository.\n"
)
NAMES = ("api_key", "base_url")


class Credential(NamedTuple):
    """A key and where it may go."""

    api_key: str
    base_url: str | None = None
    """The only address it is sent to; ``None`` where it is bound to none."""

    def __repr__(self) -> str:
        return f"<Credential {mask(self.api_key)}>"


Credentials = Mapping[str | None, Credential]
"""By account; ``None`` is the one without a name."""


def credentials_path() -> Path:
    """Return where the user's keys are."""
    return config_folder() / "credentials.toml"


def mask(key: str) -> str:
    """Return as much of a key as tells it from another one: ``****1234``."""
    return "****" + (key[-4:] if len(key) > 12 else "")  # noqa: PLR2004 - of a short one, four would be much


def check_key(key: str) -> str:
    """Return a key that a header can carry, without the line's end that came with it.

    Raises:
        ConfigError: It is empty, or has other characters than a key has.
    """
    text = key.strip()
    if not text:
        raise ConfigError("key: expected the API key, got nothing")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError("key: expected one word of plain characters, got something else")
    return text


def read_credentials(path: Path) -> Credentials:
    """Return the keys of a file; none where there is no file.

    Raises:
        ConfigError: Others can read it, or it is not as it should be.
    """
    if exposed := exposure(path):
        raise ConfigError(exposed).with_context(hint=f"chmod 600 {path}")
    text = read_text(path)
    return {} if text is None else _parse(path, text)


def exposure(path: Path) -> str | None:
    """Return what is wrong with who can read a file, ``None`` when nothing is; Windows has other ways."""
    if os.name == "nt":
        return None
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    return f"{path} holds keys and can be read by others (mode {mode:04o})" if mode & OTHERS else None


def write_key(path: Path, account: str | None, credential: Credential) -> None:
    """Put one key into the file, in the place of an older one. Blocks for a small file.

    Raises:
        ConfigError: The file that is there cannot be read, or the disk cannot be written.
    """
    kept = dict(read_credentials(path))
    kept[account if account is None else check_account(account)] = credential
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        _replace(path.resolve(), _format(kept))  # a link stays one: what it leads to is written
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _format(credentials: Credentials) -> str:
    """Return the file's text. Names, keys and addresses hold nothing that TOML would want escaped but this."""
    sections = [HEADER]
    for account in sorted(credentials, key=lambda name: name or ""):
        lines = [] if account is None else [f"[accounts.{account}]"]
        given = zip(NAMES, credentials[account], strict=True)
        lines += [f"{name} = {_quoted(value)}" for name, value in given if value is not None]
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parse(path: Path, text: str) -> Credentials:
    found = read_toml(path, text)
    accounts = found.pop("accounts", {})
    if not isinstance(accounts, dict) or not all(is_name(name) for name in accounts):
        raise ConfigError(f"{path}: accounts: expected tables [accounts.NAME]")
    keys = {None: _credential(path, None, found)} if found else {}
    return keys | {name: _credential(path, name, values) for name, values in accounts.items()}


def _credential(path: Path, account: str | None, values: Any) -> Credential:
    place = f"{path}: {f'account {account}' if account else 'outside of accounts'}"
    if not isinstance(values, dict):
        raise ConfigError(f"{place}: expected a table")
    _check_names(place, values)
    api_key, base_url = (values.get(name) for name in NAMES)
    if not isinstance(api_key, str) or not isinstance(base_url, str | None):
        raise ConfigError(f"{place}: expected an api_key, and a base_url where it is bound to one, both texts")
    try:
        return Credential(check_key(api_key), base_url and find_base_url(base_url))
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.sentence()}").with_context(hint=error.hint) from None


def _check_names(place: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in NAMES:
            near = nearest(name, dict.fromkeys(NAMES))
            raise ConfigError(f"{place}: expected api_key or base_url, got another name{near}")  # it may be a key
