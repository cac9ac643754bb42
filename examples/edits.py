"""What the three web examples have in common: edits as jobs that outlive requests, restarts and crashes.

Order is what keeps money safe. The edit's id is on the disk before anything is sent, and it is the
``client_request_id``: whoever sends the row again, after a crash or from another worker, gets the same job and pays
nothing. For as long as the service is sure to remember that id, an unclear answer is cleared up by sending again;
after 48 minutes the edit ends as ``unknown``, for a person to look at.

Who may see which edit is left to the sign-in of your service, the size of request bodies to the proxy before it, and
when to delete what is over to you.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import anyio
from anyio.abc import TaskGroup
from job_store import Edit, JobStore

from phota_async import (
    ClientConfig,
    EditRequest,
    JobFailedError,
    Limiter,
    NotFoundError,
    PhotaClient,
    PhotaError,
    SignatureError,
)

FOLDER = Path(os.environ.get("EDITS_FOLDER", "edits")).absolute()
PUBLIC_URL = os.environ.get("PUBLIC_URL")  # https://..., where the service reaches this one; None: polling only
LEASE = float(os.environ.get("LEASE_SECONDS", "15"))
POLL = float(os.environ.get("POLL_SECONDS", "2"))
KEEP_ALIVE = float(os.environ.get("KEEP_ALIVE_SECONDS", "15"))  # proxies close what is silent for longer
TICK = 0.5  # seconds between two looks of an event stream at its row
MAX_PHOTO = 50 * 2**20  # bytes
AT_ONCE = 32 * 2**20  # bytes of photos and pictures under way: requests of your users are served in between
logger = logging.getLogger("edits")


@asynccontextmanager
async def open_edits() -> AsyncIterator["Edits"]:
    """Open the store and a client, carry on what was begun, and at the end stop without losing anything."""
    await asyncio.to_thread((FOLDER / "photos").mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(JobStore(FOLDER / "edits.sqlite", lease=LEASE))
        limiter = Limiter(64, max_bytes=AT_ONCE)
        client = await stack.enter_async_context(PhotaClient(config=ClientConfig(job_interval=POLL), limiter=limiter))
        group = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(group.cancel_scope.cancel)  # jobs go on at the service, and rows remember them
        edits = Edits(store, client, group)
        stack.enter_context(told_of_signals(edits.stop_streams))
        group.start_soon(edits.carry_on)
        yield edits


class Edits:
    """Begins edits, works on them, and tells how they stand."""

    def __init__(self, store: JobStore, client: PhotaClient, group: TaskGroup) -> None:
        self._store, self._client, self._group = store, client, group
        self._running: set[str] = set()
        self._stopping = asyncio.Event()

    async def begin(self, photo: IO[bytes], prompt: str) -> Edit:
        """Store an edit and let it be worked on; a ``ValueError`` says what is wrong with it."""
        edit_id = str(uuid.uuid4())
        path = FOLDER / "photos" / edit_id
        await asyncio.to_thread(keep_photo, photo, path)
        callback_url = f"{PUBLIC_URL}/callbacks" if PUBLIC_URL else None
        edit = await self._store.add(edit_id, str(path), prompt, callback_url)
        self._start(edit)
        return edit

    async def get(self, edit_id: str) -> Edit | None:
        """Return an edit."""
        return await self._store.get(edit_id)

    async def events(self, edit_id: str) -> AsyncIterator[bytes]:
        """Yield server-sent events: each change of an edit, and ``event: end`` with the last one.

        It reads the row, which any worker may write. When this worker stops, so does the stream, and the browser
        asks again by itself.
        """
        loop, shown, quiet_since = asyncio.get_running_loop(), None, 0.0
        while not self._stopping.is_set() and (edit := await self._store.get(edit_id)):
            if (data := json.dumps(view(edit))) != shown:
                shown, quiet_since = data, loop.time()
                yield f"event: {'end' if edit.is_final else 'change'}\ndata: {data}\n\n".encode()
            elif loop.time() - quiet_since > KEEP_ALIVE:
                quiet_since = loop.time()
                yield b": keep-alive\n\n"
            if edit.is_final:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._stopping.wait()

    async def deliver(self, raw_body: bytes, headers: Any) -> int:
        """Take the service's callback and return the status to answer with."""
        try:
            event = await self._client.webhooks.deliver(raw_body, headers)  # wakes who waits for it here
        except SignatureError:
            return 401
        except PhotaError:
            return 503  # what it is signed with could not be asked for: it may come again
        edit = await self._store.find(event.job_id)
        if edit is not None and not edit.is_final:
            self._start(edit)  # another worker's: fetching is free, and both would store the same
        return 204

    async def carry_on(self) -> None:
        """Work on what nobody works on: left by an earlier run, by a dead worker, or postponed."""
        while True:
            try:
                await self._store.renew(self._running)
                for edit in await self._store.adopt():
                    self._start(edit)
            except Exception:
                logger.exception("the store failed; trying again")
            await asyncio.sleep(LEASE / 3)

    def stop_streams(self) -> None:
        """End the event streams: servers wait for open answers before they stop."""
        self._stopping.set()

    def _start(self, edit: Edit) -> None:
        if edit.edit_id not in self._running:
            self._running.add(edit.edit_id)
            self._group.start_soon(self._work, edit)

    async def _work(self, edit: Edit) -> None:
        """Bring an edit to its end; what another time may cure is let go, for `carry_on` to find it again."""
        try:
            await self._submit_and_fetch(edit)
        except Exception:
            logger.exception("edit %s is left for another time", edit.edit_id)
        finally:
            self._running.discard(edit.edit_id)

    async def _submit_and_fetch(self, edit: Edit) -> None:
        try:
            job_id = edit.job_id or await self._submit(edit)
            await self._fetch(edit, job_id)
        except PhotaError as error:
            known = await self._store.get(edit.edit_id) or edit
            is_first = edit.first_sent_at is None
            end = judge(known, error, is_first=is_first, guard=self._client.config.retry.resend_guard)
            if end is None:
                # Not its sentence: in the service's words it may repeat the prompt, in ours a path.
                marks = (edit.edit_id, type(error).__name__, error.request_id)
                logger.warning("edit %s is left for another time: %s (request %s)", *marks)
                return
            message = error.sentence().replace(edit.photo, "the photo")  # its path here is nobody's business
            await self._store.finish(edit.edit_id, end, message=message)

    async def _submit(self, edit: Edit) -> str:
        now = time.time()
        marked = await self._store.mark_sent(edit.edit_id, now)  # before anything is sent
        if marked.job_id is not None:  # another worker was faster, while this one stood still
            return marked.job_id
        job = await self._client.jobs.submit(
            EditRequest(images=[edit.photo], prompt=edit.prompt),
            client_request_id=edit.edit_id,
            callback_url=edit.callback_url,
            first_sent_at=None if marked.first_sent_at == now else marked.first_sent_at,  # the 48 minutes count from it
        )
        await self._store.mark_submitted(edit.edit_id, job.job_id)
        return job.job_id

    async def _fetch(self, edit: Edit, job_id: str) -> None:
        async with self._client.jobs.watch(job_id) as changes:
            async for change in changes:
                if change.status:
                    await self._store.mark_status(edit.edit_id, str(change.status))
        path = FOLDER / "images" / f"{edit.edit_id}.jpg"
        result = await self._client.jobs.wait(job_id, save_to=path, exists="replace")
        images = [str(image.path) for image in result.images]
        await self._store.finish(edit.edit_id, "done" if images else "failed", image=images[0] if images else None)


