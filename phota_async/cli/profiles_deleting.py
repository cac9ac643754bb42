"""``phota profiles delete`` and ``erase``: for good, so both ask first."""

import asyncio
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from ..erasing import EraseReceipt
from ..errors import PhotaError
from .common import account_option, agree, end, people_argument
from .exit_codes import ExitCode
from .people import resolve_people
from .plain_text import clean
from .settings import Settings, connect, load_settings
from .streams import offer, result

RECEIPT_SCHEMA = "phota.erase-receipt/1"
MOST_NAMED = 5  # profiles that a question names


@click.command(short_help="Delete profiles for good; asks first.")
@people_argument()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@account_option
@click.pass_context
def delete(ctx: click.Context, *, people: tuple[str, ...], yes: bool, account: str | None) -> None:
    """Delete profiles with all their data, for good; their ids are written as they are gone.

    Example: phota profiles delete prof_12ab34cd
    """
    settings = load_settings(account)
    ids = resolve_people(settings, people)
    agree(f"Delete {_named(ids)} for good?", yes=yes)
    errors = asyncio.run(_delete_all(settings, ids))
    ctx.exit(end(len(ids) - len(errors), errors))


@click.command(short_help="Delete all of an end user, and keep the receipt.")
@click.option("--tag", required=True, metavar="TAG", help="The end user's tag.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@account_option
@click.pass_context
def erase(ctx: click.Context, *, tag: str, yes: bool, account: str | None) -> None:
    """Delete every profile of an end user, look whether any is left, and write the receipt as JSON.

    The receipt says what was deleted and when, with the service's marks: keep it. Exits with 5 or 6 when it is not
    complete.

    Example: phota profiles erase --tag user-4711 > receipt.json
    """
    settings = load_settings(account)
    ids = asyncio.run(_tagged(settings, tag))
    if ids:
        agree(f"Erase {_named(ids)} with the tag {clean(tag)} for good?", yes=yes)
    receipt = asyncio.run(_erase(settings, tag))
    result(_to_json(receipt))
    if not receipt.is_complete:
        ctx.exit(ExitCode.SOME_FAILED if receipt.deleted else ExitCode.ALL_FAILED)


async def _delete_all(settings: Settings, ids: Sequence[str]) -> list[PhotaError]:
    """Delete one after the other: whoever stops it in the middle sees where it was."""
    errors: list[PhotaError] = []
    async with connect(settings) as client:
        for profile_id in ids:
            try:
                await client.profiles.delete(profile_id)
                offer(profile_id)
            except PhotaError as error:
                errors.append(error)
    return errors


async def _tagged(settings: Settings, tag: str) -> tuple[str, ...]:
    async with connect(settings) as client:
        return (await client.for_user(tag)).profile_ids


async def _erase(settings: Settings, tag: str) -> EraseReceipt:
    async with connect(settings) as client:
        return await (await client.for_user(tag)).erase()


def _named(ids: Sequence[str]) -> str:
    names = ", ".join(clean(each) for each in ids[:MOST_NAMED])
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return f"{len(ids)} profile{'s' if len(ids) > 1 else ''} ({names}{more})"


def _to_json(receipt: EraseReceipt) -> str:
    told: dict[str, Any] = {
        "schema": RECEIPT_SCHEMA,
        "is_complete": receipt.is_complete,
        **msgspec.structs.asdict(receipt),
    }
    return msgspec.json.encode(told).decode()
