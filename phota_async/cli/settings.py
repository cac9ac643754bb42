"""Where the command's settings come from: flag, then environment, then files. The key is never a flag.

Files are ``./phota.toml``, then ``config.toml`` in the user's configuration folder; keys lie in ``credentials.toml``
beside it. A project file may come from a stranger. So it holds neither keys nor accounts, chooses no bucket and no
folder for state; its ``max_spend`` can stop a run but agrees to none (`Settings.agreed`), and its ``base_url`` is
taken only where the account's key is bound to that very address.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..client import PhotaClient
from ..config import BASE_URL_VARIABLE, DEFAULT_BASE_URL, KEY_VARIABLE
from ..errors import ConfigError
from ..events import Hook
from .config_files import SettingsFile, config_path, read_config, read_project
from .credentials import Credential, Credentials, check_key, credentials_path, read_credentials
from .fields import FIELDS, check_account, convert, nearest

VARIABLES = {name: f"PHOTA_{name.upper()}" for name in FIELDS}
COUNTS = frozenset({"concurrency"})  # whole numbers, which the environment has as text
NO_KEY = (
    f"set {KEY_VARIABLE}, or store a key with: phota config set-key (PHOTA_KEY and PHOTALABS_API_KEY are not read); "
    "keys are made at https://platform.photalabs.com. Just looking? phota demo needs none"
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every verb. Where nothing is set, it is ``None``."""

    account: str | None = None
    """Whose key is used."""
    base_url: str | None = None
    """The service's address; ``None`` is the public one."""
    max_spend: str | None = None
    """US dollars as text, as the user set them: the environment or the own file. See `cap` and `agreed`."""
    project_max_spend: str | None = None
    """US dollars as text, as the project file sets them: a cap, and no consent."""
    concurrency: int | None = None
    upload: str | None = None
    """Where photos for training are put: a bucket's address."""
    state_dir: Path | None = None
    people: dict[str, str] = {}
    """Alias to profile id."""
    places: dict[str, str] = {}
    """Where each value was found, for people."""
    key: str | None = None

    def cap(self, flag: Decimal | None = None) -> Decimal | None:
        """Return what a run may cost at most in US dollars: the flag, or the lowest that was set."""
        if flag is not None:
            return flag
        caps = [Decimal(each) for each in (self.max_spend, self.project_max_spend) if each is not None]
        return min(caps, default=None)

    def agreed(self, flag: Decimal | None = None) -> Decimal | None:
        """Return the cap by which the user agreed to spend; a file that came with a folder agrees to nothing."""
        return self.cap(flag) if flag is not None or self.max_spend is not None else None

    def __repr__(self) -> str:
        return f"<Settings account={self.account}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("account", self.account)]


class Sources(NamedTuple):
    """Everything that settings are made of."""

    environment: Mapping[str, str]
    project: SettingsFile | None
    config: SettingsFile | None
    credentials: Credentials


def load_settings(account: str | None = None) -> Settings:
    """Return the settings of an account, or of the default one. Blocks for three small files.

    Args:
        account: What ``--account`` says.

    Raises:
        ConfigError: A file or a variable is wrong, there is no such account, or the key would go where it must not.
    """
    return settings_of(read_sources(), account)


def read_sources() -> Sources:
    """Read the environment and the files; nothing of them is put together yet."""
    return Sources(os.environ, read_project(), read_config(config_path()), read_credentials(credentials_path()))


def settings_of(sources: Sources, flag: str | None = None) -> Settings:
    """Put settings together; see `load_settings`."""
    found = _Found(sources, flag)
    key, key_place = found.key()
    address, address_place = found.address()
    places = {name: place for name, (_, place) in found.values.items()}
    places |= {"key": key_place} if key else {}
    places |= {"base_url": address_place} if address else {}
    values = {name: value for name, (value, _) in found.values.items()}
    return Settings(**values | {"key": key, "base_url": address}, people=found.people(), places=places)


def connect(settings: Settings, *, hooks: Iterable[Hook] = ()) -> PhotaClient:
    """Return a client with the account's key.

    Args:
        settings: What `load_settings` returned.
        hooks: As in `PhotaClient`.

    Raises:
        ConfigError: There is no key.
    """
    if settings.key is None:
        whose = f" for account {settings.account}" if settings.account else ""
        raise ConfigError(f"no API key{whose}").with_context(hint=NO_KEY)
    return PhotaClient(settings.key, settings.base_url or DEFAULT_BASE_URL, hooks=hooks)


Value = tuple[Any, str]
"""A value and where it was found."""


class _Found:
    """Looks through the sources, the strongest first."""

    def __init__(self, sources: Sources, flag: str | None) -> None:
        self._environment, self._project, self._config, self._credentials = sources
        self._variables = dict(_variables(self._environment))
        self._flag = flag
        self.account, self._account_place = self._choose()
        self.values = dict(self._values())

    def key(self) -> tuple[str | None, str]:
        """Return the key and where it was found. ``--account`` is stronger than a key in the environment."""
        variable = self._environment.get(KEY_VARIABLE)
        if variable and self._flag is None:
            self._check_unmixed()
            return _key_of(variable), KEY_VARIABLE
        credential = self._credential()
        return (credential.api_key, str(credentials_path())) if credential else (None, "")

    def address(self) -> tuple[str | None, str]:
        """Return the service's address, ``None`` for the public one, after making sure that the key may go there."""
        own, place = self._own_address()
        is_bound = self._key_is_stored() and (credential := self._credential()) is not None and credential.base_url
        if is_bound and own is not None and own != is_bound:
            raise ConfigError(f"{place}: the stored key is for {is_bound} alone, got base_url {own}").with_context(
                hint="use an account whose key is for that address: phota config set-key --account NAME --base-url URL"
            )
        self._check_project(is_bound or own or DEFAULT_BASE_URL)
        return (is_bound, str(credentials_path())) if is_bound else (own, place)

    def people(self) -> dict[str, str]:
        """Return the aliases; the project's go before the user's."""
        return {alias: each for file in (self._config, self._project) if file for alias, each in file.people.items()}

    def _choose(self) -> tuple[str | None, str]:
        if self._flag is not None:
            found: Value = check_account(self._flag), "--account"
        else:
            found = self._first("account", self._variables, self._project, self._config) or (None, "")
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

    def _own_address(self) -> Value | tuple[None, str]:
        """Return the address that the user set."""
        return self._first("base_url", self._variables, self._section(), self._config) or (None, "")

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

    def _check_unmixed(self) -> None:
        """Refuse a key of the environment with the address of an account that a project file chose."""
        is_theirs = self._project is not None and self._account_place == str(self._project.path)
        section = self._accounts().get(self.account or "", {})
        if is_theirs and "base_url" in section and "base_url" not in self._variables:
            raise ConfigError(
                f"{self._account_place} chooses the account {self.account}, and {KEY_VARIABLE} is set"
            ).with_context(hint=f"unset {KEY_VARIABLE}, or say whose key is meant with --account")

    def _key_is_stored(self) -> bool:
        return self._flag is not None or not self._environment.get(KEY_VARIABLE)

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
