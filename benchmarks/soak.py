"""Does it hold for as long as a web service runs? ``python -m benchmarks.soak [--seconds 300] [--seed N]``.

Thousands of trainings and hundreds of jobs at once, each that ends followed by another, end in every way, with
words on their way that nobody knows. They are waited for by one task or several, watched, and followed within end
users' scopes. The jobs' callbacks come once, twice, late, forged or never, and in the middle the service is down
for a fifteenth of the time: it refuses connections, then answers with 503. Service and client are processes of
their own. At the end every end must be known as the service has it, each job made once, no task, timer, socket,
place of the limiter or end user's scope left over, and memory flat. Exits with 1 when anything is missed, and by
itself in any case.
"""

import argparse
import asyncio
import faulthandler
import gc
import logging
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from phota_async import ClientConfig, PhotaClient
from phota_async.scope import UserScope
from phota_async.watch.targets import Group, Target

from .measure import memory
from .runner import spawn
from .soak_plan import Plan
from .soak_service import serve
from .soak_users import Learnt, Users, taking_callbacks
from .soak_verdict import Left, Run, Sample, checks, table

HEAD_START = 0.5  # seconds until the time begins
JOB_INTERVAL = 2.0  # seconds, at most
OVERTIME = 1.2  # of the seconds: what has not ended by then never will
LAST_RESORT = 60.0  # seconds after that until the process ends, whatever hangs
SAMPLE = 0.5  # seconds
DESCRIPTORS = Path("/proc/self/fd")


class Warnings(logging.Handler):
    """Keeps what the client warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class Held(NamedTuple):
    """What this process holds."""

    tasks: int
    timers: int
    sockets: int


async def soak(plan: Plan) -> Run:
    """Run the service in a process of its own, and everything else here."""
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, plan), daemon=True)
    process.start()
    theirs.close()
    try:
        return await use(plan, ours)
    finally:
        ours.close()
        process.terminate()
        process.join()


async def use(plan: Plan, pipe: Connection) -> Run:
    """Let all users do what they do, and look what is left of it."""
    logging.getLogger("phota_async").addHandler(warnings := Warnings())
    learnt, taken = Learnt([*plan.profiles, *plan.jobs]), Counter[str]()
    base_url, before = await asyncio.to_thread(pipe.recv), held()
    client = PhotaClient("key", base_url, config=_config(plan))
    async with taking_callbacks(client, taken) as callback_url:
        start = time.monotonic() + HEAD_START
        pipe.send(start)
        await asyncio.sleep(HEAD_START)
        users = Users(client, plan, learnt, start=start, callback_url=callback_url)
        samples, is_whole = await _bounded(users, plan.seconds * OVERTIME)
        account = await _ask(pipe)  # when it has sent all callbacks
    limiter, followed = client.limiter.statistics(), _followed()
    await client.aclose()
    connections, after = await _ask(pipe), held()
    tasks, timers, sockets = (now - then for now, then in zip(after, before, strict=True))
    left = Left(tasks, timers, sockets, connections, limiter.running + limiter.waiting, followed)
    return Run(plan, start, learnt, taken, samples, warnings.texts, is_whole, account, left)


async def _bounded(users: Users, seconds: float) -> tuple[list[Sample], bool]:
    """Run them for so many seconds at most; says how the process was, and whether they ended before."""
    samples: list[Sample] = []
    sampling = asyncio.ensure_future(_sample(samples))
    try:
        async with asyncio.timeout(seconds):
            await users.run()
    except TimeoutError:
        return samples, False
    finally:
        sampling.cancel()
    return samples, True


async def _sample(samples: list[Sample]) -> None:
    start, cpu = time.monotonic(), time.process_time()
    while True:
        samples.append(Sample(time.monotonic() - start, memory(), time.process_time() - cpu))
        await asyncio.sleep(SAMPLE)


async def _ask(pipe: Connection) -> Any:
    """Give the service its cue, and return what it says."""
    pipe.send(None)
    return await asyncio.to_thread(pipe.recv)


def held() -> Held:
    """Return what this process holds now; only Linux tells of sockets."""
    gc.collect()
    loop: Any = asyncio.get_running_loop()
    timers = sum(not handle.cancelled() for handle in loop._scheduled)  # noqa: SLF001 - there is no other way
    sockets = 0
    for each in DESCRIPTORS.iterdir() if DESCRIPTORS.is_dir() else ():
        with suppress(OSError):  # what lists them is gone by now
            sockets += str(each.readlink()).startswith("socket:")
    return Held(len(asyncio.all_tasks()), timers, sockets)


def _followed() -> int:
    """Return the scopes and trainings that are still in memory, though nobody waits any more."""
    gc.collect()
    return sum(type(each) in (UserScope, Group, Target) for each in gc.get_objects())


def _config(plan: Plan) -> ClientConfig:
    first = min(JOB_INTERVAL, plan.interval / 5)
    return ClientConfig(profile_interval=plan.interval, job_interval=first, max_job_interval=plan.interval)


def report(run: Run) -> bool:
    """Print what came of it; says whether everything holds."""
    for line in table(run):
        print(line)
    account, found = run.account, list(checks(run))
    print(f"at most {account.connections} connections and {account.busiest} requests a second at the service")
    for check in found:
        print(f"{'ok' if check.holds else 'MISSED':>8}  {check.said}")
    return all(check.holds for check in found)


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.soak")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long, 30 or more (%(default)g)")
    parser.add_argument("--profiles", type=int, default=5000, help="trainings at once (%(default)s)")
    parser.add_argument("--jobs", type=int, default=200, help="jobs at once (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    chosen = parser.parse_args()
    faulthandler.dump_traceback_later(chosen.seconds * OVERTIME + LAST_RESORT, exit=True)
    plan = Plan(**vars(chosen))
    print(f"seed {plan.seed}: {len(list(plan.profiles))} trainings and {len(plan.purchases)} jobs", flush=True)
    is_well = report(asyncio.run(soak(plan)))
    faulthandler.cancel_dump_traceback_later()
    return int(not is_well)


if __name__ == "__main__":
    sys.exit(main())
