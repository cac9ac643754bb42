"""Where the command's settings come from: flag, then environment, then files. The key is never a flag."""

import msgspec

from ..client import PhotaClient


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every verb. `None` leaves it to the client, which looks into the environment."""

    account: str | None = None
    """Whose key is used."""
    base_url: str | None = None
    max_spend: str | None = None
    """US dollars, as text."""
    concurrency: int | None = None

    def __repr__(self) -> str:
        return f"<Settings account={self.account}>"


def load_settings(account: str | None = None) -> Settings:
    """Return the settings of an account, or of the default one."""
    return Settings(account=account)


def connect(settings: Settings) -> PhotaClient:
    """Return a client with the account's key.

    Raises:
        ConfigError: There is no key.
    """
    return PhotaClient(base_url=settings.base_url)