def judge(edit: Edit, error: PhotaError, *, is_first: bool, guard: float) -> str | None:
    """Return how an edit ends with an error, or ``None`` when another try may help.

    Where something may be paid for, only the clearest words end it.
    """
    if edit.job_id is not None:
        return "failed" if isinstance(error, (JobFailedError, NotFoundError)) else None
    if is_first and error.charged == "no":
        return None if error.retryable else "failed"
    return "unknown" if time.time() - (edit.first_sent_at or 0.0) > guard else None


def view(edit: Edit) -> dict[str, Any]:
    """Return what is shown of an edit."""
    image = f"/edits/{edit.edit_id}/image" if edit.image else None
    shown = {"id": edit.edit_id, "status": edit.status, "message": edit.message, "image": image}
    return {**shown, "is_final": bool(edit.is_final)}


def keep_photo(photo: IO[bytes], path: Path) -> None:
    """Write an upload to the disk, durably. Blocks."""
    size = photo.seek(0, os.SEEK_END)
    if not 0 < size <= MAX_PHOTO:
        raise ValueError(f"photo: expected 1 to {MAX_PHOTO} bytes, got {size}")
    photo.seek(0)
    with path.open("xb") as file:
        shutil.copyfileobj(photo, file)
        file.flush()
        os.fsync(file.fileno())  # sent again, it must be the same to the byte


@contextmanager
def told_of_signals(tell: Callable[[], None]) -> Iterator[None]:
    """Be told when the server is told to stop, and let it know as well."""
    if threading.current_thread() is not threading.main_thread():  # no signals there, as in test clients
        yield
        return
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def handle(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(tell)
        earlier = before[signal.Signals(number)]
        if callable(earlier):
            earlier(number, frame)

    for number in numbers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
