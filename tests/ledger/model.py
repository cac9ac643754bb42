"""A world in miniature: a service that charges, a disk that may forget, and a client that obeys the ledger's rules.

The client is a generator that stops before every effect; whoever drives it may crash it there, cut the power, or
let time pass. Its mistakes can be switched on, and each must be found.
"""

from collections.abc import Iterator
from enum import Enum, auto

from phota_async.ledger import rules
from phota_async.ledger.identity import request_id_of
from phota_async.ledger.records import Done, File, JobFailed, Lost, Record, Refused, State, Submitted, Wish

GUARD = 2880.0  # seconds, the client's
MEMORY = 3600.0  # seconds that the service remembers ids
PURCHASE = "0123456789abcdef0123456789abcdef"
PRICE = 150_000  # millionths of a dollar


class Mistake(Enum):
    """What a client could do wrong."""

    NONE = auto()
    RANDOM_ID = auto()  # ids are not derived
    INTENT_NOT_SYNCED = auto()
    INTENT_REFRESHED = auto()  # a resumed intent gets a new time
    DONE_BEFORE_PUBLISH = auto()
    NO_GUARD = auto()
    GUARD_BEYOND_MEMORY = auto()
    NEW_ID_AFTER_LOSS = auto()  # a lost answer begins a new generation
    REFUSED_AFTER_LOSS = auto()  # a refusal is believed although an answer was lost before it
    LATE_POST = auto()  # the guard is not looked at again when a submit was held up


class Job:
    """A job of the service."""

    def __init__(self) -> None:
        self.has_failed = False


class Service:
    """Charges for every id that it does not remember."""

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self._ids: dict[str, tuple[float, int]] = {}

    @property
    def charges(self) -> int:
        """Purchases that were not refunded."""
        return sum(not job.has_failed for job in self.jobs.values())

    def post(self, own_id: str | None, now: float) -> int:
        since, number = self._ids.get(own_id or "", (-1e9, 0))
        if own_id is None or now - since > MEMORY:
            number = len(self.jobs) + 1
            self.jobs[number] = Job()
            self._ids[own_id or ""] = (now, number)
        return number


class Disk:
    """Keeps what was synced; the rest goes when the power does."""

    def __init__(self) -> None:
        self.kept: Record | None = None
        self.cached: Record | None = None
        self.has_file = False

    def write(self, record: Record, *, is_synced: bool = True) -> None:
        self.cached = record
        if is_synced:
            self.kept = record

    def cut_power(self) -> None:
        self.cached = self.kept


class World:
    """Everything that is there, and the one client in it."""

    def __init__(self, mistake: Mistake, mode: str) -> None:
        self.mistake = mistake
        self.mode = mode
        self.now = 1_000_000.0
        self.service = Service()
        self.disk = Disk()
        self.runs = 0
        self.answer = "ok"
        """What the next submit meets: ok, lost (after the charge), refused, or unreachable."""
        self.first_charge: float | None = None

    def client(self) -> Iterator[str]:
        """Run the client; it names the effect that comes next and stops before it."""
        self.runs += 1
        begun = rules.begin(self.disk.cached, self._wish(), copy=1)
        record, is_fresh = begun.record, begun.action == "buy"
        if self.mistake is Mistake.INTENT_REFRESHED and begun.action == "resend":
            record = _with(record, first_intent_at=self.now)
        yield "begin"
        is_forgotten = self.mistake is Mistake.INTENT_NOT_SYNCED and is_fresh
        self.disk.write(record, is_synced=not is_forgotten)
        if begun.action in ("buy", "resend"):
            yield from self._send(record, is_fresh=is_fresh)
            record = self._record
        if begun.action in ("done", "unknown") or record.state not in (State.SUBMITTED, State.INTENT):
            return
        if record.state is State.SUBMITTED:
            yield from self._finish(record)

    def _send(self, record: Record, *, is_fresh: bool) -> Iterator[str]:
        attempt, is_unclear = 0, False
        while True:
            attempt += 1
            yield "post"
            if (attempt > 1 or not is_fresh) and self._is_too_late(record):
                return
            number = self._post(record)
            if number is not None:
                break
            if self.answer == "refused":
                yield "refused"
                if is_unclear and self.mistake is not Mistake.REFUSED_AFTER_LOSS:
                    return
                self.disk.write(rules.apply(record, Refused("503")))
                return
            if self.mode == "sync":
                yield "lost"
                self.disk.write(rules.apply(record, Lost("reset")))
                return
            is_unclear = True
            if self.mistake is Mistake.NEW_ID_AFTER_LOSS:
                record = _with(record, generation=record.generation + 1)
            if attempt == 3:
                return
        if self.mode == "sync":
            yield from self._keep(record)
        else:
            yield "submitted"
            self.disk.write(rules.apply(record, Submitted(str(number))))

    def _is_too_late(self, record: Record) -> bool:
        """Look at the guard once more, right before the first byte."""
        is_careless = self.mistake in (Mistake.LATE_POST, Mistake.NO_GUARD, Mistake.GUARD_BEYOND_MEMORY)
        return not is_careless and not rules.is_fresh(record, self.now, GUARD)

    def _post(self, record: Record) -> int | None:
        """Send it; ``None`` when no answer came."""
        if self.answer == "refused":
            return None
        own_id = request_id_of(PURCHASE, 1, record.generation)
        if self.mistake is Mistake.RANDOM_ID:
            own_id = f"{own_id} of run {self.runs}"
        number = self.service.post(own_id if self.mode == "job" else None, self.now)
        return None if self.answer == "lost" else number

    def _finish(self, record: Record) -> Iterator[str]:
        yield "poll"
        if self.service.jobs[int(record.job_id or "0")].has_failed:
            yield "failed"
            self.disk.write(rules.apply(record, JobFailed("500")))
            return
        yield from self._keep(record)

    def _keep(self, record: Record) -> Iterator[str]:
        done = rules.apply(record, Done((File("a.jpg", 1, ""),), PRICE, {}))
        if self.mistake is Mistake.DONE_BEFORE_PUBLISH:
            yield "done"
            self.disk.write(done)
        yield "publish"
        self.disk.has_file = True
        yield "done"
        self.disk.write(done)

    @property
    def _record(self) -> Record:
        assert self.disk.cached is not None
        return self.disk.cached

    def _wish(self) -> Wish:
        guards = {Mistake.NO_GUARD: 1e12, Mistake.GUARD_BEYOND_MEMORY: MEMORY * 2}
        return Wish(
            purchase=PURCHASE,
            mode=self.mode,  # type: ignore[arg-type]  # job or sync
            run=self.runs,
            price=PRICE,
            now=self.now,
            guard=guards.get(self.mistake, GUARD),
        )

    def check(self) -> None:
        """What must hold at every instant."""
        assert self.service.charges <= 1, f"charged {self.service.charges} times"
        record = self.disk.kept
        if record is not None and record.state is State.DONE:
            assert self.disk.has_file, "called done without its file"


def _with(record: Record, **changes: object) -> Record:
    from msgspec.structs import replace  # noqa: PLC0415

    return replace(record, **changes)
