"""One worker process, as its parent sees it.

Why not ``anyio.to_process`` or ``concurrent.futures.ProcessPoolExecutor`` (spawn and forkserver alike):

* they run the user's ``__main__`` again in the worker (measured): in a script without the ``__main__`` guard that
  is the batch itself, which pays. This one starts an interpreter that imports one module of ours;
* they unpickle what the worker answers, and the worker decodes strangers' pictures: see `wire`;
* one death breaks a whole executor, and a call that is cancelled goes on; here it is one worker, and it is killed.
"""

import asyncio
import contextlib
import os
import sys

import msgspec

from . import wire

BOOT = "import sys; sys.path[:] = sys.argv[2:]; from phota_async.photos.worker import main; main()"
STEP = 2**18  # bytes written at once: the loop breathes between
GRACE = 5.0  # seconds between the end of a worker's pipes and its own
MAX_HEAD = 2**16  # bytes of an answer's head
MAX_BODY = 2**30  # bytes of a prepared photo


class WorkerDiedError(Exception):
    """The process ended, or talks nonsense. Stays inside: the caller says which photo it was."""


class WorkerProcess:
    """A process that prepares one photo at a time.

    worker = await WorkerProcess.start()
    answer, data = await worker.ask(question, body)
    worker.kill()
    await worker.ended()
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("expected pipes, got none")
        self._questions, self._answers = process.stdin, process.stdout
        self._is_killed = False

    @classmethod
    async def start(cls) -> "WorkerProcess":
        """Start a fresh interpreter; raises `OSError` when the system has no room for one.

        It gets neither the key (no ``PHOTA_`` settings) nor the terminal (Ctrl-C is for the parent to handle).
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", BOOT, str(os.getpid())),
            *_paths(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith("PHOTA_")},
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked, as far as is known by now."""
        return self._process.returncode is None and not self._answers.at_eof()

    async def ask(self, question: wire.Question, body: bytes) -> tuple[wire.Answer, bytes]:
        """Have a photo prepared.

        A caller that is cut off leaves the worker in the middle of an answer, to be killed.

        Raises:
            WorkerDiedError: There will be no answer.
        """
        try:
            await self._send(question, body)
            head_size, body_size = wire.PREFIX.unpack(await self._answers.readexactly(wire.PREFIX.size))
            if head_size > MAX_HEAD or body_size > MAX_BODY:
                raise WorkerDiedError("talks nonsense")
            answer = wire.decode_answer(await self._answers.readexactly(head_size))
            return answer, await self._answers.readexactly(body_size)
        except (asyncio.IncompleteReadError, OSError):
            raise WorkerDiedError(await self._last_word()) from None
        except msgspec.MsgspecError:
            raise WorkerDiedError("talks nonsense") from None

    async def _send(self, question: wire.Question, body: bytes) -> None:
        self._questions.write(wire.pack(question, len(body)))
        for start in range(0, len(body), STEP):
            self._questions.write(memoryview(body)[start : start + STEP])
            await self._questions.drain()

    async def _last_word(self) -> str:
        code = await self._collected()
        return f"ended with signal {-code}" if code < 0 else f"ended with status {code}"

    async def _collected(self) -> int:
        """Wait for the end of what has ended, or will now; returns its status."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                return await self._process.wait()
        self._kill()
        return await self._process.wait()

    def kill(self) -> None:
        """End it at once, whatever it does.

        What has ended is left alone: killing looks for its status, and on Python 3.11 asyncio then misses it.
        """
        if not self._is_killed and not self._answers.at_eof():
            self._is_killed = True
            self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> None:
        """Wait until it is gone and its pipes are closed."""
        self._questions.close()
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: a call still reads, and will see the end
            await self._answers.read()
        await self._collected()


def _paths() -> list[str]:
    """Return where modules are found; "" is the current directory, which may change."""
    return [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100
