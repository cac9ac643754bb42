"""What ``phota worker`` does: open what workers share, and carry out batches as their descriptions say."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import msgspec

from phota_async.client import PhotaClient
from phota_async.distributed import install, prepare, work
from phota_async.distributed.described import DescribedRunner, description_of
from phota_async.distributed.lasting import until_told
from phota_async.hidden import rich_repr
from phota_async.leases import PostgresLeases
from phota_async.ledger import PostgresLedger

from .logs import engines_are_quiet, hooks_for, logging_to
from .settings import connect, load_settings
from .streams import say


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker was called."""

    dsn: str
    concurrency: int
    heartbeat: float
    stalled_after: float
    account: str | None = None
    quiet: bool = False
    verbose: bool = False

    def __repr__(self) -> str:
        return f"<Serving {self.concurrency} at once>"

    __rich_repr__ = rich_repr


def serve(how: Serving) -> None:
    """Work until told to end.

    Raises:
        PhotaError: There is no key, or the database is away from the beginning.
    """
    with logging_to(say, verbose=how.verbose), engines_are_quiet(verbose=how.verbose):
        asyncio.run(until_told(_serve(how)))  # also while it opens what it needs


class Workshop:
    """Makes the runner of each batch; all share a client, a ledger, and places for jobs.

    Args:
        client: Makes the calls.
        ledger: It is open.
        how: How the worker was called.
        scope: What is opened here is closed with it.
    """

    def __init__(self, client: PhotaClient, ledger: PostgresLedger, how: Serving, scope: AsyncExitStack) -> None:
        self._client, self._ledger, self._how, self._scope = client, ledger, how, scope
        self._leases: dict[int, PostgresLeases] = {}
        self._turn = asyncio.Lock()

    async def runner_of(self, batch: str) -> DescribedRunner:
        """Return the runner of a batch, not yet entered.

        Raises:
            LedgerError: Nobody said how the batch is carried out.
        """
        look = partial(description_of, self._ledger.database, batch)
        found = await look()
        client = self._client if found.tag is None else await self._client.for_user(found.tag)
        limiter = await self._leases_for(found.cap)
        return DescribedRunner(client, batch, found, store=self._ledger, limiter=limiter, look=look)

    async def _leases_for(self, cap: int) -> PostgresLeases:
        async with self._turn:
            if cap not in self._leases:
                self._leases[cap] = await self._scope.enter_async_context(PostgresLeases(self._how.dsn, cap))
            await self._leases[max(self._leases)].widen()  # a narrow batch does not slow down the others
            return self._leases[cap]

    def __repr__(self) -> str:
        return f"<Workshop on {self._ledger!r}>"


async def _serve(how: Serving) -> None:
    from phota_async.distributed.engine import open_app  # noqa: PLC0415 - of an extra

    settings = load_settings(how.account)
    async with AsyncExitStack() as scope:
        client = await scope.enter_async_context(connect(settings, hooks=hooks_for(verbose=how.verbose)))
        ledger = await scope.enter_async_context(PostgresLedger(how.dsn))
        app = await scope.enter_async_context(open_app(how.dsn))
        await prepare(app)
        install(app, Workshop(client, ledger, how, scope).runner_of)
        if not how.quiet:
            say(f"working for {ledger.database.name}, {how.concurrency} photos at once; Ctrl-C ends it in good order")
        await work(app, concurrency=how.concurrency, heartbeat=how.heartbeat, stalled_after=how.stalled_after)
