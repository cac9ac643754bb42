"""Callbacks in a fleet: the web service that gets one lets the worker that waits for its job look at once.

    event = await client.webhooks.deliver(raw_body, headers)  # in the web service; SignatureError: answer 401
    await notify(connection, event)

    async with PhotaClient() as client, CallbackListener(dsn, client):  # in each worker
        ...

What goes through PostgreSQL (NOTIFY) is a job's id and nothing else. Whoever hears it believes nothing: if it waits
for that job, it asks the service now and not at its next turn. So news that come twice, late, forged or never cost a
question, or the rest of an interval. Needs the extra `distributed`.
"""

import asyncio
import logging
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..errors import InputError, LedgerError
from ..ledger.database import Connection, Database, end
from ..protocol import MAX_ID
from ..signatures import CallbackEvent

if TYPE_CHECKING:
    from ..client import PhotaClient

logger = logging.getLogger("phota_async")

CHANNEL = "phota_job"
AGAIN = 2.0  # seconds after which a connection that was lost is made anew
NOTIFY = "SELECT pg_notify(%s, %s)"


async def notify(connection: Connection, event: CallbackEvent) -> bool:
    """Tell all workers that a callback came, so that the one that waits for its job asks the service now.

    It is part of the connection's transaction: heard when that commits, and never when it is rolled back.

    Args:
        connection: The caller's psycopg connection to the database at which workers listen.
        event: What ``client.webhooks.deliver`` or ``verify`` returned, so that its signature was checked.

    Returns:
        Whether it names a job; if not, nothing is told.

    Raises:
        InputError: It is no verified event.
    """
    if not isinstance(event, CallbackEvent):
        raise InputError(f"event: expected a verified CallbackEvent, got {type(event).__name__}")
    job_id = event.job_id
    if job_id is None or len(job_id) > MAX_ID or not job_id.isprintable():  # nobody can wait for such a one
        return False
    await connection.execute(NOTIFY, (CHANNEL, job_id))
    return True


class CallbackListener:
    """Wakes a client's waits for jobs when news of these jobs come.

    It begins and goes on without the server: while that is away, jobs are looked at in their usual intervals. With
    it, these may be long: ``ClientConfig(job_interval=30, max_job_interval=60)``.

    Args:
        dsn: As of `PostgresLedger`: the database of `notify`.
        client: Whose ``wait``, ``watch``, batches and runners are woken, on the event loop that entered this.
    """

    def __init__(self, dsn: str, client: "PhotaClient") -> None:
        self._database = Database(dsn)
        self._jobs = client.jobs
        self._is_listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.heard = 0
        """News so far, of all workers' jobs."""
        self.woken = 0
        """Those of jobs that this client waited for."""

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise LedgerError(f"{self._database.name}: expected to be entered once, got a second time")
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            await end(self._task)

    async def listening(self) -> None:
        """Wait until news can be heard: at the beginning, or again after the server was away."""
        await self._is_listening.wait()

    def __repr__(self) -> str:
        state = "" if self._is_listening.is_set() else ", away"
        return f"<CallbackListener {self._database.name}, {self.heard} heard, {self.woken} woken{state}>"

    async def _listen(self) -> None:
        from psycopg import Error  # noqa: PLC0415 - of an extra

        is_first = True
        while True:
            with suppress(Error, UnicodeError):  # also of a payload that is none of ours
                await self._hear()
            if is_first or self._is_listening.is_set():  # once an outage
                logger.warning("%s is away: no callbacks are heard, jobs are looked at meanwhile", self._database.name)
            is_first = False
            self._is_listening.clear()
            await asyncio.sleep(AGAIN)

    async def _hear(self) -> None:
        """Hear until the connection is lost."""
        connection = await self._database.connect()
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}".encode())
            self._is_listening.set()
            async for notice in connection.notifies():
                self.heard += 1
                self.woken += self._jobs._called_back(notice.payload)  # noqa: SLF001 - one package
