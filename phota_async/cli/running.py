"""Carry a run out: look, ask, buy, write down, and say how it ended."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from phota_async.batch import Batch, Budget
from phota_async.client import PhotaClient
from phota_async.runs import RunFolder

from .asking import confirm_spending, needs_asking
from .buying import Buying
from .exit_codes import code_for, leading_error
from .logs import hooks_for, logging_to
from .orders import Order, Survey, look_through, make_order, table_of
from .places import shown
from .planning import Plan, foresee
from .progress import Progress, choose_progress
from .run_options import Invocation, RunOptions, to_settings
from .settings import connect, connect_to_foresee, load_settings
from .streams import say
from .sums import in_words, totals_of
from .telling import tell_passed, tell_plan


def run(options: RunOptions, how: Invocation, folder: RunFolder | None = None) -> int:
    """Carry a run out and return the exit code.

    Args:
        options: What it is about.
        how: How this call shows it.
        folder: The record of an earlier run that goes on; ``None`` begins one.

    Raises:
        click.UsageError: It cannot be carried out as it was told; nothing was sent.
        PhotaError: The same, for what was found on the way.
    """
    order = make_order(options)
    survey = look_through(order, options)
    if not how.quiet:
        tell_passed(order)
    if options.on is not None:
        from .enqueuing import run as enqueue  # noqa: PLC0415 - of an extra

        return enqueue(order, survey, options, how)
    session = Session(options, how, order)
    if how.dry_run:
        return session.show_plan()
    session.ask(survey)
    return session.buy(folder, survey.count)


class Session:
    """One call of the command, after its items are known."""

    def __init__(self, options: RunOptions, how: Invocation, order: Order) -> None:
        self._options, self._how, self._order = options, how, order
        self._settings = load_settings(options.account)

    def show_plan(self) -> int:
        """Foresee everything, say it and return the code that the run would end with, as far as that is known."""
        plan = asyncio.run(self._foresee(show=True))
        tell_plan(plan, self._order.place, quiet=self._how.quiet)
        return plan.code

    def ask(self, survey: Survey) -> None:
        """Get a yes where so much could be spent that one is needed: for what is new, not for what is known."""
        options = self._options
        is_hearsay = options.is_hearsay(self._order.operation)
        most = None if survey.most is None or is_hearsay else survey.most * options.takes
        agreed: dict[str, Any] = {"yes": options.yes, "max_spend": options.agreed}
        if not needs_asking(most, **agreed):
            return
        say(f"looking at {in_words(survey.count, 'request')} ...")
        plan = asyncio.run(self._foresee(show=False))
        low, most = (None, None) if is_hearsay and plan.to_buy else (plan.low, plan.most)
        if needs_asking(most, **agreed):
            tell_plan(plan, self._order.place, quiet=False)
            confirm_spending(low, most, what=in_words(plan.to_buy, "request"), **agreed)

    def buy(self, folder: RunFolder | None, count: int) -> int:
        """Carry everything out and return the exit code."""
        progress = choose_progress(quiet=self._how.quiet, no_progress=self._how.no_progress or self._how.verbose)
        with logging_to(progress.say, verbose=self._how.verbose):
            return asyncio.run(self._buy(folder, count, progress))

    async def _foresee(self, *, show: bool) -> Plan:
        needs_key = self._options.tag is not None  # it is asked who has that tag
        async with (connect if needs_key else connect_to_foresee)(self._settings) as client:
            batch = self._batch(await self._scoped(client), dry_run=True)
            return await foresee(batch, self._how if show else Invocation(), self._order)

    async def _buy(self, folder: RunFolder | None, count: int, progress: Progress) -> int:
        async with connect(self._settings, hooks=hooks_for(verbose=self._how.verbose)) as client:
            buying = Buying(self._options, self._how, self._order, progress)
            batch = self._batch(await self._scoped(client), on_begin=progress.started)
            async with batch as outcomes:
                record = folder or self._begin()
                with _noting_the_end(record, batch):
                    return await buying.carry_out(batch, outcomes, record, count)

    async def _scoped(self, client: PhotaClient) -> PhotaClient:
        return client if self._options.tag is None else await client.for_user(self._options.tag)

    def _begin(self) -> RunFolder:
        place, options = self._order.place, self._options
        if options.out is None and not self._how.quiet:
            say(f"results go to {shown(place.folder)}")
        return RunFolder.create(place.folder, operation=self._order.operation, settings=to_settings(options))

    def _batch(self, client: PhotaClient, **how: Any) -> Batch:
        options, prices = self._options, table_of(self._options)
        return Batch(
            client,
            self._order.items,
            max_concurrency=options.concurrency or self._settings.concurrency or 16,
            mode=options.mode,  # type: ignore[arg-type]  # click has checked it
            output=self._order.place.folder,
            ledger=True,
            resend_unknown=options.resend_unknown,
            budget=None if options.cap is None else Budget(options.cap, prices=prices),
            retry_missed=options.retry_missed,
            exists=options.exists,  # type: ignore[arg-type]  # likewise
            names=options.name,
            take=options.take,
            prices=prices,
            metadata=options.metadata,  # type: ignore[arg-type]  # likewise
            gps=not options.no_gps,
            one_request=options.one_request,
            **how,
        )


@contextmanager
def _noting_the_end(record: RunFolder, batch: Batch) -> Iterator[None]:
    """Write down how a run ended that ends with an error."""
    try:
        yield
    except Exception as error:
        record.finish(exit_code=code_for(leading_error(error)), totals=totals_of(batch.statistics()))
        raise
