"""Carry out items without doing anything: a dry run says of each what would be done, and what it would cost."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from msgspec.structs import replace

from .. import threads
from ..errors import ConfigError, DownloadError, InputError, PhotaError, ResponseLostError
from ..ledger.looking import View
from ..ledger.postgres import PostgresLedger
from ..ledger.records import Record, from_micros
from ..ledger.shared_view import PostgresView, view_at
from ..ledger.store import Ledger
from ..ledger.view import LedgerView
from ..models import NOT_TOLD, KnownSubjects
from ..pricing import named_subjects, names_subjects
from ..results import ImageResult
from .bought import recall, unknown
from .budget import account_of
from .foreign import ForeignFiles, files_of
from .foreseen import Allowance, Plan, places
from .held import from_stored
from .items import NOTHING, Outcome, outcome_of
from .names import existing
from .options import Options
from .parts import Part
from .wishes import Wishes, path_of


class PlainPlanner:
    """Foresees what `PlainBuyer` would do.

    Args:
        options: How it would buy.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._allowance = Allowance()

    async def open(self) -> None:
        """Look how much of the budget is left."""
        if (budget := self._options.budget) is not None:
            self._allowance = Allowance(budget, budget.left)

    def hurry(self, grace: float) -> None:
        """Nothing goes on when the batch is left."""

    async def aclose(self) -> None:
        """Nothing to end."""

    async def carry_out(self, part: Part) -> Outcome:
        """Foresee one part; errors are raised."""
        options, request = self._options, part.item.request
        target = None if options.output is None else part.target(options.names, options.output)
        is_careful = options.exists == "error"
        if is_careful and target is not None and (found := await threads.run(existing, target)):
            return outcome_of(part.item, "skipped", paths=tuple(found), estimate=NOTHING)
        self._allowance.check_price(request)
        plan = Plan(options, request, self._allowance)
        await plan.buy(target, options.exists)
        plan.ask_again(options.retry_missed if names_subjects(request) else 0)
        return plan.outcome(part.item)


class LedgerPlanner:
    """Foresees what `LedgerBuyer` would do, by what its ledger says now.

    Args:
        options: How it would buy.
        ledger: As in `Batch`, but no store of somebody else's making.
        name: As in `Batch`.
        resend_unknown: As in `Batch`.
    """

    def __init__(self, options: Options, ledger: object, *, name: str, resend_unknown: bool) -> None:
        if options.exists == "error":
            options = replace(options, exists="number")
        self._options = options
        self._view = _view_of(ledger, options.output)
        self._name = name
        self._wishes = Wishes(options, name=name, resend_unknown=resend_unknown)
        view = self._view
        self._foreign = ForeignFiles(options, self._wishes, view.was_sent, lambda: files_of(view.records()))
        self._allowance = Allowance()

    async def open(self) -> None:
        """Open the ledger for reading, if there is one, and look how much of the budget is left."""
        try:
            await self._view.open()
            self._wishes.digests = self._view.digests
            await self._open_allowance()
        except BaseException:
            await self._view.aclose()
            raise

    async def _open_allowance(self) -> None:
        if (budget := self._options.budget) is not None:
            before = from_micros(await self._view.committed(self._name))
            self._allowance = Allowance(budget, budget.left_with(account_of(self._view, self._name), before))

    def hurry(self, grace: float) -> None:
        """Nothing goes on when the batch is left."""

    async def aclose(self) -> None:
        """Close the ledger."""
        self._foreign.close()
        await self._view.aclose()

    async def carry_out(self, part: Part) -> Outcome:
        """Foresee one part; errors are raised."""
        if found := await self._foreign.in_place_of(part):
            return outcome_of(part.item, "skipped", paths=found, estimate=NOTHING)
        try:
            photos = await self._wishes.identify(part)
        except InputError as error:
            return await self._foresee_fetching(part, error)
        self._allowance.check_price(part.item.request)
        sent = await self._wishes.as_sent(part, photos, self._view.was_sent)
        if sent is None:
            return outcome_of(part.item, "skipped", estimate=NOTHING)
        try:
            return (await self._foresee_all(sent, photos)).outcome(part.item)
        except ResponseLostError as error:
            return outcome_of(part.item, "unknown", error=error, estimate=NOTHING)

    async def _foresee_fetching(self, part: Part, error: InputError) -> Outcome:
        """Foresee that a job is fetched though its photo is gone."""
        if await self._view.take_up(self._wishes.make(part, 1, None, run=0)) is None:
            raise error
        plan = Plan(self._options, part.item.request, self._allowance)
        plan.fetch(await self._places(part, 1))
        return plan.outcome(part.item)

    async def _foresee_all(self, part: Part, photos: Sequence[str]) -> Plan:
        """Foresee a part, take by take."""
        plan = Plan(self._options, part.item.request, self._allowance)
        for take in range(1, self._options.retry_missed + 2):
            try:
                is_missed = await self._foresee(plan, part, take, photos)
            except PhotaError:
                if take == 1:
                    raise
                break  # what was bought before stays the item's result
            if not is_missed:
                break
        return plan

    async def _foresee(self, plan: Plan, part: Part, take: int, photos: Sequence[str]) -> bool:
        """Foresee one take; says whether somebody is known to be missing, so that the next one would be asked for."""
        request, output = part.item.request, self._options.output
        wish = replace(self._wishes.make(part, take, photos, run=0), now=self._view.clock())
        begun = await self._view.look(wish)
        if begun.action == "unknown":
            raise unknown(request, begun.record, "an earlier run may have bought it")
        if begun.action == "done":
            return await self._find(plan, part, begun.record)
        if begun.action == "poll":
            plan.fetch(await self._places(part, take))
        else:
            target = None if output is None else part.target(self._options.names, output, take)
            await plan.buy(target, self._options.exists, is_sure=begun.action == "buy")
        plan.ask_again(self._options.retry_missed + 1 - take if names_subjects(request) else 0)
        return False

    async def _places(self, part: Part, take: int) -> tuple[Path, ...]:
        target = None if self._options.output is None else part.target(self._options.names, self._options.output, take)
        return await threads.run(places, target, part.item.request, self._options.exists, self._options.output)

    async def _find(self, plan: Plan, part: Part, record: Record) -> bool:
        """Look for what was delivered; says whether somebody is missing in it."""
        request, output = part.item.request, self._options.output
        kept = await threads.run(recall, record, request, output)
        if kept is not None:
            plan.keep(kept.result)
        elif record.job_id is None:
            path = record.files[0].path if record.files else request.operation
            raise DownloadError(path, "it was delivered, is gone, and a synchronous answer cannot be fetched again")
        else:
            plan.fetch(tuple(Path(file.path) for file in from_stored(record.files, output)))
        known = NOT_TOLD if record.counts is None else KnownSubjects(record.counts)
        return bool(ImageResult((), known_subjects=known, expected=named_subjects(request)).missing())


def _view_of(ledger: object, output: Path | None) -> View:
    if isinstance(ledger, Ledger):
        return LedgerView(ledger.path, clock=ledger.clock)
    if isinstance(ledger, PostgresLedger):
        return PostgresView(ledger.database, clock=ledger.clock)
    if isinstance(ledger, (str, PathLike, bool)):
        return view_at(path_of(ledger, output))
    got = type(ledger).__name__
    raise ConfigError(f"dry_run: expected a path or an address, a Ledger, a PostgresLedger or True, got {got}")
