"""``phota ledger``: move what a ledger knows into another one."""

import asyncio
from pathlib import Path

import click
import msgspec

from ..errors import InputError
from ..ledger.database import is_address
from ..ledger.moving import Moved, move
from ..ledger.records import from_micros
from .common import json_option
from .spend_command import ledger_of
from .streams import result, say


@click.group()
def ledger() -> None:
    """Move what a ledger knows into another one.

    \b
    Example: phota ledger migrate out postgresql://studio@db/photos
    """  # noqa: D301 - \b keeps click from joining the lines


@ledger.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@json_option
def migrate(*, source: str, target: str, as_json: bool) -> None:
    """Move all records of a ledger into another one.

    Every record is held against what is there then.

    FROM and TO are folders of results, ledgers' files, or postgresql://USER@HOST/NAME; a password is better kept in a
    password file. Nothing is taken away, and what is there already may stay if it says the same. A run that is open on
    one of them is an error. From then on, use one of them: each would buy what the other one bought later.

    \b
    Example: phota ledger migrate out postgresql://studio@db/photos
             phota ledger migrate postgresql://studio@db/photos out/.phota/ledger.sqlite
    """  # noqa: D301 - \b keeps click from joining the lines
    moved = asyncio.run(move(_source(source), _target(target)))
    if as_json:
        result(to_json(moved))
        return
    result(f"{moved.records:,} records, ${from_micros(moved.committed):.2f}")
    say("every record was read back as it was")


def to_json(moved: Moved) -> str:
    """Return what was moved as a JSON object, money as decimal text."""
    told = {
        "schema": "phota.ledger-move/1",
        "records": moved.records,
        "currency": "USD",
        "committed": from_micros(moved.committed),
        "states": moved.states,
    }
    return msgspec.json.encode(told).decode()


def _source(place: str) -> str:
    return place if is_address(place) else str(ledger_of(Path(place)))


def _target(place: str) -> str:
    """Return where a new ledger's file shall be, in a folder of results or by its own name."""
    if is_address(place):
        return place
    path = Path(place)
    if path.is_dir():
        return str(path / ".phota" / "ledger.sqlite")
    if path.suffix != ".sqlite":
        raise InputError(f"{place}: expected a folder, a file ending in .sqlite or postgresql://, got something else")
    return place
