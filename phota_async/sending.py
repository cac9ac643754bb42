"""Carry out one image request: held open or as a job, into memory or into files."""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import anyio

from .answers import is_id, read_job
from .b64stream import decode_image
from .errors import DeadlineError, DownloadError, PhotaError, ResponseLostError
from .events import ImageSaved
from .jobs import failure_of
from .media.destination import Destination
from .media.download import GONE
from .media.sinks import FileSink, MemorySink, Sink
from .models import ImageAnswer, Job
from .pricing import named_subjects
from .protocol import image_call
from .requests import AnyRequest, Ready
from .results import ImageResult, OutputImage
from .retry import age_of
from .telling import Meter
from .transport.receive import read_images

if TYPE_CHECKING:
    import aiohttp

    from .client import PhotaClient
    from .transport.attempts import Reply

FETCHES_AT_ONCE = 4  # downloads of one result side by side


async def send_sync(
    client: "PhotaClient",
    request: AnyRequest,
    destination: Destination | None,
    deadline: float,
    *,
    validate: bool,
    ready: Ready = nullcontext,
) -> ImageResult:
    """Hold the request open until the answer has arrived; ``ready`` gives it as it is to be sent."""
    config, sinks = client.config, list[Sink]()

    def new_sink(index: int) -> Sink:
        sinks.append(MemorySink() if destination is None else destination.sink(index))
        return sinks[-1]

    async def receive(response: "aiohttp.ClientResponse") -> tuple[ImageAnswer, dict[str, Any]]:
        sinks.clear()
        limits = {"max_answer": config.max_answer_bytes, "max_image": config.max_image_bytes}
        hooks = client._transport.hooks  # noqa: SLF001 - one package
        meter = Meter(hooks, f"POST /{request.operation}", "received", response.content_length) if hooks else None
        return await read_images(response, new_sink, meter=meter, **limits)

    try:
        reply = await _post(client, ready(request), receive, deadline=deadline, validate=validate)
        answer, data = reply.value
        with _bought():
            if not answer.images and _is_job(data):  # the service took it as a job
                return await finish_job(client, read_job(data), request, destination, deadline)
            images = await _received(client, answer, sinks, destination)
            result = _result(client, request, images, answer, _request_id(data) or reply.request_id)
            await _fetch(client, result, request, destination, deadline)
        return result
    finally:
        for sink in sinks:
            if isinstance(sink, FileSink):
                sink.discard()


async def _post(
    client: "PhotaClient", ready: AbstractAsyncContextManager[AnyRequest], receive: Any, **how: Any
) -> "Reply[tuple[ImageAnswer, dict[str, Any]]]":
    """Send a call, and keep nothing of it afterwards: what was made for sending may be large."""
    async with ready as outgoing:
        return await client._transport.send(image_call(outgoing), receive, **how)  # noqa: SLF001


async def send_as_job(
    client: "PhotaClient",
    request: AnyRequest,
    destination: Destination | None,
    deadline: float,
    *,
    validate: bool,
    client_request_id: str | None = None,
    first_sent_at: float | None = None,
    ready: Ready = nullcontext,
) -> ImageResult:
    """Submit the request as a job, wait for it and fetch its pictures."""
    client_request_id = client_request_id or new_request_id()
    try:
        job = await client.jobs._submit(  # noqa: SLF001 - one package
            request,
            client_request_id=client_request_id,
            deadline=deadline,
            validate=validate,
            first_sent_at=first_sent_at,
            ready=ready,
        )
    except ResponseLostError as error:
        lost = error

        async def resume() -> ImageResult:
            first_sent_at = check_window(client, lost)
            return await send_as_job(
                client,
                request,
                destination,
                client._deadline(None),  # noqa: SLF001
                validate=validate,
                client_request_id=client_request_id,
                first_sent_at=first_sent_at,
                ready=ready,
            )

        error.on_resume(resume)
        raise
    return await finish_job(client, job, request, destination, deadline)


