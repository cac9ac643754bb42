"""One purchase, from its intent to files that lie whole under their names."""

import asyncio
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from ..errors import (
    ConfigError,
    ConflictError,
    DownloadError,
    JobFailedError,
    LedgerError,
    NotFoundError,
    PhotaError,
)
from ..ledger.identity import request_id_of
from ..ledger.records import (
    Begun,
    Change,
    Done,
    JobFailed,
    Lost,
    Record,
    Refused,
    State,
    Submitted,
    from_micros,
    to_micros,
)
from ..models import Job, JobStatus
from ..requests import AnyRequest
from ..results import ImageResult
from ..retry import age_of
from ..uptime import Stopwatch
from .bought import Bought, check_pictures, mark_of, recalled, unknown
from .budget import cost_of
from .held import HeldDestination
from .photos import RequestPhotos
from .placing import JobPlace
from .terms import Terms

OVER = (State.DONE, State.FAILED)  # nothing of it runs at the service any more


class Purchase:
    """Carries one purchase to its end: ``start`` in a task that nobody cuts short, then ``finish``.

    Args:
        terms: What it shares with others.
        request: What is bought.
        target: Path of its first picture, without a suffix; ``None`` keeps results in memory.
        photos: The request's.
        place: What its place among ``terms.leases`` is called.
    """

    def __init__(
        self, terms: Terms, request: AnyRequest, target: Path | None, photos: RequestPhotos, place: str = ""
    ) -> None:
        self._options, self._store, self._sink = terms.options, terms.store, terms.sink
        self.place = JobPlace(terms.leases, place)
        self._owned, self._account, self._proven = terms.owned, terms.account, terms.proven
        self._client = terms.options.client
        self._deadline = self._client._deadline(None)  # noqa: SLF001 - one package
        self.request = request
        self.target = target
        self._photos = photos
        self._record: Record | None = None
        self._baseline = 0  # what the ledger counted before this run, in millionths of a dollar
        self._held = Decimal(0)
        self._is_fresh = False  # whether nothing was ever sent under its id
        self._job: Job | None = None
        self._destination: HeldDestination | None = None
        self._bought: Bought | None = None
        self._is_left = False  # whether its caller was cancelled, or is done with it

    async def start(self, begun: Begun, held: Decimal) -> None:
        """Do what a purchase needs until the service has it, or until its answer lies on the disk.

        Args:
            begun: What the ledger says.
            held: What is set aside in the budget for it.
        """
        self._record, self._held, self._is_fresh = begun.record, held, begun.action == "buy"
        self._deadline = self._client._deadline(None)  # noqa: SLF001 - others may have been waited for
        self._since_taken_up = Stopwatch()
        self._age_then = age_of(begun.record.first_intent_at or 0.0, self._store.clock())
        self._baseline = begun.record.lost if begun.action == "buy" else begun.record.committed
        if begun.action == "unknown":
            raise unknown(self.request, self._known, "an earlier run may have bought it")
        if begun.action == "poll":
            self._job = Job(job_id=begun.record.job_id or "", status=JobStatus(""))
        if begun.action in ("poll", "done"):  # of what is done: whoever had the place may have died before it was free
            await self.place.adopt()
        if begun.action in ("buy", "resend"):
            await self._send_and_leave()

    async def leave_place(self) -> None:
        """Give the place back, or leave it to a job that may still run."""
        self._is_left = True
        await self.place.leave(is_over=self._record is None or self._record.state in OVER)

    async def give_back(self) -> None:
        """Let other runs go on with what this one did not end: two would wait for each other's for ever."""
        if self._record is not None:
            await self._store.give_back(self._record)

    async def finish(self) -> Bought:
        """Wait for the job, fetch its pictures, name and record them."""
        try:
            if self._bought is None and self._job is None:
                self._bought = await self._recall()
            if self._bought is None:
                result = await self._wait()
                await self._owned.run(self._keep(result))
        except JobFailedError as error:
            await self._change(JobFailed(mark_of(error)))
            raise
        finally:
            self._settle()
        assert self._bought is not None  # noqa: S101 - kept
        return self._bought

    async def _send_and_leave(self) -> None:
        try:
            await self._send()
        finally:
            if self._is_left:  # while this went on: the place may have been taken after that
                await self.leave_place()

    async def _send(self) -> None:
        """Send it for the first time, or again under its id."""
        try:
            self._destination = self._make_destination()
            if self._destination is not None:
                await self._destination.check(self.request.num_output_images, self.request.output_format)
            if self._owned.is_closing:
                raise ConfigError("the batch was left before this was sent")
            await (self._submit() if self._known.mode == "job" else self._hold())
        except LedgerError as error:
            if error.charged == "unknown":
                raise
            await self._refuse(error)
            raise
        except PhotaError as error:
            await self._refuse(error)
            raise

    async def _submit(self) -> None:
        """Submit the job under the ledger's id and write down its id."""
        record = self._known
        await self.place.confirm()
        self._job = await self._client.jobs._submit(  # noqa: SLF001 - one package
            self.request,
            client_request_id=request_id_of(record.purchase, record.copy, record.generation),
            deadline=self._last_moment(),
            validate=True,
            first_sent_at=None if self._is_fresh else record.first_intent_at,
            ready=self._photos.ready,
            callback_url=self._options.callback_url,
        )
        self._is_fresh = False
        await self._change(Submitted(self._job.job_id))

    @property
    def _known(self) -> Record:
        assert self._record is not None  # noqa: S101 - begun
        return self._record

    def _last_moment(self) -> float:
        """Return the deadline of a submit: waiting for a place must not carry it beyond the guard.

        Where others share the store, one of them may have sent it meanwhile, while this process stood still: its id
        makes that free while the service remembers it, and not longer.
        """
        if self._is_fresh and not self._store.is_shared:
            return self._deadline
        left = self._client.config.retry.resend_guard - self._age()
        return min(self._deadline, asyncio.get_running_loop().time() + left)

    def _age(self) -> float:
        """Return the seconds since the first intent, by the clock that says more: the wall clock may be set back."""
        passed = self._since_taken_up.seconds
        return max(self._age_then + passed, age_of(self._known.first_intent_at or 0.0, self._store.clock()))

    async def _hold(self) -> None:
        """Hold a synchronous call open and keep what it brings, in one step."""
        from ..sending import send_sync  # noqa: PLC0415 - needs aiohttp

        client, ready, destination = self._client, self._photos.ready, self._destination
        await self.place.confirm()
        try:
            result = await send_sync(client, self.request, destination, self._deadline, validate=True, ready=ready)
        except BaseException:
            _discard(destination)  # of several pictures, those that are whole wait for their names
            raise
        await self._keep(result)

    async def _refuse(self, error: PhotaError) -> None:
        """Write down what an error says about money; where it says nothing, the intent stands."""
        try:
            if isinstance(error, ConflictError):
                raise await self._conflict(error) from None
            if error.charged != "unknown":
                await self._change(Refused(mark_of(error)))
            elif self._known.mode == "sync":
                await self._change(Lost(mark_of(error)))
                raise unknown(self.request, self._known, error.sentence()) from None
        finally:
            self._settle()

    async def _conflict(self, error: ConflictError) -> PhotaError:
        """Return the error for an id that stands for another body; an earlier run's intent may still lead to its job.

        That run may have prepared its photos otherwise, or had another callback_url: run as it was, this one asks
        with the same body.
        """
        is_another_runs = self._known.intent_run != self._known.run
        await self._change((Refused if is_another_runs else Lost)(mark_of(error)))
        lost = unknown(self.request, self._known, error.sentence())
        if is_another_runs:
            how = "with the same prepare= as then, and the same callback_url=, its job may be found"
            lost.hint = f"an earlier run sent it otherwise: {how}"
        return lost

    async def _wait(self) -> ImageResult:
        """Follow the job; one that vanished is asked for once more under its id, while that is safe."""
        try:
            return await self._follow()
        except NotFoundError as error:
            vanished = error
        try:
            await self._owned.run(self._submit_again(vanished))
            return await self._follow()
        except NotFoundError as error:
            raise await self._give_up(error) from None
        except PhotaError as error:
            error.charged = "unknown"  # whatever it says of this submit: the first one was taken
            raise

    async def _follow(self) -> ImageResult:
        from ..sending import finish_job  # noqa: PLC0415 - needs aiohttp

        assert self._job is not None  # noqa: S101 - whoever waits has one
        destination = self._destination = self._make_destination()
        try:
            return await finish_job(self._client, self._job, self.request, destination, self._deadline)
        except BaseException:
            _discard(destination)
            raise

    async def _submit_again(self, vanished: NotFoundError) -> None:
        if self._known.mode != "job" or self._age() > self._client.config.retry.resend_guard:
            raise await self._give_up(vanished)
        await self._submit()

    async def _give_up(self, error: NotFoundError) -> PhotaError:
        await self._change(Lost(mark_of(error)))
        return unknown(self.request, self._known, "the service does not know its job any more")

    async def _keep(self, result: ImageResult) -> None:
        """Name the files, then record them: one step, which nobody cuts short."""
        check_pictures(result)
        from ..sending import tell_saved  # noqa: PLC0415 - needs aiohttp

        destination, record, options = self._destination, self._known, self._options
        try:
            files = () if destination is None else await destination.commit(result)
            uncarried = self._photos.uncarried(result)
            stored = await self._sink.deliver(files, result, options.output)
        except PhotaError as error:
            error.charged = "unknown"  # whatever it says of names and disks: this one is bought
            raise
        finally:
            _discard(destination)
        cost = cost_of(self.request, result, options.prices)
        is_paid = record.state is State.DONE  # its files were gone and are fetched again
        await self._change(
            Done(
                files=stored,
                cost=record.cost if is_paid else to_micros(cost),
                counts=result.known_subjects.counts if result.known_subjects.is_told else None,
            )
        )
        self._bought = Bought(
            result=result,
            cost=Decimal(0) if is_paid else cost,
            uncarried=uncarried,
            addresses=self._sink.addresses(stored),
        )
        for image in result.images:
            tell_saved(self._client, image)

    async def _recall(self) -> Bought | None:
        """Return what was delivered before, if it is still there; else its job, if there is one, has it."""
        record = self._known
        images = await self._sink.recall(record.files, self._options.output)
        if images is None and record.job_id is None:
            path = record.files[0].path if record.files else self.request.operation
            raise DownloadError(path, "it was delivered, is gone, and a synchronous answer cannot be fetched again")
        if images is None:
            self._job = Job(job_id=record.job_id or "", status=JobStatus(""))
            return None
        return replace(recalled(images, record, self.request), addresses=self._sink.addresses(record.files))

    def _make_destination(self) -> HeldDestination | None:
        if self.target is None:
            return None
        options, name = self._options, f"{self.target.name}.jpg"
        finish = self._photos.finish if self._photos.finishes else None
        return HeldDestination(
            self.target.parent, name, options.exists, self._proven, finish=finish, root=options.output
        )

    async def _change(self, change: Change) -> None:
        try:
            self._record = await self._store.change(self._known, change)
        except LedgerError as error:
            error.charged = "unknown"
            raise

    def _settle(self) -> None:
        """Put what it cost, or may have cost, in the place of what was set aside."""
        committed = self._known.committed
        if self._account is not None:
            self._account.settle(self._held, from_micros(committed - self._baseline))
        self._held, self._baseline = Decimal(0), committed


def _discard(destination: HeldDestination | None) -> None:
    if destination is not None:
        destination.discard()
