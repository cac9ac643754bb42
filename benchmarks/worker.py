"""A contender's own process: opens it, warms up, and does a round whenever the runner says so."""

import asyncio
import gc
import shutil
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from pathlib import Path

from .measure import Sample, measure, measure_pair, memory
from .scenario import Scenario, Setup, load

Round = Callable[[], Awaitable[Sample]]


def work(pipe: Connection, scenario: str, contender: str, setup: Setup) -> None:
    """Serve rounds until the pipe says ``None``; what goes wrong is sent as text."""
    try:
        asyncio.run(_serve(pipe, load(scenario), contender, setup))
    except EOFError:
        pass  # the runner was interrupted
    except Exception:  # noqa: BLE001 - a contender may fail in its own ways, and the others go on
        pipe.send(traceback.format_exc())


async def _serve(pipe: Connection, scenario: Scenario, contender: str, setup: Setup) -> None:
    async with AsyncExitStack() as stack:
        do_round = await _open(stack, scenario, contender, setup)
        pipe.send("ready")
        while pipe.recv() is not None:  # blocks the loop: nothing else shall happen between rounds
            sample = await do_round()
            _remove_files(setup.directory)
            gc.collect()
            pipe.send(sample)


async def _open(stack: AsyncExitStack, scenario: Scenario, contender: str, setup: Setup) -> Round:
    if scenario.warms_up:
        async with scenario.open(contender, setup.warm()) as run:  # imports and caches, not this case's memory
            await run()
    if scenario.paired:
        run = await stack.enter_async_context(scenario.open(contender, setup))
        floor = await stack.enter_async_context(scenario.open(setup.case.contenders[0], setup))
        return lambda: measure_pair(run, floor)
    gc.collect()
    before = memory()

    async def do_round() -> Sample:
        # Opened anew: two connections of one process may differ by a third for as long as they live.
        async with scenario.open(contender, setup) as run:
            return await measure(run, before)

    return do_round


def _remove_files(directory: Path) -> None:
    for path in directory.iterdir():
        if path.name.startswith("out-"):
            shutil.rmtree(path)