async def finish_job(
    client: "PhotaClient",
    job: Job,
    request: AnyRequest,
    destination: Destination | None,
    deadline: float,
) -> ImageResult:
    """Wait for a job and fetch its pictures to where they shall be."""
    if job.is_failed:
        raise failure_of(job)
    with _bought(job_id=job.job_id):
        job = await _until_done(client, job, request, destination, deadline)
        answer = job.answer or ImageAnswer()
        result = _result(client, request, _embedded(answer), answer, job.request_id, job)
        await _fetch(client, result, request, destination, deadline)
        return result


async def _until_done(
    client: "PhotaClient",
    job: Job,
    request: AnyRequest,
    destination: Destination | None,
    deadline: float,
) -> Job:
    """Wait for a job that was just bought; when time runs out, it is a lost answer that can be resumed."""
    if job.is_done and job.answer and (job.answer.download_urls or job.answer.images):
        return job  # a job that was asked for again may say that it is done without its pictures: look at it then
    try:
        return await client.jobs._until_done(job.job_id, deadline)  # noqa: SLF001
    except DeadlineError as error:
        reason = error.sentence()

    async def resume() -> ImageResult:
        return await finish_job(client, job, request, destination, client._deadline(None))  # noqa: SLF001

    lost = ResponseLostError(f"POST /{request.operation}", reason).with_context(
        retryable=True,
        client_request_id=job.client_request_id,
        hint=f"await error.resume() waits on, as does client.jobs.wait({job.job_id!r})",
    )
    raise lost.on_resume(resume)


def result_of(client: "PhotaClient", job: Job) -> ImageResult:
    """Return a finished job's result with its links."""
    answer = job.answer or ImageAnswer()
    return _result(client, None, _embedded(answer), answer, job.request_id, job)


def _result(
    client: "PhotaClient",
    request: AnyRequest | None,
    images: Sequence[OutputImage],
    answer: ImageAnswer,
    request_id: str | None,
    job: Job | None = None,
) -> ImageResult:
    job_id = (job.job_id or None) if job else None
    fetch = _Fetcher(client, job_id)
    links = [OutputImage(url=url, place=place, fetch=fetch) for place, url in enumerate(answer.download_urls)]
    return ImageResult(
        [*images] or links,
        known_subjects=answer.known_subjects,
        request_id=request_id,
        job_id=job_id,
        expected=named_subjects(request) if request else job.expected if job else (),
    )


@contextmanager
def _bought(**context: Any) -> Iterator[None]:
    """Let no error on the way from the service to the caller say that nothing was charged."""
    try:
        yield
    except PhotaError as error:
        error.with_context(charged="unknown", **context)
        raise


def _embedded(answer: ImageAnswer) -> list[OutputImage]:
    """Return pictures that came inside a job's answer, though jobs are asked for links."""
    texts = [text for text in answer.images if isinstance(text, str) and text]
    return [OutputImage(pieces=(decode_image(text, index=place),), place=place) for place, text in enumerate(texts)]


async def _received(
    client: "PhotaClient", answer: ImageAnswer, sinks: Sequence[Sink], destination: Destination | None
) -> list[OutputImage]:
    """Return the pictures that came in the answer itself."""
    images: list[OutputImage] = []
    for index in answer.images:
        if not isinstance(index, int):  # null or "": the service sent no picture there
            continue
        sink = sinks[index]
        if isinstance(sink, FileSink) and destination is not None:
            images.append(await destination.publish(sink, len(images)))
            tell_saved(client, images[-1])
        elif isinstance(sink, MemorySink):
            images.append(OutputImage(pieces=sink.pieces, place=len(images)))
    return images


async def _fetch(
    client: "PhotaClient",
    result: ImageResult,
    request: AnyRequest | None,
    destination: Destination | None,
    deadline: float,
) -> None:
    """Download what is still behind links, when the caller wants files or bytes."""
    wanted = destination is not None or (request is not None and request.response_mode == "bytes")
    left = [image for image in result.images if not _is_written(image) and (destination or image.size is None)]
    if not wanted or not left:
        return
    places = iter(enumerate(left))
    failures: list[PhotaError] = []

    async def worker() -> None:
        for place, image in places:
            try:
                await _fetch_one(client, image, place, result.job_id, destination, deadline)
            except PhotaError as error:
                failures.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(min(FETCHES_AT_ONCE, len(left))):
            group.start_soon(worker)
    if failures:
        raise failures[0].with_context(**_still_there(result))


