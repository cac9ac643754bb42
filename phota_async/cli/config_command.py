"""``phota config``: where settings come from, what they are, and the key."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from ..config import DEFAULT_BASE_URL, find_base_url
from .common import account_option, json_option, table
from .config_files import PROJECT, config_path
from .credentials import Credential, check_key, credentials_path, mask, write_key
from .fields import check_account
from .settings import Settings, load_settings
from .streams import result, say

SCHEMA = "phota.config/1"
MAX_KEY = 4096  # characters that are read of a pipe
SHOWN = ("account", "key", "base_url", "max_spend", "project_max_spend", "concurrency", "upload", "state_dir")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def config() -> None:
    """Show the settings, and store the key.

    A setting is looked for as a flag, then in the environment (PHOTA_API_KEY, PHOTA_BASE_URL, PHOTA_ACCOUNT,
    PHOTA_MAX_SPEND, PHOTA_CONCURRENCY, PHOTA_UPLOAD, PHOTA_STATE_DIR), then in ./phota.toml, then in your own
    config.toml. Keys are in credentials.toml, which only you can read, and never in the others.

    \b
    Example: phota config set-key
             phota config show
    """  # noqa: D301 - \b keeps click from joining the lines


@config.command(short_help="Write where the files are.")
def path() -> None:
    """Write where the files are: the project's, yours, and the one of keys.

    Example: phota config path
    """
    rows = [
        (name, str(each), "there" if each.exists() else "not there")
        for name, each in (
            ("project", PROJECT.absolute()),
            ("config", config_path()),
            ("credentials", credentials_path()),
        )
    ]
    for line in table(rows, ("file", "path", "")):
        result(line)


@config.command(short_help="Write every setting and where it was found.")
@json_option
@account_option
def show(*, as_json: bool, account: str | None) -> None:
    """Write every setting with where it was found; of the key, its last four characters.

    Example: phota config show --account work
    """
    rows = _rows(load_settings(account))
    if as_json:
        told: dict[str, Any] = {"schema": SCHEMA} | {name: {"value": v, "from": p} for name, v, p in rows}
        result(msgspec.json.encode(told).decode())
        return
    for line in table(rows, ("setting", "value", "from")):
        result(line)


@config.command("set-key", short_help="Ask for the key and store it.")
@click.option("--account", metavar="NAME", help="Store it for this account; a new name makes a new one.")
@click.option("--base-url", metavar="URL", help="Bind the key: it goes to this address and nowhere else.")
def set_key(*, account: str | None, base_url: str | None) -> None:
    """Ask for the API key, without showing it, and store it where only you can read it.

    It is read from standard input where that is no terminal. It is never an argument: those are seen by others and
    kept in the shell's history.

    \b
    Example: phota config set-key
             pass show phota | phota config set-key --account work
    """  # noqa: D301
    name = None if account is None else check_account(account)
    address = None if base_url is None else find_base_url(base_url)
    key = check_key(_read_key())
    path = credentials_path()
    write_key(path, name, Credential(key, address))
    whose = f" for account {name}" if name else ""
    where = f", to be sent to {address} alone" if address else ""
    say(f"stored {mask(key)}{whose}{where} in {path}; try: phota doctor{f' --account {name}' if name else ''}")


def _read_key() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("API key", hide_input=True, err=True, default="", show_default=False))
    return sys.stdin.readline(MAX_KEY)


def _rows(settings: Settings) -> list[tuple[str, str, str]]:
    """Return each setting's name, value and source; the key is masked."""
    values: dict[str, Any] = {name: getattr(settings, name) for name in SHOWN}
    values["key"] = None if settings.key is None else mask(settings.key)
    values["base_url"] = settings.base_url or DEFAULT_BASE_URL
    places = {"base_url": "the public service", **settings.places}
    rows = [(name, _text(value), places.get(name, "")) for name, value in values.items() if value is not None]
    return rows + [(f"people.{alias}", settings.people[alias], "") for alias in sorted(settings.people)]


def _text(value: str | int | Path) -> str:
    return str(value)
