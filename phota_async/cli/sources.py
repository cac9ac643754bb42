"""What settings are made of, which of it is stronger, and what a project file cannot do.

A flag is stronger than the environment, then come ``./phota.toml`` and the user's own ``config.toml``. Two things hold
on top of that:

* A key and its address belong together. ``--account`` is stronger than a key in the environment; a key in the
  environment is stronger than an account that a file chooses, which is then left out with all its settings. A stored
  key that is bound to an address goes nowhere else.
* A project file may have come from a stranger. It holds neither keys nor accounts, and chooses no bucket and no folder
  for state. Its ``max_spend`` can stop a run and agrees to none. Its ``base_url`` must be where the key goes anyway.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..config import BASE_URL_VARIABLE, DEFAULT_BASE_URL, KEY_VARIABLE
from ..errors import ConfigError
from .config_files import SettingsFile, config_path, read_config, read_project
from .credentials import Credential, Credentials, check_key, credentials_path, read_credentials
from .fields import FIELDS, check_account, convert, nearest

VARIABLES = {name: f"PHOTA_{name.upper()}" for name in FIELDS}
COUNTS = frozenset({"concurrency"})  # whole numbers, which the environment has as text

Value = tuple[Any, str]
"""A value and where it was found."""


class Sources(NamedTuple):
    """Everything that settings are made of."""

    environment: Mapping[str, str]
    project: SettingsFile | None
    config: SettingsFile | None
    credentials: Credentials


def read_sources() -> Sources:
    """Read the environment and the files; nothing of them is put together yet."""
    return Sources(os.environ, read_project(), read_config(config_path()), read_credentials(credentials_path()))


class Found:
    """Looks through the sources, the strongest first.

    Attributes:
        account: Whose key is used, ``None`` for the one without a name.
        values: Each setting with where it was found, without key and address.
    """

    def __init__(self, sources: Sources, flag: str | None) -> None:
        self._environment, self._project, self._config, self._credentials = sources
        self._variables = dict(_variables(self._environment))
        self._flag = flag
        self._own_key = None if flag is not None else self._environment.get(KEY_VARIABLE) or None
        self.account, self._account_place = self._choose()
        self.values = dict(self._values())

    def key(self) -> tuple[str | None, str]:
        """Return the key and where it was found."""
        if self._own_key is not None:
            return _key_of(self._own_key), KEY_VARIABLE
        credential = self._credential()
        return (credential.api_key, str(credentials_path())) if credential else (None, "")

    def address(self) -> tuple[str | None, str]:
        """Return the service's address, ``None`` for the public one, after making sure that the key may go there."""
        own, place = self._first("base_url", self._variables, self._section(), self._config) or (None, "")
        credential = None if self._own_key is not None else self._credential()
        bound = credential.base_url if credential else None
        if bound is not None and own is not None and own != bound:
            raise ConfigError(f"{place}: the stored key is for {bound} alone, got base_url {own}").with_context(
                hint="use an account whose key is for that address: phota config set-key --account NAME --base-url URL"
            )
        self._check_project(bound or own or DEFAULT_BASE_URL)
        return (bound, str(credentials_path())) if bound else (own, place)

    def people(self) -> dict[str, str]:
        """Return the aliases; the project's go before the user's."""
        return {alias: each for file in (self._config, self._project) if file for alias, each in file.people.items()}

    def _choose(self) -> tuple[str | None, str]:
        if self._flag is not None:
            found: Value = check_account(self._flag), "--account"
        else:
            files = () if self._own_key is not None else (self._project, self._config)
            found = self._first("account", self._variables, *files) or (None, "")
        if found[0] is not None:
            self._check_known(*found)
        return found

    def _check_known(self, name: str, place: str) -> None:
        known = {each: None for each in self._credentials if each} | dict.fromkeys(self._accounts())
        if name not in known:
            raise ConfigError(f"{place}: no account {name!r}{nearest(name, known)}").with_context(
                hint=f"store its key with: phota config set-key --account {name}"
            )

    def _values(self) -> Iterator[tuple[str, Value]]:
        if self.account is not None:
            yield "account", (self.account, self._account_place)
        for name in ("concurrency", "upload", "state_dir"):
            if found := self._first(name, self._variables, self._project, self._section(), self._config):
                yield name, found
        if own := self._first("max_spend", self._variables, self._section(), self._config):
            yield "max_spend", own
        if "max_spend" not in self._variables and (theirs := self._first("max_spend", self._project)):
            yield "project_max_spend", theirs

    def _check_project(self, address: str) -> None:
        """Let a project file say an address only where the key goes anyway: its author may want the key."""
        theirs = self._first("base_url", self._project)
        if theirs is None or theirs[0] == address or "base_url" in self._variables:
            return
        where = theirs[0]
        raise ConfigError(f"{theirs[1]}: base_url {where} is not where your key goes ({address})").with_context(
            hint=f"if you trust it, bind a key to it: phota config set-key --account NAME --base-url {where}, then "
            'write account = "NAME" there instead; or set PHOTA_BASE_URL'
        )

    def _credential(self) -> Credential | None:
        return self._credentials.get(self.account)

    def _accounts(self) -> Mapping[str, Mapping[str, Any]]:
        return self._config.accounts if self._config else {}

    def _section(self) -> SettingsFile | None:
        """Return the own file's section of the account, as if it were a file."""
        values = self._accounts().get(self.account or "")
        return None if values is None or self._config is None else self._config._replace(values=values)

    @staticmethod
    def _first(name: str, *layers: Mapping[str, Any] | SettingsFile | None) -> Value | None:
        for layer in layers:
            if isinstance(layer, SettingsFile) and name in layer.values:
                return layer.values[name], str(layer.path)
            if isinstance(layer, Mapping) and name in layer:
                return layer[name], VARIABLES[name]
        return None


def _variables(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Yield the settings of the environment; an empty variable counts as none."""
    for name, variable in VARIABLES.items():
        text = environment.get(variable, "").strip()
        if text:
            is_number = name in COUNTS and text.isascii() and text.isdigit()
            yield name, convert(name, int(text) if is_number else text, variable)


def _key_of(text: str) -> str:
    try:
        return check_key(text)
    except ConfigError as error:
        raise ConfigError(f"{KEY_VARIABLE}: {error.sentence()}") from None


assert VARIABLES["base_url"] == BASE_URL_VARIABLE  # noqa: S101 - the library and the command read the same one