def _is_written(image: OutputImage) -> bool:
    """Whether it is on the disk, under its name or waiting for one."""
    return image.path is not None or image.sha256 is not None


async def _fetch_one(
    client: "PhotaClient",
    image: OutputImage,
    place: int,
    job_id: str | None,
    destination: Destination | None,
    deadline: float,
) -> None:
    fetcher = _Fetcher(client, job_id, deadline)
    if destination is None:
        sink = MemorySink()
        await fetcher(image, sink)
        image.keep(sink.pieces)
        return
    file = destination.sink(place)
    try:
        await fetcher(image, file)
        saved = await destination.publish(file, place, image.url)
        image.keep(())
        image.path, image.size, image.sha256 = saved.path, saved.size, saved.sha256
        image.keep_format(saved.format)
        tell_saved(client, image)
    finally:
        file.discard()


class _Fetcher:
    """Downloads an image's link, asking the job for a new one when it has expired."""

    def __init__(self, client: "PhotaClient", job_id: str | None, deadline: float | None = None) -> None:
        self._client = client
        self._job_id = job_id
        self._deadline = deadline

    async def __call__(self, image: OutputImage, sink: Sink) -> None:
        if image.data is not None:
            sink.write(image.data)
            return
        downloader = self._client._get_downloader()  # noqa: SLF001
        expired: DownloadError | None = None
        try:
            await downloader.fetch(image.url or "", sink, deadline=self._deadline)
        except DownloadError as error:
            if error.status not in GONE or self._job_id is None:
                raise
            expired = error
        if expired is not None:
            image.url = await self._fresh_link(image, expired)
            await sink.restart()
            await downloader.fetch(image.url, sink, deadline=self._deadline)

    async def _fresh_link(self, image: OutputImage, expired: DownloadError) -> str:
        job = await self._client.jobs.get(self._job_id or "")
        links = job.answer.download_urls if job.answer else ()
        if image.place >= len(links):
            raise expired.with_context(hint="the link has expired and the job gives no new one")
        return links[image.place]


def check_window(client: "PhotaClient", error: ResponseLostError) -> float | None:
    """Return when it was first sent, as Unix time by the clock as it is set now.

    Raises the error again when the service may have forgotten the id, so that asking again could pay twice.
    """
    import time  # noqa: PLC0415 - wall clock: the first attempt may lie in another process

    first, now = error.first_sent_at, time.time()
    if first is None:
        return None
    passed = 0.0 if error.sent_clock is None else time.monotonic() - error.sent_clock
    if passed > age_of(first, now) + 1.0:  # the clock was set back meanwhile
        first = now - passed
    age, guard = age_of(first, now), client.config.retry.resend_guard
    if age <= guard:
        return first
    when = f"{age:.0f} s ago" if math.isfinite(age) else "in the future, by a clock that was set"
    raise error.with_context(
        retryable=False,
        hint=f"it was first sent {when}; after {guard:.0f} s the service may have forgotten its id",
    )


def new_request_id() -> str:
    """Return a new ``client_request_id``: a UUID, 36 characters of a safe alphabet."""
    import uuid  # noqa: PLC0415 - costs 4 ms at import, and only jobs need it

    return str(uuid.uuid4())


def tell_saved(client: "PhotaClient", image: OutputImage) -> None:
    """Tell the client's hooks of a picture that lies under its name."""
    hooks = client._transport.hooks  # noqa: SLF001
    if hooks and image.path is not None:  # a batch with a ledger names its files later
        hooks(ImageSaved(path=str(image.path), size=image.size or 0))


def _still_there(result: ImageResult) -> dict[str, Any]:
    if result.job_id is None:
        return {"result": result, "hint": "error.result has the links, which live 24 hours"}
    return {"result": result, "job_id": result.job_id, "hint": f"client.jobs.wait({result.job_id!r}) fetches it again"}


def _is_job(data: dict[str, Any]) -> bool:
    told = data.get("job_id")
    return isinstance(told, str) or is_id(told)  # an empty one is no ordinary answer either


def _request_id(data: Any) -> str | None:
    value = data.get("request_id")
    return value if isinstance(value, str) and value else None
