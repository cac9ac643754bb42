"""Over real connections: a wait ends with its client, loop or process, and polls give way to what is paid."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, Connect, Listen, quick
from support.peer import Exchange, Peer, answer, by_path, script, until
from support.pictures import PHOTO, image_answer, job_answer
from support.steps import SteppingLoop, every_step

from phota_async import Batch, BatchItem, ConfigError, GenerateRequest, Limiter, PhotaClient
from phota_async.config import ClientConfig
from phota_async.events import Event, ProfileChanged
from phota_async.sandbox import Sandbox, Shape

SLOW = quick(job_interval=600, max_job_interval=600)


async def silence(exchange: Exchange) -> None:
    """Take a request, and never answer."""
    await exchange.body()
    await asyncio.Event().wait()


def tasks_of(client: PhotaClient) -> int:
    return len(client._pollers.here().schedule._running)


# The client's end


async def test_closing_the_client_ends_all_who_wait(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, job_answer(status="running")))
    client = connect(peer, config=SLOW)
    before = asyncio.all_tasks()

    async def read() -> None:
        async with client.jobs.watch(["j1", "j2"]) as changes:
            async for _ in changes:
                pass

    waits: list[asyncio.Task[Any]] = [asyncio.create_task(client.jobs.wait("j1")), asyncio.create_task(read())]
    await until(lambda: len(peer.requests) == 2)
    await client.aclose()
    ended = await asyncio.gather(*waits, return_exceptions=True)

    assert [(type(each), str(each)) for each in ended] == [(ConfigError, "the client is closed")] * 2
    await until(lambda: asyncio.all_tasks() - peer.tasks == before - peer.tasks)
    with pytest.raises(ConfigError, match="the client is closed"):
        await client.jobs.wait("j1")


async def test_closing_the_client_cuts_a_look_that_is_under_way(listen: Listen, connect: Connect) -> None:
    peer = await listen(silence)
    client = connect(peer)
    waiter = asyncio.create_task(client.jobs.wait("j1"))
    await until(lambda: len(peer.requests) == 1)
    await client.aclose()

    with pytest.raises(ConfigError, match="closed"):
        await waiter
    assert client.limiter.statistics().running == 0


async def test_a_client_that_was_closed_waits_again_when_it_is_entered_again(listen: Listen, connect: Connect) -> None:
    peer = await listen(answer(200, job_answer(status="done", download_urls=["https://x/1.jpg"])))
    client = connect(peer)
    for _ in range(2):
        async with client:
            assert (await client.jobs.wait("job-1")).job_id == "job-1"


async def test_a_batch_waits_through_the_same_poller(listen: Listen, connect: Connect) -> None:
    peer = await listen()
    looks = script(
        answer(200, job_answer(status="running")),
        answer(200, job_answer(status="done", download_urls=[peer.link()])),
    )
    submit = answer(202, job_answer(status="queued"))
    peer.script = [by_path({"/generate": submit, "/job-1": looks, ".jpg": answer(200, PHOTO)})]
    client = connect(peer, config=quick(job_interval=0.2, max_job_interval=0.2))
    async with Batch(client, [BatchItem("a", GenerateRequest(prompt="a sea"))], mode="job") as outcomes:
        await until(lambda: tasks_of(client) == 1)
        waiter = asyncio.create_task(client.jobs.wait("job-1"))
        assert [outcome.status async for outcome in outcomes] == ["done"]
        await waiter

    assert sum("job-1" in request.path for request in peer.requests) == 2


# Polls and paid calls


async def test_a_paid_call_goes_before_polls_that_wait(listen: Listen, connect: Connect) -> None:
    peer = await listen()
    gate = asyncio.Event()

    async def first(exchange: Any) -> None:
        await gate.wait()
        await answer(200, image_answer(PHOTO))(exchange)

    paid = script(first, answer(200, image_answer(PHOTO)))
    looks = {f"/j{number}": answer(200, job_answer(status="done")) for number in range(5)}
    peer.script = [by_path({"/generate": paid} | looks)]
    client = connect(peer, limiter=Limiter(1))
    calls = [asyncio.create_task(client.generate("a sea"))]
    await until(lambda: len(peer.requests) == 1)
    waits = [asyncio.create_task(client.jobs.wait(f"j{number}")) for number in range(5)]
    await until(lambda: client.limiter.statistics().waiting == 5)
    calls.append(asyncio.create_task(client.generate("a sea")))
    await until(lambda: client.limiter.statistics().waiting == 6)
    gate.set()
    await asyncio.gather(*calls, *waits)

    assert [request.method for request in peer.requests] == ["POST", "POST", *["GET"] * 5]


async def test_polls_that_wait_for_a_place_leave_it_with_who_waits(listen: Listen, connect: Connect) -> None:
    peer = await listen(silence)
    client = connect(peer, limiter=Limiter(1))
    call = asyncio.create_task(client.generate("a sea"))
    await until(lambda: len(peer.requests) == 1)
    waits = [asyncio.create_task(client.jobs.wait(f"j{number}")) for number in range(5)]
    await until(lambda: client.limiter.statistics().waiting == 5)
    for each in waits:
        each.cancel()
    await asyncio.wait(waits)
    assert client.limiter.statistics().waiting == 0
    call.cancel()
    await asyncio.wait([call])
    assert client.limiter.statistics().running == 0


def test_one_of_many_is_cut_at_any_step_and_the_others_go_on() -> None:
    async def run(loop: SteppingLoop) -> None:
        async with Peer() as peer:
            looks = script(
                answer(200, job_answer(status="running")),
                answer(200, job_answer(status="done", download_urls=["https://x/1.jpg"])),
            )
            peer.script = [by_path({"/job-1": looks})]
            async with PhotaClient(KEY, peer.url, config=quick()) as client:
                others = [asyncio.create_task(client.jobs.wait("job-1")) for _ in range(2)]
                await loop.cut(client.jobs.wait("job-1"))
                assert [each.job_id for each in await asyncio.gather(*others)] == ["job-1"] * 2
                assert len(peer.requests) == 2
                assert client.limiter.statistics().running == 0
                session = client._transport.pools._pools[loop].free
                assert session.connector is not None
                assert not session.connector._acquired

    assert sum(loop.was_cut for loop in every_step(run)) > 5


# Loops and processes


def test_one_client_waits_on_one_loop_after_the_other() -> None:
    clients: list[PhotaClient] = []

    async def main() -> None:
        async with Sandbox(time_scale=0) as sandbox:
            sandbox.add_profile("anna")
            client = PhotaClient(sandbox.api_key, sandbox.base_url)
            clients.append(client)
            await asyncio.gather(*[client.profiles.wait("anna") for _ in range(3)])
            assert sandbox.gets("/profiles/{profile_id}/status") == 1

    for _ in range(3):
        asyncio.run(main())

    async def again(client: PhotaClient) -> None:
        client._pollers.here()

    for _ in range(3):
        asyncio.run(again(clients[0]))
    assert len(clients[0]._pollers._pollers) == 1  # loops that have ended are forgotten


PRELUDE = """
    import asyncio, os, sys
    from support.peer import Peer, answer, json, until
    from phota_async import PhotaClient

    async def silence(exchange):
        await asyncio.Event().wait()
