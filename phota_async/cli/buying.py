"""The part of a run in which money is spent: outcomes as they come, their records, and the end."""

from collections.abc import AsyncIterator

from phota_async import threads
from phota_async.batch import Batch, Outcome
from phota_async.runs import RunFolder, record_of

from .exit_codes import ExitCode, RunEnd
from .orders import Order
from .progress import Progress
from .run_options import Invocation, RunOptions
from .showing import Results
from .stopping import Stopping
from .streams import say
from .sums import totals_of
from .telling import Story

PATIENCE = 10.0  # seconds after the first signal in which what is under way may come to its end


class Buying:
    """Carries a batch out.

    Args:
        options: What is bought.
        how: How that is shown.
        order: The items and their place.
        progress: Is told how it goes.
    """

    def __init__(self, options: RunOptions, how: Invocation, order: Order, progress: Progress) -> None:
        self._options, self._how, self._order, self._progress = options, how, order, progress
        self._end = RunEnd()
        self._story = Story(order.place, quiet=how.quiet, is_from_pipe=options.is_from_pipe)
        self._results = Results(how, is_pipe=order.place.is_pipe)

    async def carry_out(self, batch: Batch, outcomes: AsyncIterator[Outcome], record: RunFolder, count: int) -> int:
        """Read the outcomes to their end and return the exit code."""
        with Stopping(lambda: self._stop(batch), self._leave) as stopping, self._progress as progress:
            progress.begin(count)
            async for outcome in outcomes:
                await self._take(outcome, batch, record)
        code = self._code(batch, stopping)
        totals = totals_of(batch.statistics(), missed=self._story.missed)
        record.finish(exit_code=code, totals=totals)
        self._results.end(record.record())
        self._story.tell(batch.statistics(), code, is_stopped=stopping.code is not None)
        return code

    async def _take(self, outcome: Outcome, batch: Batch, record: RunFolder) -> None:
        """Write an outcome down, hand its results on, and tell of it."""
        told = record_of(outcome, output=record.output, run=record.run)
        await threads.run(record.append, told)
        self._end.add(outcome.status, outcome.error, is_missed=bool(outcome.missing))
        self._story.add(outcome)
        self._results.item(outcome, record.run)
        self._progress.item(outcome, batch.statistics())

    def _code(self, batch: Batch, stopping: Stopping) -> int:
        if stopping.code is not None:
            return stopping.code
        code = self._end.code(stopped=batch.statistics().stopped, require_identity=self._options.require_identity)
        return ExitCode.ALL_FAILED if code is ExitCode.DONE and self._results.is_lost else code

    def _stop(self, batch: Batch) -> None:
        batch.stop(within=PATIENCE)
        self._progress.say(f"stopping: what is under way gets {PATIENCE:.0f} s; once more leaves at once")

    def _leave(self) -> None:
        say(f"left at once: nothing that was paid is lost. Resume with: {self._story.resume}")
