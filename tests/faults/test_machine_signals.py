"""Signals to a program that runs a batch with a ledger: it ends, leaves nothing half, the next run does the rest."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from support import batch_program
from support.folders import tree
from support.memory import folder_in_memory
from support.peer import Exchange
from support.till import PICTURES, Till

from .trial import Trial

PROGRAM = Path(batch_program.__file__)
COUNT = batch_program.COUNT
BAD = ("never awaited", "was destroyed", "never retrieved", "Unclosed", "Exception ignored", "RuntimeError")

Moment = Callable[[Till, asyncio.subprocess.Process], Awaitable[None]]


def sold(count: int) -> Moment:
    async def wait(till: Till, _: asyncio.subprocess.Process) -> None:
        while till.sold.total() < count:  # noqa: ASYNC110 - the service's books
            await asyncio.sleep(0.001)

    return wait


def ended(count: int) -> Moment:
    async def wait(_: Till, program: asyncio.subprocess.Process) -> None:
        assert program.stdout is not None
        for _number in range(count):
            assert await program.stdout.readline()

    return wait


# The signal, when it comes, what the program is told to do, and how it ends.
CASES: list[tuple[signal.Signals, Moment, tuple[str, ...], int]] = [
    (signal.SIGINT, sold(1), (), -signal.SIGINT),
    (signal.SIGINT, sold(5), (), -signal.SIGINT),
    (signal.SIGTERM, sold(4), (), -signal.SIGTERM),
    (signal.SIGTERM, ended(1), ("term",), 7),
    (signal.SIGKILL, ended(3), (), -signal.SIGKILL),
]


async def start(till: Till, folder: Path, *how: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-W", "error", str(PROGRAM), till.peer.url, str(folder), *how)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))}
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=environment)


async def interrupted(
    fault: Trial, number: signal.Signals, moment: Moment, how: tuple[str, ...], expected: int
) -> None:
    with folder_in_memory() as folder:
        async with Till(looks=2) as till:
            program = await start(till, folder, *how)
            async with asyncio.timeout(60):
                await moment(till, program)
                program.send_signal(number)
                _, said = await program.communicate()
            assert program.returncode == expected, said.decode()
            assert not [word for word in BAD if word in said.decode()], said.decode()
            found = [content for name, content in tree(folder).items() if ".phota" not in name and ".part" not in name]
            assert all(content in PICTURES for content in found)
            if number == signal.SIGINT or how:  # it could tidy up
                assert not [name for name in tree(folder) if name.endswith(".part")]
            statuses = await fault.end_of(batch_program.run(till.peer.url, folder))
            assert set(statuses) <= {"done", "skipped"}  # type: ignore[arg-type]  # no error
            fault.lost("paid_twice", till.sold.total() - COUNT)
            fault.lost("lost_results", COUNT - sum(".phota" not in name for name in tree(folder)))


async def test_a_program_that_gets_a_signal_goes_on_to_exactly_once(fault: Trial) -> None:
    gate = asyncio.Semaphore(2)

    async def one(case: tuple[signal.Signals, Moment, tuple[str, ...], int]) -> None:
        async with gate:
            await interrupted(fault, *case)

    await asyncio.gather(*map(one, CASES))


async def test_a_second_interrupt_ends_a_program_at_once_whatever_it_waits_for(fault: Trial) -> None:
    """The first one lets calls under way come to their end, for ten seconds at most."""
    fault.tried(2)
    heard = asyncio.Event()

    class Silent(Till):
        async def _serve(self, exchange: Exchange) -> None:
            heard.set()
            await exchange.body()
            await exchange.gone()

    with folder_in_memory() as folder:
        async with Silent() as till:
            program = await start(till, folder)
            async with asyncio.timeout(60):
                await heard.wait()
                program.send_signal(signal.SIGINT)
                for _ in range(3):
                    await asyncio.sleep(0.1)  # it must be on its way out: nothing tells when
                assert program.returncode is None
                begun = asyncio.get_running_loop().time()
                program.send_signal(signal.SIGINT)
                await program.communicate()
            assert asyncio.get_running_loop().time() - begun < 8
        async with Till() as open_again:
            assert set(await batch_program.run(open_again.peer.url, folder)) == {"done"}
            assert open_again.sold.total() == COUNT
