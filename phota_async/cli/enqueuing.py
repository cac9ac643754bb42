"""A run of which other processes carry out the items: ask, write down how, enqueue, follow."""

import asyncio
import shlex
from collections import Counter
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from phota_async.batch.collisions import check_places
from phota_async.batch.counting import count_parts
from phota_async.batch.options import name_of_take
from phota_async.batch.sinks import is_bucket
from phota_async.batch.templates import Names
from phota_async.distributed.described import CAP, Description, describe
from phota_async.distributed.encoding import to_arguments
from phota_async.distributed.queueing import count_tasks, enqueue
from phota_async.ledger.database import Database
from phota_async.ledger.fleet import count_over_budget
from phota_async.ledger.postgres import expect
from phota_async.ledger.tables import migrate
from phota_async.training.stores import parse_address

from .asking import confirm_spending, in_dollars
from .exit_codes import ExitCode
from .extras import missing_message
from .logs import engines_are_quiet
from .moved import check_moved
from .orders import Order, Survey, table_of
from .places import shown
from .run_options import Invocation, RunOptions
from .settings import load_settings
from .stopping import interruptible
from .streams import say
from .sums import in_words

if TYPE_CHECKING:
    from procrastinate import App

LOOK = 1.0  # seconds between looks at what is left
TELL = 5.0  # seconds between lines about it
STOPPED = "stopped: what is in the queue is carried out all the same; the same command enqueues the rest"


def run(order: Order, survey: Survey, options: RunOptions, how: Invocation) -> int:
    """Enqueue a run's items and return the exit code.

    Raises:
        click.UsageError: Nobody agreed to what it may cost; nothing was enqueued.
        PhotaError: An item cannot travel, the batch is another one, or the database is away.
    """
    if message := missing_message("--on", ["psycopg", "procrastinate"]):
        raise click.UsageError(message)
    enqueuing = Enqueuing(order, survey, options, how)
    if how.dry_run:
        return enqueuing.show_plan()
    enqueuing.ask()
    with engines_are_quiet(verbose=how.verbose):
        return asyncio.run(interruptible(enqueuing.carry_out, first=STOPPED, second="left at once"))


class Enqueuing:
    """One call of the command; the arguments are `run`'s."""

    def __init__(self, order: Order, survey: Survey, options: RunOptions, how: Invocation) -> None:
        self._order, self._survey, self._options, self._how = order, survey, options, how
        self._output = options.out if is_bucket(options.out) and options.out else str(order.place.folder)
        self._batch = default_name(self._output, options.take) if options.batch is None else options.batch

    def show_plan(self) -> int:
        """Say what it could cost, as if nothing were known yet."""
        survey, most = self._survey, self._most()
        price = "a price that is not published" if most is None else in_dollars(survey.low, most)
        say(f"{in_words(survey.count, 'request')} for batch {self._batch!r}: {price}, less what was bought already")
        return ExitCode.DONE

    def ask(self) -> None:
        """Get a yes where so much could be spent that one is needed; the database is not looked at."""
        options, most = self._options, self._most()
        low = None if most is None else self._survey.low
        what = in_words(self._survey.count, "request")
        confirm_spending(low, most, what=what, yes=options.yes, max_spend=options.agreed)

    async def carry_out(self) -> int:
        """Enqueue, follow if that is wished, and return the exit code."""
        await self._check()
        dsn = self._options.on or ""
        async with AsyncExitStack() as scope:
            database = Database(dsn)
            scope.push_async_callback(database.aclose)
            await migrate(database)
            if not is_bucket(self._output):
                await check_moved(Path(self._output), database, self._batch)
            await describe(database, self._batch, self._describe())
            await self._tell_count(database)
            from phota_async.distributed.engine import open_app  # noqa: PLC0415 - of an extra

            app = await scope.enter_async_context(open_app(dsn))
            made = await enqueue(app, iter(self._order.items), batch=self._batch)  # they were checked as a whole
            self._tell(f"{in_words(made, 'item')} enqueued for {database.name}, batch {self._batch!r}: {self._goal()}")
            return ExitCode.DONE if self._how.no_wait else await self._follow(app, database)

    async def _check(self) -> None:
        """Look at all items before the first is enqueued: their places, and whether they can travel."""
        if is_bucket(self._output):
            parse_address(self._output)
        options = self._options
        await check_places(self._order.items, Path(), Names(options.name, take=options.take))
        for number, item in enumerate(self._order.items):
            to_arguments(item, self._batch)
            if number % 500 == 0:
                await asyncio.sleep(0)

    async def _tell_count(self, database: Database) -> None:
        """Write how many purchases there will be, for `phota status`."""
        count = await count_parts(self._order.items, one_request=self._options.one_request)
        if count is not None:
            await expect(database, self._ledger_name, count)

    @property
    def _ledger_name(self) -> str:
        return name_of_take(self._batch, self._options.take)

    def _describe(self) -> Description:
        options = self._options
        return Description(
            output=self._output,
            cap=options.concurrency or load_settings(options.account).concurrency or CAP,
            max_spend=options.cap,
            prices=table_of(options),
            tag=options.tag,
            take=options.take,
            mode=options.mode,  # type: ignore[arg-type]  # click has checked it
            exists="replace" if options.exists == "replace" else "number",
            retry_missed=options.retry_missed,
            names=options.name,
            metadata=options.metadata,  # type: ignore[arg-type]  # likewise
            gps=not options.no_gps,
            one_request=options.one_request,
        )

    async def _follow(self, app: "App", database: Database) -> int:
        """Wait until nothing of the batch is left in the queue."""
        clock, told, last = asyncio.get_running_loop().time, -TELL, ""
        while True:
            counts = Counter(await count_tasks(app, self._batch))
            left, failed = counts["todo"] + counts["doing"], counts["failed"]
            line = f"{left:,} left, {counts['doing']:,} under way, {failed:,} failed"
            if line != last and (not left or clock() - told >= TELL):
                told, last = clock(), line
                self._tell(line)
            if not left:
                return await self._code(failed, database)
            await asyncio.sleep(LOOK)

    async def _code(self, failed: int, database: Database) -> int:
        if not failed:
            return ExitCode.DONE
        over = await count_over_budget(database, self._ledger_name)
        if over:
            say(f"{in_words(over, 'item')} would pass the budget; the same command with a higher --max-spend buys them")
        if over >= failed:
            return ExitCode.BUDGET
        say("why they failed stands in the workers' logs; the same command tries them again")
        return ExitCode.ALL_FAILED if failed >= self._survey.count else ExitCode.SOME_FAILED

    def _most(self) -> Decimal | None:
        options, most = self._options, self._survey.most
        is_hearsay = options.is_hearsay(self._order.operation)
        return None if most is None or is_hearsay else most * options.takes

    def _goal(self) -> str:
        where = self._output if is_bucket(self._output) else shown(Path(self._output))
        return f"results go to {shlex.quote(where)}"

    def _tell(self, line: str) -> None:
        if not self._how.quiet:
            say(line)


def default_name(output: str, take: int) -> str:
    """Return a batch's name: that of its folder, or of the last part of its place in a bucket."""
    path = urlsplit(output).netloc + urlsplit(output).path if is_bucket(output) else output
    name = Path(path).name or "batch"
    return name if take == 1 else f"{name}-take{take}"
