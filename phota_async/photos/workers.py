"""Prepare photos and carry metadata over without holding the event loop."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self

import anyio
import msgspec

from .. import threads
from ..errors import ConfigError, InputError
from . import wire
from .carrying import CarriedOver, carry_over
from .loading import PhotoInput, label_of, load
from .measuring import Measures, measure
from .merging import Mode, Operation
from .preparing import MAX_SIDE, Options, Prepared, Strip, by_decoding, pixels_of, without_decoding
from .process import WorkerDiedError, WorkerProcess

MAX_PROCESSES = 8  # each may hold several hundred megabytes
SMALL = 250_000  # pixels that take a few milliseconds: not worth a process


class WorkersStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What the workers are doing."""

    running: int
    """Photos being decoded."""
    waiting: int
    """Photos that wait for their turn to be decoded."""
    processes: int
    """Processes that were started and live."""
    died: int
    """Processes that ended in the middle of a photo, those of cancelled calls left out."""


class PhotoWorkers:
    """Prepares photos off the event loop: copying in threads, decoding in processes.

    async with PhotoWorkers() as workers:
        prepared = await workers.prepare("IMG_1.jpg")

    Processes are started on first use and end with the ``async with``, or with their parent, however that ends. It
    belongs to one event loop, whose thread starts the processes.

    Args:
        max_processes: Photos decoded at once; ``None`` is one for each core, 8 at most; 0 decodes in threads, for
            programs whose ``sys.executable`` is no Python.
    """

    def __init__(self, *, max_processes: int | None = None) -> None:
        cores = min(_cores(), MAX_PROCESSES)
        self._uses_processes = max_processes != 0 and bool(sys.executable) and not getattr(sys, "frozen", False)
        self._limit = max_processes or cores
        if self._limit < 0:
            raise ConfigError(f"max_processes: expected 0 or more, got {max_processes}")
        self._places = asyncio.Semaphore(self._limit)
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._running = self._waiting = self._died = 0
        self._state = "new"

    def __repr__(self) -> str:
        return f"<PhotoWorkers {self._running}/{self._limit} running, {self._waiting} waiting, {self._state}>"

    def statistics(self) -> WorkersStatistics:
        """Return the counters as they are now."""
        return WorkersStatistics(
            running=self._running, waiting=self._waiting, processes=len(self._idle) + len(self._busy), died=self._died
        )

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise ConfigError(f"expected new workers, got {self._state} ones")
        self._state = "open"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._state = "closed"
        workers = [*self._idle, *self._busy]
        self._idle.clear()
        for worker in workers:
            worker.kill()
        with anyio.CancelScope(shield=True):
            for worker in workers:
                await worker.ended()

    async def prepare(
        self, image: PhotoInput, *, max_side: int | None = MAX_SIDE, strip: Strip = "gps", name: str = "image"
    ) -> Prepared:
        """Make a photo fit to leave; see `phota_async.photos.prepare`.

        A call that is cancelled ends its process, and leaves nothing behind.

        Raises:
            InputError: The photo cannot be read, is broken, has too many pixels, or ended the process that read
                it; it names the file.
            ConfigError: An extra is missing, no process can be started, or the workers are not open.
        """
        self._check_open()
        options = Options(max_side=max_side, strip=strip)
        prepared = await threads.run(_quickly, image, options, name)
        if prepared is not None:
            return prepared
        async with self._place():
            if not self._uses_processes:
                return await threads.run(_slowly, image, options, name)
            answer, data = await self._ask(*_question(image, options, name))
        return Prepared(data=data, format=answer.format, size=answer.size, reencoded=True)

    async def measure(self, image: PhotoInput, *, name: str = "image") -> Measures:
        """Look at a photo closely; see `phota_async.photos.measure`. Errors and cancelling are those of `prepare`."""
        self._check_open()
        async with self._place():
            if not self._uses_processes:
                return await threads.run(measure, image, name=name)
            answer, _ = await self._ask(*_question(image, None, name))
        if answer.measures is None:
            raise InputError(f"{label_of(image, name)}: the worker process talks nonsense")
        return answer.measures

    async def carry_over(
        self,
        original: PhotoInput | None,
        result_path: str | os.PathLike[str],
        *,
        operation: Operation = "edit",
        mode: Mode = "copy",
        gps: bool = True,
        mark: bool = True,
        mtime: bool = False,
        name: str = "original",
    ) -> CarriedOver:
        """Put an original's metadata into a result; see `phota_async.photos.carry_over`.

        It takes a thread: nothing is decoded, and a file that is being replaced must not be cut off by a kill. A
        cancelled caller leaves at once, while the file is finished.
        """
        self._check_open()
        chosen = {"operation": operation, "mode": mode, "gps": gps, "mark": mark, "mtime": mtime, "name": name}
        return await threads.run(partial(carry_over, original, result_path), **chosen)

    def _check_open(self) -> None:
        if self._state != "open":
            raise ConfigError(f"expected open workers, got {self._state} ones").with_context(
                hint="use them inside async with PhotoWorkers() as workers"
            )

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Wait for a turn and count it."""
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._places.release()

    async def _ask(self, question: wire.Question, photo: bytes) -> tuple[wire.Answer, bytes]:
        worker = await self._worker()
        try:
            head, body = await worker.ask(question, photo)
        except WorkerDiedError as error:
            self._died += 1
            await self._dismiss(worker)
            raise self._death(wire.to_text(question.label), error) from None
        except BaseException:
            await self._dismiss(worker)
            raise
        self._busy.discard(worker)
        self._idle.append(worker)
        if head.problem:
            kind = ConfigError if head.is_setting else InputError
            raise kind(wire.to_text(head.problem)).with_context(hint=head.hint)
        return head, body

    async def _worker(self) -> WorkerProcess:
        """Return a living worker that nobody uses, or a new one."""
        self._check_open()  # it may have been closed while the caller waited for a turn
        while self._idle:
            worker = self._idle.pop()
            self._busy.add(worker)
            if worker.is_alive:
                return worker
            await self._dismiss(worker)
        try:
            worker = await WorkerProcess.start()
        except OSError as error:
            raise ConfigError(f"cannot start a worker process: {error.strerror or error}") from None
        self._busy.add(worker)
        if self._state != "open":  # closed while it started
            await self._dismiss(worker)
            self._check_open()
        return worker

    async def _dismiss(self, worker: WorkerProcess) -> None:
        worker.kill()
        with anyio.CancelScope(shield=True):
            await worker.ended()
        self._busy.discard(worker)

    def _death(self, label: str, error: WorkerDiedError) -> ConfigError | InputError:
        if self._state != "open":
            return ConfigError(f"{label}: the workers were closed while it was prepared")
        return InputError(f"{label}: the worker process {error} while it read this photo").with_context(
            hint="it may need more memory than there is, or break its decoder"
        )


def _question(image: PhotoInput, options: Options | None, name: str) -> tuple[wire.Question, bytes]:
    """Name a file by its full path, since the worker has a current directory of its own."""
    label = wire.to_bytes(label_of(image, name))
    if isinstance(image, (str, os.PathLike)):
        path = os.fsencode(os.path.abspath(os.fsdecode(image)))  # noqa: PTH100 - resolve() would follow links
        return wire.Question(label=label, path=path, options=options), b""
    return wire.Question(label=label, options=options), bytes(image)


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quickly(image: PhotoInput, options: Options, name: str) -> Prepared | None:
    """Prepare a photo when that takes a few milliseconds at most."""
    photo = load(image, name)
    prepared = without_decoding(photo, options)
    if prepared is None and pixels_of(photo) <= SMALL:
        return by_decoding(photo, options)
    return prepared


def _slowly(image: PhotoInput, options: Options, name: str) -> Prepared:
    return by_decoding(load(image, name), options)
