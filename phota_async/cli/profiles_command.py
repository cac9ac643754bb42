"""``phota profiles``: trained people and pets. Thin: what it does is the library's."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from ..models import Profile
from ..results import OutputImage
from .common import account_option, complete_people, json_option, table
from .people import resolve_people
from .profiles_deleting import delete, erase
from .profiles_following import wait, watch
from .settings import Settings, connect, load_settings
from .streams import result

SCHEMA = "phota.profile/1"
COLUMNS = ("profile", "status", "tag", "aliases")
TO_PIPE = "-"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def profiles() -> None:
    """List, show, follow, picture, delete and erase trained people and pets.

    A PERSON is a profile's id, or an alias from [people] in phota.toml.

    \b
    Example: phota profiles list
             phota profiles wait mia && phota edit beach.jpg -P mia -p "[[mia]] at sunset" -o out
    """  # noqa: D301 - \b keeps click from joining the lines


@profiles.command("list", short_help="List profiles: id, status, tag, aliases.")
@click.option("--tag", metavar="TAG", help="Only those with this tag.")
@json_option
@account_option
def list_profiles(*, tag: str | None, as_json: bool, account: str | None) -> None:
    """List the account's profiles: id, status, tag, aliases.

    A table for people; with a tab between columns, and no heading, where a program reads.

    Example: phota profiles list --tag user-4711
    """
    settings = load_settings(account)
    names = _names(settings)
    found = asyncio.run(_list(settings, tag))
    if as_json:
        for profile in found:
            result(_to_json(profile, names))
        return
    for line in table((_row(profile, names) for profile in found), COLUMNS):
        result(line)


@profiles.command(short_help="Say where a profile stands.")
@click.argument("person", shell_complete=complete_people)
@json_option
@account_option
def show(*, person: str, as_json: bool, account: str | None) -> None:
    """Say where a profile stands, and the service's reason where its training failed.

    Example: phota profiles show mia
    """
    settings = load_settings(account)
    [profile_id] = resolve_people(settings, [person])
    profile = asyncio.run(_status(settings, profile_id))
    if as_json:
        result(_to_json(profile, _names(settings)))
        return
    row = (*_row(profile, _names(settings)), profile.message)
    for line in table([row], (*COLUMNS, "message")):
        result(line)


@profiles.command(short_help="Fetch the picture of a profile.")
@click.argument("person", shell_complete=complete_people)
@click.option(
    "-o", "--out", required=True, metavar="FILE", help="Where to; the suffix becomes the picture's own. - is a pipe."
)
@account_option
def picture(*, person: str, out: str, account: str | None) -> None:
    """Fetch the picture that the service chose for a profile. Nothing is overwritten.

    \b
    Example: phota profiles picture mia -o mia.jpg
             phota profiles picture mia -o - | display
    """  # noqa: D301
    if out == TO_PIPE and sys.stdout.isatty():
        raise click.UsageError("expected a file or a pipe for the picture, got a terminal: -o FILE")
    settings = load_settings(account)
    [profile_id] = resolve_people(settings, [person])
    asyncio.run(_picture(settings, profile_id, out))


profiles.add_command(wait)
profiles.add_command(watch)
profiles.add_command(delete)
profiles.add_command(erase)


async def _list(settings: Settings, tag: str | None) -> Sequence[Profile]:
    async with connect(settings) as client:
        return await client.profiles.list(tag)


async def _status(settings: Settings, profile_id: str) -> Profile:
    async with connect(settings) as client:
        return await client.profiles.status(profile_id)


async def _picture(settings: Settings, profile_id: str, out: str) -> None:
    async with connect(settings) as client:
        image = await client.profiles.picture(profile_id)
        if out == TO_PIPE:
            await _pipe(image)
        else:
            result(str(await image.save(Path(out))))


async def _pipe(image: OutputImage) -> None:
    sys.stdout.buffer.write(await image.read())
    sys.stdout.buffer.flush()


def _names(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Return the aliases of each id."""
    names: dict[str, tuple[str, ...]] = {}
    for alias, profile_id in sorted(settings.people.items()):
        names[profile_id] = (*names.get(profile_id, ()), alias)
    return names


def _row(profile: Profile, names: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    aliases = ", ".join(names.get(profile.profile_id, ()))
    return profile.profile_id, str(profile.status), profile.tag or "", aliases


def _to_json(profile: Profile, names: Mapping[str, tuple[str, ...]]) -> str:
    told: dict[str, Any] = {
        "schema": SCHEMA,
        **msgspec.structs.asdict(profile),
        "status": str(profile.status) or None,
        "aliases": names.get(profile.profile_id, ()),
    }
    return msgspec.json.encode(told).decode()
