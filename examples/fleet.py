"""A fleet on one machine, in one command: a web service and two workers, one of which is killed in the middle.

``uv run python examples/fleet.py``. It starts a PostgreSQL of its own (or takes ``--dsn``) and the sandbox, orders 60
photos from the web service (``fleet_web.py``), kills one worker (``fleet_worker.py``) with -9 and counts what came of
it: every photo is there once, and nothing was charged twice. It ends by itself and leaves nothing behind.
"""

import argparse
import asyncio
import os
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
from local_postgres import PostgresError, running_postgres
from order_store import FINAL

import phota_async
from phota_async import PostgresLedger
from phota_async.sandbox import Sandbox

HERE = Path(__file__).parent
SAMPLES = sorted((Path(phota_async.__file__).parent / "demo" / "photos").glob("*.jpg"))
ORDERS, PHOTOS = 6, 10  # orders, and photos of each
TOTAL = ORDERS * PHOTOS
JOB = 1.0  # seconds that the sandbox takes for a photo
AT_ONCE = 8  # photos of a worker
HEARTBEAT = 1.0  # seconds; a worker without a sign of life for three of them is dead
PATIENCE = 60.0  # seconds for all of it
LOOK = 0.05  # seconds between two looks at the orders


class Fleet:
    """The processes, and what is known of their work.

    Args:
        dsn: The database that all of them share.
        folder: The folder that all of them see.
        sandbox: The stand-in of the service.
        connection: Of this process.
    """

    def __init__(self, dsn: str, folder: Path, sandbox: Sandbox, connection: psycopg.AsyncConnection[Any]) -> None:
        self.folder, self.sandbox, self._connection = folder, sandbox, connection
        self.url = f"http://127.0.0.1:{free_port()}"
        self._begun = time.monotonic()
        self._environment = {
            **os.environ,
            "PHOTA_BASE_URL": sandbox.base_url,
            "PHOTA_API_KEY": sandbox.api_key,
            "FLEET_DSN": dsn,
            "FLEET_FOLDER": str(folder),
            "FLEET_CONCURRENCY": str(AT_ONCE),
            "FLEET_HEARTBEAT": str(HEARTBEAT),
            "PUBLIC_URL": self.url,
        }

    @asynccontextmanager
    async def process(self, name: str, *command: str) -> AsyncIterator[Process]:
        """Run a program of the fleet, and end it; what it says goes to a file."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *command),
                cwd=HERE,
                env=self._environment | {"FLEET_WORKER": name},
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, which ends the others
            )
        try:
            yield process
        finally:
            await end(process)

    async def is_ready(self, name: str, word: str) -> None:
        """Wait until a program has said a word."""
        while word not in (said := (self.folder / f"{name}.log").read_text()):
            if "Traceback" in said:
                raise RuntimeError(f"the {name} did not start")
            await asyncio.sleep(LOOK)

    async def count(self, condition: str, *values: object) -> int:
        """Count photos of orders."""
        query = f"SELECT count(*) FROM order_photos WHERE {condition}"  # noqa: S608 - words of ours
        row = await (await self._connection.execute(query.encode(), values)).fetchone()
        return int(row[0]) if row else 0

    async def until(self, holds: Callable[[int], bool], condition: str, *values: object) -> None:
        """Wait until something holds of a count."""
        while not holds(await self.count(condition, *values)):  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(LOOK)

    def tell(self, text: str) -> None:
        """Say what happens, and when."""
        print(f"{time.monotonic() - self._begun:5.1f} s  {text}", flush=True)


async def run(dsn: str, folder: Path) -> bool:
    """Show it; returns whether all went well."""
    sandbox = Sandbox(job_seconds=JOB, picture_scale=0.1, allow_http_callbacks=True, keep_images=False)
    async with asyncio.timeout(PATIENCE), sandbox, AsyncExitStack() as scope:
        fleet = Fleet(dsn, folder, sandbox, await scope.enter_async_context(await connect(dsn)))
        scope.enter_context(logs_if_it_fails(folder))
        worker = await start(fleet, scope)
        await place_orders(fleet)
        seconds = await kill_in_the_middle(fleet, worker, "worker-1")
        await fleet.until(lambda count: count == TOTAL, "status = ANY(%s)", list(FINAL))
        fleet.tell("all orders have ended")
        return await audit(dsn, fleet, seconds)


async def connect(dsn: str) -> psycopg.AsyncConnection[Any]:
    """Connect to the database, which must be empty: what is counted at the end is this run's."""
    try:
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    except psycopg.Error as error:
        raise PostgresError(f"--dsn: {str(error).partition(chr(10))[0]}") from None
    found = await (await connection.execute("SELECT to_regclass('orders')::text")).fetchone()
    if found != (None,):
        await connection.close()
        raise PostgresError("--dsn: expected an empty database, got one that has orders")
    return connection


