"""Ledgers with damaged bytes, opened to write and to look. An input is a list of damages to a whole ledger."""

import asyncio
import contextlib
import os
import struct
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from phota_async.errors import LedgerError
from phota_async.ledger import Ledger
from phota_async.ledger.records import Done, File, JobFailed, Refused, Submitted, Wish
from phota_async.ledger.view import LedgerView

PLACES = struct.Struct(">HBB")  # where, what, and how: 4 bytes of damage
BATCH = "summer"
SEEDS = (
    b"",
    b"\x00\x12\x02\x00",  # the journal's kind
    b"\x00\x44\x01\x01",  # the application
    b"\x00\x3c\xff\x02\x00\x3f\x7f\x00",  # the version
    b"\x10\x00\x05\x03\x20\x00\xff\x03",
)
WORDS = tuple(PLACES.pack(at, what, how) for at, what, how in [(18, 1, 0), (19, 1, 0), (28, 0, 0), (100, 13, 0)])
CHANGES = (
    Submitted("job-1"),
    Refused("BadRequestError 400"),
    JobFailed("JobFailedError failed"),
    Done((File("a.jpg", 3, "0" * 64),), 90_000, {"anna": 1}),
)


@cache
def whole() -> bytes:
    """Return a ledger with a record in every state."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        asyncio.run(_fill(path))
        return path.read_bytes()


async def _fill(path: Path) -> None:
    async with Ledger(path) as ledger:
        run = await ledger.enter(BATCH)
        for number in range(2 * len(CHANGES)):
            wish = Wish(purchase=f"{number:032x}", batch=BATCH, item=f"{number}.jpg", operation="edit", run=run)
            begun = await ledger.begin(wish)
            if number % 2:
                await ledger.change(begun.record, CHANGES[number // 2])
        await ledger.leave(BATCH)


def check(data: bytes) -> None:
    """Damage a ledger, then do with it what a batch does."""
    with _folder() as folder:
        for kind in ("view", "ledger"):
            path = folder / f"{kind}.sqlite"
            path.write_bytes(_damaged(data))
            asyncio.run(_look(path) if kind == "view" else _use(path))


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112 - syncing to a disk takes most of the time
    with tempfile.TemporaryDirectory(dir=base) as folder:
        yield Path(folder)


def _damaged(data: bytes) -> bytes:
    """Return a ledger's bytes with some changed, moved or cut off."""
    found = bytearray(whole())
    for at, what, how in PLACES.iter_unpack(data[: len(data) - len(data) % PLACES.size]):
        place = at % (len(found) or 1)
        if how % 4 == 0:
            found[place : place + 1] = bytes([what])
        elif how % 4 == 1:
            found[place : place + what] = bytes(len(found[place : place + what]))
        elif how % 4 == 2:
            found[place : place + 4] = bytes([what]) * len(found[place : place + 4])
        elif what % 16 == 0:
            del found[place:]
    return bytes(found)


async def _look(path: Path) -> None:
    view = LedgerView(path)
    with contextlib.suppress(LedgerError):
        await view.open()
        await view.committed(BATCH)
        for number in (0, 1, 3, 5, 7, 99):
            wish = Wish(purchase=f"{number:032x}", batch=BATCH, item=f"{number}.jpg", operation="edit")
            await view.was_sent(wish.purchase)
            await view.look(wish)
        await view.take_up(Wish(purchase="", batch=BATCH, item="1.jpg", operation="edit"))
    view.close()


async def _use(path: Path) -> None:
    with contextlib.suppress(LedgerError):
        async with Ledger(path) as ledger:
            run = await ledger.enter(BATCH)
            _ = [record async for record in ledger.records()]
            for number in (1, 3, 99):
                wish = Wish(purchase=f"{number:032x}", batch=BATCH, item=f"{number}.jpg", operation="edit", run=run)
                begun = await ledger.begin(wish)
                await ledger.change(begun.record, Submitted("job-2"))
            await ledger.committed(BATCH)
            await ledger.leave(BATCH)
