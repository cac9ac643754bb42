"""Asynchronous image calls: submitted once, polled, fetched; the way to buy that survives every fault."""

import time
from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from .answers import read_job
from .config import is_number
from .errors import JobFailedError, PhotaError, ResponseLostError
from .events import JobChanged
from .media.files import Exists
from .models import Job, JobStatus
from .pricing import named_subjects
from .protocol import image_call, job_call
from .requests import AnyRequest, Ready
from .results import ImageResult, StrPath, to_path
from .telling import tell_operation
from .validation import check_callback_url, check_request, fail
from .watch import Pace, Subject, Watch, growing, steady, wait_for

if TYPE_CHECKING:
    import aiohttp

    from .client import PhotaClient

CLOCKS_DIFFER = 3600.0  # seconds, at most, between the clocks of two machines
WAIT = 1800.0  # seconds: well above the 600 of a synchronous call; a job's own limit is not published
GOES_ON = "the job goes on at the service and is paid for: wait for the same id again"


class JobChange(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between two looks at a job."""

    job_id: str
    previous: JobStatus | None
    """The status before; ``None`` at the first look."""
    status: JobStatus | None
    """The status now; ``None`` when the job vanished."""
    job: Job | None = None
    error: PhotaError | None = None
    """Why the job cannot be followed any more."""

    @property
    def message(self) -> str:
        """The service's reason of a failure, or ``""``."""
        return (self.job.error if self.job else None) or ""


class Jobs:
    """``client.jobs``. Source: https://docs.photalabs.com/api/async-requests."""

    def __init__(self, client: "PhotaClient", *, subject: Subject[Job] | None = None) -> None:
        self._client = client
        # A view on a client gives the client's, so that a job is asked for once, and a callback wakes all who wait.
        self._subject = subject or Subject(look=self._look, is_done=lambda job: job.is_terminal, tell=self._tell)

    async def submit(
        self,
        request: AnyRequest,
        *,
        callback_url: str | None = None,
        client_request_id: str | None = None,
        first_sent_at: float | None = None,
        timeout: float | None = None,
        validate: bool = True,
    ) -> Job:
        """Hand a request to the service and return at once with the job to wait for.

        Args:
            request: What to make. Pictures always come as links, whatever its ``response_mode`` says.
            callback_url: An https address that gets one POST when the job ends. Best effort: polling decides, and
                ``client.webhooks.deliver`` in that address's handler lets whoever waits here look at once. A
                service on this machine, as the sandbox is, may also be given http on this machine.
            client_request_id: The same id again gives the first job back without a second charge, while the
                service remembers it. ``None`` makes a UUID; a queue's worker gives its task's id.
            first_sent_at: Unix time at which this id may have been sent before, by a process that ended since:
                nothing is sent when the service may have forgotten it, `RetryPolicy.resend_guard` seconds later.
            timeout: Seconds for the call, retries included; ``None`` uses the client's.
            validate: Whether documented limits are checked here.

        Returns:
            The job; store ``str(job)`` to find it again from anywhere.

        Raises:
            ConflictError: The id was used for another request (409).
            ResponseLostError: It may or may not have been taken; ``await error.resume()`` asks again safely. With
                a ``first_sent_at`` too long ago it was not sent again, and cannot be resumed.
            PhotaError: As `PhotaClient.edit`.
        """
        from .client import check_kind  # noqa: PLC0415 - the client imports this module

        check_kind(request)
        if validate:
            check_request(request)
            if callback_url is not None:
                check_callback_url(callback_url, service=self._client.base_url)
        if client_request_id is not None and (not isinstance(client_request_id, str) or not client_request_id):
            fail("client_request_id", "a non-empty str", client_request_id)
        _check_first_sent(first_sent_at, client_request_id)
        work = self._submit_resumable(
            request,
            callback_url=callback_url,
            client_request_id=client_request_id or _new_id(),
            first_sent_at=first_sent_at,
            deadline=self._client._deadline(timeout),  # noqa: SLF001 - one package
            validate=validate,
        )
        hooks = self._client._transport.hooks  # noqa: SLF001
        return await (work if hooks is None else tell_operation(hooks, request.operation, "submit", work, _about))

    async def get(self, job_id: str | Job) -> Job:
        """Ask once where a job stands.

        Raises:
            NotFoundError: There is no such job, or not any more.
        """
        job, _ = await self._look(_id_of(job_id), retries=True)
        return job

    async def wait(
        self,
        job_id: str | Job,
        *,
        timeout: float = WAIT,
        interval: float | None = None,
        save_to: StrPath | None = None,
        exists: Exists = "error",
    ) -> ImageResult:
        """Wait until a job has ended and return its result, whose pictures are behind links.

        However many wait for a job, it is looked at once. Cancelling the wait, or running out of time, never
        cancels the job: it goes on at the service, and is paid for.

        Args:
            job_id: The job's id, or the `Job` itself.
            timeout: Seconds.
            interval: Seconds between two looks; ``None`` begins with the config's 2 s and slows down to 15 s.
            save_to: As in `PhotaClient.send`: downloads the pictures.
            exists: As in `PhotaClient.send`.

        Raises:
            JobFailedError: The job ended without a result.
            NotFoundError: There is no such job, or not any more.
            DeadlineError: It has not ended in time, or no look at it would come before the time is up; wait again.
            ConfigError: The client was closed meanwhile.
        """
        from .sending import _fetch, result_of  # noqa: PLC0415 - needs aiohttp

        client = self._client
        deadline = client._deadline(timeout)  # noqa: SLF001
        destination = None
        if save_to is not None:
            from .media.destination import make_destination  # noqa: PLC0415

            destination = make_destination(to_path(save_to), "image", exists)
            await destination.check(1, "jpg")  # before the wait, which may be long
        given = job_id if isinstance(job_id, Job) else None
        if given is None or not given.is_done:
            job = await self._until_done(_id_of(job_id), deadline, interval)
        else:
            job = given
        result = result_of(client, replace(job, expected=given.expected) if given else job)
        if destination is not None:
            await _fetch(client, result, None, destination, deadline)
        return result

    def watch(
        self, job_ids: str | Job | Iterable[str | Job], *, interval: float | None = None
    ) -> Watch[Job, JobChange]:
        """Follow many jobs; see `Watch`.

        Args:
            job_ids: Their ids, or the jobs themselves; a single one may stand alone.
            interval: Seconds between two looks at one job; ``None`` begins with the config's 2 s and slows
                down to 15 s.
        """
        return Watch(job_ids, self._client._pollers.here, self._subject, self._pace(interval), _to_change)  # noqa: SLF001

    async def _submit_resumable(self, request: AnyRequest, **how: Any) -> Job:
        """Submit, and let a lost answer's error submit the same again."""
        try:
            return await self._submit(request, **how)
        except ResponseLostError as error:
            lost = error

            async def resume() -> Job:
                from .sending import check_window  # noqa: PLC0415 - needs aiohttp

                first_sent_at = check_window(self._client, lost)
                again = how | {"deadline": self._client._deadline(None), "first_sent_at": first_sent_at}  # noqa: SLF001
                return await self._submit_resumable(request, **again)

            error.on_resume(resume)
            raise

    async def _submit(
        self,
        request: AnyRequest,
        *,
        client_request_id: str,
        deadline: float,
        validate: bool,
        callback_url: str | None = None,
        first_sent_at: float | None = None,
        ready: Ready = nullcontext,
    ) -> Job:
        async def receive(response: "aiohttp.ClientResponse") -> Job:
            job = read_job(await transport.read_json(response), client_request_id=client_request_id)
            return replace(job, expected=named_subjects(request))

        transport = self._client._transport  # noqa: SLF001
        self._client._check_open()  # noqa: SLF001
        async with ready(request) as outgoing:
            call = image_call(outgoing, job=True, callback_url=callback_url, client_request_id=client_request_id)
            sent = await transport.send(call, receive, deadline=deadline, validate=validate, first_sent=first_sent_at)
        return _marked(sent.value, sent.request_id)

    async def _until_done(self, job_id: str, deadline: float, interval: float | None = None) -> Job:
        job_call(job_id)  # raises InputError for what is no id
        poller, pace = self._client._pollers.here(), self._pace(interval)  # noqa: SLF001
        job = await wait_for(poller, self._subject, job_id, pace, deadline, what=f"job {job_id}", hint=GOES_ON)
        if job.is_failed:
            raise failure_of(job)
        return job

    def _pace(self, interval: float | None) -> Pace:
        config = self._client.config
        return growing(config.job_interval, config.max_job_interval) if interval is None else steady(interval)

    async def _look(self, job_id: str, *, retries: bool = False) -> tuple[Job, float | None]:
        self._client._check_open()  # noqa: SLF001
        transport = self._client._transport  # noqa: SLF001

        async def receive(response: "aiohttp.ClientResponse") -> Job:
            return read_job(await transport.read_json(response), job_id=job_id)

        reply = await transport.send(job_call(job_id), receive, retries=retries)
        return _marked(reply.value, reply.request_id), reply.retry_after

    def _tell(self, job_id: str, previous: Job | None, job: Job) -> None:
        hooks = self._client._transport.hooks  # noqa: SLF001
        if hooks:
            before = previous.status if previous else None
            hooks(JobChanged(job_id=job_id, previous=before, status=job.status))

    def _called_back(self, job_id: str) -> bool:
        """Look at once at a job that somebody waits for; says whether anybody does."""
        return self._client._pollers.here().nudge(self._subject, job_id)  # noqa: SLF001


def _to_change(job_id: str, previous: Job | None, job: Job | None, error: PhotaError | None) -> JobChange:
    before, now = previous.status if previous else None, job.status if job else None
    return JobChange(job_id=job_id, previous=before, status=now, job=job, error=error)


def _about(job: Job) -> dict[str, Any]:
    """Return what hooks are told of a job that was submitted."""
    return {"job_id": job.job_id, "request_id": job.request_id}


def _check_first_sent(moment: object, client_request_id: str | None) -> None:
    """Raise `InputError` for what is no moment of the past: milliseconds would always seem young enough."""
    if moment is None:
        return
    if not is_number(moment) or not 0 < moment < time.time() + CLOCKS_DIFFER:
        fail("first_sent_at", "Unix time in seconds, now or earlier", moment)
    if client_request_id is None:
        fail("client_request_id", "the one that was sent at first_sent_at", client_request_id)


def _id_of(job: str | Job) -> str:
    return job.job_id if isinstance(job, Job) else job


def failure_of(job: Job) -> PhotaError:
    """Return the error for a job that ended without a result."""
    error = JobFailedError(job.job_id, str(job.status) or "failed", job.error or "", job.error_code)
    return error.with_context(request_id=job.request_id)


def _marked(job: Job, request_id: str | None) -> Job:
    """Note the exchange's mark, of which the body's goes before the header's."""
    told = job.raw.get("request_id")
    return replace(job, request_id=told if isinstance(told, str) and told else request_id)


def _new_id() -> str:
    from .sending import new_request_id  # noqa: PLC0415 - needs aiohttp

    return new_request_id()
