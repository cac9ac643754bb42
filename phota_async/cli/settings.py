"""The command's settings: flag, then environment, then files. The key is never a flag.

Files are ``./phota.toml``, then ``config.toml`` in the user's configuration folder; keys lie in ``credentials.toml``
beside it. A project file may come from a stranger: see `sources` for what it cannot do.
"""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from ..client import PhotaClient
from ..config import DEFAULT_BASE_URL, KEY_VARIABLE
from ..errors import ConfigError
from ..events import Hook
from .sources import Found, Sources, read_sources

NO_KEY = (
    f"set {KEY_VARIABLE}, or store a key with: phota config set-key (PHOTA_KEY and PHOTALABS_API_KEY are not read); "
    "keys are made at https://platform.photalabs.com. Just looking? phota demo needs none"
)


NO_CALLS = "none: this client makes no calls"


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


def load_settings(account: str | None = None) -> Settings:
    """Return the settings of an account, or of the default one. Blocks for three small files.

    Args:
        account: What ``--account`` says.

    Raises:
        ConfigError: A file or a variable is wrong, there is no such account, or the key would go where it must not.
    """
    return settings_of(read_sources(), account)


def settings_of(sources: Sources, flag: str | None = None) -> Settings:
    """Put settings together; see `load_settings`."""
    found = Found(sources, flag)
    key, key_place = found.key()
    address, address_place = found.address()
    places = {name: place for name, (_, place) in found.values.items()}
    places |= {"key": key_place} if key else {}
    places |= {"base_url": address_place} if address else {}
    values = {name: value for name, (value, _) in found.values.items()}
    return Settings(**values | {"key": key, "base_url": address}, people=found.people(), places=places)


def state_folder(settings: Settings) -> Path:
    """Return the folder for what belongs to no folder of photos: uploads under way, pictures of pipes.

    It is that of ``PHOTA_STATE_DIR`` or ``state_dir``, or the system's usual one; it need not exist.
    """
    if settings.state_dir is not None:
        return settings.state_dir
    import platformdirs  # noqa: PLC0415 - few commands need it, and `load_settings` has looked for it

    return Path(platformdirs.user_state_path("phota", appauthor=False))


def connect_to_foresee(settings: Settings) -> PhotaClient:
    """Return a client for a dry run, which sends nothing: whoever looks before they buy needs no key."""
    return connect(settings if settings.key is not None else msgspec.structs.replace(settings, key=NO_CALLS))


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
