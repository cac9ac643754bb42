"""Clocks that jump: nothing waits, ends or is sent again for it, but what may have been forgotten is not sent again.

The service is assumed to remember an id for an hour; the guard is 48 minutes. What is not covered: a clock that is set
back between two processes, while an intent waits, by more than the 12 minutes between the two.
"""

import itertools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, Connect, Listen, quick
from support.clocks import Clocks, clocks
from support.leftovers import check_nothing_left
from support.memory import folder_in_memory
from support.peer import Exchange, Peer, answer, by_path, hang_up, script
from support.pictures import job_answer, real_picture
from support.steps import SteppingLoop, every_step
from support.till import Till

from phota_async import (
    Batch,
    BatchItem,
    EnhanceRequest,
    GenerateRequest,
    InputError,
    PhotaClient,
    ResponseLostError,
)
from phota_async.ledger import Ledger

from .trial import Trial

__all__ = ["clocks"]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
SEA = GenerateRequest(prompt="a sea")
PHOTO = real_picture(90)
LINKS = [f"https://photos.example/{number}.jpg" for number in range(10)]
JUMPS = (-3650 * DAY, -DAY, -HOUR, -50 * MINUTE, -30 * MINUTE, -30.0, 0.0, 30.0, 30 * MINUTE, HOUR, DAY, 3650 * DAY)
PASSED = (0.0, 10 * MINUTE, 47 * MINUTE, 49 * MINUTE, 70 * MINUTE, DAY)
MOMENTS = list(itertools.product(PASSED, JUMPS))
GUARD = 48 * MINUTE

# A clock that is set while a call runs.

Call = Callable[[PhotaClient, Path], Awaitable[Any]]


async def in_a_batch(client: PhotaClient, folder: Path) -> None:
    assert await run_batch(client, folder) == "done"


CALLS: dict[str, Call] = {
    "held": lambda client, _: client.send(SEA),
    "job": lambda client, folder: client.send(SEA, mode="job", save_to=folder),
    "training": lambda client, _: client.profiles.wait("anna", interval=0.001),
    "create": lambda client, _: client.profiles.create(LINKS, tag="user-7"),
    "batch": in_a_batch,
}


@pytest.mark.parametrize(("call", "jump"), [*((call, -DAY) for call in CALLS), ("held", DAY), ("job", DAY)])
def test_a_clock_that_is_set_at_any_step_changes_nothing(fault: Trial, clocks: Clocks, call: str, jump: float) -> None:
    async def run(loop: SteppingLoop) -> None:
        with folder_in_memory() as folder:
            async with Till() as till, PhotaClient(KEY, till.peer.url, config=quick()) as client:
                await loop.strike(CALLS[call](client, folder), lambda: clocks.set_by(jump))
                check_nothing_left(client)
                assert set(till.sold.values()) <= {1}, loop.at

    for loop in every_step(run):
        fault.tried(loop.was_cut)


# Asking again for what was lost.


@pytest.mark.parametrize("kind", ["submit", "send", "elsewhere"])
async def test_a_lost_job_is_asked_for_again_while_it_is_surely_remembered(
    fault: Trial, clocks: Clocks, kind: str
) -> None:
    """Of this process the true time is known, whatever the clock says; of another one what lies ahead is refused."""
    for passed, jump in MOMENTS:
        async with Peer(hang_up) as peer, PhotaClient(KEY, peer.url, config=quick()) as client:
            with pytest.raises(ResponseLostError) as caught:
                await (client.send(SEA, mode="job") if kind == "send" else client.jobs.submit(SEA))
            lost, before = caught.value, len(peer.requests)
            clocks.wait(passed)
            clocks.set_by(jump)
            if kind == "elsewhere":  # another process has the wall clock only
                how = {"client_request_id": lost.client_request_id, "first_sent_at": lost.first_sent_at}
                end = await fault.end_of(client.jobs.submit(SEA, **how))  # type: ignore[arg-type]  # each as named
            else:
                end = await fault.end_of(lost.resume())
            assert isinstance(end, ResponseLostError | InputError)
            is_sent = len(peer.requests) > before
        seen = passed + jump
        assert is_sent == (-MINUTE <= seen <= GUARD and (kind == "elsewhere" or passed <= GUARD)), (passed, jump)


async def test_a_ledgers_intent_is_sent_again_while_it_is_surely_remembered(fault: Trial, clocks: Clocks) -> None:
    for passed, jump in MOMENTS:
        fault.tried()
        with folder_in_memory() as folder:
            async with Till(looks=0) as till, PhotaClient(KEY, till.peer.url, config=quick()) as client:
                till.loses = True
                assert await run_batch(client, folder) == "unknown"
                till.loses = False
                clocks.wait(passed)
                clocks.set_by(jump)
                if passed > HOUR:
                    till.jobs.clear()
                end = await run_batch(client, folder)
                is_sure = -MINUTE <= passed + jump <= GUARD
                assert end == ("done" if is_sure else "unknown"), (passed, jump)
                if not (is_sure and passed > HOUR):  # see above: nobody can know it
                    fault.lost("paid_twice", till.sold.total() - 1)


@pytest.mark.parametrize("when", [(0.0, 2), (47 * MINUTE, 2), (49 * MINUTE, 1), (70 * MINUTE, 1)])
@pytest.mark.parametrize("jump", [-DAY, -50 * MINUTE, 0.0, DAY])
async def test_a_job_that_vanished_is_not_sent_again_beyond_the_guard(
    fault: Trial, clocks: Clocks, listen: Listen, connect: Connect, tmp_path: Path, when: tuple[float, int], jump: float
) -> None:
    fault.tried()
    passed, posts = when

    async def gone(exchange: Exchange) -> None:
        clocks.set_by(jump)
        await answer(404, b'{"detail": "no such job"}')(exchange)

    async def late(exchange: Exchange) -> None:
        clocks.wait(passed)
        await gone(exchange)

    peer: Peer = await listen()
    looks = script(late, answer(404, b'{"detail": "no such job"}'))
    peer.script = [by_path({"/enhance": answer(202, job_answer()), "/job-1": looks})]
    client = connect(peer, config=quick(timeout=3 * HOUR, free_timeout=3 * HOUR))
    assert await run_batch(client, tmp_path) == "unknown"
    assert len(peer.posts) <= posts if jump else len(peer.posts) == posts


async def run_batch(client: PhotaClient, folder: Path) -> str:
    items = [BatchItem("1", EnhanceRequest(image=PHOTO, prompt="a"))]
    async with (
        Ledger(folder / "ledger.sqlite", clock=lambda: time.time()) as ledger,  # noqa: PLW0108 - as it is set then
        Batch(client, items, output=folder, ledger=ledger, metadata="none", mark=False) as ends,
    ):
        [end] = [end async for end in ends]
    return end.status
