"""``phota status``: how a fleet stands, from the ledger that its workers share."""

import asyncio
import time
from functools import partial

import click

from ..errors import LedgerError
from ..ledger.database import Database
from ..ledger.fleet import FleetStatus, look_at_fleet
from .common import dsn_option, interval_option, json_option
from .fleet_table import LiveFleet, plain
from .fleet_words import to_json
from .progress import may_draw
from .stopping import interruptible
from .streams import result

INTERVAL = 2.0  # seconds
SHARE = 10  # looking may take this part of the time at most
FIRST, SECOND = "stopped looking; the workers go on", "stopped"


@click.command()
@dsn_option(required=True)
@click.option("--once", is_flag=True, help="Look once and write it down; so too where no picture can move.")
@json_option
@interval_option
def status(*, dsn: str, once: bool, as_json: bool, interval: float | None) -> None:
    """Show how the workers on a shared ledger stand: a picture that moves until Ctrl-C.

    Of each worker: purchases under way, done and failed, what it spent, how fast it is, and how long its batch takes
    yet. Of each batch the sums, and what is left of its budget. The ledger is only read, and nobody else is asked.

    Workers tell of themselves every ten seconds. One that gives no sign of life for thirty is dead: what it had taken
    up is another one's then. Those that ended are shown for an hour. How long a batch takes is known where its length
    was told.

    \b
    Example: phota status --dsn postgresql://studio@db/photos
             PHOTA_DSN=postgresql://studio@db/photos phota status --json
    """  # noqa: D301 - \b keeps click from joining the lines
    database = Database(dsn, patience=0.0, is_read_only=True)
    if as_json or once or not may_draw():
        fleet = asyncio.run(_look_once(database))
        result(to_json(fleet) if as_json else plain(fleet))
        return
    work = partial(_watch, database, INTERVAL if interval is None else interval)
    asyncio.run(interruptible(work, first=FIRST, second=SECOND))


async def _look_once(database: Database) -> FleetStatus:
    try:
        return await look_at_fleet(database)
    finally:
        await database.aclose()


async def _watch(database: Database, interval: float) -> None:
    """Look again and again; a server that goes away later is waited for."""
    live = LiveFleet()
    try:
        live.fleet = await look_at_fleet(database)
        with live.board:
            while True:
                begun = time.monotonic()
                await _look_again(database, live)
                await asyncio.sleep(max(interval, SHARE * (time.monotonic() - begun)))
    finally:
        await database.aclose()


async def _look_again(database: Database, live: LiveFleet) -> None:
    try:
        live.fleet, live.trouble = await look_at_fleet(database), ""
    except LedgerError as error:
        live.trouble = str(error)