"""


def run_python(code: str, *arguments: str) -> str:
    """Run a program with warnings as errors; it must end well and say nothing on stderr."""
    tests = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(PRELUDE) + textwrap.dedent(code), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("how", ["looking", "between"])
def test_a_loop_that_ends_while_somebody_waits_leaves_no_warning(how: str) -> None:
    code = """
        clients = []

        async def main():
            async with Peer(silence if sys.argv[1] == "looking" else json({"status": "QUEUING"})) as peer:
                client = PhotaClient("key", peer.url)
                clients.append(client)
                waits = [asyncio.create_task(client.profiles.wait("anna", interval=600)) for _ in range(3)]
                await until(lambda: len(peer.requests) == 1)
                if sys.argv[1] == "between":
                    await until(lambda: not client._pollers.here().schedule._running)
            # nobody is told: the loop cancels them all

        asyncio.run(main())
        print("done")
    """

    assert run_python(code, how) == "done\n"


def test_a_forked_child_has_a_poller_of_its_own() -> None:
    code = """
        async def wait(client, peer_url):
            return (await client.profiles.wait("ready", interval=0.01)).status

        async def main():
            async def service(exchange):
                await (json({"status": "READY"}) if "ready" in exchange.request.path else silence)(exchange)

            async with Peer(service) as peer:
                client = PhotaClient("key", peer.url)
                waiting = asyncio.create_task(client.profiles.wait("slow"))
                await until(lambda: len(peer.requests) == 1)
                assert await wait(client, peer.url) == "READY"
                pid = os.fork()
                if pid == 0:
                    try:
                        assert repr(client._pollers) == "<Pollers of 1 loops>"
                        print(asyncio.run(wait(client, peer.url)), flush=True)
                        assert repr(client._pollers) == "<Pollers of 1 loops>"
                    finally:
                        os._exit(0)
                await asyncio.to_thread(os.waitpid, pid, 0)
                print("the child is done", flush=True)
                waiting.cancel()
                await asyncio.wait([waiting])
                await client.aclose()

        asyncio.run(main())
    """

    assert run_python(code) == "READY\nthe child is done\n"


# The listing over real HTTP


@pytest.mark.parametrize(
    ("shape", "at_least", "at_most"),
    [
        (Shape(), 40, 80),  # a single call for each end
        (Shape(profile_elements="without_status"), 80, 2000),
        (Shape(profile_elements="strings"), 80, 2000),
        (Shape(listing_lag=1e6), 80, 2000),
        (Shape(listing_limit=20), 60, 2000),
    ],
    ids=["statuses", "no statuses", "ids only", "behind", "cut short"],
)
async def test_forty_trainings_are_followed_whatever_the_listing_tells(
    shape: Shape, at_least: int, at_most: int
) -> None:
    told: list[Event] = []
    async with Sandbox(time_scale=150.0, shape=shape) as sandbox:
        ids = [sandbox.add_profile(status=None, training_seconds=40 + number, tag="t") for number in range(40)]
        config = ClientConfig(profile_interval=0.05)
        client = PhotaClient(sandbox.api_key, sandbox.base_url, config=config, hooks=[told.append])
        async with client, asyncio.timeout(20), client.profiles.watch(ids) as changes:
            seen = [(change.profile_id, str(change.status)) async for change in changes]
    assert sorted(key for key, status in seen if status == "READY") == sorted(ids)
    assert len(seen) == len({*seen})  # nothing is told twice
    assert at_least <= sandbox.gets("/profiles/{profile_id}/status") <= at_most
    assert sum(isinstance(each, ProfileChanged) for each in told) == len(seen)


async def test_a_listing_by_tag_once_it_is_known(connect: Connect) -> None:
    async with Sandbox(time_scale=0) as sandbox:
        ids = [sandbox.add_profile(status="IN_PROGRESS", tag="user-7") for _ in range(10)]
        sandbox.add_profile(status="IN_PROGRESS", tag="somebody else")
        client = connect(sandbox.base_url, api_key=sandbox.api_key)
        async with client.profiles.watch(ids, interval=0.05) as changes:
            for _ in ids:
                await anext(changes)
            await until(lambda: sandbox.gets("/profiles/ids") >= 3)
        queries = [request.query for request in sandbox.requests if request.route == "/profiles/ids"]
    assert queries[:3] == [{}, {"tag": "user-7"}, {"tag": "user-7"}]


async def test_a_listing_that_fails_is_looked_past(connect: Connect) -> None:
    async with Sandbox(time_scale=0) as sandbox:
        ids = [sandbox.add_profile() for _ in range(20)]
        sandbox.fail("GET /profiles/ids", status=500, times=None)
        client = connect(sandbox.base_url, api_key=sandbox.api_key)
        async with client.profiles.watch(ids, interval=0.05) as changes:
            assert [str(change.status) async for change in changes] == ["READY"] * 20
    assert sandbox.gets("/profiles/ids") == 2
