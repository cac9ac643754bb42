"""What the program's exit codes mean, and which error gives which. Scripts rely on these: they are frozen.

Try again later only on 10; on 5, read the list first.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum

from phota_async.errors import (
    AuthenticationError,
    BudgetExceededError,
    CheckError,
    ConfigError,
    ConnectError,
    DeadlineError,
    InputError,
    InsufficientCreditsError,
    LedgerError,
    PhotaError,
    RateLimitError,
    ResponseLostError,
    ScopeError,
    ServerError,
    TrainingError,
    UploadError,
)


class ExitCode(IntEnum):
    """How the program ended."""

    DONE = 0
    BUG = 1
    """An error that is ours; please report it."""
    USAGE = 2
    """A wrong option, setting or input; nothing was sent."""
    AUTHENTICATION = 3
    """401 or 403."""
    BALANCE = 4
    """402."""
    SOME_FAILED = 5
    ALL_FAILED = 6
    BUDGET = 7
    """Stopped by the spending cap."""
    IDENTITY = 8
    """Somebody was not recognised, where that was asked to matter."""
    TRAINING = 9
    """A training ended badly, or its photos did not pass their check or could not be brought to the service."""
    UNAVAILABLE = 10
    """The service or the way to it; the same may work later."""
    INTERRUPTED = 130
    """Ctrl-C."""
    TERMINATED = 143
    """SIGTERM."""


_BY_ERROR: tuple[tuple[type[PhotaError], ExitCode], ...] = (
    (AuthenticationError, ExitCode.AUTHENTICATION),
    (InsufficientCreditsError, ExitCode.BALANCE),
    (BudgetExceededError, ExitCode.BUDGET),
    (TrainingError, ExitCode.TRAINING),
    (CheckError, ExitCode.TRAINING),
    (UploadError, ExitCode.TRAINING),
    (ConnectError, ExitCode.UNAVAILABLE),
    (DeadlineError, ExitCode.UNAVAILABLE),
    (RateLimitError, ExitCode.UNAVAILABLE),
    (ServerError, ExitCode.UNAVAILABLE),
    (ResponseLostError, ExitCode.SOME_FAILED),
    (ConfigError, ExitCode.USAGE),
    (InputError, ExitCode.USAGE),
    (ScopeError, ExitCode.USAGE),
    (LedgerError, ExitCode.USAGE),
)

WELL = frozenset({"done", "skipped", "planned"})

_FIRST = (  # when several apply, the one that a person must deal with first
    ExitCode.BUG,
    ExitCode.AUTHENTICATION,
    ExitCode.BALANCE,
    ExitCode.TRAINING,
    ExitCode.UNAVAILABLE,
    ExitCode.USAGE,
    ExitCode.ALL_FAILED,
    ExitCode.SOME_FAILED,
    ExitCode.BUDGET,
    ExitCode.IDENTITY,
)


def code_for(error: BaseException) -> ExitCode:
    """Return the exit code of one error; a single call that failed for another reason is "all failed"."""
    if is_about_a_file(error):
        return ExitCode.USAGE
    if not isinstance(error, PhotaError):
        return ExitCode.BUG
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.ALL_FAILED)


def code_for_items(*, done: int, errors: Iterable[BaseException | None]) -> ExitCode:
    """Return the exit code of many items.

    Args:
        done: Items that ended well.
        errors: One entry for each item that did not; ``None`` where there is no error to look at.
    """
    failed = list(errors)
    if not failed:
        return ExitCode.DONE
    codes = {ExitCode.ALL_FAILED if error is None else code_for(error) for error in failed}
    if codes <= {ExitCode.AUTHENTICATION} or codes <= {ExitCode.BALANCE}:
        return codes.pop()  # one cause for all of them, and a person can mend it
    if done:
        return ExitCode.SOME_FAILED
    return ExitCode.UNAVAILABLE if codes == {ExitCode.UNAVAILABLE} else ExitCode.ALL_FAILED


class RunEnd:
    """What is known of a run's items when it ends, as far as the exit code depends on it.

    Usage::

        end = RunEnd()
        end.add(outcome.status, outcome.error, is_missed=bool(outcome.missing))
        ctx.exit(end.code(require_identity=True))
    """

    def __init__(self) -> None:
        self._well = 0
        self._failed = 0
        self._budget = 0
        self._missed = 0
        self._codes: set[ExitCode] = set()

    def add(self, status: str, error: BaseException | None, *, is_missed: bool = False) -> None:
        """Note how an item ended; the status is an outcome's."""
        self._missed += is_missed
        if status in WELL:
            self._well += 1
        elif status == "budget":
            self._budget += 1
        else:
            self._failed += 1
            self._codes.add(ExitCode.ALL_FAILED if error is None else code_for(error))

    def code(self, *, stopped: BaseException | None = None, require_identity: bool = False) -> ExitCode:
        """Return the exit code; of several that apply, the first of 3, 4, 10, 6, 5, 7, 8.

        Args:
            stopped: Why no further item was begun, where there was a reason.
            require_identity: Whether it matters that somebody was not recognised.
        """
        codes = self._codes | ({code_for(stopped)} if stopped is not None else set())
        for code in (ExitCode.AUTHENTICATION, ExitCode.BALANCE, ExitCode.UNAVAILABLE):
            if code in codes:
                return code
        if self._failed or stopped is not None:
            return ExitCode.SOME_FAILED if self._well else ExitCode.ALL_FAILED
        if self._budget:
            return ExitCode.BUDGET
        return ExitCode.IDENTITY if self._missed and require_identity else ExitCode.DONE

    def __repr__(self) -> str:
        return f"<RunEnd {self._well} well, {self._failed} failed, {self._budget} over the budget>"


def is_about_a_file(error: BaseException) -> bool:
    """Whether the disk or a path is the trouble: full, read-only, not ours. No bug, and nothing of the service."""
    return isinstance(error, OSError) and error.filename is not None


def leading_error(error: BaseException) -> BaseException:
    """Return the error to speak of: of a group, the one whose exit code comes first."""
    return min(_leaves(error), key=lambda leaf: _FIRST.index(code_for(leaf)))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)
