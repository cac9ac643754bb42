"""Decide what to do for a wish, and what a record becomes. No I/O: every store obeys these rules.

The whole safety argument:

1. The intent is durable before the first byte is sent, and its time is never refreshed while the service may
   know its id.
2. An intent of an earlier run is sent again with its id while the service surely remembers it, and never after.
3. A new generation, which has an id of its own, begins only when the service said that the job failed, or when
   the user asked for what is unknown to be bought anew. It is durable before its id is used.
4. Losing the job's id costs nothing: the same id leads to it again.
5. Done is written after the files lie whole under their names.
"""

from msgspec.structs import replace

from ..retry import age_of
from .records import Action, Begun, Change, Done, JobFailed, Lost, Record, Refused, State, Submitted, Wish


def begin(record: Record | None, wish: Wish, *, copy: int = 1, committed: int = 0) -> Begun:
    """Say what to do for a wish.

    Args:
        record: What is known about it, or ``None``.
        wish: What the batch wants.
        copy: The number a new record gets.
        committed: What the batch's purchases have cost or may still cost, this one included.
    """
    if record is None:
        record, is_new = _planned(wish, copy), True
    else:
        # The item's name as well, so that others who want this item find the record, and wait for it. What was
        # delivered keeps its own: the item that has it may come again.
        item = record.item if record.state is State.DONE else wish.item
        record, is_new = replace(record, run=wish.run, item=item), False
    if record.state is State.DONE:
        return Begun(action="done", record=record)
    if record.state is State.SUBMITTED:
        return Begun(action="poll", record=record)
    if record.state is State.INTENT:
        if record.mode == "job" and is_fresh(record, wish.now, wish.guard):
            return Begun(action="resend", record=record)
        record = replace(record, state=State.UNKNOWN)
    if record.state is State.UNKNOWN and not wish.resend_unknown:
        return Begun(action="unknown", record=record)
    if wish.cap is not None and committed + (wish.price or 0) > wish.cap:
        return Begun(action="budget", record=record, is_new=is_new)
    if record.state is State.UNKNOWN or (record.state is State.FAILED and record.job_id is not None):
        record = _anew(record)
    return _intend(record, wish, is_new=is_new)


def may_be_bought(record: Record) -> bool:
    """Whether it was sent, and nobody said that nothing came of it."""
    return record.state not in (State.PLANNED, State.FAILED)


def is_sold(record: Record) -> bool:
    """Whether it is done or has a job: nothing more is bought for it, whatever the budget."""
    return record.state in (State.DONE, State.SUBMITTED)


def is_fresh(record: Record, now: float, guard: float) -> bool:
    """Whether the service surely remembers a record's id, if it ever saw it."""
    if record.first_intent_at is None:
        return False
    return age_of(record.first_intent_at, now) <= guard


def apply(record: Record, change: Change) -> Record:
    """Return what a record becomes; what is done stays done."""
    if record.state is State.DONE and not isinstance(change, Done):
        return record
    if isinstance(change, Done):
        return replace(record, state=State.DONE, files=change.files, cost=change.cost, counts=change.counts, error=None)
    if isinstance(change, Submitted):
        return replace(record, state=State.SUBMITTED, job_id=change.job_id, error=None)
    if isinstance(change, Lost):
        return replace(record, state=State.UNKNOWN, error=change.error)
    if isinstance(change, JobFailed):
        return replace(record, state=State.FAILED, error=change.error)
    return _refused(record, change)


def hears(stored: Record, seen: Record, change: Change) -> bool:
    """Whether a record takes what somebody says of it who saw it as ``seen``.

    Another run may have taken it up since, from one that was frozen: then only what was delivered counts, and the
    job of the very id that is under way. What the frozen one could not do says nothing about the other's work.
    """
    is_same = stored.generation == seen.generation
    if isinstance(change, Done) or (stored.run == seen.run and is_same):
        return True
    return isinstance(change, Submitted) and stored.state is State.INTENT and is_same


def begun_before(record: Record, wish: Wish) -> Begun:
    """Say again what `begin` said, for one whose answer was lost on its way from the database."""
    actions: dict[State, Action] = {State.DONE: "done", State.SUBMITTED: "poll", State.UNKNOWN: "unknown"}
    if record.state is State.INTENT:
        return Begun(action="buy" if record.intent_run == wish.run else "resend", record=record)
    return Begun(action=actions.get(record.state, "budget"), record=record)


def _refused(record: Record, change: Refused) -> Record:
    """Nothing was bought, as far as this run goes: an intent of an earlier run stays what it is."""
    if record.state is not State.INTENT or record.intent_run != record.run:
        return replace(record, error=change.error)
    return replace(record, state=State.FAILED, error=change.error, first_intent_at=None, cost=0)


def _planned(wish: Wish, copy: int) -> Record:
    return Record(
        purchase=wish.purchase,
        copy=copy,
        batch=wish.batch,
        item=wish.item,
        operation=wish.operation,
        take=wish.take,
        run=wish.run,
    )


def _anew(record: Record) -> Record:
    """Begin the next generation; what the last one may have cost stays counted."""
    return replace(record, generation=record.generation + 1, lost=record.committed, job_id=None)


def _intend(record: Record, wish: Wish, *, is_new: bool) -> Begun:
    """Write the intent, which overwrites all that is said of an earlier one."""
    intent = replace(
        record,
        state=State.INTENT,
        mode=wish.mode,
        first_intent_at=wish.now,
        intent_run=wish.run,
        reserved=wish.price,
        cost=None,
        error=None,
    )
    return Begun(action="buy", record=intent, is_new=is_new)
