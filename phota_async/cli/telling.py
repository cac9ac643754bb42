"""What people are told before and after a run, on standard error."""

import shlex

from phota_async.batch import BatchStatistics, Outcome

from .exit_codes import ExitCode
from .orders import Order
from .places import Place, shown
from .planning import Plan
from .showing import is_foreign
from .streams import say
from .sums import in_words, summary
from .wording import in_options

MOST_TOLD = 5  # problems that are told by name
NEXT = {
    ExitCode.SOME_FAILED: "to try what failed again: {resume}",
    ExitCode.ALL_FAILED: "to try again: {resume}",
    ExitCode.BALANCE: "top up the balance, then: {resume}",
    ExitCode.AUTHENTICATION: "store a key that is valid (phota config set-key, or PHOTA_API_KEY), then: {resume}",
    ExitCode.BUDGET: "to spend more: {resume} --max-spend USD",
    ExitCode.IDENTITY: "to ask again for who was missed: the same command with --retry-missed 2",
    ExitCode.UNAVAILABLE: "the service did not answer; later: {resume}",
}


class Story:
    """Remembers what is told at the end of a run.

    Args:
        place: Where its pictures go.
        quiet: Whether only troubles are told.
        is_from_pipe: Whether the photo came through standard input, so that only the person can give it again.
    """

    def __init__(self, place: Place, *, quiet: bool, is_from_pipe: bool = False) -> None:
        self._quiet = quiet
        self._is_from_pipe = is_from_pipe
        self._place = place
        self._foreign = self._unpriced = 0
        self._problems: list[str] = []
        self.missed = 0
        """Items in which somebody was not recognised."""

    @property
    def resume(self) -> str:
        """The command that goes on with the run."""
        if self._is_from_pipe:
            return "the same command, with the same photo"
        return shlex.join(["phota", "resume", shown(self._place.folder)])

    def add(self, outcome: Outcome) -> None:
        """Note an outcome."""
        self._foreign += is_foreign(outcome)
        self._unpriced += outcome.status == "done" and outcome.spent is None
        self.missed += bool(outcome.missing)
        if outcome.error is not None and len(self._problems) < MOST_TOLD:
            self._problems.append(f"  {outcome.key}: {in_options(outcome.error)}")

    def tell(self, statistics: BatchStatistics, code: int, *, is_stopped: bool) -> None:
        """Say how a run ended and what to do next."""
        if self._quiet and code == ExitCode.DONE:
            return
        say(summary(statistics, unpriced=self._unpriced))
        if self._quiet:
            for problem in self._problems:
                say(problem)
        self._tell_notes()
        if is_stopped:
            say(f"stopped; resume with: {self.resume}")
        elif code in NEXT:
            say(NEXT[ExitCode(code)].format(resume=self.resume))

    def _tell_notes(self) -> None:
        if self._foreign:
            say(
                f"{self._foreign} left out, since other files have their results' names: "
                "--exists number makes results beside them"
            )
        if self.missed:
            report = shlex.join(["phota", "report", shown(self._place.folder)])
            say(f"{self.missed} in which somebody was not recognised; to look at them: {report}")

    def __repr__(self) -> str:
        return f"<Story of {shown(self._place.folder)}>"


def tell_passed(order: Order) -> None:
    """Say what was passed over and may be missed."""
    passed = order.passed
    if passed.folders:
        say(f"not looked into: {in_words(passed.folders, 'folder')} inside; -r does")
    if passed.results:
        say(f"passed over: {in_words(passed.results, 'result')} of earlier runs")
    for unreadable in passed.unreadable:
        say(f"not looked into: {unreadable}")


def tell_plan(plan: Plan, place: Place, *, quiet: bool) -> None:
    """Say what a run would do and cost."""
    if not quiet:
        say(f"{plan.sentence()}; results go to {shown(place.folder)}")
    for problem in plan.problems[:MOST_TOLD]:
        say(f"  {problem}")
