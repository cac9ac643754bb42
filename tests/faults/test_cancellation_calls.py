"""Every call, cut off at every step in each of three ways: no place, connection, task, descriptor or file is left.

On kept connections: ``tests/transport/test_cancellation.py``. A call cannot tell ``wait_for`` from ``task.cancel()``:
the long ones are spared it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, quick
from support.descriptors import descriptors
from support.folders import tree
from support.leftovers import check_nothing_left
from support.memory import folder_in_memory
from support.peer import until
from support.pictures import real_picture
from support.steps import WAYS, SteppingLoop, Way, every_step
from support.till import PICTURES, Till

from phota_async import (
    Batch,
    BatchItem,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    Limiter,
    OutputImage,
    PhotaClient,
    RemixRequest,
)
from phota_async.requests import AnyRequest

from .trial import Trial

PHOTO = real_picture(90)
LINKS = [f"https://photos.example/{number}.jpg" for number in range(10)]
Call = Callable[[PhotaClient, Path], Awaitable[Any]]


async def from_a_file(client: PhotaClient, folder: Path) -> None:
    path = folder.parent / "photo.jpg"
    path.write_bytes(PHOTO + bytes(400_000))  # two pieces on the wire
    await client.edit(path, "at sea")


async def resumed(client: PhotaClient, folder: Path) -> None:
    """A download that breaks off in its middle and goes on."""
    fetch, link = client._get_downloader().fetch, client.base_url.removesuffix("/v1/phota") + "/broken.jpg"
    image = OutputImage(url=link, fetch=lambda image, sink: fetch(image.url or "", sink))
    await image.save(folder / "0.jpg")


async def watched(client: PhotaClient, _: Path) -> None:
    async with client.profiles.watch(["anna", "ben"]) as changes:
        assert [str(change.status) async for change in changes] == ["QUEUING", "QUEUING", "READY", "READY"]


async def closed(client: PhotaClient, folder: Path) -> None:
    """Close a client that has connections in each pool, and somebody who waits."""
    await asyncio.gather(client.profiles.list(), client.generate("a"), client.jobs.wait("job-1", save_to=folder))
    waiting = asyncio.ensure_future(client.profiles.wait("anna", interval=600))
    try:
        await until(lambda: client._pollers.here()._groups)
        await client.aclose()
    finally:
        waiting.cancel()


async def limited(client: PhotaClient, _: Path) -> None:
    """Wait for a place, for the rate and for room."""
    limiter = client.limiter

    async def pass_by() -> None:
        await limiter.acquire()
        try:
            async with limiter.reserve(2**20):
                await asyncio.sleep(0)
        finally:
            limiter.release()

    async with asyncio.TaskGroup() as group:
        for _number in range(8):
            group.create_task(pass_by())


async def in_a_batch(client: PhotaClient, folder: Path, **options: Any) -> None:
    items = [BatchItem(f"{number}", EnhanceRequest(image=PHOTO, prompt=f"{number}")) for number in range(2)]
    async with Batch(client, items, max_concurrency=2, output=folder, metadata="none", mark=False, **options) as ends:
        assert [end.status async for end in ends] == ["done"] * 2


def sent(request: AnyRequest, *, is_saved: bool = False, **how: Any) -> Call:
    return lambda client, folder: client.send(request, save_to=folder if is_saved else None, **how)


EDIT = EditRequest(images=(PHOTO,), prompt="a", num_output_images=2)
SENT: dict[str, AnyRequest] = {
    "edit": EDIT,
    "generate": GenerateRequest(prompt="a"),
    "enhance": EnhanceRequest(image=PHOTO, prompt="a"),
    "remix": RemixRequest(input_image=PHOTO, reference_image=PHOTO, prompt="a"),
}
CALLS: dict[str, Call] = {
    **{name: sent(request) for name, request in SENT.items()},
    **{f"{name} as a job": sent(request, mode="job") for name, request in SENT.items()},
    "save": sent(EDIT, is_saved=True),
    "save a job": sent(EDIT, mode="job", is_saved=True),
    "save hashed": sent(EDIT, is_saved=True, hashed=True),
    "from a file": from_a_file,
    "download": resumed,
    "submit": lambda client, _: client.jobs.submit(SENT["generate"]),
    "job": lambda client, _: client.jobs.get("job-1"),
    "wait": lambda client, _: client.jobs.wait("job-1"),
    "wait and save": lambda client, folder: client.jobs.wait("job-1", save_to=folder),
    "create": lambda client, _: client.profiles.create(LINKS, tag="user-7"),
    "training": lambda client, _: client.profiles.wait("anna", interval=0.001),
    "watch": watched,
    "list": lambda client, _: client.profiles.list(),
    "picture": lambda client, _: client.profiles.picture("anna"),
    "delete": lambda client, _: client.profiles.delete("anna"),
    "close": closed,
    "limiter": limited,
    "batch": lambda client, folder: in_a_batch(client, folder, mode="sync"),
    "batch of jobs": in_a_batch,
}


LONG = {"batch", "batch of jobs", "save a job", "enhance as a job", "remix as a job", "close"}
RUNS = [(call, way) for call in CALLS for way in WAYS if way != "wait_for" or call not in LONG]


@pytest.mark.parametrize(("call", "way"), RUNS)
def test_a_cut_at_any_step_leaves_nothing(fault: Trial, call: str, way: Way) -> None:
    before = descriptors()

    async def run(loop: SteppingLoop) -> None:
        async with Till() as till:
            config = quick(profile_interval=0.001)
            client = PhotaClient(KEY, till.peer.url, config=config, limiter=Limiter(3, max_bytes=2 * 2**20))
            await loop.cut(CALLS[call](client, folder / "out"))
            await client.__aenter__()  # one that was closed meanwhile serves again
            check_nothing_left(client)
            assert not client._pollers.here()._groups
            await until(lambda: not asyncio.all_tasks() - till.peer.tasks - {asyncio.current_task()})
            assert isinstance(await client.profiles.list(), list)
            await client.aclose()

    with folder_in_memory() as folder:
        for loop in every_step(run, way):
            fault.tried(loop.was_cut)
            assert descriptors() == before, f"step {loop.at}"
            for name, content in tree(folder / "out").items():
                assert content in PICTURES, f"step {loop.at}: {name}"
                (folder / "out" / name).unlink()
    assert fault.inputs > 15
