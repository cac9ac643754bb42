"""The memory of the fleet's example: orders and their photos, in the PostgreSQL that all of its processes share.

The web service writes an order in the very transaction that hands its photos to the workers: either both are there,
or neither. Workers write how each photo stands, and anybody may be asked. That nothing is paid twice does not rest on
these rows but on the ledger.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from procrastinate import App, PsycopgConnector
from psycopg import AsyncConnection

Connection = AsyncConnection[Any]

DSN = os.environ.get("FLEET_DSN", "dbname=fleet")
FINAL = ("done", "failed", "unknown", "budget")
TURN = 0x666C6565  # names the lock under which one process at a time makes tables
TABLES = """
    CREATE TABLE IF NOT EXISTS orders (
        order_id text PRIMARY KEY, repeat_key text NOT NULL UNIQUE, digest text NOT NULL
    );
    CREATE TABLE IF NOT EXISTS order_photos (
        item text PRIMARY KEY, order_id text NOT NULL REFERENCES orders, place integer NOT NULL,
        status text NOT NULL DEFAULT 'waiting', message text NOT NULL DEFAULT '', picture text, worker text,
        UNIQUE (order_id, place)
    );
"""


class Photo(NamedTuple):
    """How a photo of an order stands."""

    place: int
    """In its order, from 1."""
    status: str
    """``waiting``, ``running``, or one of `FINAL`."""
    message: str
    picture: str | None
    """Where the result lies."""
    worker: str | None
    """Who took it last."""


def make_queue() -> App:
    """Return the queue, which is to be opened."""
    return App(connector=PsycopgConnector(conninfo=DSN))


async def make_tables(connection: Connection) -> None:
    """Make the tables, whoever else tries that now."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (TURN,))
        await connection.execute(TABLES.encode())


async def add_order(
    connection: Connection, order_id: str, *, repeat_key: str, digest: str, items: Sequence[str]
) -> str:
    """Store an order, unless the one with this key is there already, and return the id of the one that is.

    Of two who bring the same key at the same moment, the second waits here for the first one's commit.

    Raises:
        ValueError: The key stands for another order.
    """
    values = (order_id, repeat_key, digest)
    await connection.execute("INSERT INTO orders VALUES (%s, %s, %s) ON CONFLICT (repeat_key) DO NOTHING", values)
    rows = await connection.execute("SELECT order_id, digest FROM orders WHERE repeat_key = %s", (repeat_key,))
    found = await rows.fetchone()
    assert found is not None
    if found[1] != digest:
        raise ValueError("Idempotency-Key: expected a new one for another order, got one that was used")
    if found[0] == order_id:
        async with connection.cursor() as cursor:
            photos = [(item, order_id, place) for place, item in enumerate(items, 1)]
            await cursor.executemany("INSERT INTO order_photos (item, order_id, place) VALUES (%s, %s, %s)", photos)
    return str(found[0])


async def photos_of(connection: Connection, order_id: str) -> list[Photo]:
    """Return the photos of an order, none where there is no such order."""
    columns = ", ".join(Photo._fields)
    query = f"SELECT {columns} FROM order_photos WHERE order_id = %s ORDER BY place"  # noqa: S608 - names of ours
    return [Photo(*row) for row in await (await connection.execute(query.encode(), (order_id,))).fetchall()]


async def mark_running(connection: Connection, item: str, worker: str) -> None:
    """Write down who is at a photo."""
    query = "UPDATE order_photos SET status = 'running', worker = %s WHERE item = %s AND status <> 'done'"
    await connection.execute(query, (worker, item))


async def mark_end(connection: Connection, item: str, status: str, *, message: str, picture: str | None) -> None:
    """Write down how a photo ended, or that it waits for another try."""
    query = "UPDATE order_photos SET status = %s, message = %s, picture = %s WHERE item = %s"
    await connection.execute(query, (status, message, picture, item))
