"""Off the event loop, in processes that die with their parent and take nothing with them when they die alone."""

import asyncio
import io
import os
import queue
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from phota_async.errors import ConfigError, InputError
from phota_async.photos import PhotoWorkers, prepare, process, wire, worker
from phota_async.photos.preparing import Options
from phota_async.photos.process import WorkerProcess
from phota_async.photos.workers import SMALL

from . import samples

LARGE = samples.encoded(samples.stored(6, (600, 500)), exif=b"Exif\0\0" + samples.exif(6))  # needs a process
UPRIGHT = (600, 500)
DEADLINE = 10.0  # seconds; only what hangs needs them
linux = pytest.mark.skipif(sys.platform != "linux", reason="uses pidfds")


@pytest.fixture
async def workers() -> AsyncIterator[PhotoWorkers]:
    async with PhotoWorkers(max_processes=2) as made:
        yield made


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.jpg"
    path.write_bytes(LARGE)
    return path


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop run until something is so."""
    with anyio.fail_after(DEADLINE):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def busy(workers: PhotoWorkers) -> WorkerProcess:
    """Wait until a process works on a photo, and stop it there."""
    await until(lambda: workers._busy)
    (found,) = workers._busy
    os.kill(found.pid, signal.SIGSTOP)
    return found


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_sample_is_large_enough() -> None:
    assert UPRIGHT[0] * UPRIGHT[1] > SMALL


async def test_processes_do_what_the_function_does(workers: PhotoWorkers, large: Path) -> None:
    expected = prepare(large)
    assert expected.size == UPRIGHT
    for image in (large, str(large), LARGE, bytearray(LARGE)):
        assert await workers.prepare(image) == expected
    assert workers.statistics().processes == 1
    assert await workers.prepare(large, max_side=100, strip="all") == prepare(large, max_side=100, strip="all")
    assert await workers.prepare(samples.HEIC) == prepare(samples.HEIC)


async def test_what_takes_a_moment_takes_a_thread(workers: PhotoWorkers) -> None:
    for data in (samples.jpeg(), samples.jpeg(6), samples.png(), samples.webp()):
        assert await workers.prepare(data) == prepare(data)
    assert workers.statistics().processes == 0


async def test_many_at_once_are_bounded(workers: PhotoWorkers, large: Path) -> None:
    expected = prepare(large)
    results: list[Any] = []

    async def work() -> None:
        results.append(await workers.prepare(large))
        assert workers.statistics().running <= 2
        assert workers.statistics().processes <= 2

    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(work)
    assert results == [expected] * 12
    assert workers.statistics().processes == 2
    assert repr(workers) == "<PhotoWorkers 0/2 running, 0 waiting, open>"


async def test_a_body_larger_than_a_pipe(workers: PhotoWorkers) -> None:
    noise = samples.encoded(samples.stored(6, (1200, 1000)).effect_spread(600), quality=98)
    turned = noise[:2] + samples.segment(0xE1, b"Exif\0\0" + samples.exif(6)) + noise[2:]
    assert len(turned) > 2 * process.STEP
    assert await workers.prepare(turned) == prepare(turned)


async def test_relative_paths_are_the_callers(
    workers: PhotoWorkers, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(large.parent)
    assert (await workers.prepare(large.name)).size == UPRIGHT
    (large.parent / "sub").mkdir()
    (large.parent / "sub" / "other.jpg").write_bytes(LARGE)
    monkeypatch.chdir(large.parent / "sub")
    assert (await workers.prepare("other.jpg")).size == UPRIGHT


async def test_names_that_are_no_utf8(workers: PhotoWorkers, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    path.write_bytes(LARGE)
    assert (await workers.prepare(path)).size == UPRIGHT
    path.write_bytes(samples.HEIC.read_bytes()[:400])
    with pytest.raises(InputError) as caught:
        await workers.prepare(path)
    assert str(caught.value).startswith(str(path))


async def test_carrying_over(workers: PhotoWorkers, large: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.jpg"
    result.write_bytes(samples.encoded(samples.picture()))
    told = await workers.carry_over(large, result, operation="enhance", gps=False, mtime=True)
    assert told.carried == {"date", "camera", "rating", "mark"}
    assert result.stat().st_mtime == samples.TAKEN


# Errors


async def test_photos_that_cannot_be_read_are_named_as_the_caller_named_them(
    workers: PhotoWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.heic").write_bytes(samples.HEIC.read_bytes()[:400])
    with pytest.raises(InputError, match=r"^broken\.heic: expected"):
        await workers.prepare("broken.heic")
    with pytest.raises(InputError, match=r"^absent\.jpg: expected"):
        await workers.prepare("absent.jpg")
    with pytest.raises(InputError, match=r"^the second: expected"):
        await workers.prepare(samples.HEIC.read_bytes()[:400], name="the second")
    with pytest.raises(InputError, match="max_side"):
        await workers.prepare(LARGE, max_side=-1)
    assert (await workers.prepare(LARGE)).size == UPRIGHT
    assert workers.statistics().died == 0


async def test_a_missing_extra_is_named(workers: PhotoWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "BOOT", "import sys; sys.modules['pi_heif'] = None; " + process.BOOT)
    with pytest.raises(ConfigError, match=r"phota-async\[heic\]"):
        await workers.prepare(samples.HEIC)


async def test_photos_that_crash_their_decoder_harm_nobody_else(workers: PhotoWorkers) -> None:
    crash = bytearray(samples.HEIC.read_bytes())
    crash[222] = 255  # pi-heif 1.4.0 looks at a name that is not there; a newer one may read it
    try:
        await workers.prepare(bytes(crash), name="crash.heic")
    except InputError as error:
        assert str(error).startswith("crash.heic: ")  # noqa: PT017 - it need not be raised
    assert (await workers.prepare(LARGE)).size == UPRIGHT


@linux
async def test_a_worker_that_is_killed_is_told_and_replaced(workers: PhotoWorkers, large: Path) -> None:
    async def fail() -> None:
        with pytest.raises(InputError, match=r"large\.jpg: the worker process ended with signal 9 while it read"):
            await workers.prepare(large)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fail)
        found = await busy(workers)
        os.kill(found.pid, signal.SIGKILL)
    assert (workers.statistics().died, workers.statistics().processes) == (1, 0)
    assert is_gone(found.pid)
    assert (await workers.prepare(large)).size == UPRIGHT


@linux
async def test_a_worker_that_is_killed_while_idle_is_replaced(workers: PhotoWorkers, large: Path) -> None:
    await workers.prepare(large)
    (idle,) = workers._idle
    os.kill(idle.pid, signal.SIGKILL)
    await until(lambda: not idle.is_alive)
    assert (await workers.prepare(large)).size == UPRIGHT
    assert workers.statistics().died == 0


NONSENSE = """
import struct, sys
sys.stdin.buffer.read(30)
sys.stdout.buffer.write(struct.pack('>IQ', 1, 0) + bytes([0xc1]))
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("program", "word"),
    [
        ("import sys; print('hello, this is no answer at all ' * 9, flush=True); sys.stdin.read()", "talks nonsense"),
        (NONSENSE, "talks nonsense"),
        ("raise SystemExit(3)", "ended with status 3"),
    ],
)
async def test_a_worker_that_is_none(
    workers: PhotoWorkers, program: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(process, "BOOT", program)
        with pytest.raises(InputError, match=word):
            await workers.prepare(LARGE, name="photo")
    assert (await workers.prepare(LARGE)).size == UPRIGHT


async def test_a_worker_that_closes_its_pipes_and_stays_is_ended(
    workers: PhotoWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(process, "BOOT", "import os, threading; os.close(1); threading.Event().wait()")
        with pytest.raises(InputError, match="ended with signal 9"):
            await workers.prepare(LARGE, name="photo")
    assert (await workers.prepare(LARGE)).size == UPRIGHT


async def test_no_room_for_a_process(workers: PhotoWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ConfigError, match="cannot start a worker process: No such file"):
        await workers.prepare(LARGE)
    assert workers.statistics().running == 0


# Cancellation


@linux
@pytest.mark.parametrize("native", [True, False])
async def test_a_cancelled_call_ends_its_process(workers: PhotoWorkers, large: Path, native: bool) -> None:
    with anyio.CancelScope() as scope:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(workers.prepare(large))
            found = await busy(workers)
            if native:
                task.cancel()
            else:
                scope.cancel()
    assert task.cancelled()
    assert is_gone(found.pid)
    assert workers.statistics().processes == workers.statistics().running == workers.statistics().died == 0
    assert (await workers.prepare(large)).size == UPRIGHT


@linux
async def test_a_cancelled_call_that_waits_leaves_its_place(large: Path) -> None:
    async with PhotoWorkers(max_processes=1) as workers, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(workers.prepare(large))
        found = await busy(workers)
        second = tasks.create_task(workers.prepare(large))
        await until(lambda: workers.statistics().waiting)
        second.cancel()
        os.kill(found.pid, signal.SIGCONT)
        assert (await first).size == UPRIGHT
        assert workers.statistics().waiting == 0
        assert (await workers.prepare(large)).size == UPRIGHT


async def test_cancelled_at_every_step(large: Path) -> None:
    async with PhotoWorkers(max_processes=1) as workers:
        for steps in range(40):
            task = asyncio.create_task(workers.prepare(large))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert workers.statistics().running == 0
        assert (await workers.prepare(large)).size == UPRIGHT
        assert workers.statistics().processes == 1


# Lifetime


@linux
async def test_closing_ends_all_processes(large: Path) -> None:
    async with PhotoWorkers(max_processes=2) as workers:
        await workers.prepare(large)
        (idle,) = workers._idle
    assert is_gone(idle.pid)
    for call in (workers.prepare(large), workers.carry_over(None, large)):
        with pytest.raises(ConfigError, match="closed"):
            await call
    with pytest.raises(ConfigError, match="closed"):
        await workers.__aenter__()


@linux
async def test_closing_ends_calls_under_way(large: Path) -> None:
    async def fail(workers: PhotoWorkers) -> None:
        with pytest.raises(ConfigError, match="closed while"):
            await workers.prepare(large)

    async with anyio.create_task_group() as tasks, PhotoWorkers() as workers:
        tasks.start_soon(fail, workers)
        found = await busy(workers)
    assert is_gone(found.pid)


@linux
async def test_closing_starts_nothing_for_those_who_wait(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = WorkerProcess.start, 0

    async def count() -> WorkerProcess:
        nonlocal started
        started += 1
        return await start()

    async def fail(workers: PhotoWorkers) -> None:
        with pytest.raises(ConfigError, match="closed"):
            await workers.prepare(large)

    monkeypatch.setattr(WorkerProcess, "start", count)
    async with anyio.create_task_group() as tasks, PhotoWorkers(max_processes=1) as workers:
        for _ in range(3):
            tasks.start_soon(fail, workers)
        await busy(workers)
        await until(lambda: workers.statistics().waiting == 2)
    assert started == 1


async def test_closing_while_a_process_starts(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = WorkerProcess.start
    started: list[WorkerProcess] = []
    closed = asyncio.Event()

    async def late() -> WorkerProcess:
        started.append(await start())
        await closed.wait()
        return started[0]

    async def fail(workers: PhotoWorkers) -> None:
        with pytest.raises(ConfigError, match="closed"):
            await workers.prepare(large)

    monkeypatch.setattr(WorkerProcess, "start", late)
    async with anyio.create_task_group() as tasks:
        async with PhotoWorkers() as workers:
            tasks.start_soon(fail, workers)
            await until(lambda: started)
        closed.set()
    assert is_gone(started[0].pid)


async def test_before_the_beginning(large: Path) -> None:
    with pytest.raises(ConfigError, match="async with"):
        await PhotoWorkers().prepare(large)
    with pytest.raises(ConfigError, match="max_processes"):
        PhotoWorkers(max_processes=-1)


@pytest.mark.parametrize("cause", ["asked", "frozen", "no python"])
async def test_without_processes(cause: str, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if cause == "frozen":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    if cause == "no python":
        monkeypatch.setattr(sys, "executable", "")
    async with PhotoWorkers(max_processes=0 if cause == "asked" else None) as workers:
        assert (await workers.prepare(large)).size == UPRIGHT
        assert workers.statistics().processes == 0


def test_cores_where_affinity_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert repr(PhotoWorkers()) == "<PhotoWorkers 0/1 running, 0 waiting, new>"


# What a worker process is


async def test_the_key_never_reaches_a_worker(
    workers: PhotoWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    monkeypatch.setenv("PHOTA_API_KEY", "secret")
    boot = f"import os; open({str(told)!r}, 'w').write(repr(os.environ)); " + process.BOOT
    monkeypatch.setattr(process, "BOOT", boot)
    await workers.prepare(LARGE)
    assert "PATH" in told.read_text()
    assert "secret" not in told.read_text()


async def test_a_worker_imports_no_more_than_it_needs(
    workers: PhotoWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    monkeypatch.setattr(process, "BOOT", SPY.format(told=str(told)) + process.BOOT)
    await workers.prepare(LARGE)
    (idle,) = workers._idle
    await idle.ended()  # it closes the pipe first, and that is the end
    modules = set(told.read_text().split())
    assert "PIL.Image" in modules
    assert not {"asyncio", "anyio", "aiohttp", "multiprocessing"} & modules


SPY = """
import os, sys
before, end = set(sys.modules), os._exit
def tell(code):
    with open({told!r}, "w") as file:
        file.write(" ".join(set(sys.modules) - before))
    end(code)
os._exit = tell
"""


UNGUARDED = """
import asyncio, sys
from phota_async.photos import PhotoWorkers
print("paying")
async def main():
    async with PhotoWorkers() as workers:
        print((await workers.prepare(sys.argv[1])).size)
asyncio.run(main())
"""


def test_a_script_without_a_guard_is_not_run_again(large: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    package = Path(process.__file__).parents[2]
    told = subprocess.run(
        [sys.executable, str(script), str(large)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(package)},
    )
    assert told.stdout == f"paying\n{UPRIGHT}\n"
    assert told.stderr == ""


PARENT = """
import asyncio, os, signal, sys
from phota_async.photos import PhotoWorkers, process
async def main():
    process.BOOT = process.BOOT.replace("main()", sys.argv[2])
    async with PhotoWorkers() as workers:
        await workers.prepare(sys.argv[1])
        (idle,) = workers._idle
        if sys.argv[3] == "stopped":
            os.kill(idle.pid, signal.SIGSTOP)
        print(idle.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
BY_PIPE = "sys.modules[main.__module__].follow = lambda parent: None; main()"


@linux
@pytest.mark.parametrize(
    ("boot", "state"),
    [("main()", "stopped"), (BY_PIPE, "idle")],
    ids=["by the kernel, even when it is stopped", "by the pipe, without the kernel's help"],
)
def test_workers_die_with_a_parent_that_is_killed(boot: str, state: str, large: Path) -> None:
    arguments = [sys.executable, "-c", PARENT, str(large), boot, state]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        watched = os.pidfd_open(int(parent.stdout.readline()))
        try:
            assert not select.select([watched], [], [], 0)[0]
            parent.kill()
            assert select.select([watched], [], [], DEADLINE)[0]
        finally:
            parent.kill()
            os.close(watched)


@linux
def test_a_worker_whose_parent_is_gone_already_ends() -> None:
    told = subprocess.run([sys.executable, "-c", process.BOOT, "1", *sys.path], check=False, stdin=subprocess.PIPE)
    assert told.returncode == 0


def test_elsewhere_the_pipe_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    worker.follow(-1)


QUESTION = wire.Question(label=b"photo", options=Options())


def test_a_bug_of_ours_becomes_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(worker, "by_decoding", fail)
    assert worker.answer(wire.encode(QUESTION), LARGE) == (wire.Answer(problem=b"photo: KeyError: 'oops'"), b"")


def test_a_worker_listens_and_serves_until_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process does, in this one: nothing can be counted in a process that is killed."""

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)
    waiting: queue.SimpleQueue[tuple[bytes, bytes]] = queue.SimpleQueue()
    with pytest.raises(SystemExit):
        worker.listen(io.BytesIO(wire.pack(QUESTION, len(LARGE)) + LARGE + b"cut"), waiting.put)
    answers = Answers()
    with pytest.raises(SystemExit):
        worker.serve(waiting.get_nowait, answers)
    head, body = wire.read(io.BytesIO(answers.told))
    assert wire.decode_answer(head).size == UPRIGHT
    assert body == prepare(LARGE).data
    assert waiting.empty()


class Answers(io.BytesIO):
    """A pipe whose reader leaves after the first answer."""

    told = b""

    def flush(self) -> None:
        self.told = self.getvalue()
        raise BrokenPipeError


def test_a_worker_keeps_its_pipes_to_itself() -> None:
    program = "from phota_async.photos.worker import _own_pipes; import os, sys; questions, answers = _own_pipes()\n"
    program += "print('noise', flush=True); os.system('echo noise'); answers.write(questions.read()); answers.flush()"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, input=b"asked")
    assert told.stdout == b"asked"