async def start(fleet: Fleet, scope: AsyncExitStack) -> Process:
    """Start the three processes and return the worker that is to be killed."""
    web = ("-m", "uvicorn", "fleet_web:app", "--port", fleet.url.rpartition(":")[2], "--no-access-log")
    programs = {"web": web, "worker-2": ("fleet_worker.py",), "worker-1": ("fleet_worker.py",)}
    words = {"web": "startup complete"}
    for name, command in programs.items():
        process = await scope.enter_async_context(fleet.process(name, *command))
        print(f"         {name:8}  process {process.pid}")
    for name in programs:
        await fleet.is_ready(name, words.get(name, "is at work"))
    fleet.tell(f"all are at work; orders go to {fleet.url}/orders")
    return process


async def place_orders(fleet: Fleet) -> None:
    """Order photos as customers do; one of them asks twice, as after a lost answer."""
    async with aiohttp.ClientSession(fleet.url) as http:
        orders = await asyncio.gather(*(place_order(http, number) for number in range(ORDERS)))
        again = await place_order(http, 0)
    assert again == orders[0]
    fleet.tell(f"{len(set(orders))} orders of {PHOTOS} photos are placed; one was sent twice and is one all the same")


async def place_order(http: aiohttp.ClientSession, number: int) -> str:
    """Place an order and return its id."""
    form = aiohttp.FormData({"prompt": "warmer light"})
    for place in range(PHOTOS):
        photo = SAMPLES[(number + place) % len(SAMPLES)]
        form.add_field("photos", photo.read_bytes(), filename=photo.name)
    headers = {"Idempotency-Key": f"customer-order-{number}"}
    async with http.post("/orders", data=form, headers=headers) as answer:
        answer.raise_for_status()
        order_id: str = (await answer.json())["id"]
    return order_id


async def kill_in_the_middle(fleet: Fleet, worker: Process, name: str) -> float:
    """Kill a worker, and return the seconds until all that it was at had gone on elsewhere."""
    its = "status = 'running' AND worker = %s"
    await fleet.until(lambda count: count >= TOTAL // 3, "status = 'done'")
    await fleet.until(lambda count: count >= AT_ONCE // 2, its, name)
    worker.kill()
    await worker.wait()
    killed = time.monotonic()
    left, done = await fleet.count(its, name), await fleet.count("status = 'done'")
    fleet.tell(f"{done} photos are done; {name} is killed with -9 while it is at {left} others")
    await fleet.until(lambda count: count == 0, its, name)
    seconds = time.monotonic() - killed
    fleet.tell(f"all {left} have gone on elsewhere, {seconds:.1f} s after the kill")
    return seconds


async def audit(dsn: str, fleet: Fleet, seconds: float) -> bool:
    """Compare what was charged with what came of it, and say so."""
    async with PostgresLedger(dsn) as ledger:
        jobs = {record.job_id async for record in ledger.records("orders") if record.files}
    charges = [charge.job_id for charge in fleet.sandbox.charges if not charge.refunded]
    twice = len(charges) - len(jobs & set(charges))
    items, done = await fleet.count("true"), await fleet.count("status = 'done'")
    pictures = [path for path in (fleet.folder / "pictures").rglob("*") if path.is_file()]
    print(f"""
photos ordered    {items}
done              {done}
pictures          {len(pictures)}
charged           {len(charges)} times, {fleet.sandbox.charged} US dollars of the sandbox's
charged twice     {twice}
after the kill    {seconds:.1f} s until another worker had all that was under way""")
    return items == done == len(pictures) == len(charges) and not twice


async def end(process: Process) -> None:
    """Let a process end, or end it."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@contextmanager
def logs_if_it_fails(folder: Path) -> Iterator[None]:
    """Show what the processes said, when something went wrong."""
    try:
        yield
    except Exception:
        for log in sorted(folder.glob("*.log")):
            sys.stderr.write(f"-- {log.stem}\n{log.read_text()[-3000:]}\n")
        raise


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
    return port


def main() -> int:
    parser = argparse.ArgumentParser(description="A fleet on one machine: a web service and two workers.")
    parser.add_argument("--dsn", help="an empty database; without it a PostgreSQL is started for this run")
    dsn = parser.parse_args().dsn
    print("A fleet on this machine; the service is a stand-in, and nothing is paid for.\n", flush=True)
    try:
        with nullcontext(dsn) if dsn else running_postgres() as address, tempfile.TemporaryDirectory() as folder:
            return 0 if asyncio.run(run(address, Path(folder))) else 1
    except PostgresError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
